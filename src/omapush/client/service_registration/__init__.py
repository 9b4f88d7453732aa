"""The Push Service Registration procedure, the client's end (CAI-29, CAI-30).

Where a push service arranges the ways by which pushes come, the client registers there and binds
what it answers::

    agent ──► binder ──► hold (over time: refreshes, waits, starts anew)
                           ├──► procedure ──► (the push service, by HTTP)
                           ├──► registered_profiles ──► (the binders of the variants)
                           └──► kept (what outlives a restart)

On failure: before the first success the registration fails with the reason; after it, bindings are
lost when the service lets go of them, and come back when it registers the client again.
"""

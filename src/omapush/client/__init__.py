"""The Push Client (Architecture 2.3, 5.3.1.2): takes pushes and hands them to applications.

Who calls whom::

    (bearer) ──► agent ──► confirmation ──► dispatch, whitelist (pure) ──► mailbox
                   │             │                                           │
                   │             ├── accepted: store (seen), then upstream   ▼
                   │             └── refused, too late: upstream      handler (in process),
                   │                                                  registration.events,
                   │                                                  service_point (Unix socket)
    application ──► agent, service_point ──► applications (the rules) ──► store
                   │
                   └── status: every change of state, to whoever listens

Beside that, what a client does with the content types that push defines, for whoever takes those
pushes; all of it is pure but for ``inbox_store``:

* ``inbox``: service indications, kept and presented (SI); ``inbox_store`` keeps them on disk.
* ``loading_queue``: services that wait to be loaded (SL).
* ``cache``: what a cache must offer, and what cache operations take away (CO).

``registered`` holds what belongs to one registration while the process lives; ``service_client`` is
for applications in other processes and knows nothing of the rest.

On failure: a push that no application takes is refused upstream with the reason; an application
that does not answer in time, raises or dies counts as not having taken it. Registrations and the
keys of pushes that were accepted are on disk before anything is answered; when they cannot be
written, both sides are told. A restart binds registrations again and recognises pushes that come a
second time.
"""

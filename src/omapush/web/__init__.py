"""HTTP calls of our own: bounded in time and size, to allowed addresses only.

The gateway calls whom initiators and terminals name, the client calls whom applications name. Both
go through here, so that nobody can make them call what the operator does not want to be called::

    caller ──► outbound ──► policy (pure: may this be called)
                  │
                  └── authentication: Digest, and Basic where nobody can listen

What is called and what an answer means is the caller's business. On failure it gets an
:class:`~omapush.web.outbound.OutboundError` that says what kind of failure it was, or a
:class:`~omapush.web.policy.TargetForbiddenError` where policy decided.
"""

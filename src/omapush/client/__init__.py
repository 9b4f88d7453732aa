"""The Push Client (Architecture 2.3, 5.3.1.2): takes pushes and hands them to applications.

Who calls whom::

    (bearer) ──► agent ──► dispatch, whitelist (pure) ──► mailbox ──► application
                   │                                         │ accepts or refuses
                   ◄── only then confirmed upstream ◄────────┘
    application ──► agent (in process) or service_point (Unix socket) ──► applications ──► store

On failure: a push that no application takes is refused upstream with the reason; an application
that does not answer in time, raises or dies counts as not having taken it. Registrations and the
keys of pushes that were accepted are on disk before anything is answered; a restart binds
registrations again and recognises pushes that come a second time.
"""

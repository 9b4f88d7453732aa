"""The Push Client (Architecture 2.3, 5.3.1.2): takes pushes and hands them to applications.

Who calls whom::

    application ──► service_point, dbus, static_registrations, agent (in process)
                          │
                          ▼
                        agent ──► applications (pure), policy, registry: may it, and whose is it
                          │  └──► binding, service_registration: the ways to it
                          │  └──► store: on disk before it is answered
                          ▼
    (bearer) ──► agent ──► confirmation ──► dispatch (pure), trust: for whom, and from whom
                               │
                               ├──► mailbox ──► handler, handlers (called), or asked for
                               ├──► event_queue, event_store: kept till the application has it
                               ├──► accepted: store (seen), then upstream
                               └──► refused: upstream, and quarantine for people to look at

Rooms: ``binding`` and ``service_registration`` (how pushes come), ``connections`` (those that the
client dials), ``sip`` (its registration at a SIP/IP core), ``short_messages`` and ``sia`` (pushes
that open a way), ``service_point``, ``dbus`` and ``handlers`` (how applications come and are
reached), ``trust`` and ``push_mo`` (whose pushes are taken), ``registration_rules`` (who may
register), ``built_in`` (what the client takes itself), ``farm`` (simulated clients).

``registered`` holds what belongs to one registration while the process lives, ``status`` tells its
changes; ``conversion`` puts content into the written form that an application takes. For
applications in other processes there is ``service_client``, which knows nothing of the rest.

On failure: a push that no application takes is refused upstream with the reason; an application
that does not answer in time, raises or dies counts as not having taken it. Registrations, kept
pushes, service indications and the keys of pushes that were accepted are on disk before anything is
answered; when they cannot be written, both sides are told. A restart binds registrations again,
goes on with deregistrations, hands kept pushes over again, and recognises pushes that come a second
time.
"""

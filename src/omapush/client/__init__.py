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

Short messages come by another road, because nobody waits for their answer::

    (modem) ──► short_message_intake ──► short_messages (pure: what is it, is it whole)
                   │        │
                   │        └── short_message_store: segments, and pushes that wait
                   │        └── sqlite_file: what the three stores share, one file each
                   └── agent, again and again until the push is taken, refused or too old

Whose pushes are taken is decided by lists, of the device and of each registration::

    confirmation ──► trust ──► whitelist, source_addresses (pure), host_names (look-ups)
                       ├─────► push_mo (pure): the Push Management Object, its tree and documents
                       └─────► sqlite_file: lists and tree, on disk before a change is answered
    user, DM client ──► service_point ──► trust_routes ──► trust

Some pushes are for the client itself (``own_application``): session initiation requests, which
``sia`` turns into wishes for sessions; ``push_sessions`` holds those.

``conversion`` puts content into the written form that an application takes, text or binary.

Beside applications, the client itself takes the content types that push defines, where the settings
say so and no application is registered for them::

    agent.take_itself ──► built_in ──► indications ──► inbox (pure), inbox_store    SI
                             ├───────► services ──► loading_queue (pure)            SL
                             ├───────► cache                                        CO, content
                             └───────► bootstrap ──► a handler of the program's     provisioning
    user ──► service_point ──► content_routes ──► indications, services, cache

``registered`` holds what belongs to one registration while the process lives; ``service_client`` is
for applications in other processes and knows nothing of the rest.

On failure: a push that no application takes is refused upstream with the reason; an application
that does not answer in time, raises or dies counts as not having taken it. Registrations, service
indications and the keys of pushes that were accepted are on disk before anything is answered; when
they cannot be written, both sides are told. A restart binds registrations again and recognises
pushes that come a second time.
"""

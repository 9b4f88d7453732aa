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

Registrations get the ways over which their pushes come from binders, one for each Push-OTA variant,
and hear from them how these fare (``binder`` is the port)::

    agent ──► http_binder ──► shared_binder (listeners: who runs them reports up and down)
       │          └────────► dialled (TO-TCP: dials a contact_point, and again after waits)
       └────► wsp_binder ───► shared_binder (UDP, short messages, sessions)
                  └────────► own_ports (a UDP port for one application)

``push_receiver`` is the agent, as those see it who bring pushes.

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

Where a push service arranges the ways by which pushes come, the client registers there and binds
what it answers::

    agent ──► service_registration_binder ──► service_registration_hold (over time)
                                                  │        └── registered_profiles ──► (binders)
                                                  └── service_registration ──► (the push service)

``conversion`` puts content into the written form that an application takes, text or binary.

Beside applications, the client itself takes the content types that push defines, where the settings
say so and no application is registered for them::

    agent.take_itself ──► built_in ──► indications ──► inbox (pure), inbox_store    SI
                             ├───────► services ──► loading_queue (pure)            SL
                             ├───────► cache                                        CO, content
                             └───────► bootstrap ──► a handler of the program's     provisioning
    user ──► service_point ──► content_routes ──► indications, services, cache

Simulated clients, for load tests, have nothing of the above: ``farm`` is their map, ``farm_script``
says what they do with pushes, ``farm_opening`` opens their ways.

``registered`` holds what belongs to one registration while the process lives; ``service_client`` is
for applications in other processes and knows nothing of the rest.

On failure: a push that no application takes is refused upstream with the reason; an application
that does not answer in time, raises or dies counts as not having taken it. Registrations, service
indications and the keys of pushes that were accepted are on disk before anything is answered; when
they cannot be written, both sides are told. A restart binds registrations again and recognises
pushes that come a second time.
"""

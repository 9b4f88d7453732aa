"""The Push Client as a SIP user agent: OTA-SIP towards a SIP/IP core.

Pushes come by MESSAGE, or by INVITE and MSRP; the core lets them come because this end is
registered there with the ids of all applications::

    binder ───► registration ───────────────► REGISTER, and OPTIONS to gateways
      │           (drives ota.sip.registering)          │
      └─ up, lost, failed: to registrations             ▼
                                                     SIP/IP core (port: ota.sip.core)
    user_agent ◄── MESSAGE, OPTIONS, INVITE ────────────┘
      ├──► the agent (binding.push_receiver), whose answer becomes the final response
      └──► media ──► MSRP sessions, for what INVITE offers

``identity`` is who the device is to the core, ``account`` who its user is, ``standing`` and
``status`` how the registration stands; ``flow`` keeps the connection, ``gateways`` are told what is
taken, and ``exchange`` answers challenges. ``message_push`` and ``media_offer`` answer pushes and
the offers of sessions.

On failure: what no application takes is refused with the status that says why; a registration that
the core refuses fails with the core's reason, and one that is lost is tried again for ever. A
request that cannot be read costs its sender an answer and nobody else anything.
"""

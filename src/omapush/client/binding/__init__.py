"""The ways over which the pushes of a registration come (CAI 5.1, Connection Profile).

Registrations get them from binders, one for each Push-OTA variant (``binder`` is the port), and
hear from them how these fare::

    agent ──► choice_of_binders (pure: which binders a request asks for)
      ├─────► bindings (what follows from them for the registration's state)
      │         ├──► http_binder ──► shared_binder (listeners: who runs them reports up and down)
      │         │         └────────► dialled (TO-TCP: a contact_point) ──► client.connections
      │         ├──► sip.binder ───► sip.registration (one at the core, for all applications)
      │         └──► wsp_binder ───► shared_binder (UDP, short messages, push_sessions)
      │                   └────────► own_ports (a UDP port for one application)
      └─────► withdrawal (ends at servers what these keep)

``push_receiver`` is the agent, as those see it who bring pushes; ``binding_hold`` is a binding that
was begun.

On failure: a binding that cannot be had is told with its reason, and so is one that is lost; what
was up once is tried again for as long as somebody wants it. No binding touches another one's.
"""

"""Composition: from settings to running entities. The only place that knows every part.

* ``settings``, ``settings_file``: TOML and environment; unknown keys are refused with the nearest
  known one named.
* ``clock``: the only reader of the system's clock.
* ``logs``: structured logs.
* ``serving``: HTTP servers inside our own event loop.
* ``supervise``: runs the parts together, stops them together.
* ``policies``: what the settings say of initiators, clients and outbound calls; ``resolution``,
  ``profile_settings`` and ``tls`` likewise of theirs.
* ``modem_client``, ``session_initiation``: the client's short messages, and the sessions that it is
  asked to open.
* ``client_binders``: the ways over which a client's registrations get their pushes;
  ``http_listeners`` and ``wsp_client`` open those that all share, ``gateway_connections`` those
  that it dials: as whom says ``terminal_identity``, over which network ``network_watch``;
  ``client_sip`` registers at a SIP/IP core.
* ``ppg``, ``client``: the two daemons. ``farm``: many simulated clients, by the plan and the groups
  of ``farm_settings``, over the ways of ``farm_ways``.

On failure: what cannot start ends the process with one line that says why. What fails while
running ends the process too, after the other parts were stopped; a service manager starts it again,
and the ledger brings the work back.
"""

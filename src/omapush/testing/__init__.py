"""The public test kit: what omapush's own tests use, for whoever builds on it.

* ``virtual_clock``: time that stands still until a test moves it.
* ``pair``: two real sessions joined by a simulated link.
* ``datagram_link``: two real datagram machines joined by a link that loses and reorders.
* ``sip_link``: a SIP/IP core in memory, with ``sip_registrar`` and ``sip_users``, between a gateway
  and its clients; ``sip_client``: the client's side of it.
* ``bearer_contract``: the suite that every stream bearer passes.
* ``modem_contract``: the suite that every modem passes; ``modem_manager``: one on a D-Bus of its
  own, not real.
* ``memory_store``: a ledger in memory that obeys the store's contract.
* ``store_contract``, ``report_contract`` and ``service_registration_contract``: the suite that
  every ledger passes.
* ``short_message_bearer_contract``: the suite that every bearer of short messages passes, and
  ``memory_short_messages``: one in memory.
* ``smsc_simulator``: an SMSC, with ``smsc_behaviour`` what it does wrong, ``smsc_esmes`` its
  clients, ``smsc_messages`` what it keeps, and ``smsc_phones`` the phones that it serves.
* ``cai_applications``: applications of a client by every way in, written once; ``noting_link``: a
  gateway's connection to it, without the gateway.
* ``scripted_binder``: a Push-OTA variant that does as a test tells it; ``binding_notes``: who is
  told of its bindings, and ``dialled_gateway``: one that terminals dial.
* ``plain_terminal``, ``calling_terminal`` and ``blackberry_terminal``: OTA-HTTP terminals that
  share no code with ours: one is dialled, one dials and proves who it is, one is after a handset.
* ``daemons``: real daemons, started, killed and watched, and verbs run; ``daemon_process``: how
  they start at once, and ``ports``: where they may listen.
* ``running_gateway``: a real gateway daemon with an initiator who hears how pushes end.
* ``registration_server``: a push service that registers clients, for tests and for labs.
* ``authority``: certificates that an authority of its own has signed.
* ``postgresql``: a throw-away PostgreSQL cluster.
* ``sip_stage``: a SIP core, an SMSC, a gateway and phones as real daemons, and ``sip_use_cases``
  what is played on it; ``sip_phone``: one such phone by itself.
* ``kamailio``: a SIP core, an entry proxy and an MSRP relay, by the configurations that examples
  ship; ``sipp``: foreign clients and gateways beside it, by the scenarios in
  ``tests/interop/sipp``; ``baresip``: a user agent that knows nothing of push.
* ``kannel``, ``tshark`` and ``libwbxml``: peers of other makes, to compare octets with.

These modules may be imported by tests only. They need what is installed beside omapush for tests
(pytest, a PostgreSQL server, openssl, a peer) only where their own text says so, and say what is
missing.
"""

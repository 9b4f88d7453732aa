"""Bearers: the only place of over-the-air input and output. They move octets and know no push.

* ``udp``: datagrams, from and to open ports.
* ``tcp``: streams; dials terminals (PO-TCP) and listens for gateways, or the other way round
  (TO-TCP). ``tcp_listener``: who comes in, and how many. ``tcp_link``: one connection.
  ``tls_stream``: TLS below a link, made of a ``tls_engine`` (octets in and out);
  ``tls_dialling``: where this side dials, with the ``tls_sessions`` that it may resume.
  ``driving``: what drives the session of a connection, or the machine on a port.
* ``sip_core``: one end of SIP, towards a SIP/IP core, by UDP, TCP and TLS. ``sip_transports``: its
  sockets; ``sip_connections``: those of TCP, each with a ``sip_connection`` on it;
  ``sip_settings``: where they are; ``sip_local``: what our own addresses are called;
  ``sip_trust``: who belongs to the core, and how much others may send.
* ``smsc``: short messages, through SMSCs by SMPP; its own map is there. ``smpp_stream``: a session
  of SMPP on a connection of ``tcp``.
* ``modem_line``: short messages as TPDUs on a line; ``modem_manager``: those of ModemManager, over
  D-Bus. Both implement ``ota.modem``.

A bearer drives the sessions of ``ota`` through the port ``ota.interface.StreamBearer``. What fails
below ends one connection and is told to its session; it never raises into the event loop.
"""

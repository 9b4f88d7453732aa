"""Connections that the terminal dials and keeps (TO-TCP, WAP-235 7.2.4).

One mechanism for whoever wants one: the gateways of the settings, connection profiles of
applications (``client.binding.dialled``), and session initiation requests (``client.sia``)::

    gateways ─► terminal_connections ─► kept_connection ─► open_connection ─► the receiver of pushes
    (the settings', and what a request        │ dials, stays, waits, dials again
     asks for)                                └─► dialling (the ports: dial, wait, route, clock)
    network_watch ──► terminal_connections.look: is each still dialled from the right address?

Whoever wants a connection is a ``kept_connection.Holder``: it is told when the connection is up and
when it is lost, and says whether it still wants it. A connection that nobody wants any more is
closed. Gateways are alike for all: who the terminal is to them and what they must show is in
``dialling.Gateway``.

On failure: the next contact point is dialled at once, and when all have failed, all again after a
wait that doubles and that is cut by chance, so that many terminals that lost one gateway do not
come back in step. No connection touches another one's.
"""

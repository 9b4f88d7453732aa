"""OTA-WSP: push over WSP, with and without a session (WAP-235, 6).

* ``unit_push``: the connectionless push, both ends: one datagram, no answer (WAP-235 6.3).

What a malformed datagram says is a typed error for whoever asked to read it, never more.
"""

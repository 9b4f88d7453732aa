"""OTA-WSP: push over WSP, with and without a session (WAP-235, 6).

* ``unit_push``: the connectionless push, both ends: one datagram, no answer (WAP-235 6.3).

* ``ppg``, ``client``: the two ends of push sessions; ``session``: what they share. Both are
  machines that ``bearers.udp_machine`` drives (WAP-235 6.2).

What a malformed datagram says is a typed error for whoever asked to read it, never more.
"""

"""The Wireless Session Protocol (OMA-WAP-TS-WSP): its octets, without input or output.

* ``pdu``: what is said, one dataclass for each PDU. ``pdu_codec``: octets of PDUs, both ways,
  in a session (``decode_pdu``) and without (``decode_unit_pdu``).
* ``headers``: blocks of headers, both ways, calling ``field_reading`` (what each field's value
  says), ``field_writing`` (its octets), both with ``structured_reading`` and ``structured_writing``
  for values of several parts, and ``media`` (media types and parameters). ``profile`` says what
  may be written to which peer.
* ``capabilities``: what a session negotiates. ``address``: where to reach a server.
* ``sessions``: all sessions of a server's port, each a ``session_server``; ``session_client``: the
  one of a client. Both follow the tables of ``session_states`` and call ``wtp``.
* ``multipart``: several contents in one, in WSP's binary form.
* ``explain``: what each octet means, for people; ``explain_headers``: its half for headers.
* ``values``: the basic types. ``assigned_numbers``, ``registers``: tables.

Bad octets raise :class:`~omapush.core.errors.DecodeError` of layer ``wsp`` with the offset, counted
in the PDU as it was given; what cannot be written raises
:class:`~omapush.core.errors.EncodeError`.
"""

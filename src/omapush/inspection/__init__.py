"""What octets mean, layer by layer: what ``omapush decode`` and ``omapush preview`` show.

* ``notation``: octets as people write them (hex text, dumps, files) to octets.
* ``kinds``: the table of what can be asked for, each with its reader and its explanation.
* ``layers``: :func:`~omapush.inspection.layers.inspect` reads octets as a kind and descends through
  everything that they carry; ``joining`` does so with the segments of one message.
* ``guessing``: :func:`~omapush.inspection.guessing.guess` finds out the kind.
* ``short_messages``, ``smpp_pdus``, ``session_pdus`` (WSP), ``transactions`` (WTP), ``ota_http``,
  ``bodies`` (what a push contains) and ``access`` (PAP) read one layer each and say what it
  carries. A layer calls only those that it can carry. ``ota_http`` has its messages from
  ``http_messages`` and their meaning from ``ota_http_words``.
* ``jsonable``, ``rendering``: the result for programs and for people. ``line_mode``: one input per
  line. ``plain``: single values as JSON has them.
* ``preview``: the layers of a push that others made, in the order in which they come about;
  ``preview_warnings`` judges them, ``preview_rendering`` shows them.

A kind that refuses its octets raises the :class:`~omapush.core.errors.DecodeError` of its
layer. What a layer carries may be anything: where it cannot be read, that becomes a warning of the
result, since the layers above it were read all the same.
"""

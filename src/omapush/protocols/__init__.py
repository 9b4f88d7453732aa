"""What carries: protocols that have never heard of Push; octets and ``now`` in, octets out.

* ``wsp``, ``wtp``, ``wdp``, ``wcmp``: WAP's own stack, with ``sms`` and ``smpp`` below it.
* ``wbxml``: WAP Binary XML.
* ``recording``: what a decoder read, for whoever explains it.
* ``http``: HTTP/1.1 on an open stream, in either role.
* ``xml``: documents from strangers, without anything fetched, expanded or defaulted.

A codec raises :class:`~omapush.core.errors.DecodeError` for what a peer got wrong; it never blocks,
sleeps, logs or opens anything.
"""

"""The Push Access Protocol (PAP 1.0 to 2.3): messages and codecs for both of its ends.

* ``model``: one value type per element. ``codes``: status codes and message states.
* ``versions``: identifiers, the ``wap-pap-ver`` list, negotiation.
* ``address``: the ``WAPPUSH=`` grammar. ``address_reading``: what an operator completes of it.
* ``elements``: the element tables. ``xml``: documents as octets and back, by these tables.
* ``entity``: the MIME entities around documents. ``tolerance``: what decoders may forgive.

An initiator or gateway calls ``entity.split``, then ``xml.decode``; and ``xml.encode``, then
``entity.join``. Whatever a peer sends is a value or a :class:`~omapush.pap.bad_message.BadMessage`
that holds all that its answer must say. Nothing is fetched, nothing is expanded, nothing is kept.
"""

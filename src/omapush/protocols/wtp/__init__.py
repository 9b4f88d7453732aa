"""WTP, the Wireless Transaction Protocol (WAP-224): messages and answers over datagrams that fail.

* ``endpoint``: what others use. A :class:`~omapush.protocols.wtp.endpoint.WtpEndpoint` stands
  between one address quadruplet; it calls ``concatenation`` and ``pdu`` to read, and keeps the
  transactions of ``initiator`` and ``responder``.
* ``initiator``, ``responder``: one transaction each; what they do is written in the tables of
  ``initiator_states`` and ``responder_states`` (read by the rule of ``table``, fed with
  ``events``); what both do is in ``transaction``, long messages in ``segmentation``.
* ``tid``: whether an Invoke is new.
* ``pdu``, ``tpi``, ``codes``: the octets. ``explain``: what they mean, for people.
* ``settings``, ``primitives``: what goes in and comes out.

A peer's malformed datagram is never an exception: the transaction is aborted, or the datagram is
dropped, and :class:`~omapush.protocols.wtp.primitives.DatagramDropped` says so. Everything that a
peer can make grow (transactions, packets kept, identifiers remembered) has a bound in ``settings``.
"""

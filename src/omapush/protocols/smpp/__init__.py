"""SMPP 3.4 and 5.0: the protocol between a message centre (SMSC) and its clients (ESME).

Octets::

    stream.PduBuffer ─► codec.decode_pdu ─► pdu.* (one class a command) ─► codec.encode_pdu
                            │ fields (kinds of mandatory fields), tlvs (optional parameters)
    template.SubmitTemplate: submit_sm without building one      explain.explain: for people

Sessions, sans-IO, over one connection::

    esme.EsmeSession ─┐                  states: where a session is, what may be sent there
    smsc.SmscSession ─┴─ session.Session ─┤ window: numbers, outstanding and waiting requests
                                         │ responses: what an answer means; incoming: the peer's
                                         │ requests; liveness: enquire_link and inactivity
                                         └ primitives: what goes in from above and comes out

Above them: ``receipt`` reads delivery receipts in all their forms, ``status`` says what a
command_status means for the message, ``times`` reads and writes SMPP's times, ``values`` names the
values of one-octet fields, ``commands`` the commands.

What fails: a PDU that cannot be read raises :class:`errors.PduError`, which knows the status to
answer; sessions answer it and go on, unless the length itself is wrong, when nothing after it can
be read and the session ends. Every request handed to a session ends in exactly one ``SendCnf``.

Specifications: SMPP Protocol Specification v3.4 issue 1.2; SMPP v5.0. WDP's mapping onto data_sm
(WAP-159) and segments with a user data header are the business of whoever fills the PDUs.
"""

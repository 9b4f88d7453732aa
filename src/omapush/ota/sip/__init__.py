"""OTA-SIP: push through a SIP/IP core, with MESSAGE and with INVITE and MSRP.

Both ends, without any input or output. ``core`` is the port to the SIP/IP core: the entities above
ask it to carry requests, and serve those that come; ``bearers`` implements it::

    gateway                                              client
    third_party, capabilities   who is there, and        registering ── granted
                                what it takes            capabilities
    method_choice               MESSAGE or INVITE
    requests ── envelope        the push, and back       reception ── envelope
    results                     what an answer means     results
    repeating                   sent again: credentials  repeating, registering

``push_resource_identifier`` and ``iari`` name applications and their instances as feature tags
(``tag_values``), ``push_features`` is what a contact declares of them and what a push asks for.

On failure: what cannot be read raises ``DecodeError`` to its reader, who answers with what
``results`` has for it. ``results`` is also the one table from answers to outcomes and to what may
be tried next. A registration that fails is tried again by ``registering``, or given up, and the
reason is told.

The text of OMA's own specification could not be had: what the founding documents leave open was
decided here, and each place says so with [design].
"""

"""Users behind a SIP/IP core: the gateway as a SIP application server (OTA-SIP).

Who calls whom::

    bearers.sip_core ──► application_server ──► registrations   who is registered, and for what
                           (REGISTER, OPTIONS)      │   └─────► learning ──► ledger
                           │                        └─────────► ppg.hastening
                           └─► media_push (BYE), subscriptions (NOTIFY)
    lane ──► reach ──► capability_query                         OPTIONS, when nothing is known
               ├─────► attempt ─┬─► message_push                MESSAGE
               │                └─► media_push ──► media_session    INVITE, then MSRP
               ├─────► subscriptions                            the reg event package, if it is set
               └─────► ppg.session_request, registration_request    SIR, when the user is not there
    bearers.tcp ──► media_arrivals ──► media_session            devices that connect for a push

Every request goes through ``line``, which has the sender and the settings, and ``calling``, which
answers challenges and follows redirections. ``devices`` reads what messages tell of devices;
``address_of_record`` knows whose addresses mean the same user; ``metrics`` counts.

On failure: what the core or the device answers becomes a verdict by ``ota.sip.results``, and that
the push's outcome; a user who is not registered is waited for, and asked to come where a way by SMS
or UDP leads to the device. What is known of registrations is in memory only: after a restart the
gateway asks again, push by push. When the ledger is away, what devices take is not kept there, and
pushes go on. A media session that breaks is ended, and the next push opens another.
"""

"""Users behind a SIP/IP core: the gateway as a SIP application server (OTA-SIP).

Who calls whom::

    bearers.sip_core ──► application_server ──► registrations     who is registered, and for what
                              (REGISTER, OPTIONS, NOTIFY)  │
                                                           └──► ppg.hastening, ledger (by learning)
    lane ──► reach ──► capability_query ──► core, registrations   OPTIONS, when nothing is known
               ├─────► message_push ──────► core                  MESSAGE
               ├─────► media_push ────────► core, media           INVITE, then MSRP
               └─────► ppg.session_request                        SIR, when the user is not there
    subscriptions ──► core                                        the reg event package, if set

``address_of_record`` knows whose addresses mean the same user.

On failure: what the core or the client answers becomes a verdict by ``ota.sip.results``, and that
the push's outcome; a user who is not registered is waited for, and asked to come where a way by SMS
or UDP leads to the phone. What is known of registrations is in memory only: after a restart the
gateway asks again, push by push. When the ledger is away, news of registrations are not kept, and
pushes go on.
"""

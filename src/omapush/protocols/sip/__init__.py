"""SIP (RFC 3261), for user agents and application servers: no proxy, no registrar, no media.

Nothing here has heard of push::

    stream (a connection cut into messages) ──► parsing ──► message (the model)
                                                              │
    endpoint (what a user agent talks to) ◄───────────────────┘ ──► writing
        ├── user_agent_client ── client_transactions ┐
        ├── user_agent_server ── server_transactions ┴── transaction ── timers
        ├── primitives (settings, effects, indications), outgoing (collects them)
        └── hop (where messages come from and go to)

``uri``, ``parameters``, ``listing`` and ``header_fields`` read what stands in headers, out of the
pieces of ``lexical``; ``feature_tags`` knows caller preferences (RFC 3840, 3841), ``reginfo`` reads
what a registrar tells of its contacts (RFC 3680), ``digest`` answers challenges (RFC 7616),
``dialog`` keeps what the requests within a dialog have in common, ``responses`` completes answers,
``ack_and_cancel`` makes the requests that belong to an INVITE, ``remembered_answers`` bounds what
is kept for repetitions.

On failure: octets that are no message raise ``BadSipMessage``, which says by which status it is
refused; ``endpoint`` answers so, or drops what must not be answered. A peer that does not answer
ends the transaction by its timer, and one that asks too much is answered with 503.
"""

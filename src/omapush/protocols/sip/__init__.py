"""SIP (RFC 3261), for user agents and application servers: no proxy, no registrar, no media.

Nothing here has heard of push::

    stream (a connection cut into messages) ──► parsing ──► message (the model)
                                                              │
    endpoint (what a user agent talks to) ◄── transactions ◄──┘ ──► writing
        └── hop (where messages come from and go to)

``uri``, ``parameters``, ``listing`` and ``header_fields`` read what stands in headers, out of the
pieces of ``lexical``; ``feature_tags`` knows caller preferences (RFC 3840, 3841), ``reginfo`` reads
what a registrar tells of its contacts (RFC 3680), ``digest`` answers challenges (RFC 7616),
``dialog`` keeps what the requests within a dialog have in common.

On failure: octets that are no message raise ``BadSipMessage``, which says by which status it is
refused; ``endpoint`` answers so, or drops what must not be answered. A peer that does not answer
ends the transaction by its timer.
"""

"""MSRP, the Message Session Relay Protocol (RFC 4975, RFC 4976), for both ends of a session.

Nothing here has heard of push, or of SIP::

    connection (one session on one connection: what an entity talks to)
      ├─► reading (octets into frames, piece by piece)   ├─► frame (the model) ─► uri
      ├─► writing (frames into octets)                   ├─► byte_range
      ├─► sending (a message on its way, in chunks)      └─► relay (AUTH, for a path through one)
      └─► assembling (a message that comes, from its chunks)

On failure: octets that are no frame raise ``BadFrame``, and the connection is closed, since where
the next frame would begin is not known. A request that cannot be served is answered by its status.
A chunk that nobody answers within 30 seconds fails its message.
"""

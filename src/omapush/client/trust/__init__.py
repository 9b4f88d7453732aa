"""Whose pushes are taken (Architecture 6.2, CAI-9, CAI-43).

::

    confirmation ──► judge (the port) ──► lists ──► whitelist, source_addresses (pure)
                                            ├─────► host_names (look-ups, bounded)
                                            ├─────► push_mo (pure): the Push Management Object
                                            └─────► (the client's file: on disk before it counts)
    user, DM client ──► service_point.trust_routes ──► lists

On failure: a name that cannot be looked up matches nobody, and its push may be sent again; a list
that cannot be written stays as it was.
"""

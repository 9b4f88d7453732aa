"""From an address to the client or the group behind it (PPG 6).

Who calls whom::

    acceptance ──► port.Resolver.resolve
                        │
                      chain ──► static                   the tables [[clients]] and [[groups]]
                        └─────► known ──► cache ──► sql | http | enum_dns   one [[resolvers]] each
                                                         │            ├──► naptr ──► substitution
                                                         │            ├──► name_servers
                                                      bounded         └──► chain, for what DNS said
    acceptance ──► groups.expand ──► port.Resolver.resolve, level by level

* ``port``: the :class:`~omapush.ppg.resolution.port.Resolver` protocol and its answers.
* ``static``: what the settings say; never waits.
* ``sql``, ``http``: ask a table of a database, or a web service, of the operator's.
  ``sql_database`` holds the databases, ``members`` reads what either gives as members of a group.
* ``enum_dns``: asks DNS for the URIs of a phone number (ENUM), and a directory, a chain of its own,
  for whom they are. ``naptr`` and ``substitution`` apply the rules that DNS gives, without I/O;
  ``name_servers`` gets them, by the extra ``omapush[dns]``, and nobody imports it until it is used.
* ``bounded``: how many look-ups may go on, how many callers may wait, and how long.
* ``cache``: remembers answers for a while; look-ups of one address at one time are one look-up.
* ``known``: takes no client from outside that the settings do not name.
* ``chain``: several resolvers in order; the first that serves an address answers.
* ``groups``: from a group to its clients, through nested groups, within limits.

On failure: an address of nobody is an answer, ``NotServed``, and becomes PAP 2002. A backend that
is away, late, overrun or talks nonsense is ``ResolverUnavailable`` for the whole call, becomes PAP
3000 and is not remembered, so that the initiator may submit again. A group that is too deep, too
large or contains itself is ``GroupRefused``. Nothing here writes to a backend.
"""

"""omapush: the OMA Push enabler 2.3 in Python.

The package tree is Figure 4 of the Push Architecture (OMA-AD-Push-V2_3)::

    initiator ── pap ── ppg ── ota ── client ── cai ── (application)

``pap``, ``ota`` and ``cai`` are interfaces: messages, codecs and state machines for both of
their ends, without input or output. ``ppg``, ``client`` and ``initiator`` are entities: they
never import each other and meet only in interfaces. ``bearers`` moves octets, ``daemon``
composes running entities from settings, ``cli`` holds the verbs for people and ``testing``
the public test kit.
"""

__version__ = "0.1.0.dev0"

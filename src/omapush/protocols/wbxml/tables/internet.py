"""Ends of host names that SI, SL and CO share as attribute values (WAP-167)."""

VALUES = {0: {0x85: ".com/", 0x86: ".edu/", 0x87: ".net/", 0x88: ".org/"}}
FRAGMENTS = frozenset(VALUES[0].values())

"""The names that UAProf documents are made of (WAP-248)."""

from __future__ import annotations

import re

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
UAPROF = "http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#"
"""The version of the schema that is written."""

RDF_NAMES = (
    RDF,
    RDF.removesuffix("#"),
    "http://www.w3.org/TR/REC-rdf-syntax#",
    "http://www.w3.org/TR/PR-rdf-syntax#",
    "http://www.w3.org/TR/WD-rdf-syntax#",
)
"""RDF's name, the one that is most often mistyped, and those of the drafts."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
"""A component or an attribute."""

_RESERVED = frozenset(("component", "defaults", "type"))


def is_attribute(name: str) -> bool:
    """Whether an attribute can have this name; ``component`` and its like say something else."""
    return NAME.fullmatch(name) is not None and name.lower() not in _RESERVED

"""Names for MSRP are such that every other end takes them."""

from __future__ import annotations

from omapush.daemon.msrp_identifiers import new_identifier
from omapush.protocols.msrp.reading import IDENTIFIER


def test_every_identifier_is_one_of_rfc_4975_and_none_comes_twice() -> None:
    names = [new_identifier() for _ in range(200)]
    assert all(IDENTIFIER.fullmatch(name) for name in names)
    assert len(set(names)) == 200

"""The tree in which decoders explain their input."""

from __future__ import annotations

from omapush.core.explanation import Field


def test_field_walks_its_tree_in_order_and_finds_by_name() -> None:
    tree = Field(
        "PDU",
        0,
        b"\x01\x06\x00",
        children=(Field("TID", 0, b"\x01", 1), Field("Type", 1, b"\x06", "Push")),
    )
    assert [field.name for field in tree.walk()] == ["PDU", "TID", "Type"]
    found = tree.named("Type")
    assert found is not None
    assert (found.offset, found.value) == (1, "Push")
    assert tree.named("Headers") is None

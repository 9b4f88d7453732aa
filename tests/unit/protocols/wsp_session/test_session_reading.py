"""What sessions read out of what the peer says."""

from __future__ import annotations

import pytest

from omapush.protocols.wsp.session_primitives import reason_name
from omapush.protocols.wsp.session_transactions import profile_of, read_acknowledgement_headers


@pytest.mark.parametrize(
    ("value", "version"),
    [
        ("1.4", (1, 4)),
        ("1.9", (1, 5)),  # no higher than what is known here
        ("x-wap.page 1.3", (1, 3)),
        ("", (1, 2)),
        ("1", (1, 2)),
        ("one.two", (1, 2)),
        ("1.22222", (1, 2)),
    ],
)
def test_headers_are_written_in_the_version_that_the_peer_named(
    value: str, version: tuple[int, int]
) -> None:
    assert profile_of((("encoding-version", value),)).encoding_version == version


def test_headers_are_written_in_version_1_2_for_a_peer_that_named_none() -> None:
    assert profile_of(()).encoding_version == (1, 2)


def test_nonsense_instead_of_acknowledgement_headers_counts_as_none() -> None:
    assert read_acknowledgement_headers(b"") == ()
    assert read_acknowledgement_headers(bytes.fromhex("c394")) == (("Encoding-Version", "1.4"),)
    assert read_acknowledgement_headers(b"\xc3") == ()


def test_reasons_have_the_names_of_the_layer_they_are_of() -> None:
    assert reason_name(0xED) == "USERDCR"
    assert reason_name(0x08) == "NORESPONSE"
    assert reason_name(0xFF) == "0xff"

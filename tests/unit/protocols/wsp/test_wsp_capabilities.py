"""Capabilities: octets of each, and what two ends agree on."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols.wsp.address import Address
from omapush.protocols.wsp.capabilities import (
    DEFAULTS,
    Capabilities,
    ProtocolOption,
    answer,
    decode_capabilities,
    encode_capabilities,
    in_force,
)

PUSHES = ProtocolOption.CONFIRMED_PUSH | ProtocolOption.PUSH

REQUEST = Capabilities(
    client_sdu_size=1400,
    server_sdu_size=0,
    protocol_options=PUSHES,
    method_mor=1,
    push_mor=2,
    extended_methods=((0x50, "PING"), (0x70, "SEND")),
    header_code_pages=((16, "x-page"),),
    aliases=(Address(bytes((10, 1, 2, 3)), 0x0B),),
    client_message_size=70_000,
    server_message_size=1,
    unknown=((0x0A, b"\x01"), ("x-mine", b"ab")),
)


def test_every_capability_is_written_and_read() -> None:
    octets = encode_capabilities(REQUEST)
    assert decode_capabilities(octets) == REQUEST
    assert octets.hex() == (
        "03808a78" "028100" "0282c0" "028301" "028402" "0d85" "50" "50494e4700" "70" "53454e4400"
        "0986" "10" "782d7061676500" "0787840b0a010203" "048884a270" "028901" "028a01"
        "09782d6d696e65006162"
    )  # fmt: skip


def test_answer_names_codes_only() -> None:
    octets = bytes.fromhex("03855070028610")
    assert decode_capabilities(octets, reply=True) == Capabilities(
        extended_methods=((0x50, None), (0x70, None)), header_code_pages=((0x10, None),)
    )


def test_first_of_several_alternatives_counts() -> None:
    assert decode_capabilities(bytes.fromhex("028402028401")).push_mor == 2


def test_unknown_bits_and_further_octets_of_options_are_ignored() -> None:
    assert decode_capabilities(bytes.fromhex("0482c7ffff")).protocol_options == PUSHES


def test_capability_without_parameters_is_not_mentioned() -> None:
    assert decode_capabilities(bytes.fromhex("0180")) == Capabilities()


@pytest.mark.parametrize(
    "octets", ["0580", "00", "03840102", "0280", "03855041", "0280ff", "8f", "06000000000000"]
)
def test_malformed_capabilities_are_refused(octets: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode_capabilities(bytes.fromhex(octets))
    assert raised.value.layer == "wsp"


@pytest.mark.parametrize(
    "capabilities", [Capabilities(method_mor=-1), Capabilities(client_sdu_size=1 << 32)]
)
def test_writer_refuses_numbers_that_do_not_fit(capabilities: Capabilities) -> None:
    with pytest.raises(EncodeError):
        encode_capabilities(capabilities)


def test_server_never_answers_more_than_was_proposed() -> None:
    own = Capabilities(
        client_sdu_size=0,
        server_sdu_size=3000,
        protocol_options=PUSHES | ProtocolOption.SESSION_RESUME,
        push_mor=9,
        extended_methods=((0x55, "ping"),),
    )
    said = answer(REQUEST, own)
    assert said == Capabilities(
        server_sdu_size=3000,
        extended_methods=((0x50, None),),
        header_code_pages=(),
        client_message_size=1400,
        unknown=((0x0A, b""), ("x-mine", b"")),
    )
    agreed = in_force(REQUEST, decode_capabilities(encode_capabilities(said), reply=True))
    assert agreed.client_sdu_size == 1400
    assert agreed.server_sdu_size == 3000
    assert agreed.protocol_options == PUSHES
    assert agreed.push_mor == 2
    assert agreed.extended_methods == ((0x50, "PING"),)
    assert agreed.header_code_pages == ()


def test_server_clears_options_it_does_not_serve() -> None:
    proposed = Capabilities(protocol_options=PUSHES | ProtocolOption.SESSION_RESUME)
    said = answer(proposed, Capabilities(protocol_options=ProtocolOption.PUSH, push_mor=4))
    assert said == Capabilities(protocol_options=ProtocolOption.PUSH)
    assert in_force(proposed, said).protocol_options == ProtocolOption.PUSH


def test_nothing_said_leaves_the_defaults() -> None:
    assert answer(Capabilities(), Capabilities()) == Capabilities()
    assert in_force(Capabilities(), Capabilities()) == DEFAULTS


def test_no_limit_gives_way_to_any_limit() -> None:
    said = answer(Capabilities(client_sdu_size=0), Capabilities(client_sdu_size=500))
    assert said.client_sdu_size == 500
    assert answer(Capabilities(client_sdu_size=0), Capabilities(client_sdu_size=0)) == (
        Capabilities()
    )


@pytest.mark.parametrize(
    ("proposed", "answered"),
    [
        (Capabilities(push_mor=1), Capabilities(push_mor=2)),
        (Capabilities(client_sdu_size=500), Capabilities(client_sdu_size=0)),
        (Capabilities(), Capabilities(client_sdu_size=1401)),
        (Capabilities(protocol_options=ProtocolOption.PUSH), Capabilities(protocol_options=PUSHES)),
        (Capabilities(), Capabilities(extended_methods=((0x50, None),))),
    ],
)
def test_client_refuses_an_answer_beyond_its_proposal(
    proposed: Capabilities, answered: Capabilities
) -> None:
    with pytest.raises(DecodeError, match="beyond"):
        in_force(proposed, answered)

"""WSP: what is written is read again the same; anything is accepted or refused as documented."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols.wsp.assigned_numbers import HEADER_FIELDS
from omapush.protocols.wsp.capabilities import (
    answer,
    decode_capabilities,
    encode_capabilities,
    in_force,
)
from omapush.protocols.wsp.explain import explain_pdu, explain_unit
from omapush.protocols.wsp.headers import (
    HeaderBlock,
    decode_headers,
    encode_content_headers,
    encode_headers,
)
from omapush.protocols.wsp.multipart import decode_multipart
from omapush.protocols.wsp.pdu import Pdu, Push
from omapush.protocols.wsp.pdu_codec import (
    decode_pdu,
    decode_unit_pdu,
    encode_pdu,
    encode_unit_pdu,
)
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wsp.registers import CHARACTER_SETS, CONTENT_TYPES, LANGUAGES

FORBIDDEN = frozenset(map(chr, [*range(9), *range(10, 32), 127]))
FIELD_NAMES = sorted({name for name, _ in HEADER_FIELDS.values()})
PROFILES = [HeaderProfile(encoding_version=(1, minor)) for minor in (1, 2, 3, 4, 5)]

token = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,11}", fullmatch=True)
text = st.text(
    st.characters(exclude_characters=list(FORBIDDEN), exclude_categories=["Cs"]), max_size=30
).map(lambda said: said.strip(" \t"))
media_type = st.sampled_from(
    sorted(name for name, _ in CONTENT_TYPES.values() if ";" not in name)
) | st.builds("{}/{}".format, token, token)
weight = st.integers(0, 999).map(lambda n: f"0.{n:03}".rstrip("0").rstrip("."))


def parameter(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'; {name}="{escaped}"'


content_type = st.builds(
    lambda name, pairs: name + "".join(parameter(key, value) for key, value in pairs),
    media_type,
    st.lists(st.tuples(st.sampled_from(["name", "charset", "start", "MAC", "x-a", "type"]), text)),
)
headers = st.lists(
    st.one_of(
        st.tuples(st.just("X-Free"), text),
        st.tuples(st.sampled_from(["User-Agent", "Content-Location", "Etag", "Via"]), token),
        st.tuples(st.just("Accept"), content_type.filter(lambda said: "," not in said)),
        st.tuples(st.just("X-Wap-Application-Id"), st.integers(0, 1 << 32).map("{:X}".format))
        .filter(lambda pair: len(pair[1]) <= 8),
        st.tuples(st.just("Age"), st.integers(0, 1 << 60).map(str)),
        st.tuples(st.just("Content-ID"), token.map("<{}@example>".format)),
        st.tuples(st.just("Push-Flag"), st.integers(0, 127).map("{:b}".format)),
        st.tuples(
            st.just("Accept-Language"),
            st.builds("{};q={}".format, st.sampled_from(sorted(LANGUAGES.values())), weight),
        ),
        st.tuples(st.just("Accept-Charset"), st.sampled_from(sorted(CHARACTER_SETS.values()))),
        st.tuples(st.just("Cache-Control"), st.integers(0, 99999).map("max-age={}".format)),
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(headers, st.sampled_from(PROFILES))
def test_headers_say_the_same_after_they_were_written_and_read(
    said: list[tuple[str, str]], profile: HeaderProfile
) -> None:
    octets = encode_headers(said, profile)
    block = decode_headers(octets)
    assert [name for name, _ in block.headers] == [name for name, _ in said]
    for (name, read), (_, written) in zip(block.headers, said, strict=True):
        if name not in {"Accept", "Content-Type"}:
            assert read == written
    assert encode_headers(block.headers, profile) == octets


@settings(max_examples=150, deadline=None)
@given(content_type, st.sampled_from(PROFILES), st.binary(max_size=8))
def test_push_says_the_same_after_it_was_written_and_read(
    said: str, profile: HeaderProfile, body: bytes
) -> None:
    octets = encode_unit_pdu(7, Push((("Content-Type", said),), body), profile)
    transaction_id, pdu = decode_unit_pdu(octets)
    assert isinstance(pdu, Push)
    assert (transaction_id, pdu.body) == (7, body)
    assert encode_unit_pdu(7, pdu, profile) == octets


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=20),
    st.text(max_size=40) | st.text('0123456789aQ=;,"\\ .$-/', max_size=40),
    st.sampled_from(PROFILES),
)
def test_any_header_is_written_or_refused(name: str, value: str, profile: HeaderProfile) -> None:
    for one in (name, *FIELD_NAMES):
        try:
            octets = encode_headers([(one, value)], profile)
        except EncodeError:
            continue
        decode_headers(octets, tolerant=True)
    with suppress(EncodeError):
        encode_content_headers([(name, value)], b"x", profile)


def assert_clean(block: HeaderBlock) -> None:
    for name, value in block.headers:
        assert not FORBIDDEN & set(name + value)


def refused(read: Callable[[bytes], object], octets: bytes) -> bool:
    """Return whether ``read`` refuses ``octets``, which must be in the documented way."""
    error: DecodeError | None = None
    try:
        read(octets)
    except DecodeError as raised:
        error = raised
    assert error is None or (error.layer == "wsp" and isinstance(error.position, int))
    return error is not None


fields = st.builds(
    lambda code, value: bytes((code,)) + value,
    st.integers(0x80, 0xCB),
    st.one_of(
        st.binary(max_size=12).map(lambda value: bytes((len(value),)) + value),
        st.binary(max_size=12).map(lambda value: b"\x1f" + bytes((len(value),)) + value),
        st.integers(0x80, 0xFF).map(lambda value: bytes((value,))),
        st.binary(max_size=12).map(lambda value: b"a" + value.replace(b"\0", b"") + b"\0"),
    ),
)
blocks = st.lists(fields, max_size=6).map(b"".join) | st.binary(max_size=60)


@settings(max_examples=400, deadline=None)
@given(blocks)
def test_any_block_is_read_or_refused(octets: bytes) -> None:
    if refused(tolerant_headers, octets):
        assert refused(decode_headers, octets)
        return
    block = tolerant_headers(octets)
    assert_clean(block)
    assert sum(len(name) + len(value) for name, value in block.headers) <= 60 * len(octets) + 60
    assert refused(decode_headers, octets) == bool(block.raw_headers)


def tolerant_headers(octets: bytes) -> HeaderBlock:
    return decode_headers(octets, tolerant=True)


def tolerant_pdu(octets: bytes) -> Pdu:
    return decode_pdu(octets, tolerant=True)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x40, 0x60, 0x80]),
    st.integers(0, 40),
    blocks,
)
def test_any_pdu_is_read_or_refused_and_explained_alike(
    pdu_type: int, length: int, rest: bytes
) -> None:
    octets = bytes((pdu_type, length)) + rest
    assert refused(explain_pdu, octets) == refused(tolerant_pdu, octets)
    if refused(tolerant_pdu, octets):
        return
    assert explain_pdu(octets).octets == octets
    with suppress(EncodeError):
        tolerant_pdu(encode_pdu(tolerant_pdu(octets)))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for read in (decode_unit_pdu, decode_pdu, explain_unit, decode_multipart, decode_capabilities):
        refused(read, octets)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_answer_to_any_proposal_is_within_it(octets: bytes) -> None:
    if refused(decode_capabilities, octets):
        return
    proposed = decode_capabilities(octets)
    said = answer(proposed, decode_capabilities(b""))
    agreed = in_force(proposed, decode_capabilities(encode_capabilities(said), reply=True))
    assert agreed.client_sdu_size is not None

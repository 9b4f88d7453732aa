"""PAP's MIME entities: octet for octet, and what is forgiven."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.errors import EncodeError
from omapush.pap.bad_message import BadMessage
from omapush.pap.entity import Entity, join, parameters, split
from omapush.pap.tolerance import Tolerance

RELATED = 'multipart/related; boundary="b7Qx-ppg-01"; type="application/xml"'
STRICT = Tolerance(strict_mime=True, strict_type_param=True)
CONTROL = b'<pap><push-message push-id="a"/></pap>'
ALL_OCTETS = bytes(range(256))


def body(content: bytes, *more: bytes, end: bytes = b"\r\n") -> bytes:
    parts = [
        b"Content-Type: application/xml; charset=UTF-8\r\n\r\n" + CONTROL,
        b"Content-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: x-wap-application:wml.ua\r\n\r\n"
        + content,
        *more,
    ]
    return (
        b"".join(b"--b7Qx-ppg-01\r\n" + part + b"\r\n" for part in parts) + b"--b7Qx-ppg-01--" + end
    )


def test_well_formed_entity_is_split_without_a_repair() -> None:
    entity = split(RELATED, body(ALL_OCTETS), STRICT)
    assert entity == Entity(
        CONTROL,
        "UTF-8",
        PushMessage(
            (
                ("Content-Type", "text/vnd.wap.si"),
                ("X-Wap-Application-Id", "x-wap-application:wml.ua"),
            ),
            ALL_OCTETS,
        ),
    )


def test_third_part_is_the_capabilities_entity_and_a_fourth_is_passed_over() -> None:
    capabilities = b"Content-Type: application/xml\r\n\r\n<rdf:RDF/>"
    entity = split(RELATED, body(b"x", capabilities, b"Content-Type: a/b\r\n\r\n?"))
    assert entity.capabilities == b"<rdf:RDF/>"
    assert any("too many" in repair for repair in entity.repairs)
    with pytest.raises(BadMessage, match="PAP knows three"):
        split(RELATED, body(b"x", capabilities, b"Content-Type: a/b\r\n\r\n?"), STRICT)


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml; charset=iso-8859-1"])
def test_control_document_alone_is_not_wrapped(content_type: str) -> None:
    assert split(content_type, CONTROL).control == CONTROL


@pytest.mark.parametrize(
    "content",
    [
        b"--",
        b"\r\n--",
        b"\r\n--b7Qx",
        b"\r\n--b7Qx-ppg-0\r\n",
        b"--b7Qx-ppg-02--\r\n",
        b"\r\n\r\n",
        b"\n--\n",
        b"",
    ],
)
def test_content_that_looks_like_a_delimiter_is_kept(content: bytes) -> None:
    entity = split(RELATED, body(content), STRICT)
    assert entity.content is not None
    assert entity.content.body == content


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=100) | st.none())
@example(b"omapush-", None)
def test_any_content_survives_joining_and_splitting(
    content: bytes, capabilities: bytes | None
) -> None:
    message = PushMessage((("Content-Type", "application/x"), ("X-Größe", "ü"))[:1], content)
    content_type, octets = join(CONTROL, message, capabilities)
    entity = split(content_type, octets, STRICT)
    assert (entity.control, entity.content, entity.capabilities) == (CONTROL, message, capabilities)
    assert entity.repairs == ()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200).filter(lambda octets: b"b7Qx-ppg-01" not in octets))
def test_tolerant_road_agrees_with_the_strict_one_on_any_content(content: bytes) -> None:
    # An indented closing delimiter is for the tolerant road alone; the content is the same.
    whole = body(content)
    strict = split(RELATED, whole, STRICT)
    tolerant = split(RELATED, whole.replace(b"--b7Qx-ppg-01--", b" --b7Qx-ppg-01--"))
    assert tolerant.content == strict.content
    assert tolerant.control == strict.control
    assert tolerant.repairs


def test_join_gives_the_same_octets_again_and_a_boundary_that_does_not_occur() -> None:
    message = PushMessage((("Content-Type", "a/b"),), b"x")
    content_type, octets = join(CONTROL, message)
    assert join(CONTROL, message) == (content_type, octets)
    boundary = parameters(content_type)["boundary"].encode()
    nested = PushMessage((("Content-Type", content_type),), octets)
    assert boundary not in parameters(join(CONTROL, nested)[0])["boundary"].encode()


@pytest.mark.parametrize("header", [("X", "a\r\nb"), ("X", "a\nb"), ("X y", "a"), ("", "a")])
def test_join_refuses_headers_that_would_forge_others(header: tuple[str, str]) -> None:
    with pytest.raises(EncodeError):
        join(CONTROL, PushMessage((header,), b""))


SLOPPY = {
    "line feeds only": body(b"hello").replace(b"\r\n", b"\n"),
    "carriage returns only": body(b"hello").replace(b"\r\n", b"\r"),
    "line feed first": body(b"hello").replace(b"\r\n", b"\n\r"),
    "no closing delimiter": body(b"hello").replace(b"--b7Qx-ppg-01--", b""),
    "indented delimiters": body(b"hello").replace(b"--b7Qx", b"   --b7Qx"),
    "preamble and epilogue": b"preamble\n" + body(b"hello").replace(b"\r\n", b"\n") + b"epilogue",
    "no empty line before the document": body(b"hello").replace(
        b"UTF-8\r\n\r\n<pap", b"UTF-8\n<pap"
    ),
    "empty lines before headers of the first part": body(b"hello").replace(
        b"--b7Qx-ppg-01\r\nContent-Type: application/xml", b"--b7Qx-ppg-01\nContent-Type: text/xml"
    ),
}


@pytest.mark.parametrize("name", SLOPPY)
def test_sloppy_sender_is_understood_by_default_and_refused_when_strict(name: str) -> None:
    entity = split(RELATED, SLOPPY[name])
    assert entity.control.strip() == CONTROL
    assert entity.content is not None
    assert entity.content.body.rstrip(b"\r\n") == b"hello"
    assert entity.content.media_type == "text/vnd.wap.si"
    assert entity.repairs
    with pytest.raises(BadMessage):
        split(RELATED, SLOPPY[name], STRICT)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related; boundary=b7Qx-ppg-01; type=application/xml",
        "multipart/related; boundary=b7Qx-ppg-01",
        'Multipart/Related;type="text/xml";BOUNDARY="b7Qx-ppg-01"',
        'multipart/related; boundary="b7Qx-ppg-01"; "application/xml"',
    ],
)
def test_type_parameter_may_be_missing_or_unquoted(content_type: str) -> None:
    assert split(content_type, body(b"x")).control == CONTROL


def test_base64_part_is_decoded_and_artefacts_of_mime_do_not_travel() -> None:
    part = (
        b"Content-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\nMIME-Version: 1.0\r\n"
        b"Content-Length: 99\r\nContent-Disposition: form-data; name=x\r\n"
        b"Content-Encoding: binary\r\nX-Kept: 1\r\n\r\n" + base64.encodebytes(ALL_OCTETS)
    )
    octets = (
        b"--b7Qx-ppg-01\r\n\r\n" + CONTROL + b"\r\n--b7Qx-ppg-01\r\n" + part
        + b"\r\n--b7Qx-ppg-01--\r\n"
    )  # fmt: skip
    content = split(RELATED, octets).content
    assert content == PushMessage((("Content-Type", "image/gif"), ("X-Kept", "1")), ALL_OCTETS)


@pytest.mark.parametrize(
    ("named", "completed"),
    [
        ("mms.ua", "x-wap-application:mms.ua"),
        ("MMS.ua", "x-wap-application:mms.ua"),
        ("4", "4"),
        ("nobody.knows", "nobody.knows"),
        ("http://www.example.net:mms.ua", "http://www.example.net:mms.ua"),
    ],
)
def test_application_id_without_its_scheme_is_completed_if_it_is_registered(
    named: str, completed: str
) -> None:
    octets = body(b"x").replace(b"x-wap-application:wml.ua", named.encode())
    entity = split(RELATED, octets)
    assert entity.content is not None
    assert entity.content.get("X-Wap-Application-Id") == completed
    assert bool(entity.repairs) is (named != completed)
    strict = split(RELATED, octets, Tolerance(strict_application_id=True))
    assert strict.content is not None
    assert strict.content.get("X-Wap-Application-Id") == named


@pytest.mark.parametrize(
    ("content_type", "octets", "reason"),
    [
        (RELATED, b"", "empty"),
        ("", CONTROL, "neither"),
        ("application/x-www-form-urlencoded", CONTROL, "neither"),
        ("multipart/mixed; boundary=x", CONTROL, "neither"),
        ("multipart/related", CONTROL, "boundary"),
        ('multipart/related; boundary=""', CONTROL, "boundary"),
        (f'multipart/related; boundary="{"x" * 71}"', CONTROL, "boundary"),
        (RELATED, CONTROL, "does not occur"),
        (RELATED, b"--b7Qx-ppg-01--\r\n", "no part"),
        (
            RELATED,
            body(b"").replace(b"application/xml; charset=UTF-8", b"image/gif"),
            "not a control entity",
        ),
        (
            RELATED,
            body(b"").replace(b"text/vnd.wap.si", b"a/b\r\nContent-Transfer-Encoding: base64")
            .replace(b"wml.ua\r\n\r\n", b"wml.ua\r\n\r\n!!!"),
            "base64",
        ),
        (
            RELATED,
            body(b"").replace(b"text/vnd.wap.si", b"a/b\r\nContent-Transfer-Encoding: zip"),
            "unknown",
        ),
        (RELATED, body(b"").replace(b"X-Wap", b"X-A: 1\r\n" * 80 + b"X-Wap"), "more than 64"),
    ],
)  # fmt: skip
def test_what_is_no_entity_is_refused_with_its_reason(
    content_type: str, octets: bytes, reason: str
) -> None:
    with pytest.raises(BadMessage, match=reason):
        split(content_type, octets)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_entities_are_split_or_refused_and_nothing_else(data: st.DataObject) -> None:
    octets = bytearray(body(ALL_OCTETS[:40]))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(octets) - 1))
        octets[position : position + data.draw(st.integers(0, 20))] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"--b7Qx-ppg-01", b"\r\n\r\n", b"\n", b":"])
        )
    try:
        entity = split(RELATED, bytes(octets), data.draw(st.sampled_from([Tolerance(), STRICT])))
    except BadMessage as error:
        assert error.reason  # noqa: PT017 - either outcome is right, and nothing else
    else:
        assert isinstance(entity, Entity)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=60))
def test_any_content_type_and_octets_are_split_or_refused(content_type: str, octets: bytes) -> None:
    try:
        split(content_type, octets)
    except BadMessage as error:
        assert error.code == 2000  # noqa: PT017 - see above

"""What a preview warns of, and that it is silent otherwise."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from omapush.content.message import PushMessage
from omapush.content.recipes import RECIPES
from omapush.core.instants import Instant, parse_utc
from omapush.inspection.preview import Produced, preview_of
from omapush.inspection.preview_rendering import WIDTH, preview_object, render_preview
from omapush.inspection.preview_warnings import (
    LONG_ADDRESS,
    MAX_DATAGRAM,
    Circumstances,
    warnings_about,
)
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.pap import entity

NOW = parse_utc("2026-11-21T12:00:00Z")
GOOD_SI = {"text": ["Hello"], "href": ["http://a.example/"], "created": ["2026-11-21T11:00:00Z"]}
CP = b'<wap-provisioningdoc version="1.1"><characteristic type="BOOTSTRAP"/></wap-provisioningdoc>'
SI = "text/vnd.wap.si"


def produced(message: PushMessage, *, telephone: str | None = "+44", segments: int = 0) -> Produced:
    entity_type, octets = entity.join(b"<pap/>", message)
    datagram = encode_unit_push(message, PushFlag.NONE, 1)
    user_data = [bytes(140)] * segments
    return Produced(
        octets,
        entity_type,
        message,
        sent=message,
        datagram=datagram,
        user_data=user_data,
        telephone=telephone,
    )


def warnings(message: PushMessage, around: Circumstances | None = None) -> list[str]:
    return list(warnings_about(produced(message), around or Circumstances(NOW)))


def recipe(name: str, **given: Sequence[str | bytes]) -> PushMessage:
    return RECIPES[name].message({key.replace("_", "-"): value for key, value in given.items()})


def si(**more: str) -> PushMessage:
    words = {**GOOD_SI, **{name: [value] for name, value in more.items()}}
    return recipe("si", **words, binary=["true"])


def generic(content_type: str, *headers: tuple[str, str], body: bytes = b"a") -> PushMessage:
    base = (("Content-Type", content_type), ("X-Wap-Application-Id", "2"))
    return PushMessage((*base, *headers), body)


@pytest.mark.parametrize(
    "message",
    [
        si(),
        si(expires="2026-11-22T00:00:00Z"),
        recipe("sl", href=["http://a.example/"], binary=["true"]),
        recipe("co", object=["http://a.example/"], binary=["true"]),
        recipe("mms-notification", content_location=["http://m/1"], message_size=["1"]),
        recipe("cp", document=[CP], security=["userpin"], pin=["1234"]),
        recipe("cp", document=[CP], security=["userpinmac"]),
        recipe("email-notification", mailbox=["a@example.com"], binary=["true"]),
        recipe("session-initiation", server=["192.0.2.1"]),
        generic("text/plain; charset=utf-8"),
        generic("text/plain; charset=US-ASCII"),
    ],
    ids=lambda message: message.media_type,
)
def test_good_push_gives_no_warning(message: PushMessage) -> None:
    assert warnings(message) == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (recipe("si", text=["a"], binary=["true"]), "neither si-id nor href"),
        (recipe("si", text=["a"], si_id=["1@a"], binary=["true"]), "no created"),
        (si(expires="2026-11-21T11:59:59Z"), "si-expires 2026-11-21T11:59:59Z is past"),
        (si(created="2027-01-02T00:00:00Z", expires="2027-01-01T00:00:00Z"), "before created"),
        (si(href="http://a.example/" + "b" * LONG_ADDRESS), "the address has 137 characters"),
        (
            recipe("sl", href=["http://a.example/" + "b" * LONG_ADDRESS], binary=["true"]),
            "the address has 137 characters",
        ),
        (
            recipe("mms-notification", content_location=["h" * 130], message_size=["1"]),
            "the address has 130 characters",
        ),
        (recipe("cp", document=[CP]), "provisioning without SEC and MAC"),
        (generic("application/vnd.wap.connectivity-wbxml; sec=1"), "SEC without MAC"),
        (
            generic("text/vnd.wap.connectivity-xml; sec=1; mac=00", body=CP),
            "a MAC covers the binary document",
        ),
        (generic("text/plain; charset=iso-8859-1"), "charset iso-8859-1"),
        (generic(SI, body=b"<si><indication/></si>"), "is not compiled: phones know application/"),
        (generic("application/vnd.wap.sic"), "the content is not what its type says: wbxml"),
        (generic("text/x-new"), "text/x-new, 11 octets: spelled out, WSP has no number"),
        (generic("text/plain", ("X-New", "b")), "X-New: goes out as text, 8 octets"),
        (
            generic("text/plain").replacing("X-Wap-Application-Id", "x-new:a.ua"),
            "application x-new:a.ua is not registered",
        ),
        (
            generic("text/plain").replacing("X-Wap-Application-Id", "7777"),
            "is not registered with OMNA",
        ),
        (generic("text/plain", body=bytes(MAX_DATAGRAM)), "cut into fragments of IP"),
    ],
)
def test_push_that_may_be_dropped_is_warned_of(message: PushMessage, said: str) -> None:
    assert [each for each in warnings(message) if said in each] != []


def test_deletion_that_is_past_is_none_to_warn_of() -> None:
    message = recipe(
        "si",
        si_id=["1@a"],
        created=["2026-11-21T11:00:00Z"],
        expires=["2020-01-01T00:00:00Z"],
        action=["delete"],
        binary=["true"],
    )
    assert warnings(message) == []


@pytest.mark.parametrize(
    ("around", "said"),
    [
        (Circumstances(NOW, confirmed=True), "no application can confirm"),
        (Circumstances(NOW, deliver_before=Instant(NOW - 1)), "--deliver-before: 2026"),
    ],
)
def test_wish_that_cannot_come_true_is_warned_of(around: Circumstances, said: str) -> None:
    (warning,) = warnings(si(), around)
    assert said in warning


def test_many_short_messages_are_warned_of() -> None:
    (warning,) = warnings_about(produced(si(), segments=4), Circumstances(NOW))
    assert warning.startswith("4 short messages")


def test_short_messages_for_nobody_are_warned_of() -> None:
    (warning,) = warnings_about(produced(si(), telephone=None, segments=1), Circumstances(NOW))
    assert "no recipient is a telephone number" in warning


def test_malformed_application_id_is_warned_of_and_no_more() -> None:
    message = generic("text/plain").replacing("X-Wap-Application-Id", "not an id")
    entity_type, octets = entity.join(b"<pap/>", message)
    begun = Produced(octets, entity_type, message, failure="X-Wap-Application-Id: no")
    (warning,) = warnings_about(begun, Circumstances(NOW))
    assert warning.startswith("X-Wap-Application-Id: ")
    shown = list(render_preview(preview_of(begun)))
    assert "! it goes no further: X-Wap-Application-Id: no" in shown


@pytest.mark.parametrize("body", [b"", b"\0\xff" * 20, "snøstorm\r\n".encode(), b"\x1b[31m" * 60])
def test_whatever_is_pushed_is_shown_in_plain_lines(body: bytes) -> None:
    made = produced(generic("text/plain; charset=\x9bblack", body=body))
    preview = preview_of(made, ["a\x1b[2Jb"])
    for line in render_preview(preview):
        assert line.isprintable()
        assert len(line) <= WIDTH
    shown = json.loads(json.dumps(preview_object(preview)))
    content = next(each for each in shown["layers"] if each["layer"] == "content")
    assert bytes.fromhex(content["hex"]) == body


def test_octets_of_earlier_layers_are_not_repeated_but_in_the_object() -> None:
    message = si()
    made = produced(message)
    preview = preview_of(made)
    shown = "\n".join(render_preview(preview))
    assert f"Data: {len(message.body)} octets, the content above" in shown
    wsp = next(each for each in preview_object(preview)["layers"] if each["layer"] == "wsp")  # type: ignore[union-attr,index,call-overload] # JSON
    assert wsp["fields"][-1]["octets"] == message.body.hex()  # type: ignore[index,call-overload] # JSON

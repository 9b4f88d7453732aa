"""What of a push reaches a client, and what a client cannot take."""

from __future__ import annotations

import random
import zlib

import pytest

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.ota.http.entity import encoded_size
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.transform import Unfit, fit, for_the_air

MESSAGE = PushMessage(
    (
        ("Content-Type", 'text/vnd.wap.si; charset="utf-8"'),
        ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
        ("X-Acme-Own", "kept"),
    ),
    bytes(range(256)),
)
TAKES_ALL = ClientCapabilities(("*/*",), max_message_size=65_536)


@pytest.mark.parametrize(
    "name", ["MIME-Version", "content-length", "User-Agent", "Authorization", "Host"]
)
def test_headers_of_the_way_to_the_gateway_stay_behind(name: str) -> None:
    message = PushMessage(((name, "x"), *MESSAGE.headers), MESSAGE.body)
    sent = for_the_air(message)
    assert sent.get(name) is None
    assert sent.get("X-Acme-Own") == "kept"
    assert sent.body == MESSAGE.body


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("x-wap-application:mms.ua", "4"),
        ("4", "4"),
        ("vnd.acme:thing", "vnd.acme:thing"),
        (None, "2"),  # Push Message 6.3: absent means wml.ua
    ],
)
def test_application_id_is_a_number_where_it_has_one(given: str | None, sent: str) -> None:
    headers = [("Content-Type", "text/plain")]
    if given is not None:
        headers.append(("X-Wap-Application-Id", given))
    assert for_the_air(PushMessage(tuple(headers), b"")).get("X-Wap-Application-Id") == sent


def test_application_id_of_no_legal_form_is_refused() -> None:
    with pytest.raises(DecodeError):
        for_the_air(MESSAGE.replacing("X-Wap-Application-Id", "no id at all"))


@pytest.mark.parametrize("accept", ["*/*", "*", "text/*", "text/vnd.wap.si", "TEXT/vnd.wap.SI;q=1"])
def test_type_within_the_ranges_is_taken(accept: str) -> None:
    message = for_the_air(MESSAGE)
    assert fit(message, ClientCapabilities((accept,), max_message_size=9_999)) is message


@pytest.mark.parametrize("accept", ["text/vnd.wap.sl", "image/*", "text", ""])
def test_type_out_of_the_ranges_is_not(accept: str) -> None:
    verdict = fit(for_the_air(MESSAGE), ClientCapabilities((accept,), max_message_size=9_999))
    assert isinstance(verdict, Unfit)
    assert verdict.code == 2006
    assert "text/vnd.wap.si" in verdict.reason


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        (("*",), True),
        (("x-wap-application:mms.ua",), True),
        (("4",), True),
        (("nonsense id", "4"), True),
        (("x-wap-application:wml.ua",), False),
        ((), False),
    ],
)
def test_application_is_compared_by_number_and_name(accepted: tuple[str, ...], taken: bool) -> None:
    takes = ClientCapabilities(("*/*",), accept_app_id=accepted, max_message_size=9_999)
    assert isinstance(fit(for_the_air(MESSAGE), takes), Unfit) is not taken


def test_size_counts_what_goes_over_the_air() -> None:
    message = for_the_air(MESSAGE)
    size = encoded_size(message)
    assert fit(message, ClientCapabilities(("*/*",), max_message_size=size)) is message
    verdict = fit(message, ClientCapabilities(("*/*",), max_message_size=size - 1))
    assert verdict == Unfit(f"{size} octets, and the client takes {size - 1}")


TEXT = PushMessage((("Content-Type", "text/plain"), ("Content-MD5", "x")), b"hello" * 40)


@pytest.mark.parametrize("accepted", [("deflate",), ("gzip", "deflate;q=0.5"), ("*",)])
def test_text_is_deflated_for_a_client_that_takes_it(accepted: tuple[str, ...]) -> None:
    takes = ClientCapabilities(("*/*",), accept_encoding=accepted, accept_app_id=("*",))
    sent = fit(TEXT, takes, coded=True)
    assert isinstance(sent, PushMessage)
    # In the wrapping of zlib, which is what HTTP means.
    assert zlib.decompress(sent.body) == TEXT.body
    assert sent.get("Content-Encoding") == "deflate"
    assert sent.get("Content-MD5") is None  # it was of the content as it was


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        (TEXT, ("identity",)),
        (TEXT, ("deflate;q=0", "*")),
        (TEXT.replacing("Cache-Control", "no-transform"), ("deflate",)),
        (TEXT.replacing("Content-Encoding", "gzip"), ("deflate",)),
        (TEXT.replacing("Content-Type", "application/vnd.wap.sic"), ("deflate",)),
        (PushMessage(TEXT.headers, b"hello"), ("deflate",)),
        (PushMessage(TEXT.headers, random.Random(7).randbytes(400)), ("deflate",)),
    ],
)
def test_content_is_left_alone_where_deflating_is_not_allowed_or_of_no_use(
    message: PushMessage, accepted: tuple[str, ...]
) -> None:
    takes = ClientCapabilities(("*/*",), accept_encoding=accepted, accept_app_id=("*",))
    assert fit(message, takes, coded=True) == message


def test_content_that_fits_only_when_deflated_is_sent() -> None:
    takes = ClientCapabilities(("*/*",), accept_encoding=("deflate",), max_message_size=200)
    assert isinstance(fit(TEXT, takes), Unfit)
    assert isinstance(fit(TEXT, takes, coded=True), PushMessage)

"""A delivery as a connectionless push: its form for the air, and the number that tells it apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.pap.codes import StatusCode
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey
from omapush.ppg.transform import Unfit
from omapush.ppg.unit_push import HeaderRule, UnitPushSettings, datagram_of, number_of
from omapush.protocols.wsp.profile import DEFAULT_PROFILE

SI = (
    b'<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    b'"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://www.xyz.com/">hello'
    b"</indication></si>"
)
TEXT = PushMessage((("Content-Type", "text/vnd.wap.si"),), SI)
CLAIMED = ClaimedDelivery(
    key=DeliveryKey("0" * 32, 3),
    push_id="a@pi",
    initiator_id="weather",
    client_id="anna",
    address="anna",
    owner="ppg-1/a",
    attempt=1,
    sent_attempts=0,
    in_doubt=False,
    lease_until=Instant(300_000),
    received_at=Instant(0),
    expires_at=Instant(3_600_000),
    confirmed=False,
    flags=0,
    message=TEXT,
)


def written(message: PushMessage, flags: int = 0) -> PushMessage:
    datagram = datagram_of(replace(CLAIMED, flags=flags), message, UnitPushSettings())
    assert isinstance(datagram, bytes)
    push = decode_unit_push(datagram)
    assert push.flags == PushFlag(flags)
    assert push.transaction_id == number_of(CLAIMED.key) & 0xFF
    return push.message


def test_text_that_has_a_binary_form_is_compiled() -> None:
    message = written(TEXT, flags=5)
    assert message.media_type == "application/vnd.wap.sic"
    assert message.body.hex().startswith("02056a00")


def test_text_that_may_not_be_changed_goes_as_it_is() -> None:
    kept = PushMessage((*TEXT.headers, ("Cache-Control", "no-transform")), SI)
    assert written(kept).body == SI


def test_content_without_a_binary_form_goes_as_it_is() -> None:
    plain = PushMessage((("Content-Type", "text/plain"),), b"hello")
    assert written(plain) == plain


@pytest.mark.parametrize(
    "message",
    [replace(TEXT, body=b"<si>"), PushMessage((), b"x")],
    ids=["not well formed", "no type"],
)
def test_what_cannot_be_written_is_unfit(message: PushMessage) -> None:
    verdict = datagram_of(CLAIMED, message, UnitPushSettings())
    assert isinstance(verdict, Unfit)
    assert verdict.code is StatusCode.TRANSFORMATION_FAILURE


def test_numbers_of_deliveries_hardly_ever_meet() -> None:
    keys = [DeliveryKey(f"{push:032x}", place) for push in range(40) for place in range(40)]
    assert all(0 <= number_of(key) < 1 << 32 for key in keys)
    assert len({number_of(key) for key in keys}) == len(keys)
    # Their low octets, which tell two pushes to one phone apart, are spread evenly.
    assert max(Counter(number_of(key) & 0xFF for key in keys).values()) < 4 * len(keys) / 256


def test_first_rule_that_holds_says_how_headers_are_written() -> None:
    spelled = replace(DEFAULT_PROFILE, content_type_codes=False)
    newer = replace(DEFAULT_PROFILE, encoding_version=(1, 4))
    settings = UnitPushSettings(
        rules=(
            HeaderRule(spelled, clients=("berta",)),
            HeaderRule(newer, clients=("an*",), initiators=("weather",)),
            HeaderRule(spelled),
        )
    )
    assert settings.profile_for(CLAIMED) == newer
    assert settings.profile_for(replace(CLAIMED, client_id="berta")) == spelled
    assert settings.profile_for(replace(CLAIMED, initiator_id="other")) == spelled
    assert UnitPushSettings().profile_for(CLAIMED) == DEFAULT_PROFILE
    datagram = datagram_of(replace(CLAIMED, client_id="berta"), TEXT, settings)
    assert isinstance(datagram, bytes)
    assert b"application/vnd.wap.sic\0" in datagram

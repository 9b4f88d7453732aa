"""The interface as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omapush.cai import wire
from omapush.cai.model import (
    Binding,
    CaiError,
    ConnectionProfile,
    EventGone,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    Reject,
    RejectReason,
    WhitelistEntry,
)
from omapush.core.instants import Instant

WML = "x-wap-application:wml.ua"
NOW = Instant(1_700_000_000_000)

EVERYTHING = {
    "push_application_id": WML,
    "application_id": "urn:example:app",
    "event_handler": "none",
    "whitelist": [{"addr": "192.0.2.0/24", "type": "IPV4", "content_types": ["text/plain"]}],
    "registration_uri": "https://ppg.example.com/",
    "profiles": [
        {
            "protocol": "OTA-HTTP",
            "bearer_type": "GPRS",
            "port": 4035,
            "contact_point": "192.0.2.1",
            "cb_message_id": "50",
            "mbms_user_service_description": "<x/>",
            "bcast_access_info": "<y/>",
        }
    ],
    "accept": ["text/plain"],
    "instance": "urn:uuid:1",
    "delegated_storage": True,
    "ack_timeout": 2.5,
}


def rejection_of(value: dict[str, Any]) -> RegistrationRejected:
    with pytest.raises(RegistrationRejected) as caught:
        wire.registration_request(value)
    assert caught.value.cause is Reason.INVALID_PARAMETER
    return caught.value


def test_request_with_every_member_is_read_and_written_alike() -> None:
    """CAI-6 to CAI-19"""
    request = wire.registration_request(EVERYTHING)
    assert request == RegistrationRequest(
        push_application_id=WML,
        application_id="urn:example:app",
        event_handler="none",
        whitelist=(WhitelistEntry("192.0.2.0/24", "IPV4", ("text/plain",)),),
        registration_uri="https://ppg.example.com/",
        profiles=(
            ConnectionProfile(
                "OTA-HTTP", "GPRS", 4035, "192.0.2.1", "50", "<x/>", bcast_access_info="<y/>"
            ),
        ),
        accept=("text/plain",),
        instance="urn:uuid:1",
        delegated_storage=True,
        ack_timeout_ms=2_500,
    )
    assert wire.registration_request(json.loads(json.dumps(wire.request_members(request)))) == (
        request
    )


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"push_application_id": ["x"]}, "push_application_id"),
        ({"push_application_id": True}, "push_application_id"),
        ({"push_application_id": "x:\ud800"}, "push_application_id"),
        ({"application_id": 1}, "application_id"),
        ({"event_handler": "x" * 5_000}, "event_handler"),
        ({"whitelist": {}}, "whitelist"),
        ({"whitelist": ["192.0.2.1"]}, "whitelist[0]"),
        ({"whitelist": [{"addr": "192.0.2.1"}, {}]}, "whitelist[1].addr"),
        ({"whitelist": [{"addr": "192.0.2.1", "mask": 1}]}, "whitelist[0].mask"),
        ({"whitelist": [{"addr": "x"}] * 65}, "whitelist"),
        ({"profiles": [None]}, "profiles[0]"),
        ({"profiles": [{"port": 0}]}, "profiles[0].port"),
        ({"profiles": [{"port": 65_536}]}, "profiles[0].port"),
        ({"profiles": [{"port": 1.5}]}, "profiles[0].port"),
        ({"profiles": [{"port": "٤"}]}, "profiles[0].port"),
        ({"profiles": [{"speed": 1}]}, "profiles[0].speed"),
        ({"accept": "text/plain"}, "accept"),
        ({"accept": [1]}, "accept[0]"),
        ({"delegated_storage": 1}, "delegated_storage"),
        ({"ack_timeout": 0}, "ack_timeout"),
        ({"ack_timeout": 121}, "ack_timeout"),
        ({"ack_timeout": float("nan")}, "ack_timeout"),
        ({"ack_timeout": True}, "ack_timeout"),
        ({"colour": "green"}, "colour"),
    ],
)
def test_member_of_wrong_form_is_rejected_by_its_path(
    change: dict[str, Any], parameter: str
) -> None:
    assert rejection_of({"push_application_id": WML} | change).parameter == parameter


def test_number_and_text_port_are_one() -> None:
    """CAI-14: the port is a string or a number."""
    one, other = (
        wire.registration_request({"push_application_id": WML, "profiles": [{"port": port}]})
        for port in (2948, "2948")
    )
    assert one == other


@pytest.mark.parametrize("octets", [b"", b"nonsense", b"\xff", b"[]", b'"x"', b"9" * 5_000])
def test_body_that_is_no_object_is_rejected(octets: bytes) -> None:
    with pytest.raises(RegistrationRejected):
        wire.parse_object(octets)


def test_registration_is_written_without_its_owner() -> None:
    registration = Registration(
        registration_id="r1",
        owner="uid:0/secret",
        push_application_id=WML,
        request=RegistrationRequest("2", accept=("text/plain",)),
        state=RegistrationState.LOST,
        created=NOW,
        updated=NOW,
        reason=Reason.BEARER_LOST,
        bindings=(Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035"),),
    )
    members = wire.registration_members(registration)
    assert "secret" not in json.dumps(members)
    assert members["push_application_id"] == WML
    assert (members["state"], members["reason"]) == ("lost", "bearer_lost")
    assert members["created"] == "2023-11-14T22:13:20Z"
    assert members["bindings"] == [
        {
            "protocol": "OTA-HTTP",
            "bearer": "TCP/IP",
            "address": "127.0.0.1:4035",
            "state": "up",
            "reason": None,
            "detail": "",
            "expires": None,
        }
    ]


def event(content: bytes) -> PushEvent:
    return PushEvent(
        event_id="e1",
        registration_id="r1",
        push_application_id=WML,
        content=content,
        content_type="text/plain; charset=utf-8",
        headers=(("X-A", "1"), ("x-a", "2")),
        protocol="OTA-HTTP",
        bearer="TCP/IP",
        source="192.0.2.1",
        received=NOW,
        deadline=NOW,
    )


def test_event_keeps_headers_in_order_with_repeats() -> None:
    """CAI-60"""
    members = wire.event_members(event(b"\0"))
    assert members["headers"] == [["X-A", "1"], ["x-a", "2"]]
    assert (members["size"], members["content_b64"]) == (1, "AA==")
    json.dumps(members)


def test_long_content_is_left_out_of_event() -> None:
    assert "content_b64" in wire.event_members(event(b"x" * wire.MAX_INLINE))
    members = wire.event_members(event(b"x" * (wire.MAX_INLINE + 1)))
    assert "content_b64" not in members
    assert members["size"] == wire.MAX_INLINE + 1


def test_answer_that_came_too_late_is_not_to_be_repeated() -> None:
    assert wire.error_members(EventGone("over"))["retryable"] is False


def test_error_says_whether_to_try_again() -> None:
    error = CaiError(Reason.UNAVAILABLE, "no bearer", "profiles[0]")
    assert wire.error_members(error) == {
        "error": "unavailable",
        "parameter": "profiles[0]",
        "detail": "no bearer",
        "retryable": True,
    }


def test_rejection_is_read() -> None:
    assert wire.rejection({}) == Reject()
    assert wire.rejection({"reason": "busy", "detail": "x"}) == Reject(RejectReason.BUSY, "x")
    for value in ({"reason": "bored"}, {"reason": 1}, {"why": "x"}):
        with pytest.raises(RegistrationRejected):
            wire.rejection(value)

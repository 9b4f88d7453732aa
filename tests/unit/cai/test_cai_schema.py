"""The JSON Schema says what the wire does: every member of one is in the other."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from omapush.cai import wire, wire_1_0
from omapush.cai.model import (
    Binding,
    BindingState,
    CaiError,
    CaiVersion,
    Delivery,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationState,
    RejectReason,
)
from omapush.core.instants import Instant

NOW = Instant(1_700_000_000_000)
SCHEMA = json.loads(
    importlib.resources.files("omapush.cai").joinpath("schema.json").read_text("utf-8")
)
EVERYTHING: dict[str, Any] = {
    "push_application_id": "x-wap-application:wml.ua",
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
    "delivery": "at_most_once",
    "max_outstanding": 16,
}
EVERYTHING_1_0: dict[str, Any] = {
    "pushApplicationID": "2",
    "applicationID": "any text",
    "eventHandler": "none",
    "whitelist": [{"addr": "192.0.2.1", "type": "IPV4", "contentTypes": ["text/plain"]}],
    "connectionProfile": {"protocol": "OTA-HTTP", "bearerType": "GPRS", "port": "4035"},
    "Accept": ["text/plain"],
}
REGISTRATION = Registration(
    registration_id="r1",
    owner="in-process",
    push_application_id="x-wap-application:wml.ua",
    request=wire.registration_request(EVERYTHING),
    state=RegistrationState.REGISTERED,
    created=NOW,
    updated=NOW,
    bindings=(
        Binding(
            "OTA-SIP",
            "GPRS",
            "here",
            BindingState.UP,
            Reason.NOT_OFFERED_BY_SERVER,
            "no such id",
            expires=NOW,
        ),
    ),
)
EVENT = PushEvent(
    event_id="e1",
    registration_id="r1",
    push_application_id="x-wap-application:wml.ua",
    content=b"\0",
    content_type='text/plain; charset="utf-8"; charset=us-ascii; Name=x',
    headers=(("X-A", "1"),),
    protocol="OTA-HTTP",
    bearer="TCP/IP",
    source="192.0.2.1",
    received=NOW,
    deadline=NOW,
    expires=NOW,
)


def definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][name]
    return found


def check(name: str, value: object) -> None:
    """:raises ValidationError: the schema has no such value"""
    schema = {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    Draft202012Validator(schema).validate(value)


def properties(name: str) -> set[str]:
    return set(definition(name)["properties"])


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("registration_request", wire.REQUEST_MEMBERS),
        ("registration_change", wire.CHANGEABLE_MEMBERS),
        ("profile", wire.PROFILE_MEMBERS),
        ("whitelist_entry", wire.WHITELIST_MEMBERS),
        ("registration_request_1_0", set(EVERYTHING_1_0)),
        ("profile_1_0", set(EVERYTHING_1_0["connectionProfile"])),
        ("whitelist_entry_1_0", set(EVERYTHING_1_0["whitelist"][0])),
    ],
)
def test_request_has_the_members_of_the_schema(name: str, members: set[str]) -> None:
    assert properties(name) == set(members)
    assert definition(name)["additionalProperties"] is False


def test_answer_has_the_members_of_the_schema() -> None:
    registration = wire.registration_members(REGISTRATION)
    older = Registration(
        **{
            name: getattr(REGISTRATION, name)
            for name in Registration.__slots__
            if name != "request"
        },
        request=wire_1_0.registration_request(EVERYTHING_1_0),
    )
    answers = {
        "registration": registration,
        "binding": registration["bindings"][0],
        "warning": registration["warnings"][0],
        "status": wire.status_members(REGISTRATION, RegistrationState.PENDING),
        "event": wire.event_members(EVENT),
        "trust": wire.event_members(EVENT)["trust"],
        "error": wire.error_members(CaiError(Reason.TIMEOUT, "x", "y")),
        "registration_1_0": wire_1_0.registration_members(older),
        "event_1_0": wire_1_0.event_members(EVENT),
    }
    for name, members in answers.items():
        check(name, json.loads(json.dumps(members)))
        assert set(members) == properties(name) - {"token"}, name


def test_every_word_of_the_interface_is_in_the_schema() -> None:
    assert set(definition("state")["enum"]) == set(RegistrationState)
    assert set(definition("reason")["enum"]) == set(Reason)
    assert set(definition("delivery")["enum"]) == {*Delivery, None}
    assert set(definition("rejection")["properties"]["reason"]["enum"]) == {*RejectReason, None}
    assert set(definition("binding")["properties"]["state"]["enum"]) == set(BindingState)
    assert set(definition("registration")["properties"]["cai_version"]["enum"]) == set(CaiVersion)
    assert definition("text")["maxLength"] == wire.MAX_TEXT
    assert definition("whitelist")["maxItems"] == wire.MAX_LIST
    assert definition("ack_timeout")["maximum"] == wire.MAX_ACK_TIMEOUT_SECONDS
    assert definition("max_outstanding")["maximum"] == wire.MAX_OUTSTANDING


@pytest.mark.parametrize("name", sorted(EVERYTHING))
@pytest.mark.parametrize("value", [None, 0, 17, "x", [], {}, [1], [{}], [{"port": 0}], True, 2.5])
def test_schema_and_reader_agree_on_every_member(name: str, value: object) -> None:
    members = {"push_application_id": "2"} | {name: value}
    try:
        check("registration_request", members)
        valid = True
    except ValidationError:
        valid = False
    try:
        wire.registration_request(members)
        read = True
    except RegistrationRejected:
        read = False
    if name == "push_application_id" and value in (None, []):
        return  # an id is missed by those who know what an id is, and not by the reader
    assert valid == read


def test_schema_knows_requests_of_1_0() -> None:
    check("registration_request_1_0", EVERYTHING_1_0)
    check("registration_request_1_0", EVERYTHING_1_0 | {"connectionProfile": [{}]})
    with pytest.raises(ValidationError):
        check("registration_request_1_0", EVERYTHING)


def test_parameters_of_the_content_type_are_told_apart() -> None:
    members = wire.event_members(EVENT)
    assert members["content_type_parameters"] == {"charset": "utf-8", "name": "x"}

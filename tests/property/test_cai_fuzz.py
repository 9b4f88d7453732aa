"""Whatever comes: JSON of applications is read or rejected, and every push is decided."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.cai import wire, wire_1_0
from omapush.cai.model import (
    CaiVersion,
    ConnectionProfile,
    Delivery,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    WhitelistEntry,
)
from omapush.client.applications import announced, check_request
from omapush.client.dispatch import (
    Receiver,
    Refusal,
    application_of,
    misfit,
    receiver_of,
)
from omapush.client.trust.judge import FixedList
from omapush.client.trust.whitelist import admits, read_entries
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities, PoConfirmedPushInd, PushSource

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
MEDIA = st.sampled_from(["text/plain", "text/*", "*/*", "application/vnd.wap.mms-message"])
ADDRESSES = st.sampled_from(["192.0.2.1", "192.0.2.0/28", "2001:db8::1", "::/0", "10.0.0.0/8"])
ENTRIES = st.builds(
    WhitelistEntry,
    addr=ADDRESSES,
    type=st.none(),
    content_types=st.lists(MEDIA, max_size=2).map(tuple),
)
PROFILES = st.builds(
    ConnectionProfile,
    protocol=st.none() | st.just("OTA-HTTP"),
    contact_point=st.none() | ADDRESSES,
)
IDS = st.sampled_from(
    ["2", "4", "x-wap-application:mms.ua", "x-wap-application:*", "vnd.acme:x", "7FFF"]
)
GOOD = st.builds(
    RegistrationRequest,
    push_application_id=IDS,
    application_id=st.none() | st.just("urn:x:y"),
    whitelist=st.lists(ENTRIES, max_size=3).map(tuple),
    profiles=st.lists(PROFILES, max_size=2).map(tuple),
    accept=st.lists(MEDIA, max_size=3).map(tuple),
    ack_timeout_ms=st.none() | st.integers(1_000, 120_000),
    delegated_storage=st.booleans(),
    delivery=st.sampled_from(Delivery),
    max_outstanding=st.integers(1, wire.MAX_OUTSTANDING),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = st.sampled_from(sorted(wire.REQUEST_MEMBERS))
MEMBERS_1_0 = st.sampled_from(
    [
        "pushApplicationID",
        "applicationID",
        "eventHandler",
        "whitelist",
        "connectionProfile",
        "Accept",
        "contactPoint",
        "profiles",
    ]
)
NESTED = st.dictionaries(
    st.sampled_from(["protocol", "bearerType", "port", "addr", "contentTypes", "contact_point"]),
    JSON,
    max_size=2,
)


@given(GOOD)
@settings(max_examples=60, deadline=None)
def test_request_survives_the_wire(request: RegistrationRequest) -> None:
    octets = json.dumps(wire.request_members(request)).encode()
    assert wire.registration_request(wire.parse_object(octets)) == request
    check_request(request)


@given(st.lists(GOOD, max_size=6))
@settings(max_examples=60, deadline=None)
def test_announcement_is_in_the_form_that_gateways_read(
    requests: list[RegistrationRequest],
) -> None:
    capabilities = announced([registered(one) for one in requests], ClientCapabilities())
    headers = cpi.to_headers(capabilities)
    assert cpi.to_capabilities(headers) == capabilities
    assert all(value.isprintable() for _, value in headers)


@given(st.binary(max_size=200))
@settings(max_examples=80, deadline=None)
def test_any_octets_are_an_object_or_rejected(octets: bytes) -> None:
    assert cause_of(lambda: wire.parse_object(octets)) in (None, Reason.INVALID_PARAMETER)


@given(st.dictionaries(MEMBERS, JSON | st.lists(st.dictionaries(TEXTS, JSON, max_size=2))))
@settings(max_examples=150, deadline=None)
def test_any_members_are_a_request_or_rejected(members: dict[str, Any]) -> None:
    octets = json.dumps(members).encode()
    cause = cause_of(lambda: check_request(wire.registration_request(wire.parse_object(octets))))
    assert cause in (None, Reason.INVALID_PARAMETER, Reason.UNSUPPORTED_OPTION)


@given(GOOD, st.dictionaries(MEMBERS, JSON, max_size=3))
@settings(max_examples=100, deadline=None)
def test_any_change_is_made_or_rejected_and_leaves_the_rest(
    request: RegistrationRequest, members: dict[str, Any]
) -> None:
    given_members = json.loads(json.dumps(members))
    rejected = rejection_of(lambda: wire.changed_request(request, given_members))
    if rejected is not None:
        assert rejected.cause is Reason.INVALID_PARAMETER
        return
    changed = wire.changed_request(request, given_members)
    assert set(members) <= wire.CHANGEABLE_MEMBERS
    before, after = wire.request_members(request), wire.request_members(changed)
    assert {name for name in before | after if before.get(name) != after.get(name)} <= set(members)


@given(st.dictionaries(MEMBERS_1_0, JSON | NESTED | st.lists(NESTED, max_size=2), max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_members_are_a_request_of_1_0_or_rejected_by_its_names(members: dict[str, Any]) -> None:
    value = json.loads(json.dumps(members))
    rejected = rejection_of(lambda: wire_1_0.registration_request(value))
    if rejected is None:
        assert wire_1_0.registration_request(value).cai_version is CaiVersion.V1_0
        return
    assert rejected.cause in (Reason.INVALID_PARAMETER, Reason.UNSUPPORTED_OPTION)
    assert rejected.parameter is not None
    assert rejected.parameter.partition(".")[0].partition("[")[0] in members


def cause_of(read: Callable[[], object]) -> Reason | None:
    """Return why something was rejected, or ``None`` if it was not; nothing else is caught."""
    rejected = rejection_of(read)
    return rejected.cause if rejected is not None else None


def rejection_of(read: Callable[[], object]) -> RegistrationRejected | None:
    """Return the rejection, or ``None`` if there was none; nothing else is caught."""
    try:
        read()
    except RegistrationRejected as error:
        return error
    return None


def registered(
    request: RegistrationRequest, state: RegistrationState = RegistrationState.REGISTERED
) -> Registration:
    now = Instant(0)
    identifier = check_request(request).canonical
    return Registration(identifier, "P", identifier, request, state, now, now)


REGISTRATIONS = st.lists(
    st.builds(registered, GOOD, st.sampled_from(RegistrationState)),
    max_size=4,
    unique_by=lambda one: one.push_application_id,
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["X-Wap-Application-Id", "Content-Type", "X-Other"]),
        IDS | MEDIA | st.text(max_size=20),
    ),
    max_size=4,
).map(tuple)


@given(
    REGISTRATIONS,
    HEADERS,
    st.none() | st.lists(ENTRIES, max_size=2).map(read_entries),
    st.sampled_from(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "", "fe80::1%eth0"]),
)
@settings(max_examples=200, deadline=None)
def test_every_push_is_decided_within_the_rules(
    registrations: list[Registration],
    headers: tuple[tuple[str, str], ...],
    device_list: Any,
    address: str,
) -> None:
    message = PushMessage(headers, b"")
    push = PoConfirmedPushInd("1", message, PushSource("OTA-HTTP", "TCP/IP", address))
    application = application_of(push)
    if isinstance(application, Refusal):
        assert 234 <= application.status <= 238
        assert application.reason
        return
    chosen = receiver_of(application, push, [Receiver(one) for one in registrations])
    verdict = asyncio.run(FixedList(device_list).judge(push, application, chosen))
    refusal = verdict if isinstance(verdict, Refusal) else misfit(chosen, application, push)
    if refusal is not None:
        assert 234 <= refusal.status <= 238
        assert refusal.reason
        return
    assert chosen in registrations
    assert chosen.state.is_live
    own = read_entries(chosen.request.whitelist)
    assert admits(device_list, own, push.source, message.media_type)

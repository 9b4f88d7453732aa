"""Whose is what: uniqueness of push application ids, its exceptions, and limits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.cai.model import (
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.binding.bindings import RegistrationBindings, WantedBinding
from omapush.client.registered import Registered
from omapush.client.registry import Registry, user_of
from omapush.content.application_id import ApplicationId
from omapush.core.instants import Instant

A, B = ApplicationId.parse("vnd.acme.a:x"), ApplicationId.parse("vnd.acme.b:x")


def entry(
    owner: str,
    application: ApplicationId = A,
    scope: str = "",
    instance: str | None = None,
    state: RegistrationState = RegistrationState.REGISTERED,
) -> Registered:
    request = RegistrationRequest(application.canonical, instance=instance)
    name = f"{owner} {application.canonical} {scope}"
    now = Instant(0)
    made = Registered(
        Registration(name, owner, application.canonical, request, state, now, now), now
    )
    made.bindings = RegistrationBindings(
        [WantedBinding("OTA-X", scope=scope)], lambda: None, lambda _number, _one: None
    )
    return made


def registry(*entries: Registered, per_user: int = 32, in_all: int = 256) -> Registry:
    made = Registry(per_user, in_all)
    for one in entries:
        made.add(one)
    return made


def refusal(known: Registry, owner: str, scope: str = "") -> Reason:
    with pytest.raises(RegistrationRejected) as caught:
        known.own(owner, A, None, [scope])
    return caught.value.cause


def test_id_belongs_to_one_application_within_a_scope() -> None:
    """T-27, T-33, CAI-20"""
    known = registry(entry("P"), entry("R", scope="port 2950"))
    assert refusal(known, "Q") is Reason.ALREADY_REGISTERED
    assert refusal(known, "Q", "port 2950") is Reason.ALREADY_REGISTERED


@pytest.mark.parametrize("scope", ["port 2951", "instance q", "service registration u", "usd 7"])
def test_own_scope_is_an_exception(scope: str) -> None:
    """T-29 to T-32, CAI-22 to CAI-25"""
    known = registry(entry("P"), entry("R", scope="port 2950"))
    assert known.own("Q", A, None, [scope]) is None


def test_same_application_updates_its_own() -> None:
    """T-28, CAI-21"""
    own = entry("P")
    known = registry(own)
    assert known.own("P", A, None, [""]) is own
    assert known.own("P", B, None, [""]) is None


def test_update_into_the_scope_of_another_is_refused() -> None:
    known = registry(entry("P", scope="port 2950"), entry("Q", scope="port 2951"))
    assert refusal(known, "Q", "port 2950") is Reason.ALREADY_REGISTERED


def test_instances_of_one_owner_are_registrations_of_their_own() -> None:
    first = entry("P", scope="instance 1", instance="1")
    known = registry(first)
    assert known.own("P", A, "2", ["instance 2"]) is None
    assert known.own("P", A, "1", ["instance 1"]) is first


def test_what_is_not_live_holds_nothing() -> None:
    own = entry("P", state=RegistrationState.FAILED)
    known = registry(own)
    assert known.own("Q", A, None, [""]) is None
    assert known.candidates(A) == []
    assert known.live() == []
    assert known.get(own.registration.registration_id) is own


def test_candidates_follow_state_and_removal() -> None:
    own, every = entry("P"), entry("E", ApplicationId.parse("x-wap-application:*"))
    known = registry(own, every, entry("Q", B))
    assert [one.registration.owner for one in known.candidates(A)] == ["P", "E"]
    own.registration = replace(own.registration, state=RegistrationState.DEREGISTERING)
    known.note(own)
    assert [one.registration.owner for one in known.candidates(A)] == ["E"]
    known.remove(every.registration.registration_id)
    assert known.candidates(A) == []
    known.remove("unknown")


def test_limits_count_users_and_all() -> None:
    """IF-T10"""
    known = registry(entry("uid:1/a"), entry("uid:1/b", B), per_user=2)
    assert user_of("uid:1/a") == "uid:1"
    assert refusal(known, "uid:1/c", "own") is Reason.LIMIT_EXCEEDED
    assert known.own("uid:2/a", A, None, ["own"]) is None
    known.remove("uid:1/b vnd.acme.b:x ")
    assert known.own("uid:1/c", A, None, ["own"]) is None
    full = registry(entry("P"), in_all=1)
    assert refusal(full, "Q", "own") is Reason.LIMIT_EXCEEDED

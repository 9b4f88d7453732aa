"""What the registry is asked for: by owner, what has failed, what is in force."""

from __future__ import annotations

from dataclasses import replace

from omapush.cai.model import Registration, RegistrationRequest, RegistrationState
from omapush.client.registered import Registered
from omapush.client.registry import Registry
from omapush.core.instants import Instant

TEXT, ANY = ("text/plain",), ()


def entry(
    number: int, owner: str, accept: tuple[str, ...] = ANY, application: str | None = None
) -> Registered:
    identifier = application or f"x:{number}"
    registration = Registration(
        registration_id=f"r{number}",
        owner=owner,
        push_application_id=identifier,
        request=RegistrationRequest(identifier, accept=accept),
        state=RegistrationState.PENDING,
        created=Instant(number),
        updated=Instant(number),
    )
    return Registered(registration, Instant(0))


def change(registry: Registry, one: Registered, **changes: object) -> None:
    one.registration = replace(one.registration, **changes)
    registry.note(one)


def test_registry_finds_registrations_by_owner_after_owner_changed() -> None:
    registry = Registry(8, 8)
    first, second = entry(1, "uid:1/a"), entry(2, "uid:1/a")
    registry.add(first)
    registry.add(second)
    change(registry, first, owner="uid:1/b")
    assert registry.of_owner("uid:1/a") == [second]
    assert registry.of_owner("uid:1/b") == [first]
    registry.remove("r1")
    assert registry.of_owner("uid:1/b") == []


def test_registry_keeps_failed_ones_with_their_owner_until_removed() -> None:
    registry = Registry(8, 8)
    one, other = entry(1, "uid:1/a"), entry(2, "uid:2/a")
    registry.add(one)
    registry.add(other)
    change(registry, other, state=RegistrationState.FAILED)
    assert registry.failed == [other]
    assert registry.of_owner("uid:2/a") == [other]
    assert list(registry.live_ids) == ["x:1"]
    registry.remove("r2")
    assert registry.failed == []


def test_registry_lists_each_id_and_list_of_types_as_long_as_one_counts() -> None:
    registry = Registry(8, 8)
    entries = [entry(1, "a", TEXT), entry(2, "b", TEXT), entry(3, "c", ANY, "x:2")]
    for one in entries:
        registry.add(one)
    assert set(registry.live_ids) == {"x:1", "x:2"}
    assert set(registry.live_ranges) == {TEXT, ANY}
    registry.remove("r1")
    assert set(registry.live_ranges) == {TEXT, ANY}
    request = RegistrationRequest("x:2", accept=ANY)
    change(registry, entries[1], request=request)
    assert set(registry.live_ranges) == {ANY}
    assert set(registry.live_ids) == {"x:2"}

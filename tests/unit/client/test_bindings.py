"""What follows from the bindings of a registration for its state."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.binding.binder import BearerOffer, BindingHold, BindingListener
from omapush.client.binding.bindings import MAX_TRUSTED, RegistrationBindings, WantedBinding
from omapush.core.instants import Instant

UP, LOST, FAILED = BindingState.UP, BindingState.LOST, BindingState.FAILED
PENDING = BindingState.PENDING
REGISTERED = Registration(
    "r1", "P", "x:y", RegistrationRequest("x:y"), RegistrationState.PENDING, Instant(0), Instant(0)
)


class NotingBinder:
    """Notes its listeners, and what becomes of its holds."""

    def __init__(self, protocol: str = "OTA-X") -> None:
        self.protocol = protocol
        self.listeners: list[BindingListener] = []
        self.server_data: list[str] = []
        self.refreshed = self.closed = 0

    def offers(self) -> tuple[BearerOffer, ...]:
        return (BearerOffer("B", available=True),)

    def is_default(self) -> bool:
        return True

    def scope(self, request: RegistrationRequest, profile: ConnectionProfile, where: str) -> str:
        return ""

    def begin(
        self,
        registration: Registration,
        profile: ConnectionProfile,
        listener: BindingListener,
        server_data: str,
    ) -> BindingHold:
        self.listeners.append(listener)
        self.server_data.append(server_data)
        return self

    def refresh(self, registration: Registration) -> None:
        self.refreshed += 1

    async def close(self) -> None:
        self.closed += 1

    def announce(self) -> None: ...

    async def withdraw(self, server_data: str) -> None: ...


class Rig:
    def __init__(self, wanted: Sequence[WantedBinding]) -> None:
        self.changes = 0
        self.kept: list[tuple[int, WantedBinding]] = []
        self.binder = NotingBinder()
        self.bindings = RegistrationBindings(
            wanted, self._changed, lambda number, one: self.kept.append((number, one))
        )
        self.bindings.begin(REGISTERED, [self.binder])

    def _changed(self) -> None:
        self.changes += 1


def bound(state: BindingState, reason: Reason | None = None) -> Binding:
    return Binding("OTA-X", "B", "here", state, reason, detail=state.value)


@pytest.mark.parametrize(
    ("told", "state", "reason"),
    [
        ((None, None), RegistrationState.PENDING, None),
        ((PENDING, None), RegistrationState.PENDING, None),
        ((UP, None), RegistrationState.REGISTERED, None),
        ((FAILED, UP), RegistrationState.REGISTERED, None),
        ((FAILED, None), RegistrationState.PENDING, None),
        ((FAILED, PENDING), RegistrationState.PENDING, None),
        ((LOST, PENDING), RegistrationState.LOST, Reason.BEARER_LOST),
        ((LOST, FAILED), RegistrationState.LOST, Reason.BEARER_LOST),
        ((FAILED, FAILED), RegistrationState.FAILED, Reason.UNAVAILABLE),
    ],
)
def test_one_binding_that_is_up_is_enough_and_all_have_to_fail(
    told: Sequence[BindingState | None], state: RegistrationState, reason: Reason | None
) -> None:
    """T-13, CAI-41, CAI-42"""
    rig = Rig([WantedBinding("OTA-X"), WantedBinding("OTA-X")])
    for listener, one in zip(rig.binder.listeners, told, strict=True):
        if one is not None:
            listener.changed(bound(one))
    standing = rig.bindings.standing()
    assert (standing.state, standing.reason) == (state, reason)


def test_failure_is_told_with_the_first_reason() -> None:
    rig = Rig([WantedBinding("OTA-X"), WantedBinding("OTA-X")])
    rig.binder.listeners[0].changed(bound(FAILED, Reason.NETWORK_ERROR))
    rig.binder.listeners[1].changed(bound(FAILED, Reason.SECURITY_FAILURE))
    standing = rig.bindings.standing()
    assert (standing.reason, standing.detail) == (Reason.NETWORK_ERROR, "failed")


def test_warning_of_a_binding_that_is_up_is_told() -> None:
    """T-58"""
    rig = Rig([WantedBinding("OTA-X")])
    rig.binder.listeners[0].changed(bound(UP, Reason.NOT_OFFERED_BY_SERVER))
    standing = rig.bindings.standing()
    assert standing.state is RegistrationState.REGISTERED
    assert standing.reason is Reason.NOT_OFFERED_BY_SERVER


def test_binder_may_make_several_bindings_of_one() -> None:
    rig = Rig([WantedBinding("OTA-X")])
    listener = rig.binder.listeners[0]
    listener.changed(bound(UP))
    listener.changed(bound(PENDING), 1)
    listener.changed(bound(LOST))
    assert [one.state for one in rig.bindings.bindings] == [LOST, PENDING]
    assert rig.changes == 3


def test_what_a_server_says_is_kept_once() -> None:
    rig = Rig([WantedBinding("OTA-X", scope="own")])
    listener = rig.binder.listeners[0]
    listener.keep("location")
    listener.keep("location")
    listener.trust("192.0.2.1")
    listener.trust("192.0.2.1")
    assert [number for number, _ in rig.kept] == [0, 0]
    assert rig.bindings.wanted == rig.kept[-1][1:]
    assert rig.bindings.wanted[0].server_data == "location"
    assert rig.bindings.granted == ("192.0.2.1",)
    assert rig.bindings.scopes == ("own",)


def test_server_cannot_name_contact_points_without_end() -> None:
    rig = Rig([WantedBinding("OTA-X")])
    for number in range(100):
        rig.binder.listeners[0].trust(f"192.0.2.{number}")
    assert len(rig.bindings.granted) == MAX_TRUSTED
    assert rig.bindings.granted[-1] == "192.0.2.99"


async def test_closed_bindings_are_told_of_no_more() -> None:
    rig = Rig([WantedBinding("OTA-X", server_data="kept")])
    assert rig.binder.server_data == ["kept"]
    rig.bindings.refresh(REGISTERED)
    await rig.bindings.close()
    await rig.bindings.close()
    rig.bindings.refresh(REGISTERED)
    rig.binder.listeners[0].changed(bound(UP))
    rig.binder.listeners[0].keep("more")
    assert (rig.binder.refreshed, rig.binder.closed, rig.changes) == (1, 1, 0)
    assert rig.kept == []


def test_variant_that_is_not_set_up_any_more_has_failed() -> None:
    rig = Rig([WantedBinding("OTA-GONE")])
    standing = rig.bindings.standing()
    assert (standing.state, standing.reason) == (RegistrationState.FAILED, Reason.UNAVAILABLE)
    assert "OTA-GONE" in standing.detail

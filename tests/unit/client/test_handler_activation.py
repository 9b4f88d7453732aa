"""Which event handlers registrations may name (CAI-8, T-05, T-06)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from omapush.cai.model import (
    Answer,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.handler import Handler
from omapush.client.handlers.activation import Activation, ActivationSettings
from omapush.client.handlers.address import BusAddress
from omapush.client.owner import Owner, OwnerKind, file_owner
from omapush.core.instants import Instant

CLIENT_UID = 990
EVERYTHING = ActivationSettings(frozenset(("exec", "python", "unix", "http", "dbus")))
PROGRAM = 'exec:["/bin/true"]'
FUNCTION = "python:push_application_of_a_test:on_push"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    name = "push_application_of_a_test"
    (tmp_path / f"{name}.py").write_text(
        "async def on_push(event):\n    pass\n\ndef plain(event):\n    pass\n"
    )
    (tmp_path / "push_application_that_fails.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop(name, None)


def request(event_handler: str | None) -> RegistrationRequest:
    return RegistrationRequest("x-wap-application:wml.ua", event_handler=event_handler)


def registration(event_handler: str | None, owner: str = "uid:1000/t") -> Registration:
    now, application = Instant(0), "x-wap-application:wml.ua"
    state = RegistrationState.REGISTERED
    return Registration("r1", owner, application, request(event_handler), state, now, now)


def refusal(activation: Activation, event_handler: str, owner: str = "uid:1000/t") -> Reason:
    with pytest.raises(RegistrationRejected) as caught:
        activation.check(owner, request(event_handler))
    assert caught.value.parameter == "event_handler"
    return caught.value.cause


@pytest.mark.parametrize("text", [None, "", "none"])
def test_registration_without_event_handler_is_fine_and_has_none(text: str | None) -> None:
    """T-05"""
    activation = Activation(ActivationSettings(), CLIENT_UID)
    activation.check("uid:1000/t", request(text))
    assert activation.handler_for(registration(text)) is None


def test_only_local_servers_are_enabled_by_default() -> None:
    activation = Activation(ActivationSettings(), CLIENT_UID)
    for text in ("unix:/run/app.sock", "http://127.0.0.1:8000/"):
        activation.check("uid:1000/t", request(text))
        assert activation.handler_for(registration(text)) is not None
    for text in (PROGRAM, FUNCTION, "dbus:a.b/c", "smtp:x"):
        assert refusal(activation, text, "in-process") is Reason.UNSUPPORTED_OPTION
    assert activation.schemes == {"unix", "http"}


def test_what_runs_with_the_clients_rights_is_not_for_other_users(module: None) -> None:
    activation = Activation(EVERYTHING, CLIENT_UID)
    for text in (PROGRAM, FUNCTION):
        for owner in ("uid:1000/t", "uid:1000/dbus::1.5", file_owner(1000, "/etc/a.toml")):
            assert refusal(activation, text, owner) is Reason.PERMISSION_DENIED
        for owner in ("in-process", "uid:990/t", "uid:0/t", file_owner(0, "/etc/a.toml")):
            activation.check(owner, request(text))
            assert activation.handler_for(registration(text, owner)) is not None


def test_owner_that_is_not_understood_has_no_event_handler() -> None:
    activation = Activation(EVERYTHING, CLIENT_UID)
    for owner in (
        "",
        "P",
        "uid:x/t",
        "uid:/t",
        "dbus:0/t",
        "uid:0",
        "file:0",
        "uid:0x/t",
        "in-process/x",
    ):
        assert refusal(activation, "unix:/run/app.sock", owner) is Reason.PERMISSION_DENIED
        activation.check(owner, request(None))


def test_malformed_event_handler_is_an_invalid_parameter(module: None) -> None:
    activation = Activation(EVERYTHING, CLIENT_UID)
    for text in (
        "exec:/bin/true",
        "python:push_application_of_a_test:plain",
        "python:push_application_of_a_test:none",
        "python:push_application_that_fails:on_push",
        "python:no_such_module_at_all:on_push",
    ):
        assert refusal(activation, text, "in-process") is Reason.INVALID_PARAMETER


async def test_function_is_called_itself(module: None) -> None:
    activation = Activation(EVERYTHING, CLIENT_UID)
    handler = activation.handler_for(registration(FUNCTION, "in-process"))
    assert handler is sys.modules["push_application_of_a_test"].on_push


def test_kept_registration_whose_handler_is_not_allowed_any_more_has_none() -> None:
    activation = Activation(ActivationSettings(), CLIENT_UID)
    with capture_logs() as logs:
        assert activation.handler_for(registration(PROGRAM, "uid:990/t")) is None
    assert [one["event"] for one in logs] == ["handler_not_allowed"]


def test_whoever_has_a_bus_makes_its_handlers() -> None:
    made: list[tuple[BusAddress, Owner]] = []

    async def push(event: PushEvent) -> Answer | None:
        return None

    def on_bus(address: BusAddress, owner: Owner) -> Handler:
        made.append((address, owner))
        return push

    activation = Activation(ActivationSettings(), CLIENT_UID, on_bus)
    assert activation.handler_for(registration("dbus:a.b/c", "uid:1000/dbus::1.5")) is push
    assert made == [(BusAddress("a.b", "/c"), Owner(OwnerKind.DBUS, 1000))]
    off = Activation(ActivationSettings(frozenset(("unix",))), CLIENT_UID, on_bus)
    assert refusal(off, "dbus:a.b/c") is Reason.UNSUPPORTED_OPTION


def test_connection_of_a_bus_is_named_only_by_who_registers_there() -> None:
    def on_bus(address: BusAddress, owner: Owner) -> Handler:
        assert address.is_of_connection
        return unreached

    async def unreached(event: PushEvent) -> Answer | None:
        raise AssertionError(event)

    activation = Activation(ActivationSettings(), CLIENT_UID, on_bus)
    activation.check("uid:1000/dbus::1.5", request("dbus::1.5/a"))
    for owner in ("uid:1000/t", file_owner(0, "/a.toml"), "in-process"):
        assert refusal(activation, "dbus::1.5/a", owner) is Reason.INVALID_PARAMETER

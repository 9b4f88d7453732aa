"""How a terminal has its gateway ask anew what is taken (T-35)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.core.instants import Instant
from omapush.ota.http.client import (
    CAPABILITIES_CHANGED,
    HttpTerminalSession,
    HttpTerminalSettings,
)
from omapush.ota.interface import (
    ClientCapabilities,
    CloseConnection,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PomCapabilitiesChangedReq,
    PushSource,
    SendOctets,
)

NOW = Instant(1_700_000_000_000)
BEFORE = ClientCapabilities(accept_app_id=("x-wap-application:wml.ua",))
AFTER = replace(BEFORE, accept_app_id=("x-wap-application:wml.ua", "x-wap-application:mms.ua"))
OPTIONS = b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\n\r\n"
POST = b"POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"


class Rig:
    def __init__(self) -> None:
        self.takes = BEFORE
        self.session = HttpTerminalSession(
            HttpTerminalSettings("4165"),
            lambda: self.takes,
            PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1"),
        )
        self.session.connected(NOW)
        self.octets = b""

    def receive(self, octets: bytes) -> None:
        self.session.receive(octets, NOW)

    def change(self) -> None:
        self.takes = AFTER
        self.session.request(PomCapabilitiesChangedReq(), NOW)

    def closed(self) -> str | None:
        """Return why the session closes, if it does; what it sends is kept."""
        why = None
        for effect in self.session.effects():
            match effect:
                case SendOctets(octets=octets):
                    assert why is None
                    self.octets += octets
                case CloseConnection(reason=reason):
                    why = reason
        return why


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_terminal_ends_idle_connection_when_it_told_other_capabilities(rig: Rig) -> None:
    rig.receive(OPTIONS)
    assert rig.closed() is None
    rig.change()
    assert rig.closed() == CAPABILITIES_CHANGED


def test_terminal_keeps_connection_on_which_it_was_never_asked(rig: Rig) -> None:
    rig.change()
    rig.receive(POST)
    rig.session.request(PoConfirmedPushRes("1"), NOW)
    assert rig.closed() is None


def test_terminal_keeps_connection_when_it_takes_what_it_told(rig: Rig) -> None:
    rig.receive(OPTIONS)
    rig.session.request(PomCapabilitiesChangedReq(), NOW)
    assert rig.closed() is None
    rig.receive(OPTIONS)
    assert rig.closed() is None


def test_terminal_answers_pushes_before_it_ends_connection(rig: Rig) -> None:
    rig.receive(OPTIONS)
    rig.receive(POST)
    [push] = rig.session.indications()
    assert isinstance(push, PoConfirmedPushInd)
    rig.change()
    assert rig.closed() is None
    rig.session.request(PoConfirmedPushRes(push.reference), NOW)
    assert rig.closed() == CAPABILITIES_CHANGED
    assert b"X-Wap-Push-Status: 400" in rig.octets


@pytest.mark.parametrize("begun", [b"POST /wap", POST[:-1]])
def test_terminal_does_not_end_connection_in_the_middle_of_a_request(
    rig: Rig, begun: bytes
) -> None:
    rig.receive(OPTIONS)
    rig.receive(begun)
    rig.change()
    assert rig.closed() is None
    rig.receive(POST[len(begun) :])
    assert rig.session.indications()
    assert rig.closed() is None
    rig.session.request(PoConfirmedPushRes("1"), NOW)
    assert rig.closed() == CAPABILITIES_CHANGED


def test_terminal_keeps_connection_when_gateway_asked_by_itself_meanwhile(rig: Rig) -> None:
    rig.receive(OPTIONS)
    rig.receive(POST)
    rig.change()
    rig.receive(OPTIONS)  # waits behind the push, but says what is taken now
    rig.session.request(PoConfirmedPushRes("1"), NOW)
    assert rig.closed() is None
    assert b"mms.ua" in rig.octets


def test_terminal_does_nothing_after_the_end(rig: Rig) -> None:
    rig.receive(OPTIONS)
    rig.session.disconnected("gone", NOW)
    rig.change()
    assert rig.closed() is None

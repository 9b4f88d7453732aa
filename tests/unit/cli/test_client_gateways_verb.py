"""``omapush client gateways``, and what ``doctor`` says of gateways that the client dials."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from omapush.cli.doctor_client import gateway_findings
from omapush.cli.doctor_finding import Level
from omapush.client.connections.kept_connection import (
    ConnectionState,
    ConnectionStatus,
    Purpose,
)
from omapush.client.service_point.point import schema_octets
from omapush.core.instants import Instant

SINCE, ENDED = Instant(1_795_281_257_000), Instant(1_795_281_203_000)
HOME = ConnectionStatus(
    "home",
    ("ppg.example.com:4036",),
    Purpose.SETTINGS,
    ConnectionState.CONNECTED,
    peer="203.0.113.5:4036",
    secure=True,
    since=SINCE,
    ended="the network has changed",
    ended_at=ENDED,
)
WORK = ConnectionStatus(
    "work",
    ("192.0.2.10:4035", "192.0.2.11:4035"),
    Purpose.SETTINGS,
    ConnectionState.WAITING,
    next_try=SINCE,
    ended="Connection \x1b[2J refused",
    ended_at=ENDED,
    failures=3,
)


def test_connections_are_listed(running: Any) -> None:
    running.gateways = [HOME, WORK]
    result = running.omapush("gateways")
    assert result.exit_code == 0
    printed = " ".join(result.stdout.split())
    assert "203.0.113.5:4036, TLS" in printed
    assert "waits for the next try" in printed
    assert "\x1b" not in result.stdout
    assert "2026-11-21 17:14:17" in printed


def test_connections_are_told_to_programs(running: Any) -> None:
    running.gateways = [HOME, WORK]
    lines = [json.loads(line) for line in running.omapush("gateways", "--json").stdout.splitlines()]
    assert lines[0] == {
        "name": "home", "contact_points": ["ppg.example.com:4036"], "purpose": "settings",
        "state": "connected", "peer": "203.0.113.5:4036", "secure": True,
        "since": "2026-11-21T17:14:17Z", "next_try": None, "ended": "the network has changed",
        "ended_at": "2026-11-21T17:13:23Z", "failures": 0,
    }  # fmt: skip
    schema = json.loads(schema_octets())
    wanted = {"$ref": "#/$defs/gateways", "$defs": schema["$defs"]}
    Draft202012Validator(wanted).validate(lines)
    assert (lines[1]["state"], lines[1]["next_try"]) == ("waiting", "2026-11-21T17:14:17Z")


def test_client_that_dials_nobody_says_so(running: Any) -> None:
    assert "no gateway is dialled" in running.omapush("gateways").stdout


def test_doctor_tells_of_a_gateway_that_is_away(running: Any) -> None:
    running.gateways = [HOME, WORK]
    result = running.omapush("doctor")
    assert "home is connected by TLS at 203.0.113.5:4036" in result.stdout
    assert "work is not connected; the last one ended" in result.stdout
    assert "tries in vain: 3" in result.stdout


@pytest.mark.parametrize(
    ("state", "failures", "level"),
    [
        (ConnectionState.CONNECTED, 0, Level.OK),
        (ConnectionState.ON_REQUEST, 0, Level.OK),
        (ConnectionState.ON_REQUEST, 3, Level.WARNING),
        (ConnectionState.CONNECTING, 0, Level.WARNING),
        (ConnectionState.WAITING, 1, Level.WARNING),
    ],
)
def test_state_of_a_connection_says_how_bad_it_is(
    state: ConnectionState, failures: int, level: Level
) -> None:
    told = dataclasses.asdict(dataclasses.replace(HOME, state=state, failures=failures))
    told["ended_at"] = None
    [finding] = gateway_findings([told])  # type: ignore[list-item]
    assert finding.level is level

"""``omapush client sip``: the registration at a SIP/IP core, for people and for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from omapush.cli.doctor_client import sip_findings
from omapush.cli.doctor_finding import Level
from omapush.client.service_point.point import schema_octets
from omapush.client.sip.standing import Applications, Condition
from omapush.client.sip.status import GatewayStatus, SipStatus
from omapush.core.instants import Instant

AT = Instant(1_795_281_257_000)
ALICE = SipStatus(
    aor="sip:alice@push.test",
    core="UDP 127.0.0.1:5060",
    condition=Condition.REGISTERED,
    instance="urn:uuid:f81d4fae",
    contact="sip:alice@127.0.0.1:5081",
    gruu="sip:alice@push.test;gr=urn:uuid:f81d4fae",
    tags=('+g.oma.pusheventapp="mms.ua"',),
    applications=Applications(("x-wap-application:mms.ua",), ()),
    expires=AT,
    last_answer="200 OK \x1b[2J",
    answered_at=AT,
    gateways=(
        GatewayStatus("sip:ppg@push.test", is_told=True, said="200 OK"),
        GatewayStatus("sip:other@push.test", is_told=False, said=""),
    ),
)


def test_registration_is_shown_in_words(running: Any) -> None:
    running.sip = ALICE
    result = running.omapush("sip")
    assert result.exit_code == 0
    printed = " ".join(result.stdout.split())
    assert "address of record sip:alice@push.test state registered" in printed
    assert "GRUU sip:alice@push.test;gr=urn:uuid:f81d4fae" in printed
    assert 'feature tags +g.oma.pusheventapp="mms.ua"' in printed
    assert "expires (UTC) 2026-11-21 17:14:17" in printed
    assert "gateway sip:other@push.test not told" in printed
    assert "next try" not in printed
    assert "\x1b" not in result.stdout


def test_registration_is_told_to_programs(running: Any) -> None:
    running.sip = ALICE
    lines = [json.loads(line) for line in running.omapush("sip", "--json").stdout.splitlines()]
    assert lines[0]["state"] == "registered"
    assert lines[0]["expires"] == "2026-11-21T17:14:17Z"
    assert lines[0]["gateways"][0] == {"uri": "sip:ppg@push.test", "told": True, "said": "200 OK"}
    schema = json.loads(schema_octets())
    wanted = {"$ref": "#/$defs/sip_registrations", "$defs": schema["$defs"]}
    Draft202012Validator(wanted).validate(lines)


def test_client_without_a_core_says_so(running: Any) -> None:
    assert "OTA-SIP is not set up" in running.omapush("sip").stdout


def test_doctor_tells_how_the_registration_stands(running: Any) -> None:
    running.sip = ALICE
    said = running.omapush("doctor").stdout
    assert "sip:alice@push.test is registered at UDP 127.0.0.1:5060" in said
    assert "sip:other@push.test was not told what is taken: no answer" in said


@pytest.mark.parametrize(
    ("condition", "level"),
    [
        (Condition.REGISTERED, Level.OK),
        (Condition.IDLE, Level.OK),
        (Condition.REGISTERING, Level.WARNING),
        (Condition.LOST, Level.WARNING),
        (Condition.REFUSED, Level.FAULT),
    ],
)
def test_state_of_the_registration_says_how_bad_it_is(condition: Condition, level: Level) -> None:
    told: Any = {
        "aor": "sip:a@b", "core": "UDP core:5060", "state": condition.value, "last_answer": "403",
        "gateways": [],
    }  # fmt: skip
    [finding] = sip_findings([told])
    assert finding.level is level

"""The initiator's verbs and a gateway in their process: what they send, and what they show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application, arguments
from omapush.core.instants import parse_utc
from omapush.initiator.client import PushInitiator
from omapush.pap import model, xml
from omapush.pap.entity import Entity, split

SECRETS = {"OMAPUSH_PASSWORD": "s3cret-word", "OMAPUSH_API_KEY": "s3cret-key"}


def omapush(*arguments: str, **environment: str) -> Result:
    shown = CliRunner().invoke(application, arguments, env=environment)
    for secret in SECRETS.values():
        assert secret not in shown.output
    return shown


class Gateway:
    """Answers each submission with the next response."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []
        self.verdicts: list[model.PushResponse | Exception] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        verdict = self.verdicts.pop(0)
        if isinstance(verdict, Exception):
            raise verdict
        return httpx2.Response(202, content=xml.encode(model.Pap(verdict)))

    @property
    def entity(self) -> Entity:
        request = self.requests[-1]
        return split(request.headers["Content-Type"], request.content)

    @property
    def submission(self) -> model.PushMessage:
        message = xml.decode(self.entity.control).message
        assert isinstance(message, model.PushMessage)
        return message


def response(code: int, desc: str, *notes: model.ProgressNote) -> model.PushResponse:
    return model.PushResponse("a@pi", model.ResponseResult(code, desc), notes)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    gateway = Gateway()

    def initiator(ppg: str, **more: Any) -> PushInitiator:
        return PushInitiator(ppg, transport=httpx2.MockTransport(gateway), **more)

    monkeypatch.setattr(arguments, "PushInitiator", initiator)
    return gateway


def test_push_sends_all_wishes(gateway: Gateway, tmp_path: Path) -> None:
    gateway.verdicts = [response(1001, "Accepted")]
    assumed = tmp_path / "assumed.rdf"
    assumed.write_bytes(b"<rdf/>")
    shown = omapush(
        "push", "+44", "--text", "a", "--push-id", "a@pi", "--priority", "high",
        "--network", "GSM", "--network-required", "--bearer", "SMS", "--bearer-required",
        "--deliver-after", "2030-01-01T00:00:00Z", "--deliver-before", "2030-01-02T00:00:00Z",
        "--capabilities", str(assumed), "--progress",
    )  # fmt: skip
    assert (shown.exit_code, shown.output) == (0, "a@pi: accepted, 1001 Accepted\n")
    sent = gateway.submission
    assert sent.quality_of_service == model.QualityOfService(
        model.Priority.HIGH,
        network="GSM",
        network_required=True,
        bearer="SMS",
        bearer_required=True,
    )
    assert sent.deliver_after_timestamp == parse_utc("2030-01-01T00:00:00Z")
    assert sent.deliver_before_timestamp == parse_utc("2030-01-02T00:00:00Z")
    assert sent.progress_notes_requested
    assert gateway.entity.capabilities == b"<rdf/>"


def test_replace_has_the_options_of_push(gateway: Gateway) -> None:
    gateway.verdicts = [response(1001, "Accepted")]
    shown = omapush("replace", "a@pi", "+44", "--pending-only", "-t", "b", "--priority", "low")
    assert shown.exit_code == 0
    sent = gateway.submission
    assert (sent.replace_push_id, sent.replace_method) == ("a@pi", model.ReplaceMethod.PENDING_ONLY)
    assert sent.quality_of_service == model.QualityOfService(model.Priority.LOW)
    assert not sent.progress_notes_requested


def test_progress_is_shown_to_people_and_programs(gateway: Gateway) -> None:
    at = parse_utc("2026-11-21T12:00:00Z")
    notes = (model.ProgressNote("resolved", "1 client", at), model.ProgressNote("tolerated"))
    gateway.verdicts = [response(1001, "Accepted", *notes)] * 2
    asked = ("push", "+44", "--text", "a", "--push-id", "a@pi", "--progress")
    assert omapush(*asked).output.splitlines() == [
        "a@pi: accepted, 1001 Accepted",
        "  resolved at 2026-11-21T12:00:00Z: 1 client",
        "  tolerated",
    ]
    assert json.loads(omapush(*asked, "--json").output) == {
        "accepted": True,
        "push_id": "a@pi",
        "code": 1001,
        "desc": "Accepted",
        "progress": [
            {"stage": "resolved", "note": "1 client", "time": "2026-11-21T12:00:00Z"},
            {"stage": "tolerated", "note": None, "time": None},
        ],
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_push_that_was_probably_accepted_is_0_and_said(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    monkeypatch.setattr("omapush.initiator.retrying.LONGEST_WAIT_SECONDS", 0)
    gateway.verdicts = [httpx2.ReadTimeout("silent"), response(2007, "used")]
    asked = ("push", "+44", "--text", "a", "--push-id", "a@pi", "--retries", "1")
    shown = omapush(*asked, *(("--json",) if as_json else ()))
    assert shown.exit_code == 0
    if as_json:
        told = json.loads(shown.output)
        assert (told["accepted"], told["probably_accepted"]) == (False, True)
    else:
        assert shown.output == "a@pi: probably accepted by an earlier attempt, 2007 used\n"
    assert len(gateway.requests) == 2


ASKING: list[tuple[str, ...]] = [
    ("push", "+44", "--text", "a"),
    ("replace", "a@pi", "+44", "--text", "a"),
    ("cancel", "a@pi"),
    ("status", "a@pi", "--ppg", "http://ppg.example.net/pap"),
    ("capabilities", "+44"),
]


@pytest.mark.parametrize("asking", ASKING, ids=lambda asking: str(asking[0]))
@pytest.mark.parametrize(
    ("more", "environment", "said"),
    [
        (("--username", "me"), SECRETS, "either a user name or an API key"),
        (("--digest",), {"OMAPUSH_PASSWORD": "s3cret-word"}, "Digest needs a user name"),
        ((), {"OMAPUSH_API_KEY": "s3cret-key of ours"}, "API key"),
        (("--ca-file", "none.pem"), {}, "https"),
        (("--ppg", "https://127.0.0.1:1/", "--ca-file", "none.pem"), {}, "none.pem: No such file"),
        (("--ppg", "https://127.0.0.1:1/", "--key", "none.pem"), {}, "needs its certificate"),
        (("--ppg", "http://me:s3cret-word@127.0.0.1/"), {}, "do not belong in the URL"),
    ],
)
def test_access_that_cannot_be_used_is_2_for_every_verb(
    asking: tuple[str, ...], more: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    shown = omapush(*asking, *more, **environment)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert said in shown.stderr


@pytest.mark.parametrize(
    ("more", "sent"),
    [
        (("--username", "me"), "Basic bWU6czNjcmV0LXdvcmQ="),
        (("--api-key", "s3cret-key"), "Bearer s3cret-key"),
        (("--username", "me", "--digest"), None),
    ],
)
@pytest.mark.parametrize("asking", ASKING, ids=lambda asking: str(asking[0]))
def test_credentials_of_every_verb_are_sent_and_not_shown(
    gateway: Gateway, asking: tuple[str, ...], more: tuple[str, ...], sent: str | None
) -> None:
    gateway.verdicts = [httpx2.ConnectError("refused")]
    shown = omapush(*asking, *more, OMAPUSH_PASSWORD="s3cret-word")
    assert shown.exit_code == 1
    assert gateway.requests[0].headers.get("Authorization") == sent


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--deliver-before", "tomorrow"), "--deliver-before: not a UTC time"),
        (("--deliver-after", "2030-02-30T00:00:00Z"), "--deliver-after: no such date"),
        (("--capabilities", "/nonexistent.rdf"), "/nonexistent.rdf: No such file"),
        (("--network-required",), "needs its name"),
        (("--priority", "urgent"), "--priority"),
        (("--retries", "11"), "--retries"),
    ],
)
def test_wish_that_cannot_be_sent_is_2(gateway: Gateway, more: tuple[str, ...], said: str) -> None:
    shown = omapush("push", "+44", "--text", "a", *more)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert said in shown.stderr
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--key", "me.key"), "needs its certificate"),
        (("--certificate", "none.pem"), "none.pem: No such file"),
        (("--username", "ppg"), "needs a password"),
    ],
)
def test_listening_with_half_of_what_it_takes_is_2(more: tuple[str, ...], said: str) -> None:
    shown = omapush("listen", "127.0.0.1:0", *more)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert said in shown.stderr


def test_access_does_not_show_its_secrets() -> None:
    access: Callable[..., arguments.Access] = arguments.Access
    shown = repr(access(username="me", password="s3cret-word", api_key="s3cret-key"))
    assert "me" in shown
    assert "s3cret" not in shown

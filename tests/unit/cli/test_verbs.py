"""The verbs' arguments, output and exit status, without daemons."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from rich.console import Console
from typer.testing import CliRunner, Result

from omapush import __version__
from omapush.cli import application
from omapush.cli.status import show
from omapush.content.message import PushMessage
from omapush.core.instants import HOUR_MS, Instant, later, parse_utc
from omapush.ppg.store.contract import (
    DeliveryKey,
    DeliveryRecord,
    DeliveryState,
    NewDelivery,
    NewPush,
    PushRecord,
    Settlement,
    TimelineEvent,
)
from omapush.ppg.store.opening import open_store

NOW = parse_utc("2026-11-21T12:00:00Z")
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"


def omapush(*arguments: str | Path) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    """A ledger with one delivered push."""
    url = f"sqlite:///{tmp_path}/ledger.db"

    async def fill() -> None:
        store = open_store(url)
        await store.open()
        delivery = NewDelivery(0, ADDRESS, "anna", NOW, "PLMN:+441234567890")
        push = NewPush(
            "0" * 32, "a@pi", "weather", "2.0", NOW, later(NOW, HOUR_MS), "", True, 0, None, {},
            PushMessage((("Content-Type", "text/plain"),), b"hello"), (delivery,),
        )  # fmt: skip
        await store.accept([push])
        (claimed,) = await store.claim("ppg-1/a", NOW, 1_000, 1, 1)
        end = Instant(NOW + 1_234)
        taken = DeliveryState.DELIVERED
        await store.settle(
            [
                Settlement(
                    claimed.key, claimed.owner, claimed.attempt, end, taken, "400 accepted",
                    code=1000, confirmed=True, sent=True,
                )
            ]
        )  # fmt: skip
        await store.close()

    asyncio.run(fill())
    return url


def test_version_and_help_are_told() -> None:
    assert omapush("--version").stdout == f"omapush {__version__}\n"
    for verb in ("ppg", "client", "push", "status", "check-config", "hash-password", "demo"):
        assert verb in omapush("--help").stdout
        assert omapush(verb, "--help").exit_code == 0


def test_status_shows_the_life_of_a_push(ledger: str) -> None:
    shown = omapush("status", "a@pi", "--store", ledger)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("Push a@pi from weather, confirmed, received 2026-11-21T12:00:00Z")
    assert lines[1].strip() == f"1. {ADDRESS} → anna: delivered 1000 400 accepted"
    assert [line.split()[1] for line in lines[3:]] == [
        "12:00:00.000",
        "12:00:00.000",
        "12:00:01.234",
    ]
    for event in ("accepted", "attempt", "delivered"):
        assert event in shown.stdout


def test_words_of_a_terminal_in_a_timeline_are_shown_and_do_nothing() -> None:
    said = "X-Wap-Push-Status 235 [/bold][red]\x1b[2J"
    key = DeliveryKey("0" * 32, 0)
    delivery = DeliveryRecord(
        key, ADDRESS, "anna", DeliveryState.ABORTED, None, 1, 1, 5235, said, True, NOW
    )
    line = TimelineEvent(key.push_key, 0, NOW, "aborted", said)
    record = PushRecord(
        key.push_key, "a[/]@pi", "weather", "2.0", NOW, NOW, True, None, {}, (delivery,), (line,)
    )
    shown = io.StringIO()
    show(record, Console(file=shown, width=200, force_terminal=True))
    assert "\x1b[2J" not in shown.getvalue()
    assert shown.getvalue().count("[/bold][red]") == 2
    assert "a[/]@pi" in shown.getvalue()


def test_status_as_json_is_one_document(ledger: str) -> None:
    told = json.loads(omapush("status", "a@pi", "--store", ledger, "--json").stdout)
    assert told["push_id"] == "a@pi"
    (delivery,) = told["deliveries"]
    assert (delivery["state"], delivery["code"], delivery["client"]) == ("delivered", 1000, "anna")
    assert [line["event"] for line in told["timeline"]] == ["accepted", "attempt", "delivered"]
    assert told["timeline"][-1]["at"] == "2026-11-21T12:00:01.234Z"


def test_status_of_an_unknown_push_is_1(ledger: str) -> None:
    shown = omapush("status", "b@pi", "--store", ledger)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "no push 'b@pi'" in shown.stderr
    told = omapush("status", "b@pi", "--store", ledger, "--json")
    assert "no push 'b@pi'" in json.loads(told.stdout)["error"]


def test_status_makes_no_ledger_where_none_is(tmp_path: Path) -> None:
    shown = omapush("status", "a@pi", "--store", f"sqlite:///{tmp_path}/nothing.db")
    assert shown.exit_code == 2
    assert shown.stderr.startswith("omapush: ")
    assert list(tmp_path.iterdir()) == []


def test_password_of_the_ledger_is_not_shown() -> None:
    shown = omapush("status", "a@pi", "--store", "postgresql://ppg:s3cret@127.0.0.1:1/ledger")
    assert shown.exit_code == 1
    assert "s3cret" not in shown.stderr + shown.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pap]\n", "good settings of a gateway (0 initiators, 0 clients)"),
        ("[terminal]\n", "good settings of a client"),
    ],
)
def test_good_settings_are_told_by_kind(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    told = omapush("check-config", file)
    assert (told.exit_code, told.stdout) == (0, f"{file}: {said}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[pap]\nlissen = 1\n", "did you mean 'listen'?"),
        ("[terminal]\nident = 'x'\n", "did you mean 'id'?"),
        ("[[clients]]\nid = 'a'\naddresses = ['WAPPUSH=12/TYPE=MAN@x']\n", "eight digits"),
        ("[pap", "not TOML"),
    ],
)
def test_bad_settings_are_2_and_said(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    told = omapush("check-config", file)
    assert told.exit_code == 2
    assert told.stderr.startswith("omapush: ")
    assert said in told.stderr


def test_daemons_refuse_bad_settings_as_check_config_does(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[pap]\nlissen = 1\n")
    for verb in ("ppg", "client"):
        told = omapush(verb, "--config", file)
        assert told.exit_code == 2
        assert "unknown key" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "either --file or --text"),
        (["--text", "a", "--file", "b"], "either --file or --text"),
        (["--file", "/nonexistent.si"], "No such file"),
        (["--file", "/dev/null"], "--content-type"),
        (["--text", "a", "--header", "no colon"], "Name: value"),
        (["--text", "a", "--application", "no id"], "--application"),
        (["--text", "a", "--wait", "--listen", "8090"], "--listen"),
        (["--text", "a", "--wait", "--notify-to", "http://x/"], "--notify-to"),
    ],
)
def test_push_asked_wrongly_is_2_before_anything_is_sent(arguments: list[str], said: str) -> None:
    told = omapush("push", "+441234567890", *arguments)
    assert (told.exit_code, told.stdout) == (2, "")
    assert said in told.stderr


def test_gateway_that_is_not_there_is_1() -> None:
    told = omapush("push", "+44123", "--text", "a", "--ppg", "http://127.0.0.1:1/pap")
    assert told.exit_code == 1
    assert "127.0.0.1:1" in told.stderr
    told = omapush("push", "+44123", "--text", "a", "--ppg", "http://127.0.0.1:1/pap", "--json")
    assert "error" in json.loads(told.stdout)


@pytest.mark.parametrize("typed", ["geheim\n", "geheim\r\nanother line\n", "geheim"])
def test_hash_password_prints_a_hash_of_the_line_and_nothing_else(typed: str) -> None:
    shown = CliRunner().invoke(application, ["hash-password"], input=typed)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "geheim" not in shown.stdout
    assert PasswordHasher().verify(shown.stdout.strip(), "geheim")


def test_hash_password_of_nothing_is_asked_wrongly() -> None:
    shown = CliRunner().invoke(application, ["hash-password"], input="\n")
    assert (shown.exit_code, shown.stdout) == (2, "")

"""``omapush client inbox`` without a client that runs: arguments, output and exit status."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application
from omapush.cli.printable_text import printable
from omapush.client.built_in.inbox_store import InboxStore
from omapush.client.built_in.indications import Indications
from omapush.content.indication import InfoItem, ServiceIndication, SignalAction
from omapush.core.instants import parse_utc

CREATED = parse_utc("2026-01-02T03:04:05Z")
EVIL = "\x9b2J [bold]\u202etxt.exe[/bold]"
"""A C1 control sequence, Rich's markup, and a turn of direction."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of a client with two indications in its inbox."""

    async def fill() -> None:
        store = InboxStore(tmp_path / "inbox.db")
        await store.open()
        indications = Indications(store, lambda: CREATED)
        await indications.load()
        first = ServiceIndication(EVIL, "http://a.example/", created=CREATED)
        await indications.receive(first, "192.0.2.1")
        info = (InfoItem("c", "more"),)
        second = ServiceIndication("Fire!", action=SignalAction.SIGNAL_HIGH, info=info)
        await indications.receive(second)
        await store.close()

    asyncio.run(fill())
    settings = tmp_path / "client.toml"
    settings.write_text(
        f'[inbox]\npath = "{tmp_path}/inbox.db"\n[cai]\nsocket = "{tmp_path}/none.sock"\n'
    )
    return settings


def omapush(*arguments: str | Path) -> Result:
    environment = {"COLUMNS": "120"}
    return CliRunner().invoke(application, [str(each) for each in arguments], env=environment)


def test_inbox_is_listed_by_urgency_without_what_a_terminal_would_obey(config: Path) -> None:
    listed = omapush("client", "inbox", "--config", config)
    assert listed.exit_code == 0
    lines = [line.rstrip() for line in listed.stdout.splitlines()]
    assert len(lines) == 4
    assert lines[1].split() == ["2", "waiting", "signal-high", "Fire!"]
    assert lines[2].split()[:6] == [
        "1",
        "waiting",
        "signal-medium",
        "2026-01-02",
        "03:04",
        "192.0.2.1",
    ]
    assert lines[2].endswith("\ufffd2J [bold]\ufffdtxt.exe[/bold]")
    assert lines[3].strip() == "http://a.example/"


def test_settings_may_stand_before_the_verb(config: Path) -> None:
    before = omapush("client", "--config", config, "inbox")
    assert before.stdout == omapush("client", "inbox", "--config", config).stdout


def test_one_is_shown_in_full_and_noted_as_shown(config: Path) -> None:
    shown = omapush("client", "inbox", "show", "2", "--config", config)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "indication 2, postponed",
        "  text: Fire!",
        "  action: signal-high",
        "  received: 2026-01-02T03:04:05Z",
        "  info c: more",
    ]
    listed = omapush("client", "inbox", "list", "--json", "--config", config)
    told = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(each["number"], each["state"]) for each in told] == [(1, "waiting"), (2, "postponed")]
    assert told[0]["text"] == EVIL  # for programs, as it was pushed


def test_one_is_deleted_once(config: Path) -> None:
    deleted = omapush("client", "inbox", "delete", "1", "--json", "--config", config)
    assert json.loads(deleted.stdout) == {"number": 1, "deleted": True}
    again = omapush("client", "inbox", "delete", "1", "--config", config)
    assert (again.exit_code, again.stderr) == (
        1,
        "omapush: there is no indication 1 in the inbox\n",
    )
    assert omapush("client", "inbox", "delete", "2", "--config", config).exit_code == 0
    assert omapush("client", "inbox", "--config", config).stdout == "the inbox is empty\n"


@pytest.mark.parametrize(
    "arguments", [("show",), ("delete",), ("list", "3"), ("eat", "3"), ("show", "0"), ("show", "x")]
)
def test_what_is_asked_wrongly_ends_with_2(config: Path, arguments: tuple[str, ...]) -> None:
    assert omapush("client", "inbox", *arguments, "--config", config).exit_code == 2


def test_inbox_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    settings = tmp_path / "client.toml"
    settings.write_text(f'[inbox]\npath = "{tmp_path}/none.db"\n')
    asked = omapush("client", "inbox", "--config", settings)
    assert asked.exit_code == 2
    assert "there is no inbox" in asked.stderr
    assert not (tmp_path / "none.db").exists()


def test_inbox_of_another_process_is_told(config: Path, tmp_path: Path) -> None:
    async def held() -> None:
        store = InboxStore(tmp_path / "inbox.db")
        await store.open()
        await store.load()
        asked = await asyncio.to_thread(omapush, "client", "inbox", "--config", config)
        await store.close()
        assert asked.exit_code == 1
        assert "locked" in asked.stderr
        assert "[cai] socket" in asked.stderr

    asyncio.run(held())


@pytest.mark.parametrize("text", ["Grüße, 你好 🔥", "e\u0301", ""])
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\x07", "\n", "\u202e", "\u2028", "\ud800"])
def test_what_does_things_to_a_terminal_does_not(character: str) -> None:
    assert printable(f"a{character}b") == "a\ufffdb"

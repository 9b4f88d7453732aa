"""``omapush farm``: what it prints, what it writes, and what it refuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application
from omapush.testing.daemons import free_port


def farm(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["farm", *arguments])


def test_farm_says_where_its_clients_are_and_ends_with_a_table() -> None:
    port = free_port()
    shown = farm("--clients", "300", "--listen", f"127.1.0.1:{port}", "--for", "0")
    assert (shown.exit_code, shown.stderr) == (0, "")
    first, figures, head, everything = shown.stdout.splitlines()
    assert first == f"300 clients listen on 127.1.0.1:{port} ... 127.1.1.44:{port}, seed 1"
    assert figures.startswith("connected 0, received 0, accepted 0, refused 0, void 0, waiting 0")
    assert head.split() == ["behaviour", "received", "accepted", "refused", "void"]
    assert everything.split() == ["all", "0", "0", "0", "0"]


def test_farm_prints_json_lines() -> None:
    port = free_port()
    shown = farm(
        "--clients", "2", "--connect", f"127.0.0.1:{port}", "--json", "--seed", "9",
        "--every", "0.2", "--for", "1",
    )  # fmt: skip
    told = [json.loads(line) for line in shown.stdout.splitlines()]
    events = [each["event"] for each in told]
    assert (events[0], events[-1]) == ("started", "ended")
    assert set(events[1:-1]) == {"figures"}
    assert told[0]["clients"] == 2
    assert told[0]["seed"] == 9
    assert told[0]["connect"] == f"127.0.0.1:{port}"
    assert told[-1]["failures"]["Connection refused"] >= 2
    assert told[-1]["behaviours"] == {}


def test_farm_tells_people_what_could_not_be_opened() -> None:
    shown = farm("--clients", "2", "--connect", f"127.0.0.1:{free_port()}", "--for", "1")
    assert "; not opened: Connection refused (" in shown.stdout


def test_farm_says_at_which_core_its_clients_register(tmp_path: Path) -> None:
    written = tmp_path / "clients.toml"
    shown = farm(
        "--clients", "2", "--id", "u#", "--sip", "127.0.0.1:9", "--write-clients", str(written),
        "--for", "0",
    )  # fmt: skip
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout.startswith("2 clients register at the SIP core 127.0.0.1:9, seed 1\n")
    clients = tomllib.loads(written.read_text())["clients"]
    assert [each["sip"] for each in clients] == ["sip:u1@push.test", "sip:u2@push.test"]


def test_farm_writes_the_clients_of_a_gateway(tmp_path: Path) -> None:
    groups, written = tmp_path / "groups.toml", tmp_path / "clients.toml"
    groups.write_text(
        '[[groups]]\ncount = 2\nid = "meter-#"\n'
        '[[groups]]\ncount = 1\nid = "phone"\nbehaviour = "refuse"\n'
    )
    port = free_port()
    shown = farm(
        "--groups", str(groups), "--listen", f"127.0.0.1:{port}", "--by", "port", "--for", "0",
        "--write-clients", str(written), "--ppg", "ppg.example.org",
    )  # fmt: skip
    assert shown.exit_code == 0, shown.stderr
    clients = tomllib.loads(written.read_text())["clients"]
    assert [client["id"] for client in clients] == ["meter-1", "meter-2", "phone"]
    assert [client["ota_http"] for client in clients] == [
        f"127.0.0.1:{port + number}" for number in range(3)
    ]
    assert clients[2] == {
        "id": "phone",
        "addresses": ["WAPPUSH=phone/TYPE=USER@ppg.example.org"],
        "ota_http": f"127.0.0.1:{port + 2}",
        "terminal_id": "phone",
    }


def test_clients_that_dial_in_are_written_as_such(tmp_path: Path) -> None:
    written = tmp_path / "clients.toml"
    shown = farm(
        "--clients", "2", "--connect", f"127.0.0.1:{free_port()}", "--for", "0",
        "--write-clients", str(written),
    )  # fmt: skip
    assert shown.exit_code == 0, shown.stderr
    clients = tomllib.loads(written.read_text())["clients"]
    assert [client["ota_http_dials_in"] for client in clients] == [True, True]
    assert len({client["terminal_id"] for client in clients}) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("--listen 127.1.0.1:4035", "--clients or --groups is needed"),
        ("--clients 1", "need a way"),
        ("--clients 1 --listen 127.1.0.1", "'127.1.0.1': write it as host:port"),
        ("--clients 1 --listen 127.1.0.1:1 --connect 127.0.0.1:1", "either listen, connect or"),
        ("--clients 2 --id phone --connect 127.0.0.1:1", "needs # for their number"),
        ("--clients 1 --connect 127.0.0.1:1 --type text", "types: "),
        ("--clients 1 --connect 127.0.0.1:1 -a :", "application_ids: "),
        (
            "--clients 1 --connect 127.0.0.1:1 --behaviour accept:50%refuse",
            "a share as :90% or a blank belongs here (at character 11)",
        ),
        ("--clients 1 --groups nowhere.toml --connect 127.0.0.1:1", "--groups says how many"),
        ("--groups nowhere.toml --connect 127.0.0.1:1", "nowhere.toml: No such file"),
        ("--clients 300 --listen 127.255.255.0:4035", "not all in 127.0.0.0/8"),
        ("--clients 1 --listen 127.1.0.1:1 --sip 127.0.0.1:5060", "are at a SIP core"),
        ("--clients 1 --sip 127.0.0.1:5060 --sip-password-file nowhere", "--sip-password-file: "),
        ("--clients 1 --sip 127.0.0.1:5060 --id a@b", "not the user of a SIP address: 'a@b'"),
    ],
)
def test_farm_that_is_asked_for_wrongly_is_2(arguments: str, reason: str) -> None:
    shown = farm(*arguments.split())
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert reason in shown.stderr


def test_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere" / "clients.toml"
    where = f"127.1.0.1:{free_port()}"
    shown = farm("--clients", "1", "--listen", where, "--write-clients", str(nowhere))
    assert shown.exit_code == 2
    assert "cannot write" in shown.stderr

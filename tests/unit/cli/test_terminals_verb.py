"""``omapush terminals``: what it asks a gateway, and what it shows."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application

TERMINAL_ID = "4441234567890"


def connection(**more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        "method": "TO-TCP",
        "peer": "192.0.2.1:50000",
        "tls": True,
        "since": "2026-11-21T12:00:00Z",
        "registered": "2026-11-21T12:01:00Z",
        "usable": True,
        "under_way": 2,
        "terminal_id": TERMINAL_ID,
        "authenticated": True,
        "bearer": "00",
        "cpi_tag": "dGFnMQ==",
        "takes": {"applications": ["x-wap-application:wml.ua"], "max_message_size": 1400},
    }
    return {**told, **more}


class Gateway:
    """The operator's pages of a gateway with some terminals."""

    def __init__(self) -> None:
        self.clients: dict[str, dict[str, Any]] = {}
        self.answer: tuple[int, str, str] | None = None
        self.asked: list[dict[str, list[str]]] = []
        gateway = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = gateway.answer or gateway.told(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def told(self, target: str) -> tuple[int, str, str]:
        query = parse_qs(urlsplit(target).query)
        self.asked.append(query)
        if "client" in query:
            found = self.clients.get(query["client"][0])
            if found is None:
                return 404, "text/plain", "no client of this gateway is called so\n"
            return self._page([found], None)
        limit, after = int(query["limit"][0]), query.get("after", [""])[0]
        ids = sorted(each for each in self.clients if each > after)[:limit]
        some = [{k: self.clients[each][k] for k in ("client", "connections")} for each in ids]
        return self._page(some, ids[-1] if len(ids) == limit else None)

    def _page(self, some: list[dict[str, Any]], more: str | None) -> tuple[int, str, str]:
        return 200, "application/json", json.dumps({"node": "a", "terminals": some, "next": more})

    def add(self, client: str, *connections: dict[str, Any], **more: Any) -> None:
        told: dict[str, Any] = {
            "client": client,
            "terminal_id": TERMINAL_ID,
            "ways": ["OTA-HTTP, TO-TCP"],
            "connections": list(connections),
            "registrations": [],
            "held_by": [],
            "ledger": None,
        }
        self.clients[client] = {**told, **more}

    def omapush(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            application, ["terminals", *arguments, "--admin", self.address], env={"COLUMNS": "200"}
        )


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_connected_terminals_are_shown_in_a_table(gateway: Gateway) -> None:
    gateway.add("anna", connection())
    gateway.add("berta", connection(method="PO-TCP", tls=False, authenticated=False))
    shown = gateway.omapush()
    assert shown.exit_code == 0
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    takes = "x-wap-application:wml.ua, up to 1400 octets"
    assert lines[1:] == [
        f"anna {TERMINAL_ID} (proved) TO-TCP from 192.0.2.1:50000, TLS 2026-11-21 12:00:00 2 "
        f"{takes}",
        f"berta {TERMINAL_ID} PO-TCP to 192.0.2.1:50000 2026-11-21 12:00:00 2 {takes}",
    ]


def test_nobody_connected_is_said(gateway: Gateway) -> None:
    assert "no terminal is connected" in gateway.omapush().stdout
    assert gateway.omapush("--json").stdout == ""


def test_people_see_some_and_programs_all_page_by_page(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omapush.cli.operator_pages.PAGE", 2)
    for number in range(5):
        gateway.add(f"client-{number}", connection())
    shown = gateway.omapush("--limit", "3")
    assert "client-2" in shown.stdout
    assert "client-3" not in shown.stdout
    assert shown.stdout.endswith("and others; --limit N shows more, --json all\n")
    lines = gateway.omapush("--json").stdout.splitlines()
    assert [json.loads(line)["client"] for line in lines] == sorted(gateway.clients)


def test_one_client_is_told_with_what_the_ledger_knows(gateway: Gateway) -> None:
    elsewhere = {
        "node": "b",
        "kind": "OTA-HTTP",
        "address": "192.0.2.9:4000",
        "since": "2026-11-21T12:00:00Z",
        "until": "2026-11-21T12:00:30Z",
    }
    seen = {
        "bearer": "00",
        "seen": "2026-11-21T11:00:00Z",
        "address": "192.0.2.9:4000",
        "terminal_id": TERMINAL_ID,
        "authenticated": False,
        "cpi_tag": "dGFnMQ==",
        "known_tags": ["dGFnMQ=="],
    }
    gateway.add("anna", held_by=[elsewhere], registrations=[seen])
    assert gateway.omapush("anna").stdout == (
        f"anna, terminal {TERMINAL_ID}\n"
        "  way: OTA-HTTP, TO-TCP\n"
        "  not connected to a\n"
        "  connected to b: OTA-HTTP from 192.0.2.9:4000, since 2026-11-21 12:00:00\n"
        "  registered last 2026-11-21 11:00:00 at 192.0.2.9:4000 (00), "
        f"as {TERMINAL_ID}, CPITag dGFnMQ==\n"
    )
    assert json.loads(gateway.omapush("anna", "--json").stdout)["held_by"] == [elsewhere]


def test_client_that_is_connected_or_was_never_seen_is_told_so(gateway: Gateway) -> None:
    gateway.add("anna", connection(usable=False), registrations=None, ledger="disk full")
    told = gateway.omapush("anna").stdout
    assert "connected, and about to close to a: TO-TCP from 192.0.2.1:50000, TLS, since" in told
    assert "pushes under way: 2" in told
    assert "the ledger does not answer: disk full" in told
    gateway.add("berta")
    assert "never seen" in gateway.omapush("berta").stdout


def test_words_of_a_terminal_do_nothing_to_the_screen(gateway: Gateway) -> None:
    gateway.add("anna", connection(terminal_id="\x1b[31m[bold]"))
    for shown in (gateway.omapush(), gateway.omapush("anna")):
        assert "\x1b" not in shown.stdout
        assert "[bold]" in shown.stdout


def test_client_that_the_gateway_does_not_know_is_1(gateway: Gateway) -> None:
    told = gateway.omapush("zoe")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "omapush: no client of this gateway is called so\n"


@pytest.mark.parametrize(
    "answer",
    [
        (404, "text/plain", "Not Found"),
        (200, "text/html", "<html>"),
        (200, "application/json", "[]"),
        (200, "application/json", "{"),
    ],
)
def test_something_else_at_the_address_is_said_to_be_no_gateway(
    gateway: Gateway, answer: tuple[int, str, str]
) -> None:
    gateway.answer = answer
    told = gateway.omapush()
    assert told.exit_code == 1
    assert "is no [admin] of a gateway" in told.stderr


def test_nobody_at_the_address_is_said_with_what_to_do(tmp_path: Path) -> None:
    settings = tmp_path / "ppg.toml"
    settings.write_text('[admin]\nlisten = "0.0.0.0:1"\n')
    told = CliRunner().invoke(application, ["terminals", "--config", str(settings)])
    assert told.exit_code == 1
    assert "no gateway answers at http://127.0.0.1:1" in told.stderr
    assert "--admin" in told.stderr


def test_address_that_is_none_is_2() -> None:
    told = CliRunner().invoke(application, ["terminals", "--admin", "here"])
    assert told.exit_code == 2
    assert "host:port" in told.stderr

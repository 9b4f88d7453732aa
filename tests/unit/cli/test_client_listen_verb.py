"""``omapush client listen``: what is shown of pushes, and how they are answered."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from omapush.ota.interface import PoConfirmedPushRes, PoPushAbortReq, PushStatus

WML = "x-wap-application:wml.ua"
EVIL = b"\x9b2J\x1b[31m \xe2\x80\xaetxt.exe"
SI = bytes.fromhex(  # WAP-167, appendix A.2
    "02056a0045c60d0378797a00850365 6d61696c2f3132332f6162632e776d6c00070a c30719990625152315"
    "10c304199906300103596f752068617665203420 6e657720652d6d61696c73000101".replace(" ", "")
)


def test_push_is_shown_accepted_and_the_registration_stays(running: Any) -> None:
    pushed = running.push_when_registered(
        {"body": b"hello", "headers": (("X-Evil", "\x9b2J"),), "push_id": "1"}
    )
    result = running.omapush("listen", WML, "--count", "1")
    assert result.exit_code == 0, result.output
    assert isinstance(pushed.result(10)[0], PoConfirmedPushRes)
    lines = result.stdout.splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith(f"push for {WML}"))
    shown = lines[begin:]
    assert shown[1] == "  from: 192.0.2.10 (OTA-HTTP, TCP/IP)"
    assert "  Content-Type: text/plain" in shown
    assert "  X-Evil: \ufffd2J" in shown
    assert shown[-3:] == ["  content: 5 octets", "    hello", "accepted"]
    assert json.loads(running.omapush("apps", "--json").stdout)["state"] == "registered"


def test_registration_of_earlier_is_listened_for_as_it_is(running: Any) -> None:
    running.omapush("register", WML, "--accept", "text/plain")

    async def pushed() -> Any:
        return await running.link.push(push_id="1")

    answer = running.begin(pushed())
    assert running.omapush("listen", WML, "--count", "1").exit_code == 0
    assert isinstance(answer.result(10), PoConfirmedPushRes)
    [application] = running.omapush("apps", "--json").stdout.splitlines()
    assert json.loads(application)["accept"] == ["text/plain"]


def test_nothing_that_is_pushed_commands_the_terminal(running: Any) -> None:
    running.push_when_registered({"body": EVIL}, {"body": EVIL, "content_type": "x/unknown"})
    result = running.omapush("listen", WML, "--count", "2")
    assert result.exit_code == 0
    assert not {"\x9b", "\x1b", "\u202e"} & set(result.stdout)
    assert "    000000  9b 32 4a 1b 5b" in result.stdout


def test_known_type_is_read_and_with_decode_explained(running: Any) -> None:
    body = {"body": SI, "content_type": "application/vnd.wap.sic"}
    running.push_when_registered(body)
    read = running.omapush("listen", WML, "--count", "1", "--deregister")
    assert "You have 4 new e-mails" in read.stdout
    running.push_when_registered(body, {"body": b"\xff", "content_type": "application/vnd.wap.sic"})
    explained = running.omapush("listen", WML, "--count", "2", "--decode")
    assert "     0  02 " in explained.stdout
    assert "! not what its type says" in explained.stdout


def test_rejection_reaches_the_gateway(running: Any) -> None:
    pushed = running.push_when_registered({})
    result = running.omapush("listen", WML, "--reject", "unsupported_type", "--count", "1")
    [answer] = pushed.result(10)
    assert isinstance(answer, PoPushAbortReq)
    assert answer.status is PushStatus.USERDCU
    assert result.stdout.endswith("refused: unsupported_type\n")


def test_each_push_is_one_line_of_json_with_its_answer(running: Any) -> None:
    running.push_when_registered({"body": b"\0\xff"}, {})
    result = running.omapush("listen", WML, "--json", "--count", "2")
    first, second = (json.loads(line) for line in result.stdout.splitlines())
    assert base64.b64decode(first["content_b64"]) == b"\0\xff"
    assert first["answer"] == second["answer"] == {"accepted": True}


@pytest.mark.parametrize(
    ("said", "status"),
    [("y\n", None), ("what?\nbusy\n", PushStatus.USERDCR), ("NO\n", PushStatus.USERRFS)],
)
def test_person_decides(running: Any, said: str, status: PushStatus | None) -> None:
    pushed = running.push_when_registered({})
    result = running.omapush("listen", WML, "--ask", "--count", "1", said=said)
    assert result.exit_code == 0
    assert result.stderr.count("accept it until") == len(said.split())
    [answer] = pushed.result(10)
    assert getattr(answer, "status", None) == status


def test_push_that_nobody_is_there_to_decide_on_comes_again_later(running: Any) -> None:
    pushed = running.push_when_registered({})
    result = running.omapush("listen", WML, "--ask", said="")
    assert result.exit_code == 1
    assert "nobody is there" in result.stderr
    assert pushed.result(10)[0].status is PushStatus.USERREQ


@pytest.mark.parametrize(
    ("status", "answered"),
    [(0, None), (1, PushStatus.USERRFS), (65, PushStatus.USERDCU), (75, PushStatus.USERREQ)],
)
def test_program_gets_the_content_and_its_status_decides(
    running: Any, tmp_path: Path, status: int, answered: PushStatus | None
) -> None:
    pushed = running.push_when_registered({"body": b"for the program"})
    script = f'cat > "{tmp_path}/got"; echo "$OMAPUSH_CONTENT_TYPE" >> "{tmp_path}/got"'
    command = f"sh -c '{script}; exit {status}'"
    assert running.omapush("listen", WML, "--exec", command, "--count", "1").exit_code == 0
    [answer] = pushed.result(10)
    assert getattr(answer, "status", None) == answered
    assert (tmp_path / "got").read_text() == "for the programtext/plain\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--ask", "--reject", "busy"), "contradict each other"),
        (("--exec", "no-such-program x"), "no program 'no-such-program'"),
        (("--exec", "'"), "--exec"),
        (("--exec", ""), "there is no program"),
        (("--event-handler", "unix:/a"), "contradict each other"),
        (("--reject", "because"), "unsupported_type"),
        (("--count", "0"), "greater"),
    ],
)
def test_what_is_asked_wrongly_registers_nothing(
    running: Any, arguments: tuple[str, ...], reason: str
) -> None:
    result = running.omapush("listen", WML, *arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert running.omapush("apps", "--json").stdout == ""


def test_deregisters_at_the_end_if_wished(running: Any) -> None:
    running.push_when_registered({})
    result = running.omapush("listen", WML, "--count", "1", "--deregister")
    assert result.exit_code == 0
    assert f"{WML}: deregistered" in result.stderr
    assert running.omapush("apps", "--json").stdout == ""

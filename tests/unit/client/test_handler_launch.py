"""Programs as event handlers: real ones, and what becomes of them (IF-T8)."""

from __future__ import annotations

import asyncio
import json
import os
import select
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from omapush.cai.model import Accept, Answer, PushEvent, Reject, RejectReason
from omapush.client.handlers.address import ProgramAddress
from omapush.client.handlers.launch import MAX_OUTPUT, Launcher, LaunchSettings
from omapush.core.instants import Instant

SHELL = "/bin/sh"
EVENT = PushEvent(
    event_id="r1.e1",
    registration_id="r1",
    push_application_id="x-wap-application:wml.ua",
    content=bytes(range(256)),
    content_type='text/plain; charset="utf-8"',
    headers=(("Content-Type", 'text/plain; charset="utf-8"'), ("X-Other", "a"), ("X-Other", "b")),
    protocol="OTA-HTTP",
    bearer="TCP/IP",
    source="192.0.2.10",
    received=Instant(0),
    deadline=Instant(20_000),
)


Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def launched(
    *argv: str, event: PushEvent = EVENT, settings: LaunchSettings | None = None
) -> Answer | None:
    handler = Launcher(settings or LaunchSettings()).handler(ProgramAddress(argv))
    return await handler(event)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def said(fifo: Path) -> list[int]:
    """Wait until a program has written numbers into a named pipe, and return them."""
    return [int(word) for word in (await asyncio.to_thread(fifo.read_text)).split()]


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("exit 0", Accept()),
        ("exit 1", Reject(RejectReason.REFUSED, "the event handler ended with status 1")),
        (
            "exit 65",
            Reject(RejectReason.UNSUPPORTED_TYPE, "the event handler ended with status 65"),
        ),
        ("exit 75", Reject(RejectReason.TRY_LATER, "the event handler ended with status 75")),
        ("kill -9 $$", Reject(RejectReason.TRY_LATER, "the event handler was killed")),
    ],
)
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_program_answers_by_its_exit_status(script: str, answer: Answer, run: Run) -> None:
    # The daemon has the second event loop, which starts processes in its own way.
    assert run(launched(SHELL, "-c", script)) == answer


async def test_program_gets_content_and_event_and_little_else(tmp_path: Path) -> None:
    program = (
        "import json, os, sys\n"
        "content = sys.stdin.buffer.read()\n"
        "found = {'content': content.hex(), 'environment': dict(os.environ), 'cwd': os.getcwd(),\n"
        "    'leader': os.getsid(0) == os.getpid()}\n"
        f"open({str(tmp_path / 'found')!r}, 'w').write(json.dumps(found))\n"
    )
    settings = LaunchSettings(directory=tmp_path, path="/usr/bin")
    assert await launched(sys.executable, "-I", "-c", program, settings=settings) == Accept()
    found = json.loads((tmp_path / "found").read_text())
    assert bytes.fromhex(found["content"]) == EVENT.content
    assert (found["cwd"], found["leader"]) == (str(tmp_path), True)
    environment = found["environment"]
    environment.pop("LC_CTYPE", None)  # the interpreter itself may add it
    event = json.loads(environment.pop("OMAPUSH_EVENT"))
    assert environment == {
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "OMAPUSH_EVENT_ID": "r1.e1",
        "OMAPUSH_CONTENT_TYPE": 'text/plain; charset="utf-8"',
        "OMAPUSH_PUSH_APPLICATION_ID": "x-wap-application:wml.ua",
    }
    assert event["headers"] == [list(header) for header in EVENT.headers]
    assert (event["id"], event["size"]) == ("r1.e1", 256)
    assert "content_b64" not in event


async def test_program_need_not_read_its_input() -> None:
    event = replace(EVENT, content=bytes(1 << 20))
    assert await launched(SHELL, "-c", "exit 0", event=event) == Accept()
    assert await launched(SHELL, "-c", "exec <&-; exit 1", event=event) != Accept()


async def test_program_may_say_more_than_is_kept() -> None:
    script = "head -c 3000000 /dev/zero | tr '\\0' x; echo error >&2"
    with capture_logs() as logs:
        assert await launched(SHELL, "-c", script) == Accept()
    (entry,) = [one for one in logs if one["event"] == "handler_ended"]
    assert entry["output"] == "x" * MAX_OUTPUT


async def test_output_of_a_program_is_logged() -> None:
    with capture_logs() as logs:
        await launched(SHELL, "-c", "echo said; echo failed >&2; printf '\\377'; exit 3")
    (entry,) = [one for one in logs if one["event"] == "handler_ended"]
    assert (entry["output"], entry["status"]) == ("said\nfailed\n\\xff", 3)


@pytest.mark.parametrize(
    ("argv", "directory"),
    [
        (("/no/such/program",), "/"),
        (("/etc/passwd",), "/"),
        ((SHELL,), "/no/such/directory"),
        ((SHELL, "x" * 300_000), "/"),
    ],
)
async def test_program_that_cannot_be_started_is_an_application_that_is_away(
    argv: tuple[str, ...], directory: str
) -> None:
    settings = LaunchSettings(directory=Path(directory))
    with capture_logs() as logs:
        answer = await launched(*argv, settings=settings)
    assert answer == Reject(RejectReason.TRY_LATER, "the event handler cannot be started")
    assert [one["event"] for one in logs] == ["handler_not_started"]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_program_and_its_children_are_killed_when_the_push_is_called_off(
    tmp_path: Path, run: Run
) -> None:
    async def called_off() -> None:
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        script = f"sleep 600 & echo $$ $! > {fifo}; wait"
        running = asyncio.create_task(launched(SHELL, "-c", script))
        program, child = await said(fifo)
        assert is_running(program)
        assert is_running(child)
        end_of_child = os.pidfd_open(child)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not is_running(program)
        ended, _, _ = await asyncio.to_thread(select.select, [end_of_child], [], [], 20)
        os.close(end_of_child)
        assert ended

    run(called_off())


async def test_push_called_off_while_the_program_is_being_started_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    mark, before = tmp_path / "ended", _children()
    running = asyncio.create_task(launched(SHELL, "-c", f"sleep 600; touch {mark}"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not mark.exists()
    assert _children() <= before


def _children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    found = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return {pid for pid in found if is_running(pid)}


async def test_child_that_a_program_leaves_behind_does_not_delay_the_answer(
    tmp_path: Path,
) -> None:
    pids = tmp_path / "pids"
    assert await launched(SHELL, "-c", f"sleep 600 & echo $! > {pids}") == Accept()
    child = int(pids.read_text())
    assert is_running(child)
    os.kill(child, 9)


async def test_no_more_programs_run_at_a_time_than_are_set(tmp_path: Path) -> None:
    launcher = Launcher(LaunchSettings(processes=1))
    begun, go_on, ended = tmp_path / "begun", tmp_path / "go_on", tmp_path / "ended"
    os.mkfifo(begun)
    os.mkfifo(go_on)
    waits = ProgramAddress((SHELL, "-c", f"echo $$ > {begun}; read x < {go_on}; echo > {ended}"))
    after = ProgramAddress((SHELL, "-c", f"test -e {ended}"))
    first = asyncio.ensure_future(launcher.handler(waits)(EVENT))
    await said(begun)
    second = asyncio.ensure_future(launcher.handler(after)(EVENT))
    third = asyncio.ensure_future(launcher.handler(after)(EVENT))
    await asyncio.sleep(0)
    third.cancel()  # one whose time is over while it waits does not take a place
    await asyncio.to_thread(go_on.write_text, "on\n")
    assert await first == Accept()
    assert await second == Accept()
    with pytest.raises(asyncio.CancelledError):
        await third


async def test_headers_that_no_environment_can_hold_are_refused() -> None:
    event = replace(EVENT, headers=(("X-Long", "x" * 100_000),))
    answer = await launched(SHELL, "-c", "exit 0", event=event)
    assert isinstance(answer, Reject)
    assert answer.reason is RejectReason.REFUSED


async def test_odd_characters_of_a_push_reach_the_program(tmp_path: Path) -> None:
    odd = "text/plain; a=\0\ud800\u20ac"
    event = replace(EVENT, content_type=odd, headers=(("Content-Type", odd),))
    found = tmp_path / "found"
    script = (
        f'printf %s "$OMAPUSH_EVENT" > {found}; '
        'test "$OMAPUSH_CONTENT_TYPE" = "text/plain; a=?\u20ac"'
    )
    assert await launched(SHELL, "-c", script, event=event) == Accept()
    assert json.loads(found.read_text())["headers"] == [["Content-Type", odd]]

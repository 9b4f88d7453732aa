"""Starts a program for each push: the event handler ``exec:`` (IF-T8).

The program gets:

* the content on its standard input, octet for octet;
* in the environment ``OMAPUSH_EVENT``, the event as ``GET /v1/events`` gives it, as JSON but
  without the content; and, for shell scripts, ``OMAPUSH_EVENT_ID``, ``OMAPUSH_CONTENT_TYPE`` and
  ``OMAPUSH_PUSH_APPLICATION_ID``. Nothing else but ``PATH`` and ``LANG``.

Its exit status is the answer, by the numbers of sysexits.h: 0 accepts, 75 (``EX_TEMPFAIL``) refuses
with ``try_later``, 65 (``EX_DATAERR``) with ``unsupported_type``, any other with ``refused``. One
that is killed by a signal or cannot be started has not decided: ``try_later``.

At the deadline it is killed together with all processes of its group. What a program that has ended
by itself leaves running is left alone, but should write its output elsewhere. The output is logged,
up to a limit; what is beyond that is read and dropped, so that nobody waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

import structlog

from omapush.cai.model import Accept, Answer, PushEvent, Reject, RejectReason
from omapush.cai.wire import event_members
from omapush.client.handler import Handler
from omapush.client.handlers.address import ProgramAddress

log = structlog.get_logger(__name__)

MAX_OUTPUT = 4_096
"""Octets of a program's output that are logged."""
MAX_VARIABLE = 98_304
"""Octets of the longest environment variable; Linux takes 128 KiB."""
REAP_SECONDS = 5
"""Patience for a killed program to be gone."""
_PIECE = 65_536

_REASONS = {
    os.EX_TEMPFAIL: RejectReason.TRY_LATER,
    os.EX_DATAERR: RejectReason.UNSUPPORTED_TYPE,
}


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """How programs are started.

    :ivar directory: where they find themselves.
    :ivar path: their ``PATH``.
    :ivar processes: how many run at a time; further pushes wait, until their deadlines.
    """

    directory: Path = Path("/")
    path: str = "/usr/local/bin:/usr/bin:/bin"
    processes: int = 8


class Launcher:
    """Starts programs, a limited number at a time."""

    def __init__(self, settings: LaunchSettings) -> None:
        self._settings = settings
        self._places = asyncio.Semaphore(settings.processes)

    def handler(self, address: ProgramAddress) -> Handler:
        """Return the handler that starts the program of ``address``."""

        async def launch(event: PushEvent) -> Answer:
            async with self._places:
                return await self._run(address, event)

        return launch

    async def _run(self, address: ProgramAddress, event: PushEvent) -> Answer:
        environment = self._environment(event)
        if any(len(value) > MAX_VARIABLE for value in environment.values()):
            return Reject(RejectReason.REFUSED, "the headers are too long for the event handler")
        with _content(event) as content, _Output() as output:
            try:
                process = await self._started(address, environment, content, output)
            except (OSError, ValueError) as error:
                log.warning("handler_not_started", program=address.argv[0], reason=str(error))
                return Reject(RejectReason.TRY_LATER, "the event handler cannot be started")
            try:
                status = await process.wait()
            finally:
                await end_group(process)
            log.info(
                "handler_ended",
                program=address.argv[0],
                event_id=event.event_id,
                status=status,
                output=output.text(),
            )
            return answer_of_status(status)

    async def _started(
        self,
        address: ProgramAddress,
        environment: dict[str, bytes],
        content: BinaryIO,
        output: _Output,
    ) -> Process:
        """Start the program, as the leader of a process group of its own.

        :raises OSError: it cannot be.
        """
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *address.argv,
                stdin=content.fileno(),
                stdout=output.writing,
                stderr=output.writing,
                env=environment,
                cwd=self._settings.directory,
                start_new_session=True,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It may run already, and then its children do, too.
            with contextlib.suppress(OSError, ValueError):
                await end_group(await starting)
            raise
        output.begin()
        return process

    def _environment(self, event: PushEvent) -> dict[str, bytes]:
        members = {
            name: value for name, value in event_members(event).items() if name != "content_b64"
        }
        texts = {
            "PATH": self._settings.path,
            "LANG": "C.UTF-8",
            "OMAPUSH_EVENT": json.dumps(members),
            "OMAPUSH_EVENT_ID": event.event_id,
            "OMAPUSH_CONTENT_TYPE": event.content_type,
            "OMAPUSH_PUSH_APPLICATION_ID": event.push_application_id,
        }
        return {
            name: text.replace("\0", "").encode("utf-8", "replace") for name, text in texts.items()
        }


@contextlib.contextmanager
def _content(event: PushEvent) -> Iterator[BinaryIO]:
    """Return a file in memory with the content: whoever does not read it keeps nobody waiting."""
    with open(os.memfd_create("omapush-content"), "w+b") as file:  # noqa: PTH123 - it has no path
        file.write(event.content)
        file.seek(0)
        yield file


class _Output:
    """The pipe for what a program says: the beginning is kept, the rest read and dropped.

    The pipe is our own, for the library would wait for everybody who holds its end, and not for
    the program alone.
    """

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        self._kept = bytearray()
        self._open = True

    def __enter__(self) -> Self:
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._reading)
        os.close(self._reading)
        self.begin()

    def begin(self) -> None:
        """Leave the writing end to the program alone."""
        if self._open:
            self._open = False
            os.close(self.writing)

    def text(self) -> str:
        """Return the beginning of what the program has said."""
        self._read()  # what came together with its end
        return self._kept.decode("utf-8", "backslashreplace")

    def _read(self) -> None:
        try:
            piece = os.read(self._reading, _PIECE)
        except BlockingIOError:
            return
        self._kept += piece[: MAX_OUTPUT - len(self._kept)]
        if not piece:
            asyncio.get_running_loop().remove_reader(self._reading)


async def end_group(process: Process) -> None:
    """Kill a program that still runs, with its whole group, and wait until it is gone."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    try:
        async with asyncio.timeout(REAP_SECONDS):
            await process.wait()
    except TimeoutError:
        log.error("handler_not_gone", pid=process.pid)


def answer_of_status(status: int) -> Answer:
    """Return what an exit status says; below 0 it is the signal that ended the program."""
    if status == 0:
        return Accept()
    if status < 0:
        return Reject(RejectReason.TRY_LATER, "the event handler was killed")
    reason = _REASONS.get(status, RejectReason.REFUSED)
    return Reject(reason, f"the event handler ended with status {status}")

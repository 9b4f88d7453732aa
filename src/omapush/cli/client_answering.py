"""How a push that is listened for is answered: always alike, by a person, or by a program."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

import typer

from omapush.cai.model import Accept, Answer, Reject, RejectReason
from omapush.cli.client_access import AskedWronglyError
from omapush.client.handlers.launch import MAX_VARIABLE, answer_of_status, end_group
from omapush.client.service_messages import Event
from omapush.core.errors import OmapushError
from omapush.core.instants import SECOND_MS, Instant, parse_utc

_STANDARD_ERROR = 2


class NobodyAnswersError(OmapushError):
    """There is nobody to ask any more."""


class Answerer(Protocol):
    """Says what becomes of a push."""

    async def decide(self, event: Event, content: bytes) -> Answer:
        """Return the answer. :raises NobodyAnswersError: there is none, and there will be none."""


@dataclass(frozen=True, slots=True)
class Answering:
    """What is asked for; by default every push is accepted."""

    reject: Annotated[
        RejectReason | None, typer.Option(help="Refuse every push for this reason.")
    ] = None
    ask: Annotated[bool, typer.Option("--ask", help="Ask you, each time.")] = False
    execute: Annotated[
        str | None,
        typer.Option(
            "--exec",
            metavar="CMD",
            help="Start this program with the content as its input: status 0 accepts, 75 means "
            "later, 65 a wrong type, any other refuses.",
        ),
    ] = None

    def answerer(self, clock: Callable[[], Instant], *, output_is_ours: bool) -> Answerer:
        """Return what answers.

        :param output_is_ours: programs may not write to standard output.
        :raises AskedWronglyError: they contradict each other, or there is no such program.
        """
        if sum((self.reject is not None, self.ask, self.execute is not None)) > 1:
            raise AskedWronglyError("--reject, --ask and --exec contradict each other")
        if self.reject is not None:
            return Always(Reject(self.reject))
        if self.ask:
            return Asking()
        if self.execute is not None:
            return Running(_program(self.execute), clock, output_is_ours=output_is_ours)
        return Always(Accept())


class Always:
    """Answers every push alike."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def decide(self, _event: Event, _content: bytes) -> Answer:
        """Return the answer."""
        return self._answer


class Asking:
    """Asks whoever sits at the terminal."""

    _ANSWERS: Mapping[str, Answer] = {
        "y": Accept(),
        "yes": Accept(),
        "n": Reject(),
        "no": Reject(),
        **{reason.value: Reject(reason) for reason in RejectReason},
    }

    async def decide(self, event: Event, _content: bytes) -> Answer:
        """Ask until the answer is understood."""
        reasons = ", ".join(RejectReason)
        while True:
            question = f"accept it until {event['deadline']}? [y, n, {reasons}] "
            typer.echo(question, nl=False, err=True)
            line = await _line()
            if not line:
                raise NobodyAnswersError("nobody is there to be asked any more")
            answer = self._ANSWERS.get(line.strip().lower())
            if answer is not None:
                return answer


async def _line() -> str:
    """Read a line of standard input; empty at its end.

    In a thread of its own, which ends with the process: nothing can make reading give up.
    """
    loop = asyncio.get_running_loop()
    read: asyncio.Future[str] = loop.create_future()

    def give(line: str) -> None:
        if not read.done():
            read.set_result(line)

    def work() -> None:
        try:
            line = sys.stdin.readline()
        except (OSError, ValueError):
            line = ""
        loop.call_soon_threadsafe(give, line)

    threading.Thread(target=work, daemon=True).start()
    return await read


class Running:
    """Starts a program for each push, as the event handler ``exec:`` does, with our environment.

    :param argv: the program and its arguments.
    """

    def __init__(
        self, argv: list[str], clock: Callable[[], Instant], *, output_is_ours: bool
    ) -> None:
        self._argv = argv
        self._clock = clock
        self._output = _STANDARD_ERROR if output_is_ours else None

    async def decide(self, event: Event, content: bytes) -> Answer:
        """Return what the exit status says; at the deadline the program is killed."""
        environment = _environment(event)
        if len(environment["OMAPUSH_EVENT"]) > MAX_VARIABLE:
            return Reject(RejectReason.REFUSED, "the headers are too long for a program")
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=self._output,
                env={**os.environ, **environment},
                start_new_session=True,
            )
        except OSError as error:
            typer.echo(f"omapush: {self._argv[0]}: {error.strerror or error}", err=True)
            return Reject(RejectReason.TRY_LATER, "the program cannot be started")
        left_ms = max(parse_utc(event["deadline"]) - self._clock(), 0)
        try:
            async with asyncio.timeout(left_ms / SECOND_MS):
                await process.communicate(content)
        except TimeoutError:
            return Reject(RejectReason.TRY_LATER, "the program did not end in time")
        finally:
            await end_group(process)
        return answer_of_status(process.returncode or 0)


def _environment(event: Event) -> dict[str, str]:
    members = {name: value for name, value in event.items() if name != "content_b64"}
    texts = {
        "OMAPUSH_EVENT": json.dumps(members),
        "OMAPUSH_EVENT_ID": event["id"],
        "OMAPUSH_CONTENT_TYPE": event["content_type"],
        "OMAPUSH_PUSH_APPLICATION_ID": event["push_application_id"],
    }
    return {name: text.replace("\0", "") for name, text in texts.items()}


def _program(command: str) -> list[str]:
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise AskedWronglyError(f"--exec: {error}") from error
    if not argv or shutil.which(argv[0]) is None:
        named = argv[0] if argv else command
        raise AskedWronglyError(f"--exec: there is no program {named!r}")
    return argv

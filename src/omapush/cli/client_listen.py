"""``omapush client listen``: an application of the command line that shows what is pushed to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer

from omapush.cai.model import Accept, Answer, Reject
from omapush.cli import arguments
from omapush.cli.client_access import (
    Access,
    AskedWronglyError,
    CannotBeDoneError,
    Members,
    asked,
    asking,
    away,
    connected,
    print_json,
)
from omapush.cli.client_answering import Answerer, Answering, NobodyAnswersError
from omapush.cli.client_apps import reason_of
from omapush.cli.client_register import show
from omapush.cli.client_registering import (
    Applicant,
    ApplicationToRegister,
    TokenFileOption,
    Wishes,
    settled,
)
from omapush.cli.client_tokens import TokenFile
from omapush.cli.printable_text import printable
from omapush.cli.push_display import content_lines
from omapush.client.service_client import (
    AGAIN_SECONDS,
    ATTEMPTS,
    ServiceClient,
    ServicePointAwayError,
    ServicePointError,
)
from omapush.client.service_messages import Event, Registration
from omapush.daemon.clock import SystemClock
from omapush.daemon.supervise import stop_on_signals

_TOO_LATE = (409, 410)


@dataclass(frozen=True, slots=True)
class _Showing:
    as_json: bool
    explained: bool


def listen(
    context: typer.Context,
    access: Access,
    push_application_id: ApplicationToRegister,
    wishes: Wishes,
    answering: Answering,
    *,
    decode: Annotated[
        bool, typer.Option("--decode", help="Explain every octet of types that are known.")
    ] = False,
    count: Annotated[
        int | None, typer.Option(min=1, help="End after so many pushes; default: never.")
    ] = None,
    deregister: Annotated[
        bool, typer.Option("--deregister", help="Deregister at the end.")
    ] = False,
    token_file: TokenFileOption = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Show each push for an application and answer it, until interrupted; registers it first."""
    with asking(as_json=as_json):
        if wishes.event_handler is not None:
            raise AskedWronglyError("--event-handler and listening contradict each other")
        answerer = answering.answerer(SystemClock(), output_is_ours=as_json)
        applicant = Applicant(
            access.socket_path(context), push_application_id, wishes.instance, TokenFile(token_file)
        )
        showing = _Showing(as_json, decode)
        asked(_listen(_Listener(applicant, answerer, showing, count), wishes.members(), deregister))


async def _listen(listener: _Listener, wishes: Members, deregister: bool) -> None:
    """Listen until there are enough, or the process is asked to end."""
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    async with connected(listener.applicant.path) as cai:
        listening = asyncio.create_task(listener.run(cai, wishes))
        ending = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait((listening, ending), return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            for task in (listening, ending):
                task.cancel()
            await asyncio.gather(listening, ending, return_exceptions=True)
            if deregister and listener.is_registered:
                ended = await listener.applicant.deregister(cai, force=False)
                listener.note(f"{listener.applicant.canonical}: {ended['state']}")


class _Listener:
    """Registers, shows and answers.

    :ivar is_registered: the registration was there, at least once.
    """

    def __init__(
        self, applicant: Applicant, answerer: Answerer, showing: _Showing, count: int | None
    ) -> None:
        self.applicant = applicant
        self.is_registered = False
        self._answerer = answerer
        self._showing = showing
        self._count = count
        self._failures = 0
        self._state = ""

    async def run(self, cai: ServiceClient, wishes: Members) -> None:
        """Listen until there are enough pushes.

        :raises OmapushError: it cannot be registered, or its registration has ended.
        """
        registration = await self._registration(cai, wishes)
        self._state = registration["state"]
        answered = 0
        # One at a time: a push that is fetched and not answered would be held back from others.
        while answered != self._count:
            event = await self._next(cai, registration["id"])
            if event is not None:
                answered += await self._take(cai, event)

    async def _next(self, cai: ServiceClient, registration_id: str) -> Event | None:
        """Wait for the next push; ``None``: none has come yet, or the client is away.

        :raises ServicePointError: the registration has ended.
        :raises ServicePointAwayError: the client has been away for long.
        """
        try:
            event = None
            if not self._failures:
                event = await cai.next_event(registration_id)
            if event is None:
                self._tell_change(await cai.registration(registration_id))
        except ServicePointAwayError:
            if self._failures == 0:
                self.note(f"{away(self.applicant.path)}; waiting for it")
            elif self._failures >= ATTEMPTS:
                raise
            await asyncio.sleep(AGAIN_SECONDS[min(self._failures, len(AGAIN_SECONDS) - 1)])
            self._failures += 1
            return None
        self._failures = 0
        return event

    def _tell_change(self, registration: Registration) -> None:
        """Tell how the registration stands, when that has changed or the client was away."""
        if self._failures or registration["state"] != self._state:
            self._state = registration["state"]
            why = reason_of(registration)
            self.note(f"{self.applicant.canonical}: {self._state}{why and f', {why}'}")

    def note(self, text: str) -> None:
        """Tell what is no push."""
        typer.echo(f"omapush: {printable(text)}", err=True)

    async def _registration(self, cai: ServiceClient, wishes: Members) -> Registration:
        """Return the registration of an earlier time, unless something else is wished now."""
        only_named = set(wishes) <= {"instance"}
        registration = await self.applicant.registered(cai) if only_named else None
        if registration is None:
            registration = await self.applicant.register(cai, wishes)
        self.is_registered = True
        registration = await settled(cai, registration, self._tell)
        if registration["state"] == "failed":
            raise CannotBeDoneError(f"the registration failed: {reason_of(registration)}")
        return registration

    def _tell(self, registration: Registration) -> None:
        if not self._showing.as_json:
            show(registration)

    async def _take(self, cai: ServiceClient, event: Event) -> bool:
        """Show a push and answer it; return whether that was in time."""
        try:
            content = await cai.content(event)
            if not self._showing.as_json:
                show_push(event, content, explained=self._showing.explained)
            answer = await self._decision(cai, event, content)
            if self._showing.as_json:
                # Before the answer: whoever reads has the push when it is confirmed.
                print_json({**event, "answer": _answer_members(answer)})
            await _give(cai, event, answer)
        except ServicePointAwayError:
            self.note("the client went away before the push was answered; it may come again")
            return False
        except ServicePointError as error:
            if error.status not in _TOO_LATE:
                raise
            self.note(f"too late: {error}")
            return False
        if not self._showing.as_json:
            typer.echo(_said(answer))
        return True

    async def _decision(self, cai: ServiceClient, event: Event, content: bytes) -> Answer:
        try:
            return await self._answerer.decide(event, content)
        except NobodyAnswersError:
            await cai.reject(event["id"], "try_later", "nobody is there")
            raise


async def _give(cai: ServiceClient, event: Event, answer: Answer) -> None:
    match answer:
        case Accept():
            await cai.accept(event["id"])
        case Reject(reason=reason, detail=detail):
            await cai.reject(event["id"], reason.value, detail)


def _answer_members(answer: Answer) -> Members:
    match answer:
        case Accept():
            return {"accepted": True}
        case Reject(reason=reason, detail=detail):
            return {"accepted": False, "reason": reason.value, "detail": detail}


def _said(answer: Answer) -> str:
    match answer:
        case Accept():
            return "accepted"
        case Reject(reason=reason, detail=detail):
            return f"refused: {reason}{detail and f', {detail}'}"


# ---- for people ---------------------------------------------------------------------------------


def show_push(event: Event, content: bytes, *, explained: bool = False) -> None:
    """Print a push: where it comes from, its headers, its content."""
    typer.echo(printable(f"push for {event['push_application_id']}, {event['received']}"))
    said = {
        "from": f"{event['source']} ({event['protocol']}, {event['bearer']}){_trust(event)}",
        "to be answered": f"until {event['deadline']}",
        "attempt": str(event["delivery_attempt"]) if event["delivery_attempt"] > 1 else "",
    }
    for name, value in said.items():
        if value:
            typer.echo(f"  {name}: {printable(value)}")
    headers = event["headers"] or [["Content-Type", event["content_type"]]]
    for name, value in headers:
        typer.echo(f"  {printable(f'{name}: {value}')}")
    typer.echo(f"  content: {event['size']} octets")
    for line in content_lines(event["content_type"], content, explained=explained):
        typer.echo(f"    {line}".rstrip())


def _trust(event: Event) -> str:
    trust = event["trust"]
    known = [name for name in ("whitelisted", "authenticated", "trusted") if trust[name]]
    return f", {', '.join(known)}" if known else ""

"""``omapush push``: submit one push, and wait for its result if asked to."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from omapush.cli.ending import FAILED, telling
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import format_utc
from omapush.daemon.settings import Endpoint, parse_endpoint
from omapush.initiator.client import PushInitiator, SubmissionResult
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver
from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod, ResultNotificationMessage

PASSWORD_VARIABLE = "OMAPUSH_PASSWORD"  # noqa: S105 - the variable's name

CONTENT_TYPES = {
    ".si": "text/vnd.wap.si",
    ".sl": "text/vnd.wap.sl",
    ".co": "text/vnd.wap.co",
    ".mms": "application/vnd.wap.mms-message",
    ".wbxml": "application/vnd.wap.wbxml",
}
"""File endings that the push world knows and the machine's own table mostly does not."""


class AskedWronglyError(OmapushError):
    """The arguments contradict each other or name something that is not there."""


Submit = Callable[[str | None], Awaitable[SubmissionResult]]


@dataclass(frozen=True, slots=True)
class Content:
    """A body and its media type."""

    body: bytes
    content_type: str


def push(
    address: Annotated[
        list[str],
        typer.Argument(help="Recipients: +441234567890, an IP address, user@host, or WAPPUSH=..."),
    ],
    application: Annotated[
        str,
        typer.Option("--application", "-a", help="Application id: URN or hexadecimal number."),
    ] = "x-wap-application:wml.ua",
    ppg: Annotated[str, typer.Option(help="URL of the gateway.")] = "http://127.0.0.1:8080/pap",
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Content from a file.")] = None,
    text: Annotated[str | None, typer.Option("--text", "-t", help="Content from here.")] = None,
    content_type: Annotated[
        str | None, typer.Option(help="Media type; default by the file's ending, or text/plain.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="Push header, 'Name: value'.")
    ] = None,
    confirmed: Annotated[
        bool | None, typer.Option("--confirmed/--unconfirmed", help="Delivery method.")
    ] = None,
    push_id: Annotated[str | None, typer.Option(help="push-id; default: a new one.")] = None,
    notify_to: Annotated[str | None, typer.Option(help="URL for result notifications.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Receive the result notifications here and show them.")
    ] = False,
    wait_seconds: Annotated[float, typer.Option(help="Patience of --wait.")] = 60.0,
    listen: Annotated[
        str, typer.Option(help="Where --wait listens; the gateway must reach it.")
    ] = "127.0.0.1:0",
    username: Annotated[str | None, typer.Option(help="User name for HTTP Basic.")] = None,
    password: Annotated[
        str | None,
        typer.Option(envvar=PASSWORD_VARIABLE, help="Password; better in the environment."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Submit a push to a gateway over PAP."""
    with telling(as_json=as_json, asked_wrongly=(AskedWronglyError,)):
        content = _content(file, text, content_type)
        headers = [_header(line) for line in header or []]
        if wait and notify_to:
            raise AskedWronglyError("--wait listens itself: leave --notify-to out")
        where = _listening(listen)
        _check_application(application)
        initiator = PushInitiator(ppg, username=username, password=password)

        async def submit(notify: str | None) -> SubmissionResult:
            return await initiator.submit(
                recipients=address,
                application_id=application,
                body=content.body,
                content_type=content.content_type,
                headers=headers,
                delivery_method=_method(confirmed),
                push_id=push_id,
                notify_to=notify,
            )

        async def run() -> None:
            async with initiator:
                if not wait:
                    _show_result(await submit(notify_to), as_json=as_json)
                    return
                await _submit_and_wait(submit, where, len(address), wait_seconds, as_json=as_json)

        asyncio.run(run())


async def _submit_and_wait(
    submit: Submit, listen: Endpoint, recipients: int, seconds: float, *, as_json: bool
) -> None:
    """Submit, then show a notification for each recipient; status 1 unless all were delivered."""
    receiver = NotificationReceiver()
    async with serve(receiver, listen.host, listen.port) as url:
        result = await submit(url)
        _show_result(result, as_json=as_json)
        delivered = 0
        try:
            async with asyncio.timeout(seconds):
                for _ in range(recipients):
                    notification = await receiver.wait_for(result.push_id, seconds)
                    _show_notification(notification, as_json=as_json)
                    delivered += notification.message_state is MessageState.DELIVERED
        except TimeoutError:
            typer.echo(f"omapush: no result within {seconds:g} seconds", err=True)
    if delivered < recipients:
        raise typer.Exit(FAILED)


def _content(file: Path | None, text: str | None, content_type: str | None) -> Content:
    if (file is None) == (text is None):
        raise AskedWronglyError("give the content by either --file or --text")
    if file is None:
        text = text or ""
        return Content(text.encode(), content_type or "text/plain; charset=utf-8")
    try:
        body = file.read_bytes()
    except OSError as error:
        raise AskedWronglyError(f"{file}: {error.strerror or error}") from error
    known = CONTENT_TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    media_type = content_type or known
    if media_type is None:
        raise AskedWronglyError(f"{file}: say what it is with --content-type")
    return Content(body, media_type)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name.strip():
        raise AskedWronglyError(f"not a header of the form 'Name: value': {line!r}")
    return name.strip(), value.strip()


def _listening(text: str) -> Endpoint:
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise AskedWronglyError(f"--listen {text}: {error}") from error


def _check_application(application_id: str) -> None:
    try:
        ApplicationId.parse(application_id)
    except DecodeError as error:
        raise AskedWronglyError(f"--application: {error.reason}") from error


def _method(confirmed: bool | None) -> DeliveryMethod | None:
    if confirmed is None:
        return None
    return DeliveryMethod.CONFIRMED if confirmed else DeliveryMethod.UNCONFIRMED


def _show_result(result: SubmissionResult, *, as_json: bool) -> None:
    if as_json:
        fields = {"push_id": result.push_id, "code": result.code, "desc": result.desc}
        typer.echo(json.dumps({"accepted": result.accepted, **fields}))
    else:
        verdict = "accepted" if result.accepted else "not accepted"
        typer.echo(f"{result.push_id}: {verdict}, {result.code} {result.desc}".rstrip())
    if not result.accepted:
        raise typer.Exit(FAILED)


def _show_notification(notification: ResultNotificationMessage, *, as_json: bool) -> None:
    event_time = notification.event_time
    at = format_utc(event_time) if event_time is not None else None
    address = notification.address.address_value
    state, code, desc = notification.message_state, notification.code, notification.desc
    if as_json:
        fields = {"state": state.value, "code": code, "desc": desc, "event_time": at}
        typer.echo(json.dumps({"push_id": notification.push_id, "address": address, **fields}))
    else:
        typer.echo(f"{address}: {state.value}, {code} {desc or ''}".rstrip())

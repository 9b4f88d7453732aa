"""What ``push`` and ``replace`` share: one submission, and the wait for its results."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from omapush.cli.ending import FAILED
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import format_utc
from omapush.daemon.settings import Endpoint, parse_endpoint
from omapush.initiator.client import PushInitiator, SubmissionResult
from omapush.initiator.listener import serve
from omapush.initiator.notifications import NotificationReceiver
from omapush.pap.codes import MessageState
from omapush.pap.model import DeliveryMethod, ReplaceMethod, ResultNotificationMessage

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


@dataclass(frozen=True, slots=True)
class Content:
    """A body and its media type."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Submission:
    """What was asked for on the command line.

    :ivar listen: where to listen for results; ``None``: do not wait for them.
    :ivar earlier: push-id of the push to be replaced.
    """

    addresses: Sequence[str]
    application: str
    file: Path | None
    text: str | None
    content_type: str | None
    headers: Sequence[str]
    confirmed: bool | None
    push_id: str | None
    notify_to: str | None
    listen: str | None
    wait_seconds: float
    earlier: str | None = None
    replace_method: ReplaceMethod = ReplaceMethod.ALL


def submit(
    asked: Submission, ppg: str, username: str | None, password: str | None, *, as_json: bool
) -> None:
    """Submit, show the verdict, and wait for the results if asked to.

    :raises AskedWronglyError: the arguments contradict each other.
    :raises OmapushError: as :meth:`PushInitiator.submit` does.
    """
    content = _content(asked.file, asked.text, asked.content_type)
    headers = [_header(line) for line in asked.headers]
    where = listening(asked.listen) if asked.listen is not None else None
    if where is not None and asked.notify_to:
        raise AskedWronglyError("--wait listens itself: leave --notify-to out")
    _check_application(asked.application)
    initiator = PushInitiator(ppg, username=username, password=password)

    async def submit_once(notify: str | None) -> SubmissionResult:
        return await initiator.submit(
            recipients=asked.addresses,
            application_id=asked.application,
            body=content.body,
            content_type=content.content_type,
            headers=headers,
            delivery_method=_method(asked.confirmed),
            push_id=asked.push_id,
            notify_to=notify,
            replaces=asked.earlier,
            replace_method=asked.replace_method,
        )

    async def run() -> None:
        async with initiator:
            if where is None:
                _show_result(await submit_once(asked.notify_to), as_json=as_json)
                return
            receiver = NotificationReceiver()
            async with serve(receiver, where.host, where.port) as url:
                result = await submit_once(url)
                _show_result(result, as_json=as_json)
                await _show_ends(receiver, result.push_id, asked, as_json=as_json)

    asyncio.run(run())


async def _show_ends(
    receiver: NotificationReceiver, push_id: str, asked: Submission, *, as_json: bool
) -> None:
    """Show a notification for each recipient; status 1 unless all were delivered."""
    delivered = 0
    try:
        async with asyncio.timeout(asked.wait_seconds):
            for _ in asked.addresses:
                notification = await receiver.wait_for(push_id, asked.wait_seconds)
                show_notification(notification, as_json=as_json)
                delivered += notification.message_state is MessageState.DELIVERED
    except TimeoutError:
        typer.echo(f"omapush: no result within {asked.wait_seconds:g} seconds", err=True)
    if delivered < len(asked.addresses):
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


def listening(text: str) -> Endpoint:
    """Read where to listen. :raises AskedWronglyError: it is not host:port."""
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


def show_notification(notification: ResultNotificationMessage, *, as_json: bool) -> None:
    """Print one result notification."""
    event_time = notification.event_time
    at = format_utc(event_time) if event_time is not None else None
    address = notification.address.address_value
    state, code, desc = notification.message_state, notification.code, notification.desc
    if as_json:
        fields = {"state": state.value, "code": code, "desc": desc, "event_time": at}
        typer.echo(json.dumps({"push_id": notification.push_id, "address": address, **fields}))
    else:
        typer.echo(f"{address}: {state.value}, {code} {desc or ''}".rstrip())

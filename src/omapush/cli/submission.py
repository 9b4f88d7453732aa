"""What ``push`` and ``replace`` share: one submission, and the wait for its results."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from omapush.cli.arguments import Submission
from omapush.cli.ending import ACCESS_ERRORS, FAILED
from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.core.instants import Instant, format_utc, parse_utc
from omapush.daemon.settings_table import Endpoint, parse_endpoint
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


ASKED_WRONGLY: tuple[type[OmapushError], ...] = (AskedWronglyError, EncodeError, *ACCESS_ERRORS)
"""The errors of a submission that are its author's."""


@dataclass(frozen=True, slots=True)
class Content:
    """A body and its media type."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """The push that a submission replaces, and for whom (PAP 8.2)."""

    push_id: str
    method: ReplaceMethod


def submit(
    addresses: Sequence[str],
    asked: Submission,
    initiator: PushInitiator,
    replaced: Replaced | None = None,
    *,
    as_json: bool,
) -> None:
    """Submit, show the verdict, and wait for the results if asked to.

    :raises AskedWronglyError: the arguments contradict each other.
    :raises OmapushError: as :meth:`PushInitiator.submit` does.
    """
    content = _content(asked.file, asked.text, asked.content_type)
    headers = [_header(line) for line in asked.header or ()]
    where = listening(asked.listen) if asked.wait else None
    if where is not None and asked.notify_to:
        raise AskedWronglyError("--wait listens itself: leave --notify-to out")
    _check_application(asked.application)
    before = _instant("--deliver-before", asked.deliver_before)
    after = _instant("--deliver-after", asked.deliver_after)
    assumed = _octets(asked.capabilities) if asked.capabilities is not None else None

    async def submit_once(notify: str | None) -> SubmissionResult:
        return await initiator.submit(
            recipients=addresses,
            application_id=asked.application,
            body=content.body,
            content_type=content.content_type,
            headers=headers,
            delivery_method=_method(asked.confirmed),
            priority=asked.priority,
            network=asked.network,
            network_required=asked.network_required,
            bearer=asked.bearer,
            bearer_required=asked.bearer_required,
            deliver_before=before,
            deliver_after=after,
            capabilities=assumed,
            push_id=asked.push_id,
            notify_to=notify,
            progress_notes=asked.progress,
            replaces=replaced.push_id if replaced is not None else None,
            replace_method=replaced.method if replaced is not None else ReplaceMethod.ALL,
            retries=asked.retries,
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
                patience = asked.wait_seconds
                await _show_ends(
                    receiver, result.push_id, len(addresses), patience, as_json=as_json
                )

    asyncio.run(run())


async def _show_ends(
    receiver: NotificationReceiver,
    push_id: str,
    recipients: int,
    patience_seconds: float,
    *,
    as_json: bool,
) -> None:
    """Show a notification for each recipient; status 1 unless all were delivered."""
    delivered = 0
    try:
        async with asyncio.timeout(patience_seconds):
            for _ in range(recipients):
                notification = await receiver.wait_for(push_id, patience_seconds)
                show_notification(notification, as_json=as_json)
                delivered += notification.message_state is MessageState.DELIVERED
    except TimeoutError:
        typer.echo(f"omapush: no result within {patience_seconds:g} seconds", err=True)
    if delivered < recipients:
        raise typer.Exit(FAILED)


def _content(file: Path | None, text: str | None, content_type: str | None) -> Content:
    if (file is None) == (text is None):
        raise AskedWronglyError("give the content by either --file or --text")
    if file is None:
        text = text or ""
        return Content(text.encode(), content_type or "text/plain; charset=utf-8")
    body = _octets(file)
    known = CONTENT_TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    media_type = content_type or known
    if media_type is None:
        raise AskedWronglyError(f"{file}: say what it is with --content-type")
    return Content(body, media_type)


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise AskedWronglyError(f"{file}: {error.strerror or error}") from error


def _instant(option: str, text: str | None) -> Instant | None:
    try:
        return parse_utc(text) if text is not None else None
    except DecodeError as error:
        raise AskedWronglyError(f"{option}: {error.reason}") from error


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
        _show_json(result)
    else:
        _show_text(result)
    if not result.probably_accepted:
        raise typer.Exit(FAILED)


def _show_json(result: SubmissionResult) -> None:
    told: dict[str, object] = {
        "accepted": result.accepted,
        "push_id": result.push_id,
        "code": result.code,
        "desc": result.desc,
    }
    if result.earlier_unanswered:
        told["probably_accepted"] = result.probably_accepted
    if result.progress_notes:
        told["progress"] = [
            {"stage": one.stage, "note": one.note, "time": _time(one.time)}
            for one in result.progress_notes
        ]
    typer.echo(json.dumps(told))


def _show_text(result: SubmissionResult) -> None:
    verdict = "accepted" if result.accepted else "not accepted"
    if result.probably_accepted and not result.accepted:
        verdict = "probably accepted by an earlier attempt"
    typer.echo(f"{result.push_id}: {verdict}, {result.code} {result.desc}".rstrip())
    for one in result.progress_notes:
        when = f" at {_time(one.time)}" if one.time is not None else ""
        typer.echo(f"  {one.stage}{when}: {one.note or ''}".rstrip(": "))


def _time(instant: Instant | None) -> str | None:
    return format_utc(instant) if instant is not None else None


def show_notification(notification: ResultNotificationMessage, *, as_json: bool) -> None:
    """Print one result notification."""
    at = _time(notification.event_time)
    address = notification.address.address_value
    state, code, desc = notification.message_state, notification.code, notification.desc
    if as_json:
        fields = {"state": state.value, "code": code, "desc": desc, "event_time": at}
        typer.echo(json.dumps({"push_id": notification.push_id, "address": address, **fields}))
    else:
        typer.echo(f"{address}: {state.value}, {code} {desc or ''}".rstrip())

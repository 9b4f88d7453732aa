"""What ``push`` and ``replace`` share: one submission, and the wait for its results."""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from omapush.cli.arguments import Content, Submission
from omapush.cli.ending import ACCESS_ERRORS, FAILED
from omapush.content.application_id import HEADER as APPLICATION_ID
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
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

_APPLICATION = APPLICATION_ID.lower()


class AskedWronglyError(OmapushError):
    """The arguments contradict each other or name something that is not there."""


ASKED_WRONGLY: tuple[type[OmapushError], ...] = (AskedWronglyError, EncodeError, *ACCESS_ERRORS)
"""The errors of a submission that are its author's."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The push that a submission replaces, and for whom (PAP 8.2)."""

    push_id: str
    method: ReplaceMethod


def submit(
    addresses: Sequence[str],
    message: PushMessage,
    asked: Submission,
    initiator: PushInitiator,
    replaced: Replaced | None = None,
    *,
    as_json: bool,
) -> None:
    """Submit, show the verdict, and wait for the results if asked to.

    :param message: Content-Type, application id and whatever other headers the content brings.
    :raises AskedWronglyError: the arguments contradict each other.
    :raises OmapushError: as :meth:`PushInitiator.submit` does.
    """
    where = listening(asked.listen) if asked.wait else None
    if where is not None and asked.notify_to:
        raise AskedWronglyError("--wait listens itself: leave --notify-to out")
    submit_once = attempt(addresses, message, asked, initiator, replaced)

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


Attempt = Callable[[str | None], Awaitable[SubmissionResult]]
"""Submits; given is where result notifications shall go."""


def attempt(
    addresses: Sequence[str],
    message: PushMessage,
    asked: Submission,
    initiator: PushInitiator,
    replaced: Replaced | None = None,
) -> Attempt:
    """Return how to submit, after a look at all that is asked.

    :raises AskedWronglyError: a value that is none, or a file that cannot be read.
    """
    headers = [
        each for each in message.headers if each[0].lower() not in ("content-type", _APPLICATION)
    ]
    headers += [_header(line) for line in asked.header or ()]
    before = instant_of("--deliver-before", asked.deliver_before)
    after = instant_of("--deliver-after", asked.deliver_after)
    assumed = octets_of(asked.capabilities) if asked.capabilities is not None else None

    async def submit_once(notify: str | None) -> SubmissionResult:
        return await initiator.submit(
            recipients=addresses,
            application_id=message.get(APPLICATION_ID),
            body=message.body,
            content_type=message.content_type or "",
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

    return submit_once


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


def message_of(content: Content) -> PushMessage:
    """Return what is pushed, from a file or from the command line itself.

    :raises AskedWronglyError: neither or both, a file that cannot be read or whose type is not
        known, or no application id.
    """
    if (content.file is None) == (content.text is None):
        raise AskedWronglyError("give the content by either --file or --text")
    if content.file is None:
        body = (content.text or "").encode()
        media_type = content.content_type or "text/plain; charset=utf-8"
    else:
        body, media_type = octets_of(content.file), _media_type(content.file, content.content_type)
    _check_application(content.application)
    return PushMessage((("Content-Type", media_type), (APPLICATION_ID, content.application)), body)


def _media_type(file: Path, content_type: str | None) -> str:
    known = CONTENT_TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    media_type = content_type or known
    if media_type is None:
        raise AskedWronglyError(f"{file}: say what it is with --content-type")
    return media_type


def octets_of(file: Path) -> bytes:
    """Return the content of a file. :raises AskedWronglyError: it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise AskedWronglyError(f"{file}: {error.strerror or error}") from error


def instant_of(option: str, text: str | None) -> Instant | None:
    """Return the value of an option. :raises AskedWronglyError: it is no time."""
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

"""``omapush replace``: submit a push in the place of an earlier one (PAP 8.2)."""

from __future__ import annotations

from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.submission import AskedWronglyError, Submission, submit
from omapush.pap.model import ReplaceMethod


def replace(
    earlier: Annotated[str, typer.Argument(help="push-id of the push to be replaced.")],
    address: arguments.Addresses,
    pending_only: Annotated[
        bool,
        typer.Option("--pending-only", help="Only to recipients who still wait for the earlier."),
    ] = False,
    application: arguments.Application = arguments.DEFAULT_APPLICATION,
    ppg: arguments.Ppg = arguments.DEFAULT_PPG,
    file: arguments.File = None,
    text: arguments.Text = None,
    content_type: arguments.ContentType = None,
    header: arguments.Headers = None,
    confirmed: arguments.Confirmed = None,
    push_id: arguments.NewPushId = None,
    notify_to: arguments.NotifyTo = None,
    wait: arguments.Wait = False,
    wait_seconds: arguments.WaitSeconds = 60.0,
    listen: arguments.Listen = "127.0.0.1:0",
    username: arguments.Username = None,
    password: arguments.Password = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Cancel an earlier push for those who wait for it, and submit this one in its place."""
    method = ReplaceMethod.PENDING_ONLY if pending_only else ReplaceMethod.ALL
    with telling(as_json=as_json, asked_wrongly=(AskedWronglyError,)):
        submit(
            Submission(
                address, application, file, text, content_type, header or [], confirmed, push_id,
                notify_to, listen if wait else None, wait_seconds, earlier, method,
            ),
            ppg, username, password, as_json=as_json,
        )  # fmt: skip

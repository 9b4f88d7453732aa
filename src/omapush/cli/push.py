"""``omapush push``: submit one push, and wait for its result if asked to."""

from __future__ import annotations

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.submission import AskedWronglyError, Submission, submit


def push(
    address: arguments.Addresses,
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
    """Submit a push to a gateway over PAP."""
    with telling(as_json=as_json, asked_wrongly=(AskedWronglyError,)):
        submit(
            Submission(
                address, application, file, text, content_type, header or [], confirmed, push_id,
                notify_to, listen if wait else None, wait_seconds,
            ),
            ppg, username, password, as_json=as_json,
        )  # fmt: skip

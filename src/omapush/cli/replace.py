"""``omapush replace``: submit a push in the place of an earlier one (PAP 8.2)."""

from __future__ import annotations

from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.submission import ASKED_WRONGLY, Replaced, message_of, submit
from omapush.pap.model import ReplaceMethod


def replace(
    earlier: Annotated[str, typer.Argument(help="push-id of the push to be replaced.")],
    address: arguments.Addresses,
    *,
    pending_only: Annotated[
        bool,
        typer.Option("--pending-only", help="Only to recipients who still wait for the earlier."),
    ] = False,
    ppg: arguments.Ppg = arguments.DEFAULT_PPG,
    content: arguments.Content,
    submission: arguments.Submission,
    access: arguments.Access,
    as_json: arguments.AsJson = False,
) -> None:
    """Cancel an earlier push for those who wait for it, and submit this one in its place."""
    method = ReplaceMethod.PENDING_ONLY if pending_only else ReplaceMethod.ALL
    with telling(as_json=as_json, asked_wrongly=ASKED_WRONGLY):
        replaced = Replaced(earlier, method)
        initiator = access.initiator(ppg)
        submit(address, message_of(content), submission, initiator, replaced, as_json=as_json)

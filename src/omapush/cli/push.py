"""``omapush push``: submit one push, and wait for its result if asked to."""

from __future__ import annotations

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.cli.recipes import no_recipe_among
from omapush.cli.submission import ASKED_WRONGLY, message_of, submit


def push(
    address: arguments.Addresses,
    *,
    ppg: arguments.Ppg = arguments.DEFAULT_PPG,
    content: arguments.Content,
    submission: arguments.Submission,
    access: arguments.Access,
    as_json: arguments.AsJson = False,
) -> None:
    """Submit a push to a gateway over PAP."""
    with telling(as_json=as_json, asked_wrongly=ASKED_WRONGLY):
        no_recipe_among(address, "push")
        message = message_of(content)
        submit(address, message, submission, access.initiator(ppg), as_json=as_json)

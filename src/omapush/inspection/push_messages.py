"""A push message in its textual form, whichever protocol has carried it (WAP-251, 5.1)."""

from __future__ import annotations

from functools import partial

from omapush.content.message import PushMessage
from omapush.core.explanation import Field
from omapush.inspection.bodies import carried_body
from omapush.inspection.model import Reading, Values
from omapush.inspection.text_lines import Words, head_fields


def push_reading(
    title: str, first: str | None, octets: bytes, message: PushMessage, words: Words
) -> Reading:
    """Return the reading of a push message.

    :param title: the media type of the whole. :param first: name of its start line, if it has one.
    :param message: what was read of ``octets``, without its coding.
    """
    values: Values = {
        "headers": [list(header) for header in message.headers],
        "explained": {
            name: said
            for name, value in message.headers
            if (said := words(name, value)) is not None
        },
        "body": message.body.hex(),
    }
    carried = carried_body(message.get("Content-Type"), message.body)
    explain = partial(_explain, title, first, octets, message, words)
    return Reading("push", values, explain, carried)


def _explain(
    title: str, first: str | None, octets: bytes, message: PushMessage, words: Words
) -> Field:
    head, blank, content = octets.partition(b"\r\n\r\n")
    if not blank:
        return Field(title, 0, octets, note="without headers")
    at = len(head) + 2
    children = head_fields(octets[:at], 0, first, words)
    children.append(Field("empty line", at, octets[at : at + 2]))
    if content:
        coded = f"{len(message.body)} octets when decoded" if content != message.body else None
        children.append(Field("content", at + 2, content, note=coded))
    return Field(title, 0, octets, None, tuple(children))

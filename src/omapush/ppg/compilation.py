"""From the text form of a content type to its binary form (PPG 5.1.2.1.3, WBXML).

What was compiled is remembered for a while: a push to very many recipients is compiled once.
"""

from __future__ import annotations

import functools

from omapush.content.message import PushMessage
from omapush.content.written_forms import in_other_form
from omapush.core.errors import DecodeError, EncodeError, OmapushError
from omapush.protocols.wbxml import TEXT_TO_BINARY

REMEMBERED_OCTETS = 16_384
"""Longer bodies are compiled anew each time; they are rare, and memory is bounded."""


class CompilationError(OmapushError):
    """The content cannot be put into its binary form; what is wrong with it, and where."""


def binary_form_of(media_type: str) -> str | None:
    """Return the type of the binary form, or ``None`` if there is none."""
    return TEXT_TO_BINARY.get(media_type)


def may_transform(message: PushMessage) -> bool:
    """Whether the body may be changed at all (PPG 5.1.2.1.1)."""
    if message.get("Content-Encoding") not in (None, "identity"):
        return False
    directives = ",".join(message.get_all("Cache-Control")).lower().split(",")
    return "no-transform" not in (each.strip() for each in directives)


def compiled(message: PushMessage) -> PushMessage:
    """Return ``message`` with its body in binary form and headers that say so.

    :raises CompilationError: the content is not well formed or not of its type.
    """
    if len(message.body) > REMEMBERED_OCTETS:
        return _compiled(message)
    return _remembered(message)


def _compiled(message: PushMessage) -> PushMessage:
    try:
        return in_other_form(message)
    except (DecodeError, EncodeError) as error:
        raise CompilationError(error.reason, error.position, error.layer) from error


_remembered = functools.lru_cache(maxsize=64)(_compiled)

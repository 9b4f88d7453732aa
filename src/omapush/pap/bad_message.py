"""The error of every PAP decoder: what a badmessage-response, or a refusal in kind, must say."""

from __future__ import annotations

import re

from omapush.core.errors import DecodeError
from omapush.pap.codes import StatusCode
from omapush.pap.versions import PAP_1_0, PapVersion, VersionRange

MAX_FRAGMENT = 256
"""Characters of the offending text that are sent back."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BadMessage(DecodeError):
    """A PAP message cannot be understood (PAP 8.12).

    :ivar code: 2000.
    :ivar fragment: the offending text, or ``None``.
    :ivar operation: name of the message element, when it could be read; and
    :ivar message_id: its push-id or query-id: then the answer can be the operation's own response.
    :ivar version: the PAP version of the message, as far as it was found out; likewise
    :ivar owner: whom its DOCTYPE names, and
    :ivar supported_versions: the versions that its sender lists.
    """

    code = StatusCode.BAD_REQUEST

    def __init__(
        self,
        reason: str,
        position: int | str | None = None,
        *,
        fragment: str | None = None,
        operation: str | None = None,
        message_id: str | None = None,
        version: PapVersion = PAP_1_0,
        owner: str = "WAPFORUM",
        supported_versions: tuple[VersionRange, ...] = (),
    ) -> None:
        super().__init__(reason, position)
        self.fragment = fragment
        self.operation = operation
        self.message_id = message_id
        self.version = version
        self.owner = owner
        self.supported_versions = supported_versions


def fragment_around(text: str, position: int) -> str:
    """Return what stands around ``position``, fit for an XML attribute."""
    start = max(0, position - MAX_FRAGMENT // 2)
    return printable(text[start : start + MAX_FRAGMENT])


def printable(text: str) -> str:
    """Return ``text`` with a question mark for each character that XML cannot hold."""
    return _NOT_XML.sub("?", text)

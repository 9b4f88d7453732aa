"""Headers that say of a push how it goes, in every variant of OTA that has textual headers.

OTA-HTTP defines them (WAP-235, 7.4); OTA-SIP has them as extension headers, meaning the same.
"""

from __future__ import annotations

import re

from omapush.ota.interface import PushFlag

PUSH_STATUS = "X-Wap-Push-Status"
PUSH_INFO = "X-Wap-Push-Info"
PUSH_ID = "X-Push-Id"
"""Our own: lets a client of ours recognise a push that is sent again. Others pass it over."""
PUSH_SIZE = "X-Wap-Push-Size"
"""Our own: octets of content that are to come, said before they do."""

MAX_REASON = 120
"""Characters of a refusal's text that go into X-Wap-Push-Status."""

_STATUS = re.compile(r"\s*([0-9]{3})(?:[ \t]+(.*))?", re.ASCII)

_TOKENS = {
    "authenticated": PushFlag.INITIATOR_AUTHENTICATED,
    "trusted": PushFlag.CONTENT_TRUSTED,
    "last": PushFlag.LAST,
}
_RESPONSE = "response"


def format_push_info(flags: PushFlag, *, response_allowed: bool) -> str | None:
    """Write X-Wap-Push-Info, or ``None`` when there is nothing to say (WAP-235, 7.4.1.1)."""
    tokens = [token for token, flag in _TOKENS.items() if flag in flags]
    if response_allowed:
        tokens.append(_RESPONSE)
    return ",".join(tokens) or None


def parse_push_info(value: str | None) -> tuple[PushFlag, bool]:
    """Read X-Wap-Push-Info: the flags, and whether a response body is allowed."""
    tokens = {token.strip().lower() for token in (value or "").split(",")}
    flags = PushFlag.NONE
    for token in tokens & _TOKENS.keys():
        flags |= _TOKENS[token]
    return flags, _RESPONSE in tokens


def format_push_status(status: int, text: str) -> str:
    """Write X-Wap-Push-Status, with a text cut to what may stand in a header."""
    return f"{int(status)} {printable(text)}".rstrip()


def parse_push_status(value: str | None) -> tuple[int, str] | None:
    """Read X-Wap-Push-Status, three digits and a text; ``None`` when missing or malformed."""
    found = _STATUS.fullmatch(value) if value is not None else None
    return (int(found[1]), (found[2] or "").strip()) if found else None


def printable(text: str) -> str:
    """Return ``text`` as it may stand in a header."""
    return "".join(c if " " <= c <= "~" else "?" for c in text[:MAX_REASON]).strip()

"""Header names of OTA-HTTP and the small grammars behind them (WAP-235, 7.2 to 7.6)."""

from __future__ import annotations

import re

from omapush.ota.interface import PushFlag

TARGET = "/wappush"
VERSION = "X-Wap-Push-OTA-Version"
CPI_TAG = "X-Wap-CPITag"
PROV_URL = "X-Wap-Push-ProvURL"
TERMINAL_ID = "X-Wap-Terminal-Id"
BEARER_INDICATION = "X-Wap-Bearer-Indication"
PUSH_STATUS = "X-Wap-Push-Status"
PUSH_INFO = "X-Wap-Push-Info"
PUSH_ID = "X-Push-Id"
"""Our own: lets a client of ours recognise a push that is sent again. Others pass it over."""

OUR_VERSION = "1.0"

_STATUS = re.compile(r"\s*([0-9]{3})(?:[ \t]+(.*))?", re.ASCII)
_OFFER = re.compile(r"([0-9]{1,4})\.([0-9]{1,4}|\*)", re.ASCII)

_TOKENS = {
    "authenticated": PushFlag.INITIATOR_AUTHENTICATED,
    "trusted": PushFlag.CONTENT_TRUSTED,
    "last": PushFlag.LAST,
}
_RESPONSE = "response"


def offers_our_version(value: str) -> bool:
    """Whether a version list, ``1.0,2.*``, names the version that we speak (WAP-235, 7.5)."""
    ours = tuple(OUR_VERSION.split("."))
    for entry in value.split(",")[:32]:
        found = _OFFER.fullmatch(entry.strip())
        if found and (found[1], found[2]) in (ours, (ours[0], "*")):
            return True
    return False


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


def parse_push_status(value: str | None) -> tuple[int, str] | None:
    """Read X-Wap-Push-Status, three digits and a text; ``None`` when missing or malformed."""
    found = _STATUS.fullmatch(value) if value is not None else None
    return (int(found[1]), (found[2] or "").strip()) if found else None

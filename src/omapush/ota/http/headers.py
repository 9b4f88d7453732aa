"""Header names of OTA-HTTP and the small grammars behind them (WAP-235, 7.2 to 7.6)."""

from __future__ import annotations

import re
import sys

from omapush.core.errors import LimitError
from omapush.protocols.http import Request, Response

TARGET = "/wappush"
VERSION = "X-Wap-Push-OTA-Version"
CPI_TAG = "X-Wap-CPITag"
PROV_URL = "X-Wap-Push-ProvURL"
TERMINAL_ID = "X-Wap-Terminal-Id"
BEARER_INDICATION = "X-Wap-Bearer-Indication"

OUR_VERSION = "1.0"

MAX_TAG = 64
"""Characters of a CPITag; our own have eight."""
MAX_TERMINAL_ID = 255
"""Characters of a Terminal-ID (WAP-196, 6.1)."""

_BEARER = re.compile(r"[0-9A-Fa-f]{2}")
_OFFER = re.compile(r"([0-9]{1,4})\.([0-9]{1,4}|\*)", re.ASCII)


def choose_version(offered: str) -> str | None:
    """Return the version to speak with a peer that offers ``1.0,2.*``, or ``None``.

    A peer of our major speaks our minor too, the lowest there is (WAP-235, 7.5).
    """
    if offered == OUR_VERSION:
        return OUR_VERSION
    ours = int(OUR_VERSION.partition(".")[0])
    entries = (_OFFER.fullmatch(entry.strip()) for entry in offered.split(",")[:32])
    return OUR_VERSION if any(found and int(found[1]) == ours for found in entries) else None


def cpi_tag(message: Request | Response) -> str | None:
    """Return the tag, which is opaque; one of no reasonable length is as good as none."""
    value = (message.get(CPI_TAG) or "").strip()
    return value if 0 < len(value) <= MAX_TAG else None


def terminal_id(response: Response) -> str | None:
    """Return the Terminal-ID. :raises LimitError: longer than any Client ID."""
    value = (response.get(TERMINAL_ID) or "").strip()
    if len(value) > MAX_TERMINAL_ID:
        raise LimitError(f"a Terminal-ID of {len(value)} characters", TERMINAL_ID)
    return value or None


def bearer_indication(response: Response) -> str | None:
    """Return the bearer as two hexadecimal digits, or ``None`` when missing or malformed."""
    value = (response.get(BEARER_INDICATION) or "").strip()
    return sys.intern(value.upper()) if _BEARER.fullmatch(value) else None

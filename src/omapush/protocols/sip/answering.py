"""What a response repeats of its request (RFC 3261 8.2.6)."""

from __future__ import annotations

import re

from omapush.protocols.sip.listing import split_outside
from omapush.protocols.sip.message import Field, SipRequest, SipResponse

_REPEATED = ("Via", "From", "To", "Call-ID", "CSeq")
_MAKES_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "REFER"})
_TAG = re.compile(r"tag[ \t]*=", re.IGNORECASE)


def completed(request: SipRequest, response: SipResponse, tag: str) -> SipResponse:
    """Return ``response`` with what is missing in it of what it has to repeat.

    Via, From, To, Call-ID and CSeq come in front; To gets ``tag`` unless it has one, or the
    response is 100 (8.2.6.2). Record-Route is repeated in what makes a dialog (12.1.1).
    """
    front: list[Field] = []
    for name in _repeated(request, response):
        if response.headers.first(name) is None:
            front.extend((name, value) for value in request.headers.every(name))
    headers = type(response.headers)((*front, *response.headers.fields))
    to = headers.first("To")
    if to is not None and response.status != 100 and not has_tag(to):
        headers = headers.replaced("To", f"{to};tag={tag}")
    return response.with_headers(headers)


def has_tag(value: str) -> bool:
    """Whether a To or From header has a tag."""
    return any(_TAG.match(part) for part in split_outside(value, ";")[1:])


def _repeated(request: SipRequest, response: SipResponse) -> tuple[str, ...]:
    makes_dialog = request.method in _MAKES_DIALOG and 100 < response.status < 300
    return (*_REPEATED, "Record-Route") if makes_dialog else _REPEATED

"""Responses that a user agent makes of a request (RFC 3261 8.2.6)."""

from __future__ import annotations

from typing import Final

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import NameAddress
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse

_REASONS: Final = {
    100: "Trying",
    200: "OK",
    400: "Bad Request",
    413: "Request Entity Too Large",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    487: "Request Terminated",
    503: "Service Unavailable",
    505: "Version Not Supported",
}
_COPIED: Final = ("Via", "From", "To", "Call-ID", "CSeq")
_DIALOG_MAKERS: Final = ("INVITE", "SUBSCRIBE", "REFER")


def plain_response(status: int, *fields: Field, reason: str | None = None) -> SipResponse:
    """Return a response that says no more than its status and ``fields``."""
    return SipResponse(status, reason or _REASONS.get(status, "Refused"), SipHeaders(fields))


def completed_response(response: SipResponse, request: SipRequest, tag: str) -> SipResponse:
    """Return ``response`` with what it must have of the request.

    Via, From, To, Call-ID and CSeq are copied where they are missing, and Record-Route into what
    makes a dialog (12.1.1).

    :param tag: for a To without one, except in a 100.
    """
    given = {name.lower() for name, _ in response.headers.fields}
    front: list[Field] = []
    if _makes_dialog(response, request) and "record-route" not in given:
        front += (("Record-Route", value) for value in request.headers.every("Record-Route"))
    wanted = {name.lower(): name for name in _COPIED if name.lower() not in given}
    for name, value in request.headers.fields:
        long_name = wanted.get(name.lower())
        if long_name is not None:
            is_untagged = long_name == "To" and response.status != 100
            front.append((long_name, tagged(value, tag) if is_untagged else value))
    rest = response.headers
    own = rest.first("To")
    if own is not None and response.status != 100:
        rest = rest.replaced("To", tagged(own, tag))
    return response.with_headers(SipHeaders((*front, *rest.fields)))


def tagged(address: str, tag: str) -> str:
    """Return a From or To with ``tag``, unless it has one or cannot be read."""
    try:
        has_tag = NameAddress.parse(address).tag is not None
    except BadSipMessage:
        return address
    return address if has_tag else f"{address};tag={tag}"


def _makes_dialog(response: SipResponse, request: SipRequest) -> bool:
    return request.method in _DIALOG_MAKERS and 100 < response.status < 300

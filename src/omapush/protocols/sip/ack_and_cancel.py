"""The two requests that belong to another one: ACK of a refused INVITE, and CANCEL."""

from __future__ import annotations

from omapush.protocols.sip.header_fields import cseq, required
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest, SipResponse


def ack_of_refusal(invite: SipRequest, response: SipResponse) -> SipRequest:
    """Return the ACK of a 3xx to 6xx, which goes the way of the INVITE (RFC 3261 17.1.1.3).

    :param invite: as it was sent, with its Via.
    """
    return _companion("ACK", invite, required(response, "To"))


def cancel_of(invite: SipRequest) -> SipRequest:
    """Return the CANCEL of an INVITE (RFC 3261 9.1).

    :param invite: as it was sent, with its Via.
    """
    return _companion("CANCEL", invite, required(invite, "To"))


def _companion(method: str, invite: SipRequest, to: str) -> SipRequest:
    headers = invite.headers
    fields: tuple[Field, ...] = (
        ("Via", required(invite, "Via")),
        ("Max-Forwards", headers.first("Max-Forwards") or "70"),
        *(("Route", value) for value in headers.every("Route")),
        ("From", required(invite, "From")),
        ("To", to),
        ("Call-ID", required(invite, "Call-ID")),
        ("CSeq", f"{cseq(invite).number} {method}"),
    )
    return SipRequest(method, invite.uri, SipHeaders(fields))

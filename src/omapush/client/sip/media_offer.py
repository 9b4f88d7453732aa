"""What is answered to an INVITE that offers a push over MSRP (RFC 4975 8, RFC 6135). Pure.

Of the media that are offered the first MSRP session is taken and all else is refused. The client
connects wherever the gateway lets it, for it is the client that sits behind translators of
addresses [design].
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.errors import OmapushError
from omapush.ota.message_format import MAX_HEAD
from omapush.ota.sip.envelope import CONTENT_TYPE
from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.session import Ends
from omapush.protocols.msrp.uri import MsrpUri, parse_path
from omapush.protocols.sdp import (
    BadDescription,
    Description,
    Direction,
    Media,
    Setup,
    encode_description,
    parse_description,
)
from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse

SDP = "application/sdp"
_UNUSED_PORT = 9
"""Of an end that connects itself, and is never connected to (RFC 4145 4.1)."""


class OfferRefused(OmapushError):
    """The offer is not taken. :ivar response: what is answered."""

    def __init__(self, response: SipResponse) -> None:
        super().__init__(f"{response.status} {response.reason}")
        self.response = response


@dataclass(frozen=True, slots=True)
class MediaTerms:
    """What this end can do.

    :ivar host: its own IP address.
    :ivar accept: content types that are taken; ``*/*`` is any.
    :ivar max_size: octets of the longest push message.
    :ivar listens_at: the port that the other end may connect to; ``None``: none.
    :ivar may_be_secure: sessions by TLS can be had; ``must_be_secure``: no others are taken.
    """

    host: str
    accept: tuple[str, ...]
    max_size: int
    listens_at: int | None = None
    may_be_secure: bool = True
    must_be_secure: bool = False


@dataclass(frozen=True, slots=True)
class Agreed:
    """A session that was agreed on.

    :ivar connects: this end is the active one. :ivar secure: by TLS.
    :ivar fingerprint: of the other end's certificate, if the offer has one.
    :ivar answer: the session description.
    """

    ends: Ends
    connects: bool
    secure: bool
    fingerprint: str | None
    answer: bytes

    @property
    def next_hop(self) -> MsrpUri:
        """Where this end connects to."""
        return self.ends.remote[0]


def agree(invite: SipRequest, terms: MediaTerms, session_id: str) -> Agreed:
    """Return what is agreed on. :raises OfferRefused: nothing is.

    :param session_id: for this end's URI; nobody can guess it.
    """
    description = _description(invite)
    offered = description.msrp
    if offered is None or not _is_taken(offered, terms):
        raise OfferRefused(SipResponse(488, "Not Acceptable Here"))
    connects = _connects(offered.setup, terms)
    try:
        remote = parse_path(offered.path)
    except BadFrame as error:
        raise OfferRefused(SipResponse(488, "Not Acceptable Here")) from error
    port = _UNUSED_PORT if connects or terms.listens_at is None else terms.listens_at
    own = MsrpUri(terms.host, port, session_id, offered.is_secure)
    media = Media(
        kind=offered.kind,
        port=port,
        protocol=offered.protocol,
        path=str(own),
        accept_types=_accept_types(terms.accept),
        max_size=terms.max_size + MAX_HEAD,  # with the headers in the envelope
        setup=None if offered.setup is None else (Setup.ACTIVE if connects else Setup.PASSIVE),
        direction=_direction(offered.direction),
    )
    answer = encode_description(description.answered_by(media, terms.host))
    ends = Ends((own,), remote)
    return Agreed(ends, connects, offered.is_secure, offered.fingerprint, answer)


def _description(invite: SipRequest) -> Description:
    written = (invite.headers.first("Content-Type") or "").partition(";")[0].strip().lower()
    if not invite.body:  # the answer would have to make the offer, and the client pushes nothing
        raise OfferRefused(SipResponse(488, "Not Acceptable Here"))
    if written != SDP:
        headers = SipHeaders((("Accept", SDP),))
        raise OfferRefused(SipResponse(415, "Unsupported Media Type", headers))
    try:
        return parse_description(invite.body)
    except BadDescription as error:
        raise OfferRefused(SipResponse(400, "Bad Session Description")) from error


def _is_taken(offered: Media, terms: MediaTerms) -> bool:
    if offered.direction is Direction.RECVONLY or offered.direction is Direction.INACTIVE:
        return False
    return terms.may_be_secure if offered.is_secure else not terms.must_be_secure


def _connects(setup: Setup | None, terms: MediaTerms) -> bool:
    if setup in (Setup.ACTPASS, Setup.PASSIVE):
        return True
    if terms.listens_at is None:  # the other end wants to connect, and cannot
        raise OfferRefused(SipResponse(488, "Not Acceptable Here"))
    return False


def _accept_types(accept: tuple[str, ...]) -> tuple[str, ...]:
    return ("*",) if "*/*" in accept else (CONTENT_TYPE, *accept)


def _direction(offered: Direction) -> Direction:
    return Direction.RECVONLY if offered is Direction.SENDONLY else Direction.SENDRECV

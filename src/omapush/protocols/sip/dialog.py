"""What the requests between two user agents have in common once an INVITE succeeded, or another
request that makes a dialog (RFC 3261 12).
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.header_fields import (
    NameAddress,
    call_id,
    contacts,
    cseq,
    from_tag,
    required,
    to_tag,
)
from omapush.protocols.sip.message import Field, SipHeaders, SipMessage, SipRequest, SipResponse

_CREDENTIALS = ("Authorization", "Proxy-Authorization")


@dataclass(slots=True)
class Dialog:
    """One end of a dialog.

    :ivar local: this end, as it stands in From of its requests, with its tag.
    :ivar remote: the peer, as it stands in To of them, with its tag.
    :ivar remote_target: the URI that the peer is reached by, from its Contact.
    :ivar route_set: the proxies between, as they stand in Route, the nearest first.
    :ivar local_sequence: the CSeq number used last.
    :ivar remote_sequence: the highest CSeq number of the peer; ``None`` before its first request.
    """

    call_id: str
    local: str
    remote: str
    local_tag: str | None
    remote_tag: str | None
    remote_target: str
    route_set: tuple[str, ...]
    local_sequence: int
    remote_sequence: int | None = None

    @classmethod
    def of_response(cls, request: SipRequest, response: SipResponse) -> Dialog:
        """Return the dialog at the end that sent ``request`` and got ``response`` (12.1.2).

        :raises BadSipMessage: either does not say what a dialog is made of.
        """
        return cls(
            call_id=call_id(request),
            local=required(request, "From"),
            remote=required(response, "To"),
            local_tag=from_tag(request),
            remote_tag=to_tag(response),
            remote_target=_target(response) or request.uri,
            route_set=response.headers.listed("Record-Route")[::-1],
            local_sequence=cseq(request).number,
        )

    @classmethod
    def of_request(
        cls, request: SipRequest, response: SipResponse, first_sequence: int = 1
    ) -> Dialog:
        """Return the dialog at the end that got ``request`` and sent ``response`` (12.1.1).

        :param response: complete, with the tag in its To.
        :param first_sequence: the CSeq number of this end's first request.
        :raises BadSipMessage: either does not say what a dialog is made of.
        """
        target = _target(request)
        if target is None:
            raise BadSipMessage("no Contact", "Contact")
        return cls(
            call_id=call_id(request),
            local=required(response, "To"),
            remote=required(request, "From"),
            local_tag=to_tag(response),
            remote_tag=from_tag(request),
            remote_target=target,
            route_set=request.headers.listed("Record-Route"),
            local_sequence=first_sequence - 1,
            remote_sequence=cseq(request).number,
        )

    @property
    def next_hop(self) -> str:
        """The URI that requests go to: the nearest proxy, or the peer itself."""
        return NameAddress.parse(self.route_set[0]).uri if self.route_set else self.remote_target

    def request(self, method: str, *fields: Field, body: bytes = b"") -> SipRequest:
        """Return a new request to the peer (12.2.1.1), with ``fields`` behind what it must have.

        :raises BadSipMessage: the route set cannot be read.
        """
        self.local_sequence += 1
        return self._request(method, self.local_sequence, fields, body)

    def acknowledge(self, invite: SipRequest, *fields: Field, body: bytes = b"") -> SipRequest:
        """Return the ACK of a 2xx: with the number and the credentials of the INVITE (13.2.2.4).

        :raises BadSipMessage: the route set cannot be read.
        """
        credentials = tuple(
            (name, value) for name in _CREDENTIALS for value in invite.headers.every(name)
        )
        return self._request("ACK", cseq(invite).number, (*credentials, *fields), body)

    def has(self, request: SipRequest) -> bool:
        """Return whether a request of the peer is within this dialog (12.2.2).

        :raises BadSipMessage: the request cannot be read.
        """
        return (
            call_id(request) == self.call_id
            and to_tag(request) == self.local_tag
            and from_tag(request) == self.remote_tag
        )

    def takes(self, request: SipRequest) -> bool:
        """Take note of a request of the peer; return ``False`` if it is out of order, to be
        refused with 500 (12.2.2).

        The CSeq of ACK and CANCEL is that of another request and says nothing.

        :raises BadSipMessage: the request cannot be read.
        """
        if request.method in ("ACK", "CANCEL"):
            return True
        number = cseq(request).number
        if self.remote_sequence is not None and number <= self.remote_sequence:
            return False
        self.remote_sequence = number
        return True

    def refresh(self, message: SipMessage) -> None:
        """Reach the peer by the Contact of ``message`` from now on, if it has one: a re-INVITE or
        its 2xx (12.2).

        :raises BadSipMessage: the Contact cannot be read.
        """
        self.remote_target = _target(message) or self.remote_target

    def _request(
        self, method: str, number: int, fields: tuple[Field, ...], body: bytes
    ) -> SipRequest:
        uri, routes = self._way()
        headers = SipHeaders(
            (
                *(("Route", route) for route in routes),
                ("From", self.local),
                ("To", self.remote),
                ("Call-ID", self.call_id),
                ("CSeq", f"{number} {method}"),
                *fields,
            )
        )
        return SipRequest(method, uri, headers, body)

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """Return Request-URI and Route; a proxy that is no loose router wants to be in the former
        (12.2.1.1).
        """
        if not self.route_set:
            return self.remote_target, ()
        first = NameAddress.parse(self.route_set[0])
        if first.sip_uri().lr:
            return self.remote_target, self.route_set
        return first.uri, (*self.route_set[1:], f"<{self.remote_target}>")


def _target(message: SipMessage) -> str | None:
    return next((one.uri for one in contacts(message) if not one.is_wildcard), None)

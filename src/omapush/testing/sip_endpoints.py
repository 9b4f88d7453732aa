"""SIP endpoints for tests: what they say to each other, and both on one link of datagrams.

::

    clock = VirtualClock()
    link = sip_link(clock, Faults(loss=0.3), seed=7)
    link.left.request(lambda end, now: end.send(push_request(1), RIGHT, now))
    clock.advance(60_000)
    link.right.take()                   # the indications at the right end
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from omapush.core.instants import Instant
from omapush.core.networks import host_and_port
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import Field, SipHeaders, SipRequest
from omapush.protocols.sip.primitives import EndpointSettings, Indication, SendMessage
from omapush.testing.datagram_link import DatagramLink, Faults
from omapush.testing.virtual_clock import VirtualClock

LEFT = Hop(Transport.UDP, "192.0.2.1", 5060)
RIGHT = Hop(Transport.UDP, "192.0.2.2", 5060)

Deed = Callable[[SipEndpoint, Instant], object]
"""Something done with an endpoint."""

SipLink = DatagramLink[Deed, Indication, Deed, Indication]


def counting(prefix: str) -> Callable[[], str]:
    """Return a maker of tokens that repeats in each run, and never repeats itself."""
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers)}"


def sip_endpoint(
    hop: Hop = LEFT, settings: EndpointSettings | None = None, prefix: str | None = None
) -> SipEndpoint:
    """Return an endpoint that is at ``hop``."""
    address = host_and_port(hop.host, hop.port)
    tokens = counting(prefix or f"at{hop.host}n")
    return SipEndpoint(lambda _hop: address, settings or EndpointSettings(), tokens)


def sip_request(
    method: str,
    number: int = 1,
    *fields: Field,
    body: bytes = b"",
    call: str = "",
    to: str = "<sip:alice@push.test>",
) -> SipRequest:
    """Return a request of the gateway to alice, as a user of an endpoint makes it.

    :param number: of its CSeq, and of its Call-ID unless ``call`` is given.
    """
    must: tuple[Field, ...] = (
        ("From", "<sip:ppg@push.test>;tag=left"),
        ("To", to),
        ("Call-ID", call or f"call-{number}@192.0.2.1"),
        ("CSeq", f"{number} {method}"),
    )
    return SipRequest(method, "sip:alice@push.test", SipHeaders((*must, *fields)), body)


def push_request(number: int = 1, octets: int = 20) -> SipRequest:
    """Return a MESSAGE with a body."""
    body = bytes(at % 251 for at in range(octets))
    return sip_request("MESSAGE", number, ("Content-Type", "text/plain"), body=body)


def invite_request(number: int = 1) -> SipRequest:
    """Return an INVITE."""
    return sip_request("INVITE", number, ("Contact", "<sip:ppg@192.0.2.1:5060>"))


@dataclass(slots=True)
class SipOnDatagrams:
    """An endpoint as a machine of a datagram link: all that it sends goes to the one peer."""

    endpoint: SipEndpoint
    peer: Hop

    def request(self, deed: Deed, now: Instant) -> None:
        """Do something with the endpoint."""
        deed(self.endpoint, now)

    def receive(self, datagram: bytes, now: Instant) -> None:
        """Take a datagram of the peer."""
        self.endpoint.receive(datagram, self.peer, now)

    def next_timer(self) -> Instant | None:
        """Return when it wants to be woken."""
        return self.endpoint.next_timer()

    def handle_timer(self, now: Instant) -> None:
        """Do what is due."""
        self.endpoint.handle_timer(now)

    def effects(self) -> list[SendMessage]:
        """Return and forget what is to be sent."""
        return self.endpoint.effects()

    def indications(self) -> list[Indication]:
        """Return and forget what the user is to be told."""
        return self.endpoint.indications()


def sip_link(
    clock: VirtualClock,
    faults: Faults | None = None,
    seed: int = 0,
    settings: EndpointSettings | None = None,
) -> SipLink:
    """Return two endpoints, at ``LEFT`` and at ``RIGHT``, and the link between them."""
    left = SipOnDatagrams(sip_endpoint(LEFT, settings), RIGHT)
    right = SipOnDatagrams(sip_endpoint(RIGHT, settings), LEFT)
    return DatagramLink(clock, left, right, faults, seed)

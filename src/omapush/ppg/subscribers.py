"""Clients that nobody lists one by one: ranges of numbers and networks that this gateway serves.

A number in a served range is a client that connectionless pushes reach by SMS, an IP address in a
served network one that they reach by UDP, a SIP user of a served domain one that a SIP/IP core
leads to. Such a client is made from its address when it is needed
and is kept nowhere, so that a million subscribers cost nothing.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.core.networks import Network
from omapush.pap.address import IPV4, IPV6, URI, Address
from omapush.ppg.client import Client
from omapush.ppg.contacts import (
    Contact,
    HttpContact,
    SessionContact,
    SipContact,
    SmsContact,
    UdpContact,
)
from omapush.ppg.patterns import matches
from omapush.ppg.sip.address_of_record import address_of_record, domain_of

REMEMBERED = 8_192
"""Clients that need not be made again at once."""


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses of subscribers, and what their clients have in common.

    :ivar numbers: patterns of numbers with their ``+``, such as ``+35840*``; reached by SMS.
    :ivar networks: reached by UDP.
    :ivar sessions: clients in ``networks`` open push sessions too.
    :ivar network: name of the network (WDP appendix C); ``bearer`` likewise.
    :ivar dial_in: their terminals connect by OTA-HTTP as well (TO-TCP), and then are reached so.
    :ivar dial_in_from: the networks from which they do; none: they may be anywhere.
    :ivar sip_domains: in lower case; their users are reached by OTA-SIP.
    """

    numbers: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    sessions: bool = False
    network: str | None = None
    bearer: str | None = None
    dial_in: bool = False
    dial_in_from: tuple[Network, ...] = ()
    sip_domains: tuple[str, ...] = ()


class Subscribers:
    """The ranges that are served; the first that an address is in counts."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._ranges = tuple(ranges)
        # Asked for when a push is accepted, and soon after when it is delivered.
        self._client = functools.lru_cache(maxsize=REMEMBERED)(self._made)

    def resolve(self, address: Address) -> Client | None:
        """Return the client behind ``address``, if it is in a served range."""
        if address.qualifiers:
            return None
        value = address.value
        if address.type == URI:
            # One client for all devices of a user: the way to each is the same.
            value = address_of_record(value) or value
        return self._client(address.type, value)

    def client(self, client_id: str) -> Client | None:
        """Return the client with an id that :meth:`resolve` gave, if its range is still served."""
        kind, colon, value = client_id.partition(":")
        return self._client(kind, value) if colon else None

    def client_at(self, host: str) -> str | None:
        """Return the id of the client whose push sessions come from the IP address ``host``."""
        address = ipaddress.ip_address(host)
        kind = IPV4 if address.version == 4 else IPV6
        for each in self._ranges:
            if any(address in network for network in each.networks):
                return f"{kind}:{address.exploded}" if each.sessions else None
        return None

    def client_of_user(self, user: str) -> str | None:
        """Return the id of the client whose SIP address of record ``user`` is."""
        client = self._client(URI, user)
        return None if client is None else client.client_id

    def _made(self, kind: str, value: str) -> Client | None:
        contacts = self._contacts(kind, value)
        return Client(f"{kind}:{value}", (), contacts) if contacts else None

    def _contacts(self, kind: str, value: str) -> tuple[Contact, ...]:
        match kind:
            case "PLMN":
                return self._by_number(value)
            case "URI":
                return self._by_core(value)
            case "IPV4" | "IPV6":
                return self._by_address(value)
            case _:
                return ()

    def _by_number(self, number: str) -> tuple[Contact, ...]:
        for each in self._ranges:
            if any(matches(pattern, number) for pattern in each.numbers):
                return (*_by_connection(each), Contact(SmsContact(number), *_carried_by(each)))
        return ()

    def _by_core(self, user: str) -> tuple[Contact, ...]:
        domain = domain_of(user)
        for each in self._ranges:
            if domain in each.sip_domains:
                return (Contact(SipContact(user), *_carried_by(each)),)
        return ()

    def _by_address(self, value: str) -> tuple[Contact, ...]:
        try:
            host = ipaddress.ip_address(value)
        except ValueError:
            return ()  # not from resolve(): somebody wrote a client id by hand
        for each in self._ranges:
            if any(host in network for network in each.networks):
                wheres = (UdpContact(str(host)), SessionContact(str(host)))
                used = wheres if each.sessions else wheres[:1]
                return (
                    *_by_connection(each),
                    *(Contact(where, *_carried_by(each)) for where in used),
                )
        return ()


def _carried_by(each: Range) -> tuple[str | None, str | None]:
    return each.network, each.bearer


def _by_connection(each: Range) -> tuple[Contact, ...]:
    # Whatever network carries it: that of the number or address need not be it.
    where = HttpContact(dials_in=True, dials_in_from=each.dial_in_from)
    return (Contact(where),) if each.dial_in else ()

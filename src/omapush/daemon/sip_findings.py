"""What is allowed in the settings of OTA-SIP and will hardly be meant: said, and nothing more."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from omapush.core.networks import ip_address
from omapush.daemon.settings import PpgSettings
from omapush.daemon.sip_settings import SipTable
from omapush.ota.sip.method_choice import MESSAGE_SIZE_LIMIT
from omapush.ppg.client import Client
from omapush.ppg.contacts import Connectionless, SipContact
from omapush.ppg.sip.address_of_record import domain_of


def sip_findings(settings: PpgSettings, clients: Collection[Client]) -> Iterator[str]:
    """Yield what should be looked at.

    :param clients: those of the settings.
    """
    table = settings.sip
    users = [
        client
        for client in clients
        if any(isinstance(where, SipContact) for where in client.contacts_where)
    ]
    somebody = bool(users) or any(each.sip_domains for each in settings.subscribers)
    if table.core is None:
        if somebody:
            yield "clients are SIP users and no core leads to them: set sip.core"
        return
    if not somebody:
        yield "sip.core is set and no client is a SIP user: nobody is reached by it"
    yield from _security_findings(table)
    yield from _size_findings(table)
    yield from _request_findings(table, users)
    yield from _registration_findings(settings, users)


def _security_findings(table: SipTable) -> Iterator[str]:
    host = "" if table.core is None else table.core.host
    address = ip_address(host)
    is_here = host == "localhost" if address is None else address.is_loopback
    if table.transport != "tls" and not is_here:
        yield (
            f'sip.transport = "{table.transport}": whoever is between gateway and core reads and '
            'changes pushes, unless the network prevents it; "tls" prevents it'
        )
    if table.transport == "tls" and table.msrp_listen is not None and not table.msrp_secure:
        yield "sip: requests go by TLS and longer pushes do not: set msrp_secure"


def _size_findings(table: SipTable) -> Iterator[str]:
    if table.message_size_limit > MESSAGE_SIZE_LIMIT and table.transport == "udp":
        yield (
            f"sip.message_size_limit = {table.message_size_limit} is for cores that are reached by "
            'TCP all the way (RFC 3428 8), and sip.transport is "udp"'
        )
    if table.via_reserve >= table.message_size_limit - 400:
        yield "sip.via_reserve leaves hardly any room: nearly every push goes by INVITE and MSRP"


def _registration_findings(settings: PpgSettings, users: Collection[Client]) -> Iterator[str]:
    """Yield the registrations of the settings that are of nobody."""
    known = {
        where.address_of_record
        for client in users
        for where in client.contacts_where
        if isinstance(where, SipContact)
    }
    domains = {name.lower() for each in settings.subscribers for name in each.sip_domains}
    for user in dict.fromkeys(each.user for each in settings.sip.registrations):
        if user not in known and domain_of(user) not in domains:
            yield f"sip.registrations: {user} is no client: nothing is ever pushed there"


def _request_findings(table: SipTable, users: Collection[Client]) -> Iterator[str]:
    if table.contact_point is None:
        return
    if users and not any(
        isinstance(where, Connectionless) for each in users for where in each.contacts_where
    ):
        yield (
            "sip.contact_point is set and no SIP user has a way by SMS or UDP: none can be asked "
            "to register"
        )

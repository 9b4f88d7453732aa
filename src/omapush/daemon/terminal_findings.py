"""What is allowed in the settings of OTA-HTTP and will hardly be meant: said, and nothing more.

Each finding is a sentence that names the settings, and says what comes of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from omapush.core.instants import DAY_MS, Instant, format_utc
from omapush.core.networks import ip_address
from omapush.daemon.own_certificate import CertificateObjectedTo, own_certificate
from omapush.daemon.settings import PpgSettings
from omapush.daemon.terminal_settings import TerminalsTable
from omapush.daemon.terminals import terminal_secrets
from omapush.daemon.tls import serving_context
from omapush.ota.http.ports import PUSH_PORT, SECURE_PUSH_PORT
from omapush.ppg.client import Client
from omapush.ppg.contacts import HttpContact, SmsContact, UdpContact
from omapush.ppg.terminal.accounts import Secrets

SPARE_FILES = 256
"""For the ledger, bearers and calls that the gateway makes."""
SOON_MS = 30 * DAY_MS
_NAMED = 5
_KNOWN_BY_ADDRESS = frozenset({"PLMN", "IPV4", "IPV6"})


def terminal_findings(
    settings: PpgSettings, clients: Collection[Client], now: Instant, open_files: int | None
) -> Iterator[str]:
    """Yield what should be looked at.

    :param clients: those of the settings.
    :param open_files: how many this process may have; ``None``: there is no limit.
    :raises SettingsError: a file cannot be used.
    """
    table = settings.ota_http
    dialling = [each for each in clients if each.dials_in]
    somebody = bool(dialling) or any(each.dial_in for each in settings.subscribers)
    if table.listen or table.secure_listen:
        if not somebody:
            yield "ota_http is open and no client dials in: whoever comes is turned away"
        yield from _port_findings(table)
        yield from _limit_findings(settings, open_files)
        yield from _proof_findings(table, dialling, terminal_secrets(settings))
        yield from _request_findings(settings, dialling, somebody=somebody)
    elif somebody:
        yield "clients dial in and no port is open for them: set ota_http.listen"
    yield from _range_findings(settings)
    yield from _name_findings(dialling)
    yield from _certificate_findings(table, now)


def _range_findings(settings: PpgSettings) -> Iterator[str]:
    ranges = (each for each in settings.subscribers if each.dial_in and each.numbers)
    if any(not each.dial_in_from for each in ranges):
        yield (
            "subscribers with dial_in and no dial_in_from: whoever reaches the port and knows a "
            "number gets its pushes"
        )


def _port_findings(table: TerminalsTable) -> Iterator[str]:
    plain, secure = table.contact_point or table.listen, table.secure_contact_point
    secure = secure or table.secure_listen
    if plain is not None and plain.port == SECURE_PUSH_PORT:
        yield f"ota_http: terminals will speak TLS to {plain}: port {SECURE_PUSH_PORT} is for that"
    if secure is not None and secure.port == PUSH_PORT:
        yield f"ota_http: terminals will not speak TLS to {secure}: port {PUSH_PORT} is without"


def _limit_findings(settings: PpgSettings, open_files: int | None) -> Iterator[str]:
    table = settings.ota_http
    needed = table.max_connections + settings.pap.max_connections + SPARE_FILES
    if open_files is not None and open_files < needed:
        yield (
            f"ota_http.max_connections = {table.max_connections} and the rest need {needed} open "
            f"files, and {open_files} are allowed: raise the limit (LimitNOFILE= of a service, "
            "ulimit -Hn), or take fewer connections"
        )
    if table.max_anonymous > table.max_connections:
        yield "ota_http.max_anonymous is larger than max_connections: it limits nothing"


def _proof_findings(
    table: TerminalsTable, dialling: Sequence[Client], secrets: Mapping[str, Secrets]
) -> Iterator[str]:
    by_password, without = [], []
    for client in dialling:
        has = secrets.get(client.terminal_id or "", Secrets())
        if has.terminal is not None:
            by_password.append(client.client_id)
        elif not has.certificates:
            without.append(client.client_id)
    if table.authentication_required and without:
        yield f"ota_http.authentication_required: {_named(without)} cannot prove who they are"
    if table.authenticate == "none" and by_password:
        yield (
            f'ota_http.authenticate = "none": {_named(by_password)} have passwords that nobody '
            "asks for, and are turned away without"
        )
    if table.authenticate == "basic" and by_password and table.listen is not None:
        yield 'ota_http.authenticate = "basic": on ota_http.listen passwords can be read on the way'


def _request_findings(
    settings: PpgSettings, dialling: Sequence[Client], *, somebody: bool
) -> Iterator[str]:
    """Yield why terminals cannot be asked to connect (SIR), or come to the wrong place."""
    contacts = settings.ota_http.contacts()
    if somebody and not contacts:
        yield (
            "ota_http: no address can be given to terminals, so that none is asked to connect "
            "(SIR): set ota_http.contact_point"
        )
        return
    silent = [each.client_id for each in dialling if not _can_be_asked(settings, each)]
    if silent:
        yield (
            f"{_named(silent)} cannot be asked to connect (SIR): no ota_wsp_udp leads to them, and "
            "no ota_wsp_sms with an SMSC; their pushes wait until they come by themselves"
        )
    near = [str(point) for point in contacts if _is_near(point.host)]
    far = [each.client_id for each in dialling if _is_elsewhere(each)]
    if near and far:
        yield f"ota_http: {_named(far)} are told to connect to {near[0]}, and are elsewhere"


def _can_be_asked(settings: PpgSettings, client: Client) -> bool:
    for where in client.contacts_where:
        if isinstance(where, HttpContact) and where.host is not None:
            return True  # it need not be
        if isinstance(where, UdpContact) or (isinstance(where, SmsContact) and settings.smsc):
            return True
    return False


def _name_findings(dialling: Sequence[Client]) -> Iterator[str]:
    unnamed = [
        each.client_id for each in dialling if each.terminal_id is None and not _is_known(each)
    ]
    if unnamed:
        yield (
            f"{_named(unnamed)} dial in without terminal_id, number or IP address: only a terminal "
            "that calls itself by the address, as Client ID of type 0, is taken for them"
        )


def _certificate_findings(table: TerminalsTable, now: Instant) -> Iterator[str]:
    if table.tls_certificate is None or table.tls_key is None:
        return
    name = f"ota_http.tls_certificate: {table.tls_certificate}"
    serving = serving_context(table.tls_certificate, table.tls_key, None, "ota_http")
    try:
        own = own_certificate(serving, table.tls_certificate)
    except CertificateObjectedTo as error:
        yield f"{name}: terminals will refuse it: {error}"
        return
    if own.until < now + SOON_MS:
        yield f"{name} ends {format_utc(own.until)}"
    point = table.secure_contact_point or table.secure_listen
    if point in table.contacts() and not own.names.is_of(point.host):
        names = own.names
        known = _named([*names.dns_names, *names.ip_addresses, *names.uris]) or "nobody"
        yield (
            f"{name} is for {known}, and terminals are told to connect to {point.host}: those that "
            "compare will refuse it"
        )


def _is_known(client: Client) -> bool:
    """Whether its terminal can call itself by one of its addresses."""
    return any(address.type in _KNOWN_BY_ADDRESS for address in client.addresses)


def _is_near(host: str) -> bool:
    address = ip_address(host)
    return address is not None and address.is_loopback


def _is_elsewhere(client: Client) -> bool:
    for where in client.contacts_where:
        if isinstance(where, SmsContact):
            return True
        if isinstance(where, HttpContact | UdpContact) and where.host is not None:
            return not _is_near(where.host)
    return False


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} others" if more > 0 else "")

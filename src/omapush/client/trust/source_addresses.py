"""What an entry of a whitelist names, and how it is compared with the source of a push. Pure.

====== ============================================= ==========================================
Kind   Entry                                         Compared with
====== ============================================= ==========================================
IPV4,  ``192.0.2.10``, ``192.0.2.0/24``,             the gateway's IP address
IPV6   ``2001:db8::/32``
FQDN   ``ppg.example.com``                           the gateway's authenticated name; its IP
                                                     address with what the name is known to have
URI    ``https://ppg.example.com``,                  the authenticated identity; a host without a
       ``sip:push@example.com``                      user counts as FQDN or address does
E164   ``+358401234567``, a short code               the number of the originator of an SMS
ALPHA  ``Operator``                                  the name of the originator of an SMS
SMSC   ``+358501``                                   the service centre of an SMS
APN    ``internet.example``                          the access point that the push came by
CBS    ``cbs:262-01:4112``                           the network and the identifier of a broadcast
====== ============================================= ==========================================

Each kind is compared with its like only: who may choose a name may choose ``192.0.2.1``. Nothing is
looked up here: which addresses a name has is an argument (``host_names``).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from omapush.cai.model import Protocol, Reason, RegistrationRejected
from omapush.ota.interface import AddressKind, PushSource

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
KnownAddresses = Mapping[str, frozenset[IpAddress]]
"""IP addresses by the host names that are known to have them."""

NOTHING_KNOWN: KnownAddresses = {}

MAX_ADDRESS = 512
"""Characters of the longest address that is looked at."""

_WRITTEN_NUMBER = re.compile(r"(?=.*[0-9])\+?[0-9 ()./-]{1,32}")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_WITH_PORT = re.compile(r"([^:/@]+):[0-9]{1,5}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URI = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://)?(?:(?P<user>[^@/?#]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/?#;@\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?#;].*)?",
    re.DOTALL,
)
_SIP_SCHEMES = ("sip", "sips")
_BROADCAST = re.compile(r"cbs:([0-9]{3}-[0-9]{2,3}):(?:0x([0-9a-f]{1,4})|([0-9]{1,5}))")
_ACCESS_POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Network:
    """An IP address, or all addresses of a network."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def is_of(self, source: PushSource, _known: KnownAddresses) -> bool:
        """Whether the gateway's address is in it."""
        peer = _peer(source)
        return peer is not None and peer in self.network


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number; its digits are what counts.

    :ivar country_code: the device's, with which a number in its national form is completed.
    """

    digits: str
    country_code: str | None = None

    @classmethod
    def of(cls, text: str, country_code: str | None = None) -> Number:
        """Return the number that ``text`` writes, ``+`` and ``00`` in front being the same."""
        digits = re.sub(r"[^0-9]", "", text)
        if digits.startswith("00"):
            digits = digits[2:]
        elif country_code is not None and digits.startswith("0") and "+" not in text:
            digits = country_code + digits[1:]
        return cls(digits, country_code)

    def is_of(self, source: PushSource, _known: KnownAddresses) -> bool:
        """Whether the push's originator has it; a name that looks like it does not."""
        return source.kind is AddressKind.NUMBER and self.writes(source.address)

    def writes(self, text: str) -> bool:
        """Whether ``text`` is this number."""
        return Number.of(text, self.country_code).digits == self.digits


@dataclass(frozen=True, slots=True)
class ServiceCentre:
    """The service centre that a push by short message came through."""

    number: Number

    def is_of(self, source: PushSource, _known: KnownAddresses) -> bool:
        """Whether the push came through it."""
        return source.service_centre is not None and self.number.writes(source.service_centre)


@dataclass(frozen=True, slots=True)
class Name:
    """What an originator of short messages calls itself."""

    text: str

    def is_of(self, source: PushSource, _known: KnownAddresses) -> bool:
        """Whether the push's originator calls itself so."""
        return source.kind is AddressKind.NAME and source.address == self.text


@dataclass(frozen=True, slots=True)
class HostName:
    """The name of a gateway's host, in lower case."""

    name: str

    def is_of(self, source: PushSource, known: KnownAddresses) -> bool:
        """Whether the gateway has proved this name, or its address is one of the name's."""
        if source.identity is not None and host_of(source.identity) == self.name:
            return True
        peer = _peer(source)
        return peer is not None and peer in known.get(self.name, frozenset())


@dataclass(frozen=True, slots=True)
class Uri:
    """A gateway's identity.

    :ivar comparable: one spelling for all that mean the same.
    :ivar host: who is meant as well; ``None``: nobody but the identity itself.
    """

    comparable: str
    host: HostName | Network | None = None

    def is_of(self, source: PushSource, known: KnownAddresses) -> bool:
        """Whether the gateway has proved this identity, or is the host."""
        if source.identity is not None and comparable_uri(source.identity) == self.comparable:
            return True
        return self.host is not None and self.host.is_of(source, known)


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """The access point of the network (APN) that a push came by."""

    name: str

    def is_of(self, source: PushSource, _known: KnownAddresses) -> bool:
        """Whether the bearer says that the push came by it."""
        return source.access_point is not None and source.access_point.lower() == self.name


@dataclass(frozen=True, slots=True)
class CellBroadcast:
    """A cell broadcast: its network, as ``mcc-mnc``, and its message identifier."""

    network: str
    message_id: int

    @classmethod
    def of(cls, text: str) -> CellBroadcast | None:
        """Return what ``cbs:<mcc>-<mnc>:<message id>`` names, or ``None``."""
        found = _BROADCAST.fullmatch(text.strip().lower())
        if found is None:
            return None
        message_id = int(found[2], 16) if found[2] else int(found[3])
        return cls(found[1], message_id) if message_id <= 0xFFFF else None

    def is_of(self, source: PushSource, _known: KnownAddresses) -> bool:
        """Whether the push was broadcast so; only OTA-PTM has such addresses."""
        return source.protocol == Protocol.OTA_PTM.value and self.of(source.address) == self


Party = Network | Number | ServiceCentre | Name | HostName | Uri | AccessPoint | CellBroadcast


def read_party(
    addr: str, kind: str | None, where: str, country_code: str | None = None
) -> tuple[str, Party]:
    """Return the kind of an entry and whom it names.

    :param kind: its type in any case; ``None``: what ``addr`` looks like.
    :param where: the entry, for errors: ``whitelist[0]``.
    :raises RegistrationRejected: a kind that no push can be compared by, or an address that is not
        of its kind.
    """
    text = addr.strip()
    named = derived_kind(text) if kind is None else kind.strip().upper()
    read = _READERS.get(named)
    if read is None:
        detail = f"whitelist entries of type {named[:40]} are not supported"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, f"{where}.type")
    party = read(text, country_code) if 0 < len(text) <= MAX_ADDRESS else None
    if party is None:
        detail = f"{text[:60]!r} is no {named} address"
        raise RegistrationRejected(Reason.INVALID_PARAMETER, detail, f"{where}.addr")
    return named, party


def derived_kind(addr: str) -> str:
    """Return what ``addr`` looks like."""
    network = _network(addr)
    if network is not None:
        return f"IPV{network.network.version}"
    if addr.startswith("+"):
        return "E164"
    if addr[:4].lower() == "cbs:":
        return "CBS"
    if _SCHEME.match(addr) and not _WITH_PORT.fullmatch(addr):
        return "URI"
    return "FQDN"


def host_of(text: str) -> str | None:
    """Return the host name in lower case that a name, a ``name:port`` or a URI is about.

    A URI with a user in it names the user, not the host.
    """
    found = _host(text)
    return found.name if isinstance(found, HostName) else None


def comparable_uri(text: str) -> str | None:
    """Return what all spellings of a URI have in common, or ``None`` if it is none."""
    scheme, colon, rest = text.strip().partition(":")
    if not colon or not _SCHEME.fullmatch(scheme + colon) or not rest:
        return None
    scheme = scheme.lower()
    if scheme == "tel":
        return f"tel:{re.sub(r'[-.() ]', '', rest.partition(';')[0])}"
    found = _URI.fullmatch(text.strip())
    if found is None or not (rest.startswith("//") or scheme in _SIP_SCHEMES):
        return f"{scheme}:{rest}"
    user = "" if found["user"] is None else f"{found['user']}@"
    port = "" if found["port"] is None else f":{int(found['port'])}"
    # Parameters of a SIP URI say how to reach it, not whom.
    after = "" if scheme in _SIP_SCHEMES else (found["rest"] or "").rstrip("/")
    slashes = "//" if rest.startswith("//") else ""
    return f"{scheme}:{slashes}{user}{found['host'].lower()}{port}{after}"


def _host(text: str) -> HostName | Network | None:
    text = text.strip()
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port[1]
    elif _SCHEME.match(text):
        found = _URI.fullmatch(text)
        scheme, _, rest = text.partition(":")
        if found is None or found["user"] is not None:
            return None
        if not rest.startswith("//") and scheme.lower() not in _SIP_SCHEMES:
            return None
        text = found["host"].strip("[]")
    network = _network(text) if "/" not in text else None
    return network or _host_name(text, None)


def _network(text: str) -> Network | None:
    try:
        return Network(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None


def _network_of_version(version: int) -> Callable[[str, str | None], Network | None]:
    def read(text: str, _country_code: str | None) -> Network | None:
        found = _network(text)
        return found if found is not None and found.network.version == version else None

    return read


def _host_name(text: str, _country_code: str | None) -> HostName | None:
    with_port = _WITH_PORT.fullmatch(text)
    name = (with_port[1] if with_port else text).removesuffix(".")
    try:
        ascii_name = name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    # What ends in a number is an address, or a mistyped one.
    if not _HOST_NAME.fullmatch(ascii_name) or ascii_name.rpartition(".")[2].isdecimal():
        return None
    return HostName(ascii_name)


def _number(text: str, country_code: str | None) -> Number | None:
    return Number.of(text, country_code) if _WRITTEN_NUMBER.fullmatch(text) else None


def _service_centre(text: str, country_code: str | None) -> ServiceCentre | None:
    number = _number(text, country_code)
    return None if number is None else ServiceCentre(number)


def _uri(text: str, _country_code: str | None) -> Uri | None:
    comparable = comparable_uri(text)
    return None if comparable is None else Uri(comparable, _host(text))


def _access_point(text: str, _country_code: str | None) -> AccessPoint | None:
    return AccessPoint(text.lower()) if _ACCESS_POINT.fullmatch(text) else None


_READERS: dict[str, Callable[[str, str | None], Party | None]] = {
    "IPV4": _network_of_version(4),
    "IPV6": _network_of_version(6),
    "E164": _number,
    "ALPHA": lambda text, _country_code: Name(text),
    "SMSC": _service_centre,
    "URI": _uri,
    "FQDN": _host_name,
    "APN": _access_point,
    "CBS": lambda text, _country_code: CellBroadcast.of(text),
}
KINDS = frozenset(_READERS)
"""The kinds of addresses, AddrType of the Push Management Object among them."""


def _peer(source: PushSource) -> IpAddress | None:
    if source.kind is not AddressKind.IP:
        return None
    try:
        peer = ipaddress.ip_address(source.address)
    except ValueError:
        return None
    return getattr(peer, "ipv4_mapped", None) or peer

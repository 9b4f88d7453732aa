"""The Client ID: how a terminal names itself (WAP-196, 6.1).

The first character says what follows. An identity that is not one of these is a name like any
other: it is compared as it stands.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from dataclasses import dataclass

MAX_LENGTH = 255
"""Characters of the longest that is looked at."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class ClientIdType(enum.Enum):
    """What a Client ID consists of, by its first characters."""

    ASSIGNED = "00"
    """An operator's name for the client and the operator's domain."""
    NAI = "01"
    PUSH_ADDRESS = "02"
    ICCID = "1"
    MIN = "2"
    ESN = "3"
    MSISDN = "4"
    IMSI = "5"
    IPV4 = "6"
    IPV6 = "7"
    ITSI = "8"
    MAN = "9"


_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_PATTERNS = {
    ClientIdType.ASSIGNED: re.compile(r"[0-9A-Za-z+-]{1,64}_[!-~]{1,188}", re.ASCII),
    ClientIdType.NAI: re.compile(r"[!-~]{1,253}", re.ASCII),
    ClientIdType.PUSH_ADDRESS: re.compile(r"[!-~]{1,253}", re.ASCII),
    ClientIdType.ICCID: _DIGITS,
    ClientIdType.MIN: re.compile(r"[0-9]{1,15}", re.ASCII),
    ClientIdType.ESN: re.compile(r"[0-9A-Fa-f]{8,12}", re.ASCII),
    ClientIdType.MSISDN: re.compile(r"[0-9]{1,15}", re.ASCII),
    ClientIdType.IMSI: re.compile(r"[0-9]{1,15}", re.ASCII),
    ClientIdType.IPV4: re.compile(r"[0-9]{12}", re.ASCII),
    ClientIdType.IPV6: re.compile(r"[0-9A-Fa-f:.]{2,45}", re.ASCII),
    ClientIdType.ITSI: _DIGITS,
    ClientIdType.MAN: _DIGITS,
}


@dataclass(frozen=True, slots=True)
class ClientId:
    """A Client ID taken apart.

    :ivar value: what follows the type.
    """

    type: ClientIdType
    value: str

    def __str__(self) -> str:
        return self.type.value + self.value

    @property
    def address(self) -> IpAddress | None:
        """The IP address that it consists of, if it is one and of its form."""
        try:
            if self.type is ClientIdType.IPV4:
                groups = (str(int(self.value[at : at + 3])) for at in range(0, 12, 3))
                return ipaddress.IPv4Address(".".join(groups))
            if self.type is ClientIdType.IPV6:
                return ipaddress.IPv6Address(self.value)
        except ValueError:
            return None
        return None


def read(text: str) -> ClientId | None:
    """Return what a Client ID consists of; ``None``: it is none, but perhaps another identity."""
    if not 2 <= len(text) <= MAX_LENGTH:
        return None
    for length in (2, 1):
        try:
            kind = ClientIdType(text[:length])
        except ValueError:
            continue
        value = text[length:]
        return ClientId(kind, value) if _PATTERNS[kind].fullmatch(value) else None
    return None


def of_address(address: IpAddress) -> ClientId:
    """Return the Client ID of a terminal that has no other name than its IP address."""
    if isinstance(address, ipaddress.IPv4Address):
        groups = "".join(f"{octet:03}" for octet in address.packed)
        return ClientId(ClientIdType.IPV4, groups)
    return ClientId(ClientIdType.IPV6, str(address).upper())

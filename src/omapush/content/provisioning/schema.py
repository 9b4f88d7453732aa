"""Which characteristics and parms exist, where, how often, and what they may say (WAP-183).

Tables only; ``validation`` applies them. Occurrences are written as in the specification: ``?`` at
most once, ``*`` any number, ``+`` at least once, nothing exactly once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ROOT = ""
"""Stands for the document itself where a place is named."""


class Occurrence(NamedTuple):
    """How often something occurs: the fewest and the most times; ``None``: no upper bound."""

    fewest: int
    most: int | None


@dataclass(frozen=True, slots=True)
class CharacteristicRule:
    """What a characteristic holds."""

    parms: Mapping[str, Occurrence]
    characteristics: Mapping[str, Occurrence] = field(default_factory=dict)
    open: bool = False
    """Whether it may hold parms of its author's own."""


_ONCE = Occurrence(1, 1)
_SIGNS = {"?": Occurrence(0, 1), "*": Occurrence(0, None), "+": Occurrence(1, None)}


def _occurrences(words: str) -> dict[str, Occurrence]:
    return {word.rstrip("?*+"): _SIGNS.get(word[-1], _ONCE) for word in words.split()}


def _rule(parms: str, characteristics: str = "", *, open_: bool = False) -> CharacteristicRule:
    return CharacteristicRule(_occurrences(parms), _occurrences(characteristics), open_)


_QUALITY_OF_SERVICE = (
    "DELIVERY-ERR-SDU? DELIVERY-ORDER? TRAFFIC-CLASS? MAX-SDU-SIZE? MAX-BITRATE-UPLINK?"
    " MAX-BITRATE-DNLINK? RESIDUAL-BER? SDU-ERROR-RATIO? TRAFFIC-HANDL-PRIO? TRANSFER-DELAY?"
    " GUARANTEED-BITRATE-UPLINK? GUARANTEED-BITRATE-DNLINK?"
)

ROOT_RULE = _rule(
    "",
    "PXLOGICAL* NAPDEF* BOOTSTRAP* CLIENTIDENTITY? VENDORCONFIG* APPLICATION* ACCESS*",
)
"""What stands at the root. WAP-183 asks for a PXLOGICAL; documents for applications have none."""

RULES: dict[str, CharacteristicRule] = {
    "PXLOGICAL": _rule(
        "PROXY-ID PROXY-PW? PPGAUTH-TYPE? PROXY-PROVIDER-ID? NAME DOMAIN* TRUST? MASTER?"
        " STARTPAGE? BASAUTH-ID? BASAUTH-PW? WSP-VERSION? PUSHENABLED? PULLENABLED?",
        "PXAUTHINFO* PORT* PXPHYSICAL+",
    ),
    "PXAUTHINFO": _rule("PXAUTH-TYPE PXAUTH-ID? PXAUTH-PW?"),
    "PORT": _rule("PORTNBR SERVICE*"),
    "PXPHYSICAL": _rule(
        "PHYSICAL-PROXY-ID DOMAIN* PXADDR PXADDRTYPE? PXADDR-FQDN? WSP-VERSION? PUSHENABLED?"
        " PULLENABLED? TO-NAPID+",
        "PORT*",
    ),
    "NAPDEF": _rule(
        "NAPID BEARER* NAME INTERNET? NAP-ADDRESS NAP-ADDRTYPE? DNS-ADDR* CALLTYPE? LOCAL-ADDR?"
        " LOCAL-ADDRTYPE? LINKSPEED? DNLINKSPEED? LINGER? MAX-NUM-RETRY? FIRST-RETRY-TIMEOUT?"
        " REREG-THRESHOLD? T-BIT? " + _QUALITY_OF_SERVICE,
        "NAPAUTHINFO* VALIDITY*",
    ),
    "NAPAUTHINFO": _rule("AUTHTYPE AUTHNAME? AUTHSECRET? AUTH-ENTITY* SPI?"),
    "VALIDITY": _rule("COUNTRY? NETWORK? SID? SOC? VALIDUNTIL?"),
    "BOOTSTRAP": _rule("NAME? NETWORK* COUNTRY? PROXY-ID* PROVURL? CONTEXT-ALLOW?"),
    "CLIENTIDENTITY": _rule("CLIENT-ID"),
    "VENDORCONFIG": _rule("NAME", open_=True),
    # The 1.1 edition. What an application means by its parms is in its own registration file, and
    # these may add to them.
    "APPLICATION": _rule(
        "APPID PROVIDER-ID? NAME? AACCEPT? APROTOCOL? TO-PROXY* TO-NAPID* ADDR*",
        "APPADDR* APPAUTH* RESOURCE*",
        open_=True,
    ),
    "APPADDR": _rule("ADDR? ADDRTYPE?", "PORT*"),
    "APPAUTH": _rule("AAUTHLEVEL? AAUTHTYPE? AAUTHNAME? AAUTHSECRET? AAUTHDATA?"),
    "RESOURCE": _rule(
        "URI NAME? AACCEPT? AAUTHTYPE? AAUTHNAME? AAUTHSECRET? AAUTHDATA? STARTPAGE?", open_=True
    ),
    "ACCESS": _rule("RULE* APPID* PORTNBR* DOMAIN* TO-NAPID* TO-PROXY*"),
}
"""By the type of the characteristic."""

MAX_DOMAINS = 4
"""DOMAIN parms in one PXLOGICAL."""

FLAGS = frozenset(
    (
        ("NAPDEF", "INTERNET"),
        ("PXLOGICAL", "TRUST"),
        ("PXLOGICAL", "MASTER"),
        ("RESOURCE", "STARTPAGE"),
    )
)
"""Types and names of parms whose presence says it all."""

_BEARERS = (
    "GSM-USSD GSM-SMS ANSI-136-GUTS IS-95-CDMA-SMS IS-95-CDMA-CSD IS-95-CDMA-PACKET ANSI-136-CSD"
    " ANSI-136-GPRS GSM-CSD GSM-GPRS AMPS-CDPD PDC-CSD PDC-PACKET IDEN-SMS IDEN-CSD IDEN-PACKET"
    " FLEX/REFLEX PHS-SMS PHS-CSD TETRA-SDS TETRA-PACKET ANSI-136-GHOST MOBITEX-MPAK"
    " CDMA2000-1X-SIMPLE-IP CDMA2000-1X-MOBILE-IP"
)
_SERVICES = (
    "CL-WSP CO-WSP CL-SEC-WSP CO-SEC-WSP CL-SEC-WTA CO-SEC-WTA OTA-HTTP-TO OTA-HTTP-TLS-TO"
    " OTA-HTTP-PO OTA-HTTP-TLS-PO"
)
_ADDRESS_TYPES = "IPV4 IPV6 E164 ALPHA APN SCODE TETRA-ITSI MAN"

VALUES: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "BEARER": _BEARERS,
        "SERVICE": _SERVICES,
        "NAP-ADDRTYPE": _ADDRESS_TYPES,
        "PXADDRTYPE": _ADDRESS_TYPES,
        "LOCAL-ADDRTYPE": "IPV4 IPV6",
        "ADDRTYPE": "IPV4 IPV6 E164 ALPHA APPSRV",
        "CALLTYPE": "ANALOG-MODEM V.120 V.110 X.31 BIT-TRANSPARENT"
        " DIRECT-ASYNCHRONOUS-DATA-SERVICE",
        "AUTHTYPE": "PAP CHAP MD5",
        "AUTH-ENTITY": "AAA HA",
        "PXAUTH-TYPE": "HTTP-BASIC HTTP-DIGEST WTLS-SS",
        "PPGAUTH-TYPE": "HTTP-BASIC HTTP-DIGEST",
        "PUSHENABLED": "0 1",
        "PULLENABLED": "0 1",
        "AAUTHLEVEL": "APPSRV CLIENT OBEX SRVCRED CLCRED",
    }.items()
}
"""The values that the specification knows; a client passes over those it does not."""

NUMBERS: dict[str, range] = {
    "PORTNBR": range(1, 65_536),
    "LINGER": range(1 << 31),
    "VALIDUNTIL": range(1 << 32),
    "SID": range(1 << 16),
    "DNLINKSPEED": range(1 << 31),
}
"""Decimal numbers and what they may be."""

MIN_LENGTHS: dict[str, int] = {
    "NAME": 16,
    "NAP-ADDRESS": 64,
    "AUTHNAME": 16,
    "AUTHSECRET": 16,
    "PROXY-ID": 32,
    "DOMAIN": 64,
    "PROVURL": 64,
    "PXAUTH-ID": 16,
    "PXAUTH-PW": 16,
    "STARTPAGE": 64,
    "BASAUTH-ID": 16,
    "BASAUTH-PW": 16,
    "PXADDR": 40,
    "LINKSPEED": 6,
    "DNLINKSPEED": 6,
    "LINGER": 4,
    "VALIDUNTIL": 8,
    "PHYSICAL-PROXY-ID": 16,
    "NAPID": 16,
    "CLIENT-ID": 32,
    "PROXY-PROVIDER-ID": 32,
}
"""Octets of a value that every client stores; of a longer one it may keep less."""

DEFAULTS: dict[str, str] = {
    "NAP-ADDRTYPE": "E164",
    "PXADDRTYPE": "IPV4",
    "LOCAL-ADDRTYPE": "IPV6",
    "CALLTYPE": "ANALOG-MODEM",
    "WSP-VERSION": "1.2",
    "PUSHENABLED": "0",
}
"""What a missing parm means."""

ANY_INTERNET = "INTERNET"
"""TO-NAPID with this value: any NAPDEF that carries the flag INTERNET."""

REFERENCES: dict[str, tuple[str, str]] = {
    "TO-NAPID": ("NAPDEF", "NAPID"),
    "TO-PROXY": ("PXLOGICAL", "PROXY-ID"),
}
"""Parms that name another characteristic at the root, by which of its parms."""

"""What a provisioning document tells a push client: gateways, their hosts and ports (WAP-183).

Values that are missing are read as their defaults, and what a PXPHYSICAL does not say is taken from
its PXLOGICAL. All of it is advice: nothing here decides whether push is switched on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from omapush.content.provisioning.model import Characteristic, ProvisioningDocument
from omapush.content.provisioning.schema import DEFAULTS, NUMBERS

WELL_KNOWN_SERVICES: dict[int, tuple[str, ...]] = {
    2805: ("CL-SEC-WTA",),
    2923: ("CO-SEC-WTA",),
    9200: ("CL-WSP",),
    9201: ("CO-WSP",),
    9202: ("CL-SEC-WSP",),
    9203: ("CO-SEC-WSP",),
}
"""What a port is for when no SERVICE says it."""


@dataclass(frozen=True, slots=True)
class ContactPort:
    """A port and what it is for; no services: that is not known."""

    number: int
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxyHost:
    """One host of a proxy: PXPHYSICAL.

    :ivar push_enabled: whether the client is advised to enable push here.
    :ivar napids: access points that lead to it; ``INTERNET`` is any that reaches the Internet.
    """

    physical_proxy_id: str
    address: str
    address_type: str
    push_enabled: bool
    wsp_version: str
    napids: tuple[str, ...]
    ports: tuple[ContactPort, ...]


@dataclass(frozen=True, slots=True)
class PushProxy:
    """A proxy: PXLOGICAL.

    :ivar proxy_id: the identity of the gateway, its realm and user name in OTA-HTTP.
    :ivar terminal_id: who the client is to it: PXAUTH-ID, else CLIENT-ID, else ``None``, where the
        user has to be asked.
    :ivar password: PXAUTH-PW; in no ``repr``.
    """

    proxy_id: str
    name: str
    hosts: tuple[ProxyHost, ...]
    terminal_id: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def push_enabled(self) -> bool:
        """Whether any of its hosts supports push."""
        return any(host.push_enabled for host in self.hosts)


def provisioning_url(document: ProvisioningDocument) -> str | None:
    """Return PROVURL, the name of the configuration context, or ``None``.

    A document with the name of a context that exists is discarded or the user is asked; each
    without one may make a context of its own (WAP-184).
    """
    named = (bootstrap.value("PROVURL") for bootstrap in document.of_type("BOOTSTRAP"))
    return next((url for url in named if url), None)


def push_proxies(document: ProvisioningDocument) -> tuple[PushProxy, ...]:
    """Return the proxies of ``document`` in its order, those without a PROXY-ID left out."""
    identities = (root.value("CLIENT-ID") for root in document.of_type("CLIENTIDENTITY"))
    client_id = next(identities, None)
    return tuple(
        _proxy(logical, client_id)
        for logical in document.of_type("PXLOGICAL")
        if logical.value("PROXY-ID")
    )


def _proxy(logical: Characteristic, client_id: str | None) -> PushProxy:
    authentication = next(logical.of_type("PXAUTHINFO"), Characteristic("PXAUTHINFO"))
    return PushProxy(
        logical.value("PROXY-ID") or "",
        logical.value("NAME") or "",
        tuple(_host(physical, logical) for physical in logical.of_type("PXPHYSICAL")),
        authentication.value("PXAUTH-ID") or client_id,
        authentication.value("PXAUTH-PW"),
    )


def _host(physical: Characteristic, logical: Characteristic) -> ProxyHost:
    def inherited(name: str) -> str:
        return physical.value(name) or logical.value(name) or DEFAULTS[name]

    return ProxyHost(
        physical.value("PHYSICAL-PROXY-ID") or "",
        physical.value("PXADDR") or "",
        physical.value("PXADDRTYPE") or DEFAULTS["PXADDRTYPE"],
        inherited("PUSHENABLED") == "1",
        inherited("WSP-VERSION"),
        physical.values("TO-NAPID"),
        tuple(_ports(physical)) or tuple(_ports(logical)),
    )


def _ports(holder: Characteristic) -> Iterator[ContactPort]:
    for port in holder.of_type("PORT"):
        word = port.value("PORTNBR") or ""
        if not (word.isascii() and word.isdecimal() and len(word) <= 5):
            continue
        number = int(word)
        if number in NUMBERS["PORTNBR"]:
            services = port.values("SERVICE") or WELL_KNOWN_SERVICES.get(number, ())
            yield ContactPort(number, services)

"""The whitelist that a client provisioning document brings (WAP-183), as phones have it.

An APPLICATION with the object's id as APPID names proxies (TO-PROXY) and access points (TO-NAPID):
the addresses of the proxies are trusted gateways, the addresses of the access points trusted
service centres, or with an IP address trusted gateways. Beside these, proxies that are provisioned
with PUSHENABLED are trusted (Architecture 6.2).

A document has no lists that could be there and empty: it only adds.
"""

from __future__ import annotations

from omapush.client.push_mo.model import Finding, PushMO, Reading, TrustedKind, TrustedSource
from omapush.client.push_mo.node_form import source_fault
from omapush.client.push_mo.schema import OBJECT_IDS
from omapush.content.provisioning.model import Characteristic, ProvisioningDocument
from omapush.content.provisioning.push_proxies import PushProxy, push_proxies
from omapush.content.provisioning.schema import DEFAULTS

MAX_ENTRIES = 512

_GATEWAY_TYPES = ("IPV4", "IPV6", "APN")
_PROXY_TYPES = {"IPV4": "IPV4", "IPV6": "IPV6", "E164": "E164", "ALPHA": "ALPHA", "SCODE": "E164"}


def read(document: ProvisioningDocument) -> Reading:
    """Return what a document says of whom to trust; entries with wrong values are reported."""
    reader = _Reader(document)
    reader.read()
    whitelist = tuple(sorted(reader.sources, key=lambda one: one.kind is TrustedKind.SMSC))
    return Reading(PushMO(whitelist or None), tuple(reader.findings))


class _Reader:
    def __init__(self, document: ProvisioningDocument) -> None:
        self._document = document
        self._proxies = {one.proxy_id: one for one in push_proxies(document)}
        self.sources: list[TrustedSource] = []
        self.findings: list[Finding] = []

    def read(self) -> None:
        for application in self._document.of_type("APPLICATION"):
            if (application.value("APPID") or "").lower() in OBJECT_IDS:
                self._application(application)
        for proxy in self._proxies.values():
            self._proxy(proxy, only_enabled=True)

    def _application(self, application: Characteristic) -> None:
        for named in application.values("TO-PROXY"):
            proxy = self._proxies.get(named)
            if proxy is None:
                self._note(f"APPLICATION/TO-PROXY[{named[:60]}]", "there is no such PXLOGICAL")
            else:
                self._proxy(proxy, only_enabled=False)
        for named in application.values("TO-NAPID"):
            found = [one for one in self._document.of_type("NAPDEF") if one.value("NAPID") == named]
            if not found:
                self._note(f"APPLICATION/TO-NAPID[{named[:60]}]", "there is no such NAPDEF")
            for access_point in found:
                self._access_point(access_point, f"NAPDEF[{named[:60]}]/NAP-ADDRESS")

    def _proxy(self, proxy: PushProxy, *, only_enabled: bool) -> None:
        for host in proxy.hosts:
            if only_enabled and not host.push_enabled:
                continue
            where = (
                f"PXLOGICAL[{proxy.proxy_id[:60]}]/PXPHYSICAL[{host.physical_proxy_id[:60]}]/PXADDR"
            )
            # WAP-183: what the type does not name is written as an IPv4 address.
            type_ = _PROXY_TYPES.get(host.address_type.upper(), "IPV4")
            self._add(TrustedSource(TrustedKind.PPG, host.address.strip(), type_), where)

    def _access_point(self, access_point: Characteristic, where: str) -> None:
        address = (access_point.value("NAP-ADDRESS") or "").strip()
        type_ = (access_point.value("NAP-ADDRTYPE") or DEFAULTS["NAP-ADDRTYPE"]).upper()
        if type_ in _GATEWAY_TYPES:
            self._add(TrustedSource(TrustedKind.PPG, address, type_), where)
        else:
            self._add(TrustedSource(TrustedKind.SMSC, address), where)

    def _add(self, source: TrustedSource, where: str) -> None:
        fault = source_fault(source)
        if fault is not None:
            self._note(where, fault)
        elif source not in self.sources:  # duplicates say nothing new
            if len(self.sources) < MAX_ENTRIES:
                self.sources.append(source)
            else:
                self._note(where, f"more than {MAX_ENTRIES} entries")

    def _note(self, path: str, reason: str) -> None:
        self.findings.append(Finding(path, reason))

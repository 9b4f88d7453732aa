"""Builds provisioning documents for the usual cases from plain arguments (WAP-183).

Each function returns one :class:`Characteristic`; :func:`document` puts them together::

    document(
        napdef("INTERNET1", "Example GPRS", "apn.example", bearers=("GSM-GPRS",)),
        pxlogical("proxy.example", "Example", (
            pxphysical("P1", "192.0.2.1", to_napids=("INTERNET1",), ports=(port(9201),)),
        )),
        browser("Home", "http://a.example/", to_proxies=("proxy.example",)),
    )

Nothing is validated here: :func:`~omapush.content.provisioning.validation.require_valid` does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from omapush.content.provisioning.model import Characteristic, Parm, ProvisioningDocument

_SINCE_1_1 = frozenset(("APPLICATION", "ACCESS"))

Value = str | int | bool | Iterable[str] | None
"""``None``, ``False`` and nothing at all leave the parm out; ``True`` writes a flag."""


def document(*characteristics: Characteristic, version: str | None = None) -> ProvisioningDocument:
    """Return the document of ``characteristics``.

    :param version: by default 1.1 where a characteristic needs it, else 1.0.
    """
    needed = "1.1" if any(root.type in _SINCE_1_1 for root in characteristics) else "1.0"
    return ProvisioningDocument(characteristics, version or needed)


def characteristic(
    type_: str, parms: Mapping[str, Value], *below: Characteristic
) -> Characteristic:
    """Return any characteristic; a parm with several values is written once for each."""
    written = (parm for name, value in parms.items() for parm in _parms(name, value))
    return Characteristic(type_, tuple(written), below)


def _parms(name: str, value: Value) -> Iterable[Parm]:
    if value is None or value is False:
        return ()
    if value is True:
        return (Parm(name),)
    if isinstance(value, str | int):
        return (Parm(name, str(value)),)
    return (Parm(name, one) for one in value)


def bootstrap(
    name: str | None = None,
    *,
    provurl: str | None = None,
    proxy_ids: Iterable[str] = (),
    networks: Iterable[str] = (),
    country: str | None = None,
    context_allow: str | None = None,
) -> Characteristic:
    """Return BOOTSTRAP: the configuration context and who may provision into it.

    :param provurl: names the context, the one that a session initiation request refers to.
    """
    parms: dict[str, Value] = {
        "NAME": name,
        "NETWORK": networks,
        "COUNTRY": country,
        "PROXY-ID": proxy_ids,
        "PROVURL": provurl,
        "CONTEXT-ALLOW": context_allow,
    }
    return characteristic("BOOTSTRAP", parms)


def client_identity(client_id: str) -> Characteristic:
    """Return CLIENTIDENTITY: the Terminal-ID where a proxy gives none of its own."""
    return characteristic("CLIENTIDENTITY", {"CLIENT-ID": client_id})


def napdef(
    napid: str,
    name: str,
    address: str,
    *,
    address_type: str = "APN",
    bearers: Iterable[str] = (),
    internet: bool = False,
    authentication: Characteristic | None = None,
    linger: int | None = None,
) -> Characteristic:
    """Return NAPDEF: a network access point.

    :param authentication: see :func:`napauthinfo`.
    :param internet: whether it reaches the Internet, so that ``TO-NAPID`` ``INTERNET`` means it.
    :param linger: seconds for which an idle connection is kept.
    """
    parms: dict[str, Value] = {
        "NAPID": napid,
        "BEARER": bearers,
        "NAME": name,
        "INTERNET": internet,
        "NAP-ADDRESS": address,
        "NAP-ADDRTYPE": address_type,
        "LINGER": linger,
    }
    return characteristic("NAPDEF", parms, *_present(authentication))


def napauthinfo(type_: str, name: str, secret: str) -> Characteristic:
    """Return NAPAUTHINFO: how to log in at the access point; ``type_`` is PAP, CHAP or MD5."""
    parms: dict[str, Value] = {"AUTHTYPE": type_, "AUTHNAME": name, "AUTHSECRET": secret}
    return characteristic("NAPAUTHINFO", parms)


def port(number: int, *services: str) -> Characteristic:
    """Return PORT: a contact port; ``services`` (``CO-WSP`` ...) override what it is known for."""
    return characteristic("PORT", {"PORTNBR": number, "SERVICE": services})


def pxphysical(
    physical_proxy_id: str,
    address: str,
    *,
    to_napids: Iterable[str],
    address_type: str = "IPV4",
    ports: Iterable[Characteristic] = (),
    push_enabled: bool | None = None,
) -> Characteristic:
    """Return PXPHYSICAL: one host of a proxy and the access points that lead to it.

    :param push_enabled: ``None``: as its PXLOGICAL says.
    """
    parms: dict[str, Value] = {
        "PHYSICAL-PROXY-ID": physical_proxy_id,
        "PXADDR": address,
        "PXADDRTYPE": address_type,
        "PUSHENABLED": _bit(push_enabled),
        "TO-NAPID": to_napids,
    }
    return characteristic("PXPHYSICAL", parms, *ports)


def pxlogical(
    proxy_id: str,
    name: str,
    physical: Iterable[Characteristic],
    *,
    push_enabled: bool | None = None,
    start_page: str | None = None,
    domains: Iterable[str] = (),
    master: bool = False,
    trust: bool = False,
    authentication: Characteristic | None = None,
    ports: Iterable[Characteristic] = (),
) -> Characteristic:
    """Return PXLOGICAL: a proxy, to a push client the identity of its gateway.

    :param proxy_id: realm and user name of the gateway in OTA-HTTP authentication.
    :param authentication: see :func:`pxauthinfo`.
    """
    parms: dict[str, Value] = {
        "PROXY-ID": proxy_id,
        "NAME": name,
        "DOMAIN": domains,
        "TRUST": trust,
        "MASTER": master,
        "STARTPAGE": start_page,
        "PUSHENABLED": _bit(push_enabled),
    }
    return characteristic("PXLOGICAL", parms, *_present(authentication), *ports, *physical)


def pxauthinfo(type_: str, identity: str, password: str) -> Characteristic:
    """Return PXAUTHINFO: how the client logs in; ``identity`` is its Terminal-ID."""
    parms: dict[str, Value] = {
        "PXAUTH-TYPE": type_,
        "PXAUTH-ID": identity,
        "PXAUTH-PW": password,
    }
    return characteristic("PXAUTHINFO", parms)


def browser(
    name: str,
    start_page: str,
    *,
    to_napids: Iterable[str] = (),
    to_proxies: Iterable[str] = (),
) -> Characteristic:
    """Return APPLICATION ``w2``, the browser, with one bookmark that is its start page."""
    parms: dict[str, Value] = {
        "APPID": "w2",
        "NAME": name,
        "TO-PROXY": to_proxies,
        "TO-NAPID": to_napids,
    }
    resource: dict[str, Value] = {"URI": start_page, "NAME": name, "STARTPAGE": True}
    return characteristic("APPLICATION", parms, characteristic("RESOURCE", resource))


def multimedia_messaging(
    name: str,
    mmsc: str,
    *,
    to_napids: Iterable[str] = (),
    to_proxies: Iterable[str] = (),
) -> Characteristic:
    """Return APPLICATION ``w4``, MMS; ``mmsc`` is the URI of the MMS relay."""
    parms: dict[str, Value] = {
        "APPID": "w4",
        "NAME": name,
        "TO-PROXY": to_proxies,
        "TO-NAPID": to_napids,
        "ADDR": (mmsc,),
    }
    return characteristic("APPLICATION", parms)


def access(
    rule: str | None = None,
    *,
    application_ids: Iterable[str] = (),
    ports: Iterable[int] = (),
    domains: Iterable[str] = (),
    to_napids: Iterable[str] = (),
    to_proxies: Iterable[str] = (),
) -> Characteristic:
    """Return ACCESS: which proxies or access points applications, ports or domains go through."""
    parms: dict[str, Value] = {
        "RULE": rule,
        "APPID": application_ids,
        "PORTNBR": tuple(str(number) for number in ports),
        "DOMAIN": domains,
        "TO-NAPID": to_napids,
        "TO-PROXY": to_proxies,
    }
    return characteristic("ACCESS", parms)


def _bit(value: bool | None) -> str | None:  # noqa: FBT001 - a value to write, not a switch
    return None if value is None else str(int(value))


def _present(one: Characteristic | None) -> tuple[Characteristic, ...]:
    return () if one is None else (one,)

"""What can be set about clients: who they are, the ways to them, and which way is preferred."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from omapush.daemon.credential_settings import CertificateNames, Sha256List
from omapush.daemon.settings_table import (
    AddressSetting,
    EndpointSetting,
    NetworkSetting,
    first_line,
)
from omapush.daemon.settings_table import Table as _Table
from omapush.daemon.sip_settings import SipUserSetting
from omapush.ota.http.ports import PUSH_PORT
from omapush.ppg.contacts import (
    Contact,
    HttpContact,
    SessionContact,
    SipContact,
    SmsContact,
    UdpContact,
)
from omapush.ppg.subscribers import Range
from omapush.ppg.terminal.accounts import Secrets

SMS_NETWORK, SMS_BEARER = "GSM", "SMS"
"""What a way by SMS is called where nothing else is said (WAP-259, appendix C)."""

_NUMBER = r"^(\+[0-9]{3,20}|[0-9]{1,20})$"
_DOMAIN = r"^[A-Za-z0-9.:\[\]-]{1,255}$"
_NUMBERS = r"^[+0-9*]{1,32}$"


class ContactTable(_Table):
    """[[clients.contacts]]"""

    ota_http: EndpointSetting | None = Field(
        None, description="where the client listens for OTA-HTTP (PO-TCP), or ..."
    )
    ota_http_secure: bool = Field(
        default=False, description="there by TLS; see ota_http.po_tcp_tls_roles"
    )
    ota_http_dials_in: bool = Field(
        default=False,
        description="its terminal connects to the gateway (TO-TCP), with or without ota_http, "
        "or ...",
    )
    ota_wsp_udp: EndpointSetting | None = Field(
        None, description="... where it listens for connectionless pushes by UDP, or ..."
    )
    ota_wsp_sms: str | None = Field(
        None,
        pattern=_NUMBER,
        description="... its number, with + and country code, for connectionless pushes by SMS, "
        "or ...",
    )
    ota_wsp_session: AddressSetting | None = Field(
        None, description="... the IP address from which it opens push sessions, or ..."
    )
    sip: SipUserSetting | None = Field(
        None, description="... the user that the SIP/IP core leads to, e.g. sip:bob@example.com"
    )
    network: str | None = Field(None, description="its network by WDP name")
    bearer: str | None = Field(None, description="its bearer by WDP name")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(_ways(self)) != 1:
            raise ValueError(
                "needs one of ota_http (or ota_http_dials_in), ota_wsp_udp, ota_wsp_sms, "
                "ota_wsp_session and sip"
            )
        _check_secure(self)
        return self

    def contact(self) -> Contact:
        """Return the contact."""
        return _ways(self)[0]


class RouteTable(_Table):
    """[[routes]]"""

    name: str = Field(pattern=r"^[!-~]{1,64}$", description="stands in the timeline")
    clients: list[str] = Field(["*"], description="patterns of client ids")
    initiators: list[str] = Field(["*"], description="patterns of initiator ids")
    content_types: list[str] = Field(["*"], description="patterns of media types")
    min_octets: int = Field(0, ge=0, description="smallest body that it is for")
    max_octets: int | None = Field(None, ge=0, description="largest body; default: any")
    network: str | None = Field(None, description="network that is preferred, by WDP name")
    bearer: str | None = Field(None, description="bearer that is preferred, by WDP name")


class ClientTable(_Table):
    """[[clients]]"""

    id: str = Field(pattern=r"^[!-~]{1,128}$", description="the operator's name for the client")
    addresses: list[str] = Field(
        [],
        description="addresses that lead to it, e.g. WAPPUSH=+1555/TYPE=PLMN@ppg.net; a client "
        "with sip needs none",
    )
    ota_http: EndpointSetting | None = Field(
        None, description="where it listens for OTA-HTTP (PO-TCP)"
    )
    ota_http_secure: bool = Field(
        default=False, description="there by TLS; see ota_http.po_tcp_tls_roles"
    )
    ota_http_dials_in: bool = Field(
        default=False,
        description="its terminal connects to the gateway (TO-TCP); needs a terminal_id, or one of "
        "its addresses as the Client ID of its terminal",
    )
    ota_wsp_udp: EndpointSetting | None = Field(
        None, description="where it listens for connectionless pushes by UDP, e.g. 10.1.2.3:2948"
    )
    ota_wsp_sms: str | None = Field(
        None,
        pattern=_NUMBER,
        description="its number, with + and country code, for connectionless pushes by SMS",
    )
    ota_wsp_session: AddressSetting | None = Field(
        None, description="the IP address from which it opens push sessions"
    )
    sip: SipUserSetting | None = Field(
        None,
        description="the user that the SIP/IP core leads to, e.g. sip:bob@example.com; an address "
        "of type URI with it, or with a device of it (GRUU), leads to the client",
    )
    terminal_id: str | None = Field(
        None, description="X-Wap-Terminal-Id that it must give; default: any"
    )
    terminal_password: SecretStr | None = Field(
        None,
        description="with which its terminal proves who it is (OTA-HTTP, push services), or ...",
    )
    terminal_password_file: Path | None = Field(
        None, description="... a file whose first line is it"
    )
    terminal_certificate_sha256: Sha256List = Field(
        [], description="SHA-256 fingerprint of the certificate of its terminal, or several"
    )
    terminal_certificate_name: CertificateNames = Field(
        [], description="DNS name or URI that the certificate of its terminal is for, or several"
    )
    gateway_password: SecretStr | None = Field(
        None, description="with which the gateway proves to its terminal who it is, or ..."
    )
    gateway_password_file: Path | None = Field(
        None, description="... a file whose first line is it"
    )
    prov_url: str | None = Field(
        None,
        pattern=r"^[!-~]{0,255}$",
        description="by which its provisioning knows this gateway (X-Wap-Push-ProvURL)",
    )
    network: str | None = Field(None, description="its network by WDP name, for network-required")
    bearer: str | None = Field(None, description="its bearer by WDP name, for bearer-required")
    contacts: list[ContactTable] = Field(
        [], description="further ways to it, tried in this order when the first fails"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what in ("terminal_password", "gateway_password"):
            given = (getattr(self, what), getattr(self, f"{what}_file"))
            if all(one is not None for one in given):
                raise ValueError(f"has either {what} or {what}_file")
            if any(one is not None for one in given) and self.terminal_id is None:
                raise ValueError(f"{what} needs terminal_id")
        certificates = (*self.terminal_certificate_sha256, *self.terminal_certificate_name)
        if certificates and self.terminal_id is None:
            raise ValueError("a terminal_certificate needs terminal_id")
        _check_secure(self)
        if not self.addresses and not any(isinstance(x.where, SipContact) for x in self.ways()):
            raise ValueError("needs addresses, or sip")
        return self

    def secrets(self) -> Secrets | None:
        """Return the passwords between its terminal and the gateway; ``None``: there are none.

        :raises SettingsError: a file cannot be read or is empty.
        """
        terminal, gateway = self.terminal_secret(), self._password("gateway_password")
        certificates = (*self.terminal_certificate_sha256, *self.terminal_certificate_name)
        if terminal is None and gateway is None and not certificates:
            return None
        return Secrets(terminal, gateway, certificates)

    def terminal_secret(self) -> str | None:
        """Return the terminal's password; ``None``: it has none.

        :raises SettingsError: its file cannot be read or is empty.
        """
        return self._password("terminal_password")

    def _password(self, key: str) -> str | None:
        secret, path = getattr(self, key), getattr(self, f"{key}_file")
        if secret is not None:
            return str(secret.get_secret_value())
        return None if path is None else first_line(path, f"{key}_file of client {self.id!r}")

    def ways(self) -> tuple[Contact, ...]:
        """Return every way to it, in the order in which they are tried."""
        return (*_ways(self), *(each.contact() for each in self.contacts))


class SubscribersTable(_Table):
    """[[subscribers]]"""

    numbers: list[Annotated[str, Field(pattern=_NUMBERS)]] = Field(
        [], description="patterns of numbers whose phones are reached by SMS, e.g. +35840*"
    )
    networks: list[NetworkSetting] = Field(
        [], description="networks whose clients are reached by UDP on port 2948"
    )
    sip_domains: list[Annotated[str, Field(pattern=_DOMAIN)]] = Field(
        [], description="domains whose SIP users are reached through the SIP/IP core"
    )
    sessions: bool = Field(
        default=False, description="clients in networks open push sessions as well"
    )
    dial_in: bool = Field(
        default=False,
        description="their terminals connect to the gateway (OTA-HTTP, TO-TCP), with the number or "
        "the IP address as Client ID; without a connection they are reached as above",
    )
    dial_in_from: list[NetworkSetting] = Field(
        [],
        description="networks that these terminals dial from; default: anywhere, and then whoever "
        "reaches the port and knows a number gets its pushes",
    )
    network: str | None = Field(None, description="their network by WDP name")
    bearer: str | None = Field(None, description="their bearer by WDP name")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if sum(map(bool, (self.numbers, self.networks, self.sip_domains))) != 1:
            raise ValueError("needs one of numbers, networks and sip_domains")
        if self.dial_in and self.sip_domains:
            raise ValueError("dial_in is for numbers and networks")
        if self.sessions and not self.networks:
            raise ValueError("sessions is for networks")
        return self

    def range(self) -> Range:
        """Return the addresses of the subscribers."""
        by_sms = bool(self.numbers)
        return Range(
            tuple(self.numbers),
            tuple(ipaddress.ip_network(text, strict=False) for text in self.networks),
            self.sessions,
            self.network or (SMS_NETWORK if by_sms else None),
            self.bearer or (SMS_BEARER if by_sms else None),
            self.dial_in,
            tuple(ipaddress.ip_network(text, strict=False) for text in self.dial_in_from),
            tuple(domain.lower() for domain in self.sip_domains),
        )


def _check_secure(table: ContactTable | ClientTable) -> None:
    if table.ota_http_secure and table.ota_http is None:
        raise ValueError("ota_http_secure needs ota_http")


def _ways(table: ContactTable | ClientTable) -> list[Contact]:
    ways = []
    if table.ota_http is not None or table.ota_http_dials_in:
        host, port = table.ota_http or (None, PUSH_PORT)
        where = HttpContact(host, port, table.ota_http_secure, table.ota_http_dials_in)
        ways.append(Contact(where, table.network, table.bearer))
    if table.ota_wsp_udp is not None:
        ways.append(Contact(UdpContact(*table.ota_wsp_udp), table.network, table.bearer))
    if table.ota_wsp_sms is not None:
        network, bearer = table.network or SMS_NETWORK, table.bearer or SMS_BEARER
        ways.append(Contact(SmsContact(table.ota_wsp_sms), network, bearer))
    if table.ota_wsp_session is not None:
        ways.append(Contact(SessionContact(table.ota_wsp_session), table.network, table.bearer))
    if table.sip is not None:
        ways.append(Contact(SipContact(table.sip), table.network, table.bearer))
    return ways

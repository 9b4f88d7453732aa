"""What can be set about clients: who they are, the ways to them, and which way is preferred."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from omapush.daemon.settings_table import (
    AddressSetting,
    EndpointSetting,
    NetworkSetting,
    first_line,
)
from omapush.daemon.settings_table import Table as _Table
from omapush.ppg.contacts import Contact, HttpContact, SessionContact, SmsContact, UdpContact
from omapush.ppg.subscribers import Range

SMS_NETWORK, SMS_BEARER = "GSM", "SMS"
"""What a way by SMS is called where nothing else is said (WAP-259, appendix C)."""

_NUMBER = r"^(\+[0-9]{3,20}|[0-9]{1,20})$"
_NUMBERS = r"^[+0-9*]{1,32}$"


class ContactTable(_Table):
    """[[clients.contacts]]"""

    ota_http: EndpointSetting | None = Field(
        None, description="where the client listens for OTA-HTTP (PO-TCP), or ..."
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
        None, description="... the IP address from which it opens push sessions"
    )
    network: str | None = Field(None, description="its network by WDP name")
    bearer: str | None = Field(None, description="its bearer by WDP name")

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = (self.ota_http, self.ota_wsp_udp, self.ota_wsp_sms, self.ota_wsp_session)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("needs one of ota_http, ota_wsp_udp, ota_wsp_sms and ota_wsp_session")
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
        min_length=1, description="addresses that lead to it, e.g. WAPPUSH=+1555/TYPE=PLMN@ppg.net"
    )
    ota_http: EndpointSetting | None = Field(
        None, description="where it listens for OTA-HTTP (PO-TCP)"
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
    terminal_id: str | None = Field(
        None, description="X-Wap-Terminal-Id that it must give; default: any"
    )
    terminal_password: SecretStr | None = Field(
        None, description="by which it proves its terminal_id, or ..."
    )
    terminal_password_file: Path | None = Field(
        None, description="... a file whose first line is it"
    )
    network: str | None = Field(None, description="its network by WDP name, for network-required")
    bearer: str | None = Field(None, description="its bearer by WDP name, for bearer-required")
    contacts: list[ContactTable] = Field(
        [], description="further ways to it, tried in this order when the first fails"
    )

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        given = (self.terminal_password, self.terminal_password_file)
        if all(one is not None for one in given):
            raise ValueError("has either terminal_password or terminal_password_file")
        if any(one is not None for one in given) and self.terminal_id is None:
            raise ValueError("a terminal_password needs a terminal_id")
        return self

    def terminal_secret(self) -> str | None:
        """Return the terminal's password, or ``None`` if it has none.

        :raises SettingsError: its file cannot be read or is empty.
        """
        if self.terminal_password is not None:
            return self.terminal_password.get_secret_value()
        if self.terminal_password_file is None:
            return None
        what = f"terminal_password_file of client {self.id!r}"
        return first_line(self.terminal_password_file, what)

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
    sessions: bool = Field(
        default=False, description="clients in networks open push sessions as well"
    )
    network: str | None = Field(None, description="their network by WDP name")
    bearer: str | None = Field(None, description="their bearer by WDP name")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if bool(self.numbers) == bool(self.networks):
            raise ValueError("needs either numbers or networks")
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
        )


def _ways(table: ContactTable | ClientTable) -> list[Contact]:
    ways = []
    if table.ota_http is not None:
        ways.append(Contact(HttpContact(*table.ota_http), table.network, table.bearer))
    if table.ota_wsp_udp is not None:
        ways.append(Contact(UdpContact(*table.ota_wsp_udp), table.network, table.bearer))
    if table.ota_wsp_sms is not None:
        network, bearer = table.network or SMS_NETWORK, table.bearer or SMS_BEARER
        ways.append(Contact(SmsContact(table.ota_wsp_sms), network, bearer))
    if table.ota_wsp_session is not None:
        where = SessionContact(table.ota_wsp_session)
        ways.append(Contact(where, table.network, table.bearer))
    return ways

"""What can be set for a Push Client's way by a SIP/IP core: OTA-SIP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from omapush.core.networks import ip_address
from omapush.daemon.settings_table import EndpointSetting, NetworkSetting, Table, first_line

_ADDRESS = re.compile(r"sips?:[^\s<>\"@;?]+@[^\s<>\"@;?]+", re.IGNORECASE)
_GATEWAY = re.compile(r"sips?:(?:[^\s<>\"@;?]+@)?[^\s<>\"@?]+", re.IGNORECASE)
_INSTANCE = re.compile(r"urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:[A-Za-z0-9()+,.:=@$_!*'%/-]{1,200}")


def _address_of_record(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("write it as sip:user@domain")
    return text


def _gateway_uri(text: str) -> str:
    if not _GATEWAY.fullmatch(text):
        raise ValueError("write it as sip:ppg@domain")
    return text


def _instance_urn(text: str) -> str:
    if not _INSTANCE.fullmatch(text):
        raise ValueError("write it as a URN, for example urn:uuid:...")
    return text


AddressOfRecord = Annotated[str, AfterValidator(_address_of_record)]
GatewayUri = Annotated[str, AfterValidator(_gateway_uri)]
InstanceUrn = Annotated[str, AfterValidator(_instance_urn)]


class ClientSipTable(Table):
    """[ota_sip]"""

    core: EndpointSetting | None = Field(
        None,
        description="entry to the SIP/IP core, normally port 5061 by TLS and 5060 otherwise; "
        "default: there is no OTA-SIP",
    )
    transport: Literal["udp", "tcp", "tls"] = Field("tls", description="how the core is reached")
    allow_plain: bool = Field(
        default=False,
        description="reach the core without TLS though it is not on this machine",
    )
    aor: AddressOfRecord | None = Field(
        None, description="the user's address of record, such as sip:alice@example.com"
    )
    username: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        pattern=r'^[^:"\\]+$',
        description="name by which the user proves who it is (Digest); default: the user part of "
        "aor",
    )
    password: SecretStr | None = Field(None, description="and the password, or ...")
    password_file: Path | None = Field(None, description="... a file whose first line is it")
    realm: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="the only realm that the password is proved to; default: to whoever asks, "
        "also to a gateway",
    )
    listen: EndpointSetting | None = Field(
        None,
        description="local address and port that requests come to; default: by udp the address "
        "that leads to the core, and a free port, otherwise only the connection to the core",
    )
    ca_file: Path | None = Field(
        None, description="authorities in PEM, besides the system's, for the core's certificate"
    )
    client_certificate: Path | None = Field(
        None, description="our certificate chain in PEM, for cores that want one"
    )
    client_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    server_name: str | None = Field(
        None, min_length=1, description="whose certificate the core has; default: the host of core"
    )
    trusted: list[NetworkSetting] = Field(
        [], description="networks of further elements of the core; default: only the host of core"
    )
    anybody_may_send: bool = Field(
        default=False,
        description="take pushes from those, too, who are no element of the core; nobody has "
        "proved then who the gateway is",
    )
    ppg: list[GatewayUri] = Field(
        [],
        max_length=8,
        description="gateways that are told by OPTIONS what is taken, such as sip:ppg@example.com; "
        "default: none, the core tells them",
    )
    expires_seconds: int = Field(
        600, ge=10, le=86_400, description="how long the core is asked to keep the registration"
    )
    outbound: bool = Field(
        default=False,
        description="register the connection itself (RFC 5626), for clients behind translators "
        "of addresses",
    )
    instance: InstanceUrn | None = Field(
        None,
        description="who this device is (+sip.instance); default: a UUID that is made once and "
        "kept in store.path",
    )
    hide_applications: bool = Field(
        default=False,
        description="register for pushes to any application, not saying which ones there are",
    )
    default: bool = Field(
        default=True, description="applications that name no variant are bound by this one as well"
    )
    acceptance_seconds: float = Field(
        10,
        ge=1,
        le=30,
        description="how long an application may take to accept a push; then it is answered 480, "
        "before the core gives it up",
    )
    max_message_size: int = Field(
        1_048_576, ge=1_400, le=1 << 26, description="largest push message in octets"
    )
    msrp_listen: EndpointSetting | None = Field(
        None,
        description="where gateways connect that cannot be connected to, for large pushes (MSRP); "
        "default: the client connects to them",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.core is None:
            return self
        if self.aor is None:
            raise ValueError("core needs aor")
        if self.password is not None and self.password_file is not None:
            raise ValueError("password and password_file exclude each other")
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key need each other")
        if self.transport == "tls" and self.listen is not None and self.client_key is None:
            raise ValueError("listen by tls needs client_certificate and client_key")
        if self.transport != "tls" and not (self.allow_plain or _is_here(self.core.host)):
            raise ValueError("transport: a core elsewhere is reached by tls, or with allow_plain")
        return self

    def our_username(self) -> str:
        """Return by which name the user proves who it is."""
        return self.username or (self.aor or "").partition(":")[2].partition("@")[0]

    def our_password(self) -> str | None:
        """Return the password; ``None``: there is none. :raises SettingsError: it cannot be had."""
        if self.password_file is not None:
            return first_line(self.password_file, "ota_sip.password_file")
        return None if self.password is None else self.password.get_secret_value()


def _is_here(host: str) -> bool:
    address = ip_address(host)
    return host == "localhost" if address is None else address.is_loopback

"""What can be set for the gateways that a Push Client dials: where, as whom, and how long."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from omapush.cai.model import ConnectionProfile, RegistrationRejected
from omapush.client.binding.contact_point import ContactPoint, contact_point_of
from omapush.core.networks import ip_address
from omapush.daemon.settings_table import Table, first_line, parse_endpoint
from omapush.ota.http.ports import PUSH_PORT, SECURE_PUSH_PORT

KEEP_ALIVE_SECONDS = 240
"""Less than translators of addresses keep a connection in mind on which nothing happens."""

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


def _contact_point(text: str) -> str:
    contact_point(text)
    return text


def _server_name(text: str) -> str:
    name = text.lower().rstrip(".")
    if ip_address(name) is None and not _HOST_NAME.fullmatch(name):
        raise ValueError("neither a host name nor an IP address")
    return name


ContactPointSetting = Annotated[str, AfterValidator(_contact_point)]
ServerNameSetting = Annotated[str, AfterValidator(_server_name)]


def contact_point(text: str) -> ContactPoint:
    """Return where a gateway is dialled: ``host:port``, a host, or an http or https URI.

    Without a port it is the registered one (WAP-235 7.2.4.1).

    :raises ValueError: it is none of these.
    """
    profile = ConnectionProfile(contact_point=text)
    if "://" not in text and ip_address(text.strip("[]")) is None and ":" in text:
        host, port = parse_endpoint(text)
        profile = ConnectionProfile(contact_point=host, port=port)
    try:
        found = contact_point_of(profile, "gateway")
    except RegistrationRejected as error:
        raise ValueError(error.detail.removeprefix("gateway.")) from error
    if found is None or found.port == 0:
        raise ValueError("write it as host:port or as an https URI")
    if found.port is not None:
        return found
    return ContactPoint(found.host, SECURE_PUSH_PORT if found.tls else PUSH_PORT, found.tls)


class GatewayEntryTable(Table):
    """[[gateways]]"""

    name: str = Field(pattern=r"^[!-~]{1,64}$", description="stands in the log and in `gateways`")
    contact_points: list[ContactPointSetting] = Field(
        min_length=1,
        max_length=8,
        description="where it takes connections of terminals, in the order in which they are "
        "tried: host:port, or https://host:port for TLS; port 4036 is TLS too; default port 4035, "
        "with https 4036",
    )
    connect: Literal["always", "on_request"] = Field(
        "always",
        description="`always`: keep a connection; `on_request`: connect only when the gateway asks "
        "for it by a session initiation request",
    )
    bearer: str | None = Field(
        None, description="dial over this one of [[bearers]]; default: as the system chooses"
    )
    prov_url: str | None = Field(
        None,
        max_length=1_024,
        description="PROVURL of the provisioning context that this is, by which a gateway may "
        "choose it (X-Wap-Push-ProvURL)",
    )
    terminal_id: str | None = Field(
        None, min_length=1, max_length=256, description="who we are to it; default: terminal.id"
    )
    terminal_password: SecretStr | None = Field(
        None, description="how we prove that when it asks (X-Wap-Authenticate), or ..."
    )
    terminal_password_file: Path | None = Field(
        None, description="... a file whose first line is that password"
    )
    scheme: Literal["none", "basic", "digest"] = Field(
        "none", description="how it has to prove who it is before it may push; `none`: it need not"
    )
    username: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        pattern=r'^[^:"\\]+$',
        description="its PROXY-ID: the name that it has to give, and the realm in which we prove "
        "ourselves; default: any realm",
    )
    password: SecretStr | None = Field(None, description="and the password that it has to have, or")
    password_file: Path | None = Field(None, description="... a file whose first line is it")
    clear_password: bool = Field(
        default=False,
        description="also without TLS let passwords cross the network, by Basic; else only Digest "
        "is used there",
    )
    ca_file: Path | None = Field(
        None,
        description="authorities in PEM, besides the system's, for its certificate; default: those "
        "of ota_http.contact_ca",
    )
    client_certificate: Path | None = Field(
        None, description="our certificate chain in PEM, for gateways that want one"
    )
    client_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    server_name: ServerNameSetting | None = Field(
        None,
        description="whose certificate it has to have: its PROXY-PROVIDER-ID; default: the host of "
        "the contact point",
    )
    connect_timeout_seconds: float = Field(
        20, gt=0, le=120, description="patience for each address of a contact point"
    )
    tcp_keepalive_seconds: int = Field(
        KEEP_ALIVE_SECONDS,
        ge=0,
        le=32_000,
        description="after so long without traffic TCP asks whether the gateway is still there, "
        "which also keeps translators on the way from forgetting the connection; 0: never",
    )
    idle_close_seconds: float = Field(
        600,
        ge=10,
        le=31_536_000,
        description="a connection on which the gateway has said nothing for so long is ended; with "
        "`always` a new one is opened at once",
    )
    close_after_last: bool | None = Field(
        None,
        description="end the connection after the push that the gateway calls its last; only with "
        "`on_request`, where it is the default",
    )
    reconnect_first_seconds: float = Field(
        5,
        gt=0,
        le=3_600,
        description="wait after the first failure; it doubles with each further one, and of each "
        "wait up to half is left out by chance",
    )
    reconnect_longest_seconds: float = Field(
        300, gt=0, le=86_400, description="longest of these waits"
    )
    first_again_seconds: float = Field(
        600,
        ge=1,
        le=86_400,
        description="while another contact point is connected, the first is tried so often",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _one_of(self.terminal_password, self.terminal_password_file, "terminal_password")
        _one_of(self.password, self.password_file, "password")
        has_password = self.password is not None or self.password_file is not None
        if (self.scheme != "none") != has_password:
            raise ValueError("scheme basic or digest and password need each other")
        if has_password and self.username is None:
            raise ValueError("password needs username")
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key need each other")
        if self.close_after_last and self.connect == "always":
            raise ValueError("close_after_last needs connect = 'on_request'")
        if self.reconnect_longest_seconds < self.reconnect_first_seconds:
            raise ValueError("reconnect_longest_seconds is less than reconnect_first_seconds")
        return self

    @property
    def places(self) -> tuple[ContactPoint, ...]:
        """Return the contact points."""
        return tuple(contact_point(text) for text in self.contact_points)

    @property
    def ends_after_last(self) -> bool:
        """Whether the connection is ended after the gateway's last push."""
        if self.close_after_last is None:
            return self.connect == "on_request"
        return self.close_after_last

    def our_password(self) -> str | None:
        """Return what we prove ourselves by. :raises SettingsError: it cannot be had."""
        what = f"terminal_password_file of gateway {self.name}"
        return _secret(self.terminal_password, self.terminal_password_file, what)

    def its_password(self) -> str | None:
        """Return what it has to prove itself by. :raises SettingsError: it cannot be had."""
        return _secret(self.password, self.password_file, f"password_file of gateway {self.name}")


def _one_of(secret: SecretStr | None, file: Path | None, key: str) -> None:
    if secret is not None and file is not None:
        raise ValueError(f"{key} and {key}_file exclude each other")


def _secret(secret: SecretStr | None, file: Path | None, what: str) -> str | None:
    if file is not None:
        return first_line(file, what)
    return None if secret is None else secret.get_secret_value()

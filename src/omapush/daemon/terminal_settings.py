"""What can be set about OTA-HTTP at the gateway: where terminals dial in, TLS, authentication."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self, TypeGuard

from pydantic import Field, model_validator

from omapush.core.networks import ip_address
from omapush.daemon.settings_table import Endpoint, EndpointSetting
from omapush.daemon.settings_table import Table as _Table
from omapush.ota.http.authentication import Scheme

SCHEMES = {"none": Scheme.NONE, "basic": Scheme.BASIC, "digest": Scheme.DIGEST}


class TerminalsTable(_Table):
    """[ota_http]"""

    listen: EndpointSetting | None = Field(
        None,
        description="TCP address and port, normally 4035, where terminals dial in (TO-TCP); "
        "default: none is opened",
    )
    secure_listen: EndpointSetting | None = Field(
        None, description="the same by TLS, normally port 4036; needs tls_certificate"
    )
    contact_point: EndpointSetting | None = Field(
        None,
        description="the address and port that session requests (SIR) give to terminals; default: "
        "listen, if that is an address that terminals can use and there is no secure contact point",
    )
    secure_contact_point: EndpointSetting | None = Field(
        None, description="likewise for TLS; default: secure_listen, if there is no contact_point"
    )
    tls_certificate: Path | None = Field(
        None, description="certificate chain in PEM that terminals see"
    )
    tls_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    tls_client_ca: Path | None = Field(
        None, description="authorities in PEM whose terminals' certificates are believed"
    )
    tls_client_certificate: Literal["none", "optional", "required"] = Field(
        "none", description="whether terminals show a certificate of their own; needs tls_client_ca"
    )
    po_tcp_tls_roles: Literal["spec", "tcp"] = Field(
        "spec",
        description="who is the TLS server when the gateway dials (PO-TCP): spec: the gateway, as "
        "the standard has it; tcp: the terminal, as some do it",
    )
    po_tcp_ca: Path | None = Field(
        None,
        description="with roles tcp: authorities in PEM, besides the system's, that terminals are "
        "believed by",
    )
    handshake_timeout_seconds: float = Field(
        20, gt=0, le=120, description="patience for a TLS handshake"
    )
    registration_timeout_seconds: float = Field(
        20, gt=0, le=240, description="patience for a terminal's answer to OPTIONS"
    )
    tcp_keepalive_seconds: int = Field(
        300,
        ge=0,
        le=32_000,
        description="after so long without traffic TCP asks whether a terminal that has dialled in "
        "is still there; 0: never",
    )
    max_connections: int = Field(
        20_000, ge=1, le=1_000_000, description="connections of terminals at a time"
    )
    max_anonymous: int = Field(
        1_000, ge=1, description="of these, such that have not said yet whose they are"
    )
    max_anonymous_per_address: int = Field(
        64, ge=1, description="of these, from one address; terminals may share one"
    )
    name: str = Field(
        "omapush",
        pattern=r"^[!#-\[\]-~]{1,255}$",
        description="the gateway's own name towards terminals: PROXY-ID, the realm of challenges",
    )
    authenticate: Literal["none", "basic", "digest"] = Field(
        "digest",
        description="how terminals prove who they are, where a client has a terminal_password",
    )
    authentication_required: bool = Field(
        default=False, description="let nobody in who does not prove who he is"
    )
    lockout_failures: int = Field(
        10,
        ge=1,
        description="failures in a row, within a minute, after which an address is turned away",
    )
    lockout_seconds: float = Field(60, gt=0, le=86_400, description="for how long")
    ask_again_seconds: float = Field(
        30, gt=0, le=86_400, description="a terminal is asked to dial in (SIR) at most so often"
    )
    lease_seconds: float = Field(
        30,
        ge=1,
        le=3_600,
        description="where gateways share a ledger: after so long others may have the pushes of "
        "terminals whose gateway has died",
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key need each other")
        if self.secure_listen is not None and self.tls_certificate is None:
            raise ValueError("secure_listen needs tls_certificate and tls_key")
        if self.tls_client_certificate != "none" and self.tls_client_ca is None:
            raise ValueError("tls_client_certificate needs tls_client_ca")
        for point, listened in (
            (self.contact_point, self.listen),
            (self.secure_contact_point, self.secure_listen),
        ):
            if point is not None and listened is None:
                raise ValueError("a contact point needs its listen")
            if point is not None and ip_address(point.host) is None:
                raise ValueError("a contact point needs an IP address: it goes out as its octets")
        return self

    def contacts(self) -> tuple[Endpoint, ...]:
        """Return where terminals are told to dial; none: they are not asked to."""
        given = (self.contact_point, self.secure_contact_point)
        if any(given):
            return tuple(point for point in given if point is not None)
        # One is enough: terminals connect to each that they are told of.
        usable = (each for each in (self.secure_listen, self.listen) if _is_usable(each))
        return tuple(usable)[:1]


def _is_usable(listened: Endpoint | None) -> TypeGuard[Endpoint]:
    address = None if listened is None else ip_address(listened.host)
    return address is not None and not address.is_unspecified

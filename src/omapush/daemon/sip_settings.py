"""What can be set about OTA-SIP at the gateway: the core, where it listens, users known before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from omapush.core.networks import ip_address
from omapush.daemon.credential_settings import CertificateNames
from omapush.daemon.settings_table import Endpoint, EndpointSetting, NetworkSetting, first_line
from omapush.daemon.settings_table import Table as _Table
from omapush.ppg.sip.address_of_record import address_of_record, domain_of
from omapush.web.policy import DEFAULT_FORBIDDEN_TARGETS


def _user(value: str) -> str:
    record = address_of_record(value)
    if record is None or record.partition(":")[2] != _as_compared(value.partition(":")[2]):
        raise ValueError("write it as sip:user@domain, without parameters")
    return record


def _as_compared(rest: str) -> str:
    user, at, domain = rest.rpartition("@")
    return user + at + domain.lower()


SipUserSetting = Annotated[str, AfterValidator(_user)]
"""A SIP address of record; the domain in lower case."""


class SipRegistrationTable(_Table):
    """[[sip.registrations]]"""

    user: SipUserSetting = Field(description="address of record, e.g. sip:bob@example.com")
    gruu: str | None = Field(
        None,
        pattern=r"^sips?:[!-~]+@[!-~]+;gr=[!-~]+$",
        description="address of the one device that this is about (GRUU); default: any",
    )
    applications: list[str] = Field(
        ["*"],
        description="Push Application IDs that the device serves, e.g. x-wap-application:mms.ua",
    )
    accept: list[str] = Field(["*/*"], description="content types that it takes")
    accept_encoding: list[str] = Field(["identity"], description="content codings that it takes")
    max_message_size: int | None = Field(
        None, ge=1, description="octets of the longest push that it takes; default: any"
    )
    methods: list[Literal["MESSAGE", "INVITE"]] = Field(
        ["MESSAGE", "INVITE"], min_length=1, description="how it takes pushes"
    )


class SipTable(_Table):
    """[sip]"""

    core: EndpointSetting | None = Field(
        None,
        description="address and port of the SIP/IP core, normally 5060, or 5061 with TLS; "
        "default: there is none, and nobody is reached by OTA-SIP",
    )
    transport: Literal["udp", "tcp", "tls"] = Field(
        "udp", description="how requests go to the core; long ones go by tcp instead of udp"
    )
    uri: SipUserSetting | None = Field(
        None, description="the gateway's own address, e.g. sip:ppg@example.com; needed with core"
    )
    domains: list[str] = Field(
        [], description="domains that redirections may lead to; default: that of uri"
    )
    listen_udp: EndpointSetting | None = Field(
        None, description="UDP address and port where the core reaches the gateway"
    )
    listen_tcp: EndpointSetting | None = Field(None, description="likewise TCP")
    listen_tls: EndpointSetting | None = Field(
        None, description="likewise TLS; needs tls_certificate and tls_key"
    )
    trusted_networks: list[NetworkSetting] = Field(
        [], description="networks of further elements of the core; core itself is always believed"
    )
    trusted_names: CertificateNames = Field(
        [], description="DNS names or URIs of the certificates of its further elements"
    )
    tls_certificate: Path | None = Field(
        None, description="certificate chain in PEM that the core sees, dialling and dialled"
    )
    tls_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    tls_ca: Path | None = Field(
        None, description="authorities in PEM, besides the system's, that the core is believed by"
    )
    username: str | None = Field(
        None, min_length=1, description="the gateway's account at the core, if it asks for one"
    )
    password: SecretStr | None = Field(None, description="its password, or ...")
    password_file: Path | None = Field(None, description="... a file whose first line is it")
    realm: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="the only realm that the password is proved to; default: to whoever asks, "
        "also to a device that a push goes to",
    )
    icsi: str | None = Field(
        None,
        pattern=r"^urn:[!-~]+$",
        description="service identifier (ICSI) that requests are asserted to belong to",
    )
    via_reserve: int = Field(
        200, ge=0, le=1_300, description="octets that proxies may add to a MESSAGE"
    )
    message_size_limit: int = Field(
        1_300,
        ge=500,
        le=65_000,
        description="longest MESSAGE with that reserve; more goes by INVITE and MSRP. More than "
        "1300 only where no hop is by UDP (RFC 3428 8)",
    )
    force_msrp_for_confirmed: bool = Field(
        default=False, description="send every confirmed push by INVITE and MSRP"
    )
    ask_capabilities: bool = Field(
        default=True, description="ask a device of which nothing is known before a push (OPTIONS)"
    )
    plain_devices: bool = Field(
        default=False,
        description="pushes also go to devices of the user that declare no applications, such as "
        "telephones that show plain text",
    )
    response_timeout_seconds: float = Field(
        32, gt=0, le=180, description="patience for the final answer to a MESSAGE or INVITE"
    )
    max_registrations: int = Field(
        100_000, ge=1, le=10_000_000, description="users of whom registrations are kept in memory"
    )
    subscribe_registrations: bool = Field(
        default=False,
        description="subscribe to the state of users to whom pushes go (reg event package)",
    )
    contact_point: EndpointSetting | None = Field(
        None,
        description="the core's address and port that session requests (SIR) give to devices; "
        "default: none is asked to register",
    )
    ask_again_seconds: float = Field(
        60, gt=0, le=86_400, description="a device is asked to register (SIR) at most so often"
    )
    msrp_listen: EndpointSetting | None = Field(
        None,
        description="TCP address and port, normally 2855, where devices fetch longer pushes; "
        "default: none is opened, and the gateway connects to the device",
    )
    msrp_secure: bool = Field(
        default=False,
        description="longer pushes go by TLS; msrp_listen then needs tls_certificate and tls_key",
    )
    msrp_address: str | None = Field(
        None, description="host that devices are told to connect to; default: that of the port"
    )
    msrp_forbid: list[NetworkSetting] = Field(
        [str(network) for network in DEFAULT_FORBIDDEN_TARGETS],
        description="networks where the gateway never connects to, whatever a device says",
    )
    msrp_allow: list[NetworkSetting] = Field([], description="exceptions from msrp_forbid")
    msrp_idle_seconds: float = Field(
        30, gt=0, le=600, description="an unused media session is ended after so long"
    )
    registrations: list[SipRegistrationTable] = Field(
        [], description="registrations that are known without the core telling"
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.core is None:
            if self.model_fields_set - {"core"}:
                raise ValueError("needs core")
            return self
        if self.uri is None:
            raise ValueError("core needs uri")
        if self.listens() == ():
            raise ValueError("needs listen_udp, listen_tcp or listen_tls: the core's answers")
        if self.transport == "udp" and self.listen_udp is None:
            raise ValueError('transport = "udp" needs listen_udp')
        return self

    @model_validator(mode="after")
    def _secure(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key need each other")
        secure = self.msrp_secure and self.msrp_listen is not None
        if (secure or self.listen_tls is not None) and self.tls_certificate is None:
            raise ValueError("listen_tls and msrp_secure need tls_certificate and tls_key")
        if self.password is not None and self.password_file is not None:
            raise ValueError("has either password or password_file")
        has_password = self.password is not None or self.password_file is not None
        if has_password != (self.username is not None):
            raise ValueError("username and a password need each other")
        point = self.contact_point
        if point is not None and ip_address(point.host) is None:
            raise ValueError("contact_point needs an IP address: it goes out as its octets")
        return self

    def listens(self) -> tuple[Endpoint, ...]:
        """Return every address where the core reaches the gateway."""
        every = (self.listen_udp, self.listen_tcp, self.listen_tls)
        return tuple(one for one in every if one is not None)

    def own_domains(self) -> tuple[str, ...]:
        """Return the domains that redirections may lead to, in lower case."""
        return tuple(one.lower() for one in self.domains) or (domain_of(self.uri or ""),)

    def secret(self) -> str | None:
        """Return the password of the gateway's account; ``None``: it has none.

        :raises SettingsError: its file cannot be read or is empty.
        """
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return None
        return first_line(self.password_file, "sip.password_file")

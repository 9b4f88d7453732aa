"""What can be set for the two daemons: tables, keys, defaults and bounds, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from omapush.daemon.built_in_settings import BuiltInTable, InboxTable
from omapush.daemon.cai_settings import CaiTable
from omapush.daemon.client_settings import ClientTable, RouteTable, SubscribersTable
from omapush.daemon.client_sip_settings import ClientSipTable
from omapush.daemon.credential_settings import (
    CertificateNames,
    DigestHa1Md5,
    DigestHa1Sha256,
    PasswordHash,
    Sha256List,
)
from omapush.daemon.dbus_settings import DbusTable
from omapush.daemon.gateway_settings import GatewayEntryTable
from omapush.daemon.logs import LogFormat, LogLevel
from omapush.daemon.modem_settings import ModemTable, NumberSetting, SiaTable
from omapush.daemon.permission_settings import PermissionTable, ToleranceTable
from omapush.daemon.ppg_service_registration_settings import PpgServiceRegistrationTable
from omapush.daemon.profile_settings import ProfilesTable
from omapush.daemon.push_sessions import PushSessionsTable
from omapush.daemon.resolution import GroupTable, ResolverTable
from omapush.daemon.service_registration_settings import ServiceRegistrationTable
from omapush.daemon.settings_table import (
    AddressSetting,
    Endpoint,
    EndpointSetting,
    NetworkSetting,
    first_line,
)
from omapush.daemon.settings_table import Table as _Table
from omapush.daemon.sip_settings import SipTable
from omapush.daemon.smsc_settings import SmscTable
from omapush.daemon.terminal_settings import TerminalsTable
from omapush.daemon.wsp_settings import HeaderProfileTable, OtaWspTable
from omapush.ppg.authentication import ANONYMOUS
from omapush.ppg.credentials import Scheme
from omapush.ppg.lifecycle import InDoubtPolicy
from omapush.web.policy import DEFAULT_FORBIDDEN_TARGETS


class LogTable(_Table):
    """[log]"""

    level: LogLevel = Field("info", description="least severe events to write")
    format: LogFormat = Field("auto", description="auto: columns on a terminal, JSON elsewhere")


class GatewayTable(_Table):
    """[gateway]"""

    node: str = Field(
        "ppg-1",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="name of this process in the ledger; two running gateways need two names",
    )
    name: str = Field("omapush", description="sender-name in PAP documents")
    address: str | None = Field(
        None, description="sender-address in PAP documents; default: the URL that is listened on"
    )


class PapTable(_Table):
    """[pap]"""

    listen: EndpointSetting = Field(Endpoint("127.0.0.1", 8080), description="where PAP is served")
    paths: list[str] = Field(["/pap"], min_length=1, description="URL paths that take PAP")
    anonymous_from: list[NetworkSetting] = Field(
        [], description="networks that may submit without credentials; default: none"
    )
    schemes: list[Scheme] = Field(
        list(Scheme), min_length=1, description="HTTP authentication schemes that are taken"
    )
    lockout_failures: int = Field(
        10,
        ge=1,
        description="wrong credentials in a row, within a minute, after which an address gets 429",
    )
    lockout_seconds: float = Field(60, gt=0, le=86_400, description="for how long it gets 429")
    tls_certificate: Path | None = Field(
        None, description="certificate chain in PEM; with it PAP is served by TLS"
    )
    tls_key: Path | None = Field(None, description="its private key in PEM, not encrypted")
    tls_client_ca: Path | None = Field(
        None, description="authorities in PEM whose client certificates are believed"
    )
    max_entity: int = Field(
        1_048_576, ge=1_024, le=1 << 30, description="largest request body in octets; more is 413"
    )
    max_recipients: int = Field(
        1_000, ge=1, le=100_000, description="most addresses in one push; more is 3005"
    )
    read_timeout_seconds: float = Field(
        30, gt=0, le=3600, description="patience for a request body; then 408"
    )
    max_connections: int = Field(1_000, ge=1, description="more at a time are answered 503")
    success_status: Literal[200, 202] = Field(
        202, description="HTTP status of a PAP answer; 200 only for initiators that insist on it"
    )
    match_capabilities: bool = Field(
        default=False,
        description="compare the capabilities entity of a submission with what registration told; "
        "what the client lacks is 2005",
    )
    tolerance: ToleranceTable = Field(
        ToleranceTable(), description="what documents may get wrong, where no initiator's own says"
    )

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key need each other")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("tls_client_ca needs tls_certificate and tls_key")
        return self

    @property
    def origin(self) -> str:
        """Scheme, host and port of the endpoint."""
        return f"{'https' if self.tls_certificate else 'http'}://{self.listen}"


class StoreTable(_Table):
    """[store]"""

    url: str = Field(
        "sqlite:///omapush.db",
        description="ledger: sqlite:///relative/path, sqlite:////absolute/path, postgresql://...",
    )
    retention_hours: float = Field(
        168, gt=0, description="how long an ended push is remembered, and its push-id refused"
    )


class AdminTable(_Table):
    """[admin]"""

    listen: EndpointSetting = Field(
        Endpoint("127.0.0.1", 8081),
        description="where /healthz, /readyz, /metrics and the operator's lists are served",
    )


class DeliveryTable(_Table):
    """[delivery]"""

    max_age_hours: float = Field(
        72, gt=0, description="a push without deliver-before-timestamp expires after this"
    )
    retry_first_seconds: float = Field(1, gt=0, description="wait after the first failure")
    retry_longest_seconds: float = Field(60, gt=0, description="the wait doubles up to this")
    max_sent_attempts: int = Field(
        5, ge=1, description="attempts that may have reached the client; then it has failed"
    )
    in_doubt: InDoubtPolicy = Field(
        InDoubtPolicy.SEND_AGAIN,
        description="a delivery that a crash left in doubt: send_again or give_up",
    )
    in_flight: int = Field(512, ge=1, le=10_000, description="deliveries under way at a time")
    per_client: int = Field(16, ge=1, le=64, description="of these, for one client")
    connect_timeout_seconds: float = Field(
        10, gt=0, description="patience when dialling a terminal"
    )
    response_timeout_seconds: float = Field(
        30, gt=0, le=240, description="patience for a terminal's answer to a push"
    )
    idle_close_seconds: float = Field(300, gt=0, description="an unused connection is closed then")
    registration_age_seconds: float = Field(
        3600, gt=0, description="a terminal is registered again when its registration is older"
    )


class NotificationTable(_Table):
    """[notification]"""

    forbid: list[NetworkSetting] = Field(
        [str(network) for network in DEFAULT_FORBIDDEN_TARGETS],
        description="networks that result notifications never go to",
    )
    allow: list[NetworkSetting] = Field([], description="exceptions from forbid")
    timeout_seconds: float = Field(10, gt=0, le=120, description="patience for an answer")
    retry_seconds: list[float] = Field(
        [10, 60, 300, 1800, 7200, 21600], description="wait before each repetition"
    )
    max_age_hours: float = Field(
        24, gt=0, description="a notification that has not arrived by then has failed"
    )
    ca_file: Path | None = Field(
        None,
        description="authorities in PEM whose listeners are believed, beside those of the system",
    )


class AnonymousTable(PermissionTable):
    """[anonymous], for whoever needs no credentials"""


class InitiatorTable(PermissionTable):
    """[[initiators]]"""

    id: str = Field(pattern=r"^[!-~]{1,128}$", description="the operator's name for the initiator")
    username: str | None = Field(
        None, min_length=1, pattern="^[^:]*$", description="user name for HTTP Basic and Digest"
    )
    password: SecretStr | None = Field(None, description="its password, or ...")
    password_file: Path | None = Field(
        None, description="... a file whose first line is it, or its hash, or ..."
    )
    password_hash: PasswordHash | None = Field(
        None, description="... its hash, from `omapush hash-password` (for Basic only)"
    )
    digest_ha1_sha256: DigestHa1Sha256 | None = Field(
        None, description="SHA-256 of username:PAP:password, for Digest without a clear password"
    )
    digest_ha1_md5: DigestHa1Md5 | None = Field(None, description="the same by MD5")
    api_key_sha256: Sha256List = Field(
        [], description="SHA-256 of the API key (or keys) that it sends as a Bearer token"
    )
    certificate_sha256: Sha256List = Field(
        [], description="SHA-256 fingerprint of its TLS client certificate, or several"
    )
    certificate_name: CertificateNames = Field(
        [], description="DNS name or URI that its TLS client certificate is for, or several"
    )
    require_all: bool = Field(
        default=False,
        description="it needs its certificate as well as its password or key; default: any will do",
    )
    allowed_addresses: list[NetworkSetting] = Field(
        [], description="networks it may submit from; default: anywhere"
    )
    idempotent_resubmission: bool = Field(
        default=False, description="answer 1001 again to the same push-id with the same content"
    )
    notify_username: str | None = Field(
        None,
        min_length=1,
        pattern="^[^:]*$",
        description="user name that its listener for result notifications wants, by HTTP Basic",
    )
    notify_password: SecretStr | None = Field(None, description="the password for it, or ...")
    notify_password_file: Path | None = Field(None, description="... a file whose first line is it")

    @model_validator(mode="after")
    def _means(self) -> Self:
        if self.id == ANONYMOUS:
            raise ValueError(f"id {ANONYMOUS!r} is reserved")
        passwords = (self.password, self.password_file, self.password_hash)
        if sum(one is not None for one in passwords) > 1:
            raise ValueError("takes one of password, password_file and password_hash")
        by_name = any((*passwords, self.digest_ha1_sha256, self.digest_ha1_md5))
        by_certificate = bool(self.certificate_sha256 or self.certificate_name)
        if not (by_name or by_certificate or self.api_key_sha256):
            raise ValueError(
                "needs a password, password_file, password_hash, digest_ha1_sha256, "
                "digest_ha1_md5, api_key_sha256, certificate_sha256 or certificate_name"
            )
        if by_name != (self.username is not None):
            raise ValueError("a username and a password, in whichever form, need each other")
        # A request has one Authorization header.
        if self.require_all and not (by_certificate and by_name != bool(self.api_key_sha256)):
            raise ValueError("require_all needs a certificate, and either a password or API keys")
        return self

    @model_validator(mode="after")
    def _listener(self) -> Self:
        if self.notify_password is not None and self.notify_password_file is not None:
            raise ValueError("has either notify_password or notify_password_file")
        has_password = self.notify_password is not None or self.notify_password_file is not None
        if has_password != (self.notify_username is not None):
            raise ValueError("notify_username and a notify_password need each other")
        return self

    def secret(self) -> str | None:
        """Return the password, in clear or as a hash, or ``None`` if it has none.

        :raises SettingsError: its file cannot be read or is empty.
        """
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_hash is not None:
            return self.password_hash.get_secret_value()
        return self._first_line("password_file", self.password_file)

    def notify_secret(self) -> str | None:
        """Return the password for its listener, or ``None`` if that wants none.

        :raises SettingsError: its file cannot be read or is empty.
        """
        if self.notify_password is not None:
            return self.notify_password.get_secret_value()
        return self._first_line("notify_password_file", self.notify_password_file)

    def _first_line(self, key: str, path: Path | None) -> str | None:
        if path is None:
            return None
        return first_line(path, f"{key} of initiator {self.id!r}")


class FileSettings(BaseSettings):
    """Settings that come from a file and the environment; see ``settings_file``."""

    model_config = SettingsConfigDict(extra="forbid", env_nested_delimiter="__")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library calls by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file, and read nothing else."""
        return env_settings, init_settings


class PpgSettings(FileSettings):
    """Everything that can be set for a gateway."""

    model_config = SettingsConfigDict(env_prefix="OMAPUSH_PPG_")

    gateway: GatewayTable = GatewayTable()
    pap: PapTable = PapTable()
    store: StoreTable = StoreTable()
    admin: AdminTable = AdminTable()
    delivery: DeliveryTable = DeliveryTable()
    notification: NotificationTable = NotificationTable()
    profiles: ProfilesTable = ProfilesTable()
    log: LogTable = LogTable()
    anonymous: AnonymousTable = AnonymousTable()
    initiators: list[InitiatorTable] = []
    ota_wsp: OtaWspTable = OtaWspTable()
    header_profiles: list[HeaderProfileTable] = []
    push_sessions: PushSessionsTable = PushSessionsTable()
    ota_http: TerminalsTable = TerminalsTable()
    sip: SipTable = SipTable()
    service_registration: PpgServiceRegistrationTable = PpgServiceRegistrationTable()
    smsc: list[SmscTable] = []
    clients: list[ClientTable] = []
    subscribers: list[SubscribersTable] = []
    groups: list[GroupTable] = []
    routes: list[RouteTable] = []
    resolvers: list[ResolverTable] = []


class TerminalTable(_Table):
    """[terminal]"""

    id: str = Field(
        "60000000000000", min_length=1, description="X-Wap-Terminal-Id (a Client ID, WAP-196)"
    )
    bearer_indication: str = Field(
        "00", pattern=r"^[0-9A-Fa-f]{2}$", description="X-Wap-Bearer-Indication (WDP appendix C)"
    )


class OtaHttpTable(_Table):
    """[ota_http]"""

    listen: EndpointSetting = Field(
        Endpoint("127.0.0.1", 4035), description="where the PPG reaches this client (PO-TCP)"
    )
    po_tcp: bool = Field(
        default=True,
        description="listen there; a client that only dials its [[gateways]] need not",
    )
    max_message_size: int = Field(
        65_536, ge=1_400, le=1 << 26, description="largest push message in octets"
    )
    max_push_requests: int = Field(1, ge=1, le=64, description="pushes unanswered at a time")
    max_connections: int = Field(64, ge=1, description="connections open at a time")
    connect_timeout_seconds: float = Field(
        20, gt=0, le=120, description="patience for each address of a contact point that is dialled"
    )
    contact_ca: Path | None = Field(
        None,
        description="authorities in PEM, besides the system's, for the certificates of gateways",
    )
    secure_listen: EndpointSetting | None = Field(
        None,
        description="where the PPG reaches this client by TLS, normally port 4036; default: not",
    )
    po_tcp_tls_roles: Literal["spec", "tcp"] = Field(
        "spec",
        description="there, `spec`: the client is TLS client, as everywhere, and the gateway "
        "proves who it is (WAP-235 7.2.2); `tcp`: the client is TLS server with its own "
        "certificate, as some gateways expect",
    )
    tls_certificate: Path | None = Field(
        None, description="the client's own certificate chain in PEM, for secure_listen"
    )
    tls_key: Path | None = Field(None, description="its private key in PEM, not encrypted")

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key need each other")
        as_server = self.secure_listen is not None and self.po_tcp_tls_roles == "tcp"
        if as_server and self.tls_certificate is None:
            raise ValueError("po_tcp_tls_roles = 'tcp' needs tls_certificate and tls_key")
        return self


class BearerTable(_Table):
    """[[bearers]]"""

    name: str = Field(
        pattern=r"^[!-~]{1,32}$",
        description="as connection profiles of applications name it, by UAProf, e.g. GPRS",
    )
    address: AddressSetting = Field(
        description="the terminal's own address on it; OTA-HTTP is listened for there as well, on "
        "the port of ota_http.listen"
    )


class ClientOtaWspTable(_Table):
    """[ota_wsp]"""

    udp_listen: EndpointSetting | None = Field(
        None,
        description="where connectionless pushes by UDP come in, normally port 2948; default: no "
        "port is opened",
    )
    own_ports_at: AddressSetting | None = Field(
        None,
        description="local address of UDP ports that applications ask for as their own; default: "
        "that of udp_listen, and without it applications get none",
    )
    session_from: AddressSetting = Field(
        "0.0.0.0",  # noqa: S104 - an address to send from
        description="local address that push sessions are opened from",
    )
    session_with: list[EndpointSetting] = Field(
        [],
        description="gateways to hold a push session with: IP address and UDP port, normally 9201",
    )


class ClientStoreTable(_Table):
    """[store]"""

    path: Path = Field(Path("omapush-client.db"), description="SQLite file of the client")


class WhitelistTable(_Table):
    """[whitelist]"""

    addresses: list[NetworkSetting] | None = Field(
        None,
        description="gateways that may push; default: no list, and without any of these lists "
        "everybody may push",
    )
    originators: list[NumberSetting] | None = Field(
        None, description="numbers and short codes whose short messages may bring pushes"
    )
    originator_names: list[Annotated[str, Field(min_length=1, max_length=11)]] | None = Field(
        None, description="names, as senders of short messages give themselves, likewise"
    )
    service_centres: list[NumberSetting] | None = Field(
        None, description="service centres whose short messages may all bring pushes"
    )
    believe_gateways: bool = Field(
        default=True,
        description="where no list is in force, believe what any gateway says of the initiator",
    )
    country_code: str | None = Field(
        None,
        pattern=r"^[0-9]{1,3}$",
        description="of the device, to compare numbers in their national form",
    )


_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - they are to be told apart


class ClientSettings(FileSettings):
    """Everything that can be set for a push client."""

    model_config = SettingsConfigDict(env_prefix="OMAPUSH_CLIENT_")

    terminal: TerminalTable = TerminalTable()
    ota_http: OtaHttpTable = OtaHttpTable()
    ota_wsp: ClientOtaWspTable = ClientOtaWspTable()
    ota_sip: ClientSipTable = ClientSipTable()
    bearers: list[BearerTable] = []
    gateways: list[GatewayEntryTable] = []
    cai: CaiTable = CaiTable()
    dbus: DbusTable = DbusTable()
    store: ClientStoreTable = ClientStoreTable()
    modem: ModemTable = ModemTable()
    sia: SiaTable = SiaTable()
    whitelist: WhitelistTable = WhitelistTable()
    service_registration: ServiceRegistrationTable = ServiceRegistrationTable()
    built_in: BuiltInTable = BuiltInTable()
    inbox: InboxTable = InboxTable()
    log: LogTable = LogTable()

    @model_validator(mode="after")
    def _bearers(self) -> Self:
        names = [one.name.lower() for one in self.bearers]
        if len(set(names)) < len(names) or {"any", "tcp/ip"} & set(names):
            raise ValueError("bearers: two of the same name, or one that has a meaning already")
        everybody = self.ota_http.listen.host
        taken = [everybody, *(one.address for one in self.bearers)]
        if self.bearers and (everybody in _WILDCARDS or len(set(taken)) < len(taken)):
            raise ValueError("bearers: ota_http.listen and each bearer need addresses of their own")
        return self

    @model_validator(mode="after")
    def _gateways(self) -> Self:
        names = [one.name for one in self.gateways]
        if len(set(names)) < len(names):
            raise ValueError("gateways: two of the same name")
        known = {one.name.lower() for one in self.bearers}
        for one in self.gateways:
            if one.bearer is not None and one.bearer.lower() not in known:
                raise ValueError(
                    f"gateways: {one.name} is to be dialled over no bearer that is set"
                )
        places = [place for one in self.gateways for place in one.places]
        if len(set(places)) < len(places):
            raise ValueError("gateways: two with the same contact point")
        return self

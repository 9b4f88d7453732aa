"""Session initiation (SIA): what a request to contact a gateway leads to (WAP-235, 7.4).

A session initiation request (SIR) comes as a push by any route. :class:`SessionInitiations`
decides, purely: whether it is heeded, for which applications, and which gateways are contacted by
which variant of OTA. :class:`SessionInitiationApplication` is the client's own application around
it and gives what was decided to a :class:`SessionOpener`.

A request makes the phone spend money and show itself to a server, and anybody can send a short
message. So the device's whitelist applies to who sent it, and only gateways that the operator of
the phone has named are contacted, however the request came; by OTA-SIP that is the own core. One
that was contacted is locked out for a while: requests in a row have the effect of one.
"""

from __future__ import annotations

import enum
import hashlib
import ipaddress
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from omapush.client.dispatch import Refusal
from omapush.content.application_id import ANY_APPLICATION, ApplicationId
from omapush.content.session_initiation import (
    APPLICATION,
    CONTENT_TYPE,
    ContactPoint,
    SessionInitiation,
    decode,
)
from omapush.core.errors import DecodeError
from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.core.networks import IpAddress, Network, host_and_port
from omapush.ota.http.ports import PUSH_PORT, SECURE_PUSH_PORT
from omapush.ota.interface import PoConfirmedPushInd, PushStatus
from omapush.protocols.wdp import AddressType, Port

log = structlog.get_logger(__name__)

ANY = "*"
"""In place of application ids: any."""
_SECURE_PORTS = frozenset(port for port in Port if port.secure)
MAX_REMEMBERED = 64
"""Requests and gateways that are remembered at a time."""


class Variant(enum.Enum):
    """How a gateway is contacted; a request's variants are alternatives."""

    OTA_WSP = "OTA-WSP"
    OTA_HTTP = "OTA-HTTP"
    OTA_SIP = "OTA-SIP"


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """A gateway to contact.

    :ivar host: an IP address.
    :ivar secure: the port is registered for a secured connection (TLS).
    """

    variant: Variant
    host: str
    port: int
    secure: bool = False

    def __str__(self) -> str:
        if self == OWN_CORE:
            return f"{self.variant.value} through the own core"
        return f"{self.variant.value} {host_and_port(self.host, self.port)}"


OWN_CORE = GatewayAddress(Variant.OTA_SIP, "", 0)
"""What a request for OTA-SIP leads to, whatever contact point it names: the client registers with
the SIP/IP core that it is set up for, and tells the gateway that it is set up for [design]."""


@dataclass(frozen=True, slots=True)
class SessionWish:
    """A session, or for OTA-HTTP a connection from the terminal (TO-TCP), that is asked for.

    :ivar applications: push application ids that the gateway may use it for; ``*``: any.
    :ivar has_cpi_tag: the gateway says that it knows the capabilities of this client.
    :ivar cpi_tag: their tag in 4 octets, if it told that, too.
    :ivar provisioning_url: which provisioning context is to be used, as it stands in the request.
    """

    gateway: GatewayAddress
    applications: tuple[str, ...]
    has_cpi_tag: bool = False
    cpi_tag: bytes | None = None
    provisioning_url: bytes = b""


class SessionOpener(Protocol):
    """Opens sessions and connections. It holds at most one to each gateway."""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What it can open, the preferred one first."""

    def open(self, wish: SessionWish) -> None:
        """Begin to open what is wished; must not block and must not raise.

        The gateway believes that there is no session: an old one gives way to a new one.
        """

    def is_open(self, gateway: GatewayAddress) -> bool:
        """Whether there is a session with ``gateway``, or a connection."""


@dataclass(frozen=True, slots=True)
class SiaSettings:
    """What requests may lead to.

    :ivar gateways: networks of the gateways that may be contacted.
    :ivar is_known: whether there is a gateway at an address that this client dials by its own
        settings (TO-TCP), and so may be asked to dial; ``None``: it has none.
    :ivar lockout_ms: how long further requests to contact a gateway have no effect.
    :ivar hide_applications: name any application instead of those that there are.
    :ivar max_gateways: contacted because of one request.
    """

    gateways: tuple[Network, ...] = ()
    lockout_ms: int = MINUTE_MS
    hide_applications: bool = False
    max_gateways: int = 4
    is_known: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a request leads to.

    :ivar wishes: sessions to open now.
    :ivar ignored: which gateways are not contacted, and why; for people.
    """

    wishes: tuple[SessionWish, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(slots=True)
class _Memory:
    """Names with the instants at which they are forgotten; bounded."""

    until: dict[str, Instant] = field(default_factory=dict)

    def expire(self, now: Instant) -> None:
        """Forget what is over."""
        self.until = {name: instant for name, instant in self.until.items() if instant > now}

    @property
    def full(self) -> bool:
        return len(self.until) >= MAX_REMEMBERED


class SessionInitiations:
    """Decides about requests. No clock: every call is given ``now``, which never goes back.

    :param is_open: whether there is a session; then its gateway is locked out no longer.
    """

    def __init__(
        self,
        settings: SiaSettings,
        variants: tuple[Variant, ...],
        is_open: Callable[[GatewayAddress], bool],
    ) -> None:
        self._settings = settings
        self._variants = variants
        self._is_open = is_open
        self._lockout = _Memory()
        self._seen = _Memory()

    def receive(
        self, request: SessionInitiation, name: str, registered: Collection[str], now: Instant
    ) -> Decision | Refusal:
        """Decide about a request.

        :param name: the same for the same request that comes again.
        :param registered: ids of the push applications that there are, in canonical form.
        """
        self._lockout.expire(now)
        self._seen.expire(now)
        if name in self._seen.until:
            return Decision(ignored=("the request has come before",))
        applications = self._applications(request.application_ids, registered)
        if not applications:
            return Refusal(PushStatus.USERRFS, "no application that it is for is registered")
        offered = self._offered(request)
        if isinstance(offered, Refusal):
            return offered
        if self._seen.full:
            return Refusal(PushStatus.USERDCR, "too many session initiation requests")
        self._seen.until[name] = later(now, self._settings.lockout_ms)
        return self._contact(offered, applications, request.provisioning_url, now)

    def _applications(
        self, asked_for: Iterable[ApplicationId], registered: Collection[str]
    ) -> tuple[str, ...]:
        """Return those that the session is to be for, or nothing if there is none.

        A request that names none asks for any.
        """
        wanted = list(asked_for)
        if any(one.registered_code == ANY_APPLICATION for one in wanted) or not wanted:
            found = sorted(registered)
        else:
            # One that is registered for every application is there for each that was named.
            everybody = ApplicationId(None, ANY_APPLICATION).canonical in registered
            names = dict.fromkeys(one.canonical for one in wanted)
            found = [name for name in names if everybody or name in registered]
        return (ANY,) if found and self._settings.hide_applications else tuple(found)

    def _offered(self, request: SessionInitiation) -> list[tuple[ContactPoint, Variant]] | Refusal:
        """Return the gateways of the variant to be used: one only (WAP-235, 7.4)."""
        wsp = [ContactPoint(address) for address in request.wsp_contact_points]
        offers = {
            Variant.OTA_WSP: wsp,
            Variant.OTA_HTTP: request.ota_http_contact_points(),
            Variant.OTA_SIP: [ContactPoint(one) for one in request.ota_sip_contact_points()],
        }
        possible = [variant for variant in self._variants if offers[variant]]
        # One that leads nowhere is not preferred to one that leads somewhere.
        useful = (
            variant
            for variant in possible
            if any(self._is_possible(point, variant) for point in offers[variant])
        )
        chosen = next(useful, possible[0] if possible else None)
        if chosen is not None:
            return [(point, chosen) for point in offers[chosen]]
        named = " or ".join(variant.value for variant, points in offers.items() if points)
        return Refusal(PushStatus.USERRFS, f"this client opens no {named or 'such'} session")

    def _contact(
        self,
        offered: Iterable[tuple[ContactPoint, Variant]],
        applications: tuple[str, ...],
        provisioning_url: bytes,
        now: Instant,
    ) -> Decision | Refusal:
        wishes: dict[GatewayAddress, SessionWish] = {}
        ignored: list[str] = []
        trusted = False
        for point, variant in offered:
            gateway = self._gateway(point.address, variant)
            if isinstance(gateway, str):
                ignored.append(gateway)
                continue
            trusted = True
            why = self._why_not(gateway, len(wishes))
            if why is not None:
                ignored.append(f"{gateway}: {why}")
                continue
            self._lockout.until[str(gateway)] = later(now, self._settings.lockout_ms)
            wishes[gateway] = SessionWish(
                gateway, applications, point.has_cpi_tag, point.cpi_tag, provisioning_url
            )
        if not trusted:
            return Refusal(PushStatus.USERRFS, "; ".join(ignored[: self._settings.max_gateways]))
        return Decision(tuple(wishes.values()), tuple(ignored))

    def _why_not(self, gateway: GatewayAddress, contacted: int) -> str | None:
        # Once the session exists, a request to open it is a new one (WAP-235, 7.4).
        if str(gateway) in self._lockout.until and not self._is_open(gateway):
            return "contacted not long ago"
        if contacted >= self._settings.max_gateways or self._lockout.full:
            return "too many gateways"
        return None

    def _gateway(self, point: AddressType, variant: Variant) -> GatewayAddress | str:
        """Return the gateway at a contact point, or why it cannot be contacted."""
        if variant is Variant.OTA_SIP:
            return OWN_CORE
        try:
            address = ipaddress.ip_address(point.text)
        except ValueError:
            return f"{point.text[:40]} is no IP address"
        address = getattr(address, "ipv4_mapped", None) or address
        if not self._may_contact(address, variant):
            return f"{address} is none of the gateways that may be contacted"
        if variant is Variant.OTA_HTTP:
            port = PUSH_PORT if point.port is None else point.port
            return GatewayAddress(variant, str(address), port, port == SECURE_PUSH_PORT)
        port = Port.SESSION if point.port is None else point.port
        if port in _SECURE_PORTS:
            return f"{address}: port {port} needs WTLS, which this client does not have"
        return GatewayAddress(variant, str(address), int(port))

    def _is_possible(self, point: ContactPoint, variant: Variant) -> bool:
        return not isinstance(self._gateway(point.address, variant), str)

    def _may_contact(self, address: IpAddress, variant: Variant) -> bool:
        if any(address in network for network in self._settings.gateways):
            return True
        is_known = self._settings.is_known
        return is_known is not None and variant is Variant.OTA_HTTP and is_known(str(address))


class SessionInitiationApplication:
    """The client's own application for session initiation requests.

    :param registered: returns the canonical ids of the applications that there are.
    """

    push_application_id = APPLICATION
    accept = (CONTENT_TYPE,)

    def __init__(
        self,
        settings: SiaSettings,
        opener: SessionOpener,
        clock: Callable[[], Instant],
        registered: Callable[[], Collection[str]],
    ) -> None:
        self._decisions = SessionInitiations(settings, opener.variants, opener.is_open)
        may_be_heeded = (
            settings.gateways or settings.is_known is not None or Variant.OTA_SIP in opener.variants
        )
        self.announced = bool(may_be_heeded and opener.variants)
        self._opener = opener
        self._clock = clock
        self._registered = registered

    def push(self, push: PoConfirmedPushInd) -> Refusal | None:
        """Heed a request, or say why not (``client.own_application``)."""
        if push.message.media_type != CONTENT_TYPE:
            return Refusal(PushStatus.USERDCU, f"session initiation takes {CONTENT_TYPE}")
        try:
            request = decode(push.message.body)
        except DecodeError as error:
            return Refusal(PushStatus.USERRFS, str(error))
        digest = hashlib.sha256(push.message.body).hexdigest()
        name = f"{push.source.address} {push.push_id} {digest}"
        decision = self._decisions.receive(request, name, self._registered(), self._clock())
        if isinstance(decision, Refusal):
            return decision
        log.info(
            "session_initiation",
            source=push.source.address,
            contacting=[str(wish.gateway) for wish in decision.wishes],
            ignored=list(decision.ignored),
        )
        for wish in decision.wishes:
            self._opener.open(wish)
        return None

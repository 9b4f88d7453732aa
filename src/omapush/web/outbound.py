"""HTTP calls: bounded in time and size, to allowed addresses only.

The host name is resolved here, every address it has is judged, and the connection goes to the very
address that was judged: a name that resolves differently a moment later changes nothing. Proxies
and credentials of the environment are not used.

In the gateway ``notification_sender``, ``profiles`` and ``resolution.http`` call this, and in the
client ``service_registration``; what an answer means is their business. Without an answer they get
an :class:`OutboundError`, or a :class:`~omapush.web.policy.TargetForbiddenError` where policy
decided.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import ipaddress
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx2

from omapush.core.errors import OmapushError
from omapush.core.networks import host_and_port
from omapush.web.authentication import CredentialsByHost, UnusableChallengeError
from omapush.web.policy import OutboundPolicy, Target

MAX_IDLE_NAMES = 32
"""Names of TLS servers whose connections are kept open while nobody uses them."""

_Found = Sequence[tuple[Any, Any, Any, Any, Any]]
_MOVED = {"GET": (301, 302, 303, 307, 308), "POST": (307, 308), "DELETE": (307, 308)}


class OutboundFault(enum.Enum):
    """What kept an answer from coming."""

    NETWORK = "network"
    """The server cannot be found or reached, or the connection broke."""
    SECURITY = "security"
    """The server does not prove who it is, or asks for a proof that cannot be given."""
    TIME = "time"
    """It took too long."""
    ANSWER = "answer"
    """What came is not HTTP, or leads where it may not."""
    REQUEST = "request"
    """The request cannot be written."""


class OutboundError(OmapushError):
    """No answer came.

    :ivar written: the request had been written completely, so the server may have acted on it.
    """

    def __init__(
        self, reason: str, *, written: bool, fault: OutboundFault = OutboundFault.NETWORK
    ) -> None:
        super().__init__(reason)
        self.written = written
        self.fault = fault


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """How much one caller may use.

    :ivar timeout_ms: patience for a whole call, redirections included.
    :ivar max_octets: octets of an answer's body that are read.
    :ivar connections: open at a time; of TLS servers, to each of them.
    :ivar look_ups: names resolved at a time; a look-up that nobody waits for any more counts until
        it ends.
    """

    timeout_ms: int
    max_octets: int
    connections: int = 128
    look_ups: int = 32


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One call. ``headers`` may hold a secret: their ``Authorization`` stays with the origin."""

    target: Target
    method: Literal["GET", "POST", "DELETE"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What the server answered.

    :ivar whole: whether ``body`` is all of it; otherwise it is cut at ``max_octets``.
    :ivar location: where it redirects to; ``None``: it does not.
    :ivar headers: as sent, names in lower case.
    :ivar url: what was called when it answered: after redirections, another than was asked for.
    """

    status: int
    body: bytes
    whole: bool
    location: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    url: str = ""

    def get(self, name: str) -> str | None:
        """Return the value of the first header called ``name``."""
        return next((value for known, value in self.headers if known == name.lower()), None)


class OutboundClient:
    """Makes calls for one caller. Belongs to one event loop.

    :param context: for TLS; default: the authorities that the system believes.
    :param credentials: for servers that ask for some, each for its own host.
    """

    def __init__(
        self,
        policy: OutboundPolicy,
        limits: OutboundLimits,
        context: ssl.SSLContext | None = None,
        credentials: CredentialsByHost | None = None,
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._credentials = credentials or CredentialsByHost()
        self._connections = _Connections(limits, context or ssl.create_default_context())
        self._look_ups = asyncio.Semaphore(limits.look_ups)
        self._looking_up: set[asyncio.Task[_Found]] = set()

    async def call(
        self, request: OutboundRequest, *, redirections: int = 0, elsewhere: bool = False
    ) -> OutboundAnswer:
        """Make a call, and follow at most so many redirections.

        :param elsewhere: whether they may lead to another origin; each is judged by policy.
        :raises TargetForbiddenError: policy does not let it go there.
        :raises OutboundError: no answer, or redirected to another origin.
        """
        progress = _Progress()
        try:
            async with asyncio.timeout(self._limits.timeout_ms / 1000):
                while True:
                    progress.written = False
                    address = await self.judged_address(request.target)
                    answer = await self._call_at(address, request, progress)
                    if answer.location is None or not redirections:
                        return answer
                    redirections -= 1
                    request = self._moved(request, answer.location, elsewhere=elsewhere)
        except TimeoutError as error:
            reason = "no answer in time" if progress.written else "no connection in time"
            raise OutboundError(
                reason, written=progress.written, fault=OutboundFault.TIME
            ) from error

    async def judged_address(self, target: Target) -> str:
        """Return the IP address to connect to. The caller bounds the time.

        :raises TargetForbiddenError: policy forbids an address that the host has.
        :raises OutboundError: the host's name cannot be resolved.
        """
        await self._look_ups.acquire()
        look_up = asyncio.create_task(_look_up(target))
        self._looking_up.add(look_up)
        look_up.add_done_callback(self._looked_up)
        try:
            # It cannot be called off: a thread of the process works on it until it ends. So its
            # place stays taken, lest names that never resolve take all threads.
            found = await asyncio.shield(look_up)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            reason = f"cannot resolve {target.host}: {said}"
            raise OutboundError(reason, written=False) from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            self._policy.check(ipaddress.ip_address(address.partition("%")[0]))
        return addresses[0]

    def _looked_up(self, look_up: asyncio.Task[_Found]) -> None:
        self._looking_up.discard(look_up)
        self._look_ups.release()
        if not look_up.cancelled():
            look_up.exception()  # seen, even if nobody waits any more

    async def call_at(self, address: str, request: OutboundRequest) -> OutboundAnswer:
        """Make a call at an address from :meth:`judged_address`; redirections are not followed.

        The caller bounds the whole time; the limit here holds for each step alone.

        :raises OutboundError: no answer.
        """
        return await self._call_at(address, request, _Progress())

    async def _call_at(
        self, address: str, request: OutboundRequest, progress: _Progress
    ) -> OutboundAnswer:
        try:
            async with self._connections.to(request.target) as client:
                prepared = _prepared(client, address, request, progress)
                return await self._exchange(client, prepared, request)
        except UnusableChallengeError as error:
            raise OutboundError(error.reason, written=True, fault=OutboundFault.SECURITY) from error
        except (httpx2.LocalProtocolError, UnicodeError):
            # Its own words repeat the header, which may be a secret.
            raise OutboundError(
                "the request cannot be written", written=False, fault=OutboundFault.REQUEST
            ) from None
        except httpx2.TimeoutException as error:
            written = isinstance(error, httpx2.ReadTimeout)
            reason = "no answer in time" if written else "no connection in time"
            raise OutboundError(reason, written=written, fault=OutboundFault.TIME) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            reason = f"{type(error).__name__}: {error}".strip(": ")
            raise OutboundError(reason, written=False, fault=_fault_of(error)) from error

    async def _exchange(
        self, client: httpx2.AsyncClient, prepared: httpx2.Request, request: OutboundRequest
    ) -> OutboundAnswer:
        """Send, once more with credentials if the server asks for those that it may have."""
        authentication = self._credentials.of(request.target) or httpx2.Auth()
        flow = authentication.auth_flow(prepared)
        sending = next(flow)
        while True:
            response = await client.send(sending, stream=True)
            try:
                sending = flow.send(response)
            except StopIteration:
                return await self._read(request, response)
            finally:
                await response.aclose()

    async def close(self) -> None:
        """Close connections."""
        await self._connections.close()

    async def _read(self, request: OutboundRequest, response: httpx2.Response) -> OutboundAnswer:
        body, limit = bytearray(), self._limits.max_octets
        # As sent, not decoded: what is read is as large as what is sent.
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > limit:
                break
        moved = response.status_code in _MOVED[request.method]
        return OutboundAnswer(
            response.status_code,
            bytes(body[:limit]),
            len(body) <= limit,
            response.headers.get("Location") if moved else None,
            tuple(response.headers.items()),
            request.target.url,
        )

    def _moved(
        self, request: OutboundRequest, location: str, *, elsewhere: bool
    ) -> OutboundRequest:
        try:
            url = urljoin(request.target.url, location)
        except ValueError as error:
            raise OutboundError(
                "redirected to what is no URL", written=True, fault=OutboundFault.ANSWER
            ) from error
        moved = self._policy.parse(url)
        if moved.origin == request.target.origin:
            return replace(request, target=moved)
        if not elsewhere:
            reason = "redirected to another host"
            raise OutboundError(reason, written=True, fault=OutboundFault.ANSWER)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() != "authorization"
        }
        return replace(request, target=moved, headers=headers)


class _Progress:
    """Hears from the library how far a request has come."""

    def __init__(self) -> None:
        self.written = False

    async def __call__(self, event: str, _facts: object) -> None:
        if event.endswith("send_request_body.complete"):
            self.written = True


def _fault_of(error: BaseException) -> OutboundFault:
    """Look for what the library has wrapped."""
    if isinstance(error, httpx2.RemoteProtocolError):
        return OutboundFault.ANSWER
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError):
            return OutboundFault.SECURITY
        inner = inner.__cause__ or inner.__context__
    return OutboundFault.NETWORK


async def _look_up(target: Target) -> _Found:
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)


def _prepared(
    client: httpx2.AsyncClient, address: str, request: OutboundRequest, progress: _Progress
) -> httpx2.Request:
    target, parts = request.target, urlsplit(request.target.url)
    authority = host_and_port(address, target.port)
    return client.build_request(
        request.method,
        urlunsplit((target.scheme, authority, parts.path or "/", parts.query, "")),
        content=request.body,
        headers={**request.headers, "Host": parts.netloc, "Accept-Encoding": "identity"},
        extensions={"sni_hostname": target.host, "trace": progress},
    )


class _Pool:
    """Connections to one TLS server by name, or to everybody without TLS."""

    def __init__(self, limits: OutboundLimits, context: ssl.SSLContext) -> None:
        self.users = 0
        self.client = httpx2.AsyncClient(
            timeout=limits.timeout_ms / 1000,
            limits=httpx2.Limits(max_connections=limits.connections, max_keepalive_connections=32),
            trust_env=False,
            verify=context,
        )


class _Connections:
    """Keeps TLS connections apart by the name that the server proved.

    The library tells connections apart by address, and here many names may have one: what is meant
    for one name must not go over a connection whose other end proved another.
    """

    def __init__(self, limits: OutboundLimits, context: ssl.SSLContext) -> None:
        self._limits = limits
        self._context = context
        self._pools: OrderedDict[str, _Pool] = OrderedDict()

    @contextlib.asynccontextmanager
    async def to(self, target: Target) -> AsyncIterator[httpx2.AsyncClient]:
        name = target.host if target.scheme == "https" else ""
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = _Pool(self._limits, self._context)
        self._pools.move_to_end(name)
        pool.users += 1
        try:
            yield pool.client
        finally:
            pool.users -= 1
            await self._close_unused()

    async def _close_unused(self) -> None:
        surplus = len(self._pools) - MAX_IDLE_NAMES
        if surplus <= 0:
            return
        unused = [name for name, pool in self._pools.items() if not pool.users]
        for pool in [self._pools.pop(name) for name in unused[:surplus]]:
            await pool.client.aclose()

    async def close(self) -> None:
        """Close all of them."""
        pools = list(self._pools.values())
        self._pools.clear()
        for pool in pools:
            await pool.client.aclose()

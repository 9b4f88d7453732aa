"""Asks a web service of the operator's: one GET for each address.

The URL is a template: ``{address}`` (the value, unescaped and normalised, then escaped for a URL),
``{type}`` and ``{qualifiers}`` are filled in, in its path and query only. Answers, in JSON::

    {"client": "id"}
    {"group": ["WAPPUSH=+1555/TYPE=PLMN@ppg.example.net", {"client": "id"}], "name": "for logs"}
    404 or 410: the address is not served

Anything else, a redirection too, is no answer. As with result notifications, the host's name is
resolved here, every address that it has is judged, and the connection goes to one that was judged.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx2

from omapush.pap.address import Address
from omapush.ppg.policy import NotificationTarget, NotificationTargets, TargetForbiddenError
from omapush.ppg.resolution.bounded import BoundedLookUps, LookUpLimits
from omapush.ppg.resolution.members import member_of
from omapush.ppg.resolution.port import (
    NOBODY,
    ClientFound,
    GroupFound,
    Member,
    NotServed,
    Resolved,
    ResolverMisconfigured,
    ResolverUnavailable,
)

MAX_ANSWER_OCTETS = 4 << 20
"""Enough for ten thousand members; more is no answer."""

_PLACE = re.compile(r"\{([^{}]*)\}")
_PLACES = frozenset({"address", "type", "qualifiers"})


@dataclass(frozen=True, slots=True)
class Service:
    """The web service.

    :ivar url: template of the URL.
    :ivar token: for ``Authorization: Bearer``; ``None``: the service wants none.
    """

    url: str
    token: str | None = field(default=None, repr=False)


class HttpResolver:
    """Looks addresses up in a web service. Connects when it is first asked.

    :raises ResolverMisconfigured: the URL is not of a known form, or policy forbids it.
    """

    def __init__(
        self, service: Service, targets: NotificationTargets, limits: LookUpLimits
    ) -> None:
        self._template = _checked_template(service.url)
        self._targets = targets
        try:
            self._target = targets.parse(_PLACE.sub("x", service.url))
        except TargetForbiddenError as error:
            raise ResolverMisconfigured(f"url of a resolver: {error.reason}") from error
        self._headers = {
            "Host": urlsplit(self._target.url).netloc,
            "Accept": "application/json",
            # So that what is read is as large as what is sent.
            "Accept-Encoding": "identity",
        }
        if service.token is not None:
            self._headers["Authorization"] = f"Bearer {service.token}"
        self._limits = limits
        self._look_ups = BoundedLookUps(limits)
        self._client = httpx2.AsyncClient(
            timeout=limits.timeout_ms / 1000,
            limits=httpx2.Limits(max_connections=limits.at_a_time),
            trust_env=False,
            verify=ssl.create_default_context(),
        )

    def __repr__(self) -> str:
        return f"HttpResolver({self._template!r})"

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        host = _Host(self._target, self._targets)
        return await self._look_ups.run(functools.partial(self._look_up, host), addresses)

    async def close(self) -> None:
        self._look_ups.close()
        await self._client.aclose()

    async def _look_up(self, host: _Host, address: Address) -> Resolved:
        try:
            status, body = await self._get(host, _filled(self._template, address))
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError, OSError) as error:
            reason = f"{type(error).__name__}: {error}".strip(": ")
            raise ResolverUnavailable(f"the service of recipients is away: {reason}") from error
        if status in (404, 410):
            return NOBODY
        if status != 200:
            raise ResolverUnavailable(f"the service of recipients answered {status}")
        return read_answer(body, address, self._limits.max_members)

    async def _get(self, host: _Host, url: str) -> tuple[int, bytes]:
        at = await host.judged_address()
        parts = urlsplit(url)
        authority = f"[{at}]:{self._target.port}" if ":" in at else f"{at}:{self._target.port}"
        request = self._client.build_request(
            "GET",
            urlunsplit((parts.scheme, authority, parts.path or "/", parts.query, "")),
            headers=self._headers,
            extensions={"sni_hostname": self._target.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            if response.status_code == 200:
                async for piece in response.aiter_raw():
                    body += piece
                    if len(body) > MAX_ANSWER_OCTETS:
                        raise ResolverUnavailable("the answer about a recipient is too large")
            return response.status_code, bytes(body)
        finally:
            await response.aclose()


def read_answer(body: bytes, address: Address, max_members: int) -> Resolved:
    """Return what the service says of ``address``.

    :raises ResolverUnavailable: the body has none of the forms above.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ResolverUnavailable("the answer about a recipient is no JSON") from error
    match answer:
        case {"client": str(client_id), **others} if client_id and "group" not in others:
            return ClientFound(client_id)
        case {"group": list(entries), **others} if "client" not in others:
            name = others.get("name")
            called = name if isinstance(name, str) else address.value
            return _group(called, entries, max_members)
        case _:
            raise ResolverUnavailable("the answer names neither one client nor one group")


def _group(name: str, entries: list[Any], max_members: int) -> Resolved:
    if len(entries) > max_members:
        return NotServed(f"is a group of more than {max_members} members")
    if not entries:
        return NOBODY
    return GroupFound(name, tuple(_member(entry) for entry in entries))


def _member(entry: object) -> Member:
    match entry:
        case str():
            return member_of(entry)
        case {"client": str(client_id)} if client_id:
            return ClientFound(client_id)
        case _:
            return NotServed("an entry of the group is neither an address nor a client")


def _checked_template(url: str) -> str:
    names = _PLACE.findall(url)
    unknown = sorted(set(names) - _PLACES)
    if unknown:
        raise ResolverMisconfigured(
            f"url of a resolver: {{{unknown[0]}}} is not known; known are {{address}}, {{type}} "
            "and {qualifiers}"
        )
    if "address" not in names:
        raise ResolverMisconfigured("url of a resolver: {address} is missing")
    scheme, _, rest = url.partition("://")
    if "{" in scheme or "{" in re.split(r"[/?#]", rest, maxsplit=1)[0]:
        raise ResolverMisconfigured(
            "url of a resolver: what is filled in may stand behind the host only"
        )
    return url


def _filled(template: str, address: Address) -> str:
    qualifiers = "/".join(f"{name}={value}" for name, value in address.qualifiers)
    values = {"address": address.value, "type": address.type, "qualifiers": qualifiers}
    return _PLACE.sub(lambda place: _escaped(values[place[1]]), template)


def _escaped(value: str) -> str:
    # A segment of dots alone would lead out of its place in the path.
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


class _Host:
    """The service's host during one call: its name is resolved and judged once."""

    def __init__(self, target: NotificationTarget, targets: NotificationTargets) -> None:
        self._target = target
        self._targets = targets
        self._lock = asyncio.Lock()
        self._judged: str | None = None

    async def judged_address(self) -> str:
        """Return the IP address to connect to.

        :raises ResolverUnavailable: policy forbids one that the host has.
        :raises OSError: its name cannot be resolved.
        """
        async with self._lock:
            if self._judged is None:
                self._judged = await self._judge()
            return self._judged

    async def _judge(self) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(
            self._target.host, self._target.port, type=socket.SOCK_STREAM
        )
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            try:
                self._targets.check(ipaddress.ip_address(address.partition("%")[0]))
            except TargetForbiddenError as error:
                reason = f"policy forbids the service of recipients at {address}"
                raise ResolverUnavailable(reason) from error
        return addresses[0]

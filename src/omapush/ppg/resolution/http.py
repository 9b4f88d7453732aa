"""Asks a web service of the operator's: one GET for each address.

The URL is a template: ``{address}`` (the value, unescaped and normalised, then escaped for a URL),
``{type}`` and ``{qualifiers}`` are filled in, in its path and query only. Answers, in JSON::

    {"client": "id"}
    {"group": ["WAPPUSH=+1555/TYPE=PLMN@ppg.example.net", {"client": "id"}], "name": "for logs"}
    404 or 410: the address is not served

Anything else, a redirection too, is no answer. Where the service may be is a matter of policy, as
for all that the gateway calls (``outbound``).
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from omapush.pap.address import Address
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
from omapush.web.outbound import (
    OutboundAnswer,
    OutboundClient,
    OutboundError,
    OutboundLimits,
    OutboundRequest,
)
from omapush.web.policy import OutboundPolicy, Target, TargetForbiddenError

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

    def __init__(self, service: Service, policy: OutboundPolicy, limits: LookUpLimits) -> None:
        self._template = _checked_template(service.url)
        try:
            self._target = policy.parse(_PLACE.sub("x", service.url))
        except TargetForbiddenError as error:
            raise ResolverMisconfigured(f"url of a resolver: {error.reason}") from error
        self._headers = {"Accept": "application/json"}
        if service.token is not None:
            self._headers["Authorization"] = f"Bearer {service.token}"
        self._limits = limits
        self._look_ups = BoundedLookUps(limits)
        self._client = OutboundClient(
            policy, OutboundLimits(limits.timeout_ms, MAX_ANSWER_OCTETS, limits.at_a_time)
        )

    def __repr__(self) -> str:
        return f"HttpResolver({self._template!r})"

    async def resolve(self, addresses: Sequence[Address]) -> list[Resolved]:
        host = _Host(self._target, self._client)
        return await self._look_ups.run(functools.partial(self._look_up, host), addresses)

    async def close(self) -> None:
        self._look_ups.close()
        await self._client.close()

    async def _look_up(self, host: _Host, address: Address) -> Resolved:
        answer = await self._get(host, _filled(self._template, address))
        if answer.status in (404, 410):
            return NOBODY
        if answer.status != 200:
            raise ResolverUnavailable(f"the service of recipients answered {answer.status}")
        if not answer.whole:
            raise ResolverUnavailable("the answer about a recipient is too large")
        return read_answer(answer.body, address, self._limits.max_members)

    async def _get(self, host: _Host, url: str) -> OutboundAnswer:
        request = OutboundRequest(replace(self._target, url=url), headers=self._headers)
        try:
            return await self._client.call_at(await host.judged_address(), request)
        except TargetForbiddenError as error:
            raise ResolverUnavailable(f"the service of recipients: {error.reason}") from error
        except OutboundError as error:
            reason = f"the service of recipients is away: {error.reason}"
            raise ResolverUnavailable(reason) from error


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

    def __init__(self, target: Target, client: OutboundClient) -> None:
        self._target = target
        self._client = client
        self._lock = asyncio.Lock()
        self._judged: str | None = None

    async def judged_address(self) -> str:
        """Return the IP address to connect to; see ``OutboundClient.judged_address``."""
        async with self._lock:
            if self._judged is None:
                self._judged = await self._client.judged_address(self._target)
            return self._judged

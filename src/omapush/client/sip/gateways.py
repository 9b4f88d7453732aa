"""Gateways that are told by OPTIONS what the client takes (CAI 5.1: the client to its Push Server).

They are told when the core knows the client, and again whenever what is taken has changed. One that
does not answer, or cannot for now, is told with the next answer of the core; one that says 403 or
404 does not serve this user.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable

import structlog

from omapush.client.sip.standing import GatewayStanding
from omapush.core.errors import OmapushError
from omapush.protocols.sip.message import SipRequest, SipResponse

log = structlog.get_logger(__name__)

REFUSALS = (403, 404, 603, 604)
"""Final responses by which a gateway says that it does not serve this user."""
MAX_GATEWAYS = 16
"""Gateways that are told; those of the settings come first."""

UNTOLD = GatewayStanding()


class ToldGateways:
    """Tells gateways.

    :param settled: those of the settings.
    :param options: returns the OPTIONS for a gateway, with what is taken now.
    :param exchange: sends it and returns the final response, also where it is challenged.
    :param changed: is called when a gateway has said something.
    """

    def __init__(
        self,
        settled: Iterable[str],
        options: Callable[[str], SipRequest],
        exchange: Callable[[SipRequest], Awaitable[SipResponse]],
        changed: Callable[[], None],
    ) -> None:
        self._settled = tuple(settled)
        self._options = options
        self._exchange = exchange
        self._changed = changed
        self._standings = dict.fromkeys(self._settled, UNTOLD)
        self._version = 0
        self._telling: dict[str, asyncio.Task[None]] = {}

    @property
    def standings(self) -> dict[str, GatewayStanding]:
        """What each has said."""
        return dict(self._standings)

    def of(self, uri: str) -> GatewayStanding:
        """Return what a gateway has said."""
        return self._standings.get(uri, UNTOLD)

    def name(self, more: Iterable[str]) -> None:
        """Have these told beside those of the settings, and no others."""
        uris = tuple(dict.fromkeys((*self._settled, *more)))[:MAX_GATEWAYS]
        self._standings = {uri: self._standings.get(uri, UNTOLD) for uri in uris}

    def outdate(self) -> None:
        """What is taken has changed: nobody is told of it yet."""
        self._version += 1
        self._standings = {
            uri: GatewayStanding(said=one.said) for uri, one in self._standings.items()
        }

    def tell(self) -> None:
        """Tell those that are not told."""
        for uri, one in self._standings.items():
            if not one.is_told and uri not in self._telling:
                task = asyncio.create_task(self._tell(uri), name=f"OPTIONS {uri}")
                self._telling[uri] = task
                task.add_done_callback(functools.partial(self._done, uri))

    async def close(self) -> None:
        """Leave off."""
        tasks = list(self._telling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, uri: str) -> None:
        while uri in self._standings:
            version = self._version
            standing = await self._asked(uri)
            if version == self._version:  # else what it was told is not so any more
                if uri in self._standings:
                    self._standings[uri] = standing
                    self._changed()
                return

    async def _asked(self, uri: str) -> GatewayStanding:
        try:
            response = await self._exchange(self._options(uri))
        except OmapushError as error:
            log.warning("gateway_not_told", gateway=uri, reason=error.reason)
            return GatewayStanding(said=error.reason)
        log.info("gateway_told", gateway=uri, status=response.status)
        return _standing(response)

    def _done(self, uri: str, _: object) -> None:
        self._telling.pop(uri, None)


def _standing(response: SipResponse) -> GatewayStanding:
    said = f"{response.status} {response.reason}".strip()
    if response.status in REFUSALS:
        return GatewayStanding(refused=f"the gateway does not serve this user: {said}", said=said)
    return GatewayStanding(is_told=response.is_success, said=said)

"""Push ports that applications have for themselves (CAI-23): OTA-WSP without connection over UDP.

A port is open as long as a registration asks for it. Applications with different push application
ids may share one; what comes to it says so in ``PushSource.binding``.
"""

from __future__ import annotations

import asyncio
import functools

import structlog

from omapush.cai.model import Binding, Protocol, Reason
from omapush.client.binding.binder import BindingListener
from omapush.client.binding.binding_hold import Hold
from omapush.client.binding.push_receiver import PushReceiver, take_unit_push
from omapush.ota.datagrams import DatagramBearer, DatagramEndpoint, Peer
from omapush.ota.interface import AddressInUse, BearerUnavailable, PushSource

log = structlog.get_logger(__name__)

OTA_WSP = Protocol.OTA_WSP.value
UDP = "UDP"

Key = tuple[int, str]
"""A port, and the scope of what comes to it."""


class OwnPorts:
    """Opens and closes ports.

    :param host: the terminal's own address that they are opened at.
    """

    def __init__(self, bearer: DatagramBearer, host: str, receiver: PushReceiver) -> None:
        self._bearer = bearer
        self._host = host
        self._receiver = receiver
        self._ports: dict[Key, _Port] = {}

    def begin(self, port: int, scope: str, listener: BindingListener) -> Hold:
        """Bind to ``port``; what comes to it says that it comes by ``scope``."""
        one = self._ports.get((port, scope))
        if one is None:
            at = Peer(self._host, port)
            one = self._ports[(port, scope)] = _Port(self._bearer, at, scope, self._receiver)
            one.opening.add_done_callback(functools.partial(self._opened, (port, scope), one))
        hold = Hold(listener, lambda hold: self._leave((port, scope), hold))
        one.join(hold)
        return hold

    async def close(self) -> None:
        """Close every port; nothing is told of it."""
        ports, self._ports = list(self._ports.values()), {}
        await asyncio.gather(*(one.close() for one in ports))

    def _opened(self, key: Key, one: _Port, _: object) -> None:
        if self._ports.get(key) is one and not one.tell():
            del self._ports[key]

    def _leave(self, key: Key, hold: Hold) -> None:
        one = self._ports.get(key)
        if one is not None and one.leave(hold):
            del self._ports[key]


class _Port:
    """A port that is open, or about to be."""

    def __init__(
        self,
        bearer: DatagramBearer,
        at: Peer,
        scope: str,
        receiver: PushReceiver,
    ) -> None:
        self._bearer = bearer
        self._at = at
        self._scope = scope
        self._receiver = receiver
        self._holds: set[Hold] = set()
        self._endpoint: DatagramEndpoint | None = None
        self._failure: tuple[Reason, str] | None = None
        self.opening = asyncio.get_running_loop().create_task(self._open())

    def join(self, hold: Hold) -> None:
        """Let ``hold`` have part in it."""
        self._holds.add(hold)
        if self._endpoint is not None:
            self.tell()

    def leave(self, hold: Hold) -> bool:
        """``hold`` has no part any more; returned is whether it was the last and all is over."""
        self._holds.discard(hold)
        if self._holds:
            return False
        self.opening.cancel()
        self._close()
        return True

    async def close(self) -> None:
        """Close the port."""
        self.opening.cancel()
        await asyncio.gather(self.opening, return_exceptions=True)
        self._close()

    def tell(self) -> bool:
        """Tell everybody that the port is open, or why it is not; return whether it is."""
        for hold in list(self._holds):
            if self._failure is not None:
                hold.fail(OTA_WSP, UDP, *self._failure)
            elif self._endpoint is not None:
                hold.tell(Binding(OTA_WSP, UDP, str(self._at)))
        return self._endpoint is not None

    async def _open(self) -> None:
        await asyncio.sleep(0)  # what was closed a moment ago is gone then
        try:
            self._endpoint = await self._bearer.open(self._at.host, self._at.port, self._take)
        except AddressInUse as error:
            self._failure = Reason.ADDRESS_IN_USE, error.reason
        except BearerUnavailable as error:
            self._failure = Reason.UNAVAILABLE, error.reason
        if self._failure is not None:
            log.warning("push_port_not_opened", port=str(self._at), reason=self._failure[1])

    def _close(self) -> None:
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    def _take(self, octets: bytes, peer: Peer) -> None:
        source = PushSource(OTA_WSP, UDP, peer.host, binding=self._scope)
        take_unit_push(self._receiver, octets, source)

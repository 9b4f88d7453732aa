"""A sans-IO machine on a UDP port: datagrams in, effects out, indications up, one timer.

A datagram that the system does not take is lost, as datagrams may be: the machine's own timers see
to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from omapush.bearers.tcp_link import Clock, OnTrace, no_trace
from omapush.bearers.udp import UdpBearer
from omapush.core.instants import Instant
from omapush.core.trace import TraceRecord
from omapush.ota.datagrams import DatagramEndpoint, DatagramMachine, Peer
from omapush.ota.interface import BearerUnavailable

RequestT = TypeVar("RequestT")


class UdpMachine(Generic[RequestT]):
    """Drives one machine. Implements ``ota.datagrams.MachineHost``.

    :param on_indication: is told in order what the machine indicates; must not block.
    """

    def __init__(
        self,
        machine: DatagramMachine[RequestT, Any],
        on_indication: Callable[[Any], None],
        clock: Clock,
        on_trace: OnTrace = no_trace,
    ) -> None:
        self._machine = machine
        self._on_indication = on_indication
        self._clock = clock
        self._on_trace = on_trace
        self._endpoint: DatagramEndpoint | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: Instant | None = None
        self._pumping = False

    async def open(self, host: str, port: int) -> None:
        """Open the port. :raises BearerUnavailable: it cannot be had."""
        bearer = UdpBearer(self._clock, self._on_trace)
        self._endpoint = await bearer.open(host, port, self._receive)

    @property
    def port(self) -> int:
        """The local port. :raises BearerUnavailable: it is not open."""
        if self._endpoint is None:
            raise BearerUnavailable("the port is closed")
        return self._endpoint.port

    def request(self, primitive: RequestT) -> None:
        """Hand a primitive to the machine and carry out what follows."""
        self._machine.request(primitive, self._clock())
        self._pump()

    def close(self) -> None:
        """Close the port and forget the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    def _receive(self, octets: bytes, peer: Peer) -> None:
        self._machine.receive(octets, peer, self._clock())
        self._pump()

    def _pump(self) -> None:
        """Carry out effects and tell indications until there are no more."""
        if self._pumping:
            return  # an indication's receiver made a request; the outer call goes on
        self._pumping = True
        try:
            while self._send() | self._tell():
                pass
        finally:
            self._pumping = False
            self._arm()  # whatever went wrong above, the machine must be woken

    def _send(self) -> bool:
        effects = self._machine.effects()
        for effect in effects:
            if self._endpoint is None:
                break
            try:
                self._endpoint.send(effect.octets, effect.peer)
            except BearerUnavailable as error:
                detail: dict[str, str | int | bool | None] = {
                    "peer": str(effect.peer),
                    "reason": error.reason,
                }
                self._on_trace(TraceRecord(self._clock(), "udp", "not_sent", detail))
        return bool(effects)

    def _tell(self) -> bool:
        indications = self._machine.indications()
        for indication in indications:
            self._on_indication(indication)
        return bool(indications)

    def _arm(self) -> None:
        """Have the machine woken in time; a timer that is due too early is left to find out."""
        due = self._machine.next_timer() if self._endpoint is not None else None
        if due is None:
            return
        if self._timer is not None:
            if self._timer_at is not None and self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        delay = max(0, due - self._clock()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._clock()
        due = self._machine.next_timer()
        if due is not None and due <= now:
            self._machine.handle_timer(now)
        self._pump()

"""A sans-IO machine on a UDP port: datagrams in, effects out, indications up, one timer.

A datagram that the system does not take is lost, as datagrams may be: the machine's own timers see
to that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from omapush.bearers.driving import Clock, Driver, OnTrace, no_trace
from omapush.bearers.udp import UdpBearer
from omapush.core.trace import TraceRecord
from omapush.ota.datagrams import DatagramEndpoint, DatagramMachine, Peer, SendDatagram
from omapush.ota.interface import BearerUnavailable

RequestT = TypeVar("RequestT")


class UdpMachine(Driver[RequestT]):
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
        super().__init__(machine, on_indication, clock)
        self._machine = machine
        self._on_trace = on_trace
        self._endpoint: DatagramEndpoint | None = None

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

    def close(self) -> None:
        """Close the port and forget the timer."""
        self._forget_timer()
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    def _receive(self, octets: bytes, peer: Peer) -> None:
        self._machine.receive(octets, peer, self._clock())
        self._pump()

    @property
    def _is_open(self) -> bool:
        return self._endpoint is not None

    def _carry_out(self, effect: SendDatagram) -> None:
        if self._endpoint is None:
            return
        try:
            self._endpoint.send(effect.octets, effect.peer)
        except BearerUnavailable as error:
            detail: dict[str, str | int | bool | None] = {
                "peer": str(effect.peer),
                "reason": error.reason,
            }
            self._on_trace(TraceRecord(self._clock(), "udp", "not_sent", detail))

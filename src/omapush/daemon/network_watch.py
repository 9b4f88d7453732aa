"""Which way leads to a gateway now, and when that may have changed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import structlog

from omapush.core.networks import ip_address

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0
"""How often is looked where the system tells nothing."""
SETTLE_SECONDS = 1.0
"""Addresses and routes come one after the other: all of them are waited for."""
_DISCARD_PORT = 9
# RTMGRP_IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR and IPV6_ROUTE of rtnetlink(7).
_ADDRESSES_AND_ROUTES = 0x10 | 0x40 | 0x100 | 0x400
_MOST = 65_536


def route_to(peer: str, local: str | None) -> str | None:
    """Return from which address ``peer`` would be dialled now, or ``None``: no way leads there.

    Nothing is sent.

    :param local: the address that it is to be dialled from; ``None``: the system chooses.
    """
    address = ip_address(peer)
    if address is None:
        return None
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            if local is not None:
                probe.bind((local, 0))
            probe.connect((str(address), _DISCARD_PORT))
            return str(probe.getsockname()[0])
        except OSError:
            return None


@contextlib.asynccontextmanager
async def watching(look: Callable[[], None]) -> AsyncIterator[None]:
    """Call ``look`` from time to time, and at once when the system tells of a change."""
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    with _told_of_changes() as told:
        if told is not None:
            loop.add_reader(told, _take, told, changed)
        task = asyncio.create_task(_watch(look, changed), name="network watch")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if told is not None:
                loop.remove_reader(told)


async def _watch(look: Callable[[], None], changed: asyncio.Event) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await changed.wait()
                await asyncio.sleep(SETTLE_SECONDS)
        changed.clear()
        try:
            look()
        except Exception:  # the next look may do better
            log.exception("network_not_looked_at")


@contextlib.contextmanager
def _told_of_changes() -> Iterator[socket.socket | None]:
    """Give a socket that can be read when addresses or routes change; Linux has such."""
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        yield None
        return
    try:
        told = socket.socket(family, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    except OSError:
        yield None
        return
    with told:
        told.settimeout(0)
        try:
            told.bind((0, _ADDRESSES_AND_ROUTES))
        except OSError as error:
            log.info("network_changes_not_told", reason=error.strerror)
            yield None
        else:
            yield told


def _take(told: socket.socket, changed: asyncio.Event) -> None:
    with contextlib.suppress(OSError):  # also when more has happened than was kept
        told.recv(_MOST)
    changed.set()

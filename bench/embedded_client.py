"""A program with a push client in it, whose applications are functions that return at once.

``python embedded_client.py PORT FILE COUNT`` prints ``registered`` when COUNT applications are.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from client_ends import application_id

from omapush.bearers.tcp import ListenLimits, TcpBearer
from omapush.cai.model import PushEvent
from omapush.client.agent import ClientLimits, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.store import ClientStore
from omapush.daemon.clock import SystemClock
from omapush.daemon.logs import configure_logs
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import PushSource


async def take(_event: PushEvent) -> None:
    """Take responsibility."""


async def main(port: int, path: Path, count: int) -> None:
    clock, bearers = SystemClock(), SharedBearers("OTA-HTTP", ["TCP/IP"])
    limits = ClientLimits(per_user=count, in_all=count)
    client = PushClient(ClientStore(path), clock, limits, ways=Ways((bearers,)))
    await client.start()
    bearers.up("TCP/IP")
    await TcpBearer(clock).listen(
        "127.0.0.1",
        port,
        lambda peer: HttpTerminalSession(
            HttpTerminalSettings("bench"), client.capabilities, PushSource("OTA-HTTP", "", peer)
        ),
        client.indication,
        ListenLimits(64, 64),
    )
    for number in range(count):
        await client.register_application(application_id(number), handler=take)
    print("registered", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logs("info", "json")
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))

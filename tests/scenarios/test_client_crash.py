"""Kill -9 of a push client: its registrations survive, and what was accepted is recognised."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import textwrap
from pathlib import Path

from omapush.cai.model import PushEvent, RegistrationState
from omapush.client.agent import PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.store import ClientStore
from omapush.content.message import PushMessage
from omapush.ota.interface import (
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PushSource,
)
from omapush.testing.virtual_clock import VirtualClock

ROUNDS = 5

# Registers, deregisters every third, lets one application accept pushes, and says what it was told.
CHILD = textwrap.dedent(
    """
    import asyncio, os, sys
    from pathlib import Path
    from omapush.cai.model import RegistrationRequest
    from omapush.client.agent import PushClient
    from omapush.client.binding.choice_of_binders import Ways
    from omapush.client.binding.shared_binder import SharedBearers
    from omapush.client.store import ClientStore
    from omapush.content.message import PushMessage
    from omapush.ota.interface import PoConfirmedPushInd, PoConfirmedPushRes, PushSource
    from omapush.testing.virtual_clock import VirtualClock

    def say(*words):
        os.write(1, (" ".join(words) + "\\n").encode())

    class Link:
        def request(self, primitive):
            if isinstance(primitive, PoConfirmedPushRes):
                say("confirmed", primitive.reference)
            answered.set()

    answered = asyncio.Event()

    async def main(path, start):
        global answered
        bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
        store = ClientStore(Path(path))
        client = PushClient(store, VirtualClock(), ways=Ways((bearers,)))
        await client.start()
        bearers.up("TCP/IP", "here")

        async def accept(event):
            return None

        await client.register_application("x:taker", handler=accept)
        say("ready")
        for number in range(start, start + 10_000):
            owner = f"uid:{number}"
            request = RegistrationRequest(f"x:{number}")
            registration = await client.register(owner, request)
            say("registered", registration.registration_id)
            message = PushMessage(
                (("X-Wap-Application-Id", "x:taker"), ("Content-Type", "a/b")), b"push"
            )
            source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
            answered.clear()
            push = PoConfirmedPushInd(f"d{number}", message, source, push_id=f"d{number}")
            client.indication(Link(), push)
            await answered.wait()
            if number % 4:
                say("deregistering", registration.registration_id)
                await client.deregister(owner, registration.registration_id)
                say("deregistered", registration.registration_id)

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    """
)


def lines_until_killed(path: Path, start: int, count: int) -> list[list[str]]:
    """Run the child, kill it after ``count`` lines; return what it was told by then."""
    arguments = [sys.executable, "-c", CHILD, str(path), str(start)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        lines = [child.stdout.readline() for _ in range(count)]
        child.kill()
        lines += child.stdout.readlines()
    return [line.decode().split() for line in lines if line.endswith(b"\n")]


class NotingLink:
    peer = "192.0.2.1:1"

    def __init__(self, expected: int) -> None:
        self.answers: list[ClientRequest] = []
        self.complete = asyncio.Event()
        self._expected = expected

    def request(self, primitive: ClientRequest) -> None:
        self.answers.append(primitive)
        if len(self.answers) == self._expected:
            self.complete.set()

    def close(self, reason: str) -> None:
        raise AssertionError(reason)


async def test_registrations_and_acceptances_survive_kill(tmp_path: Path) -> None:
    """T-40, IF-T5, CAI-44: killed at random instants, one file all along."""
    chance = random.Random(40)
    path = tmp_path / "client.db"
    told: list[list[str]] = []
    for round_number in range(ROUNDS):
        told += lines_until_killed(path, round_number * 1_000, chance.randint(1, 40))

    names = {word: {line[1] for line in told if line[0] == word} for word in {t[0] for t in told}}
    bearers = SharedBearers("OTA-HTTP", ["TCP/IP"])
    client = PushClient(ClientStore(path), VirtualClock(), ways=Ways((bearers,)))
    await client.start()
    live = {one.registration_id: one for one in client.live_registrations()}
    must = names["registered"] - names.get("deregistering", set())
    assert must <= live.keys()
    assert not names.get("deregistered", set()) & live.keys()
    # Whether it was on disk by then that a registration had succeeded.
    assert {one.state for one in live.values()} <= {
        RegistrationState.PENDING,
        RegistrationState.LOST,
    }

    bearers.up("TCP/IP", "here")
    assert {one.state for one in client.live_registrations()} == {RegistrationState.REGISTERED}
    asked_again: list[PushEvent] = []

    async def take(event: PushEvent) -> None:
        asked_again.append(event)

    await client.register_application("x:taker", handler=take)
    message = PushMessage((("X-Wap-Application-Id", "x:taker"), ("Content-Type", "a/b")), b"push")
    source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.1")
    confirmed = sorted(names["confirmed"])
    link = NotingLink(len(confirmed) + 1)
    for push_id in confirmed:
        client.indication(link, PoConfirmedPushInd(push_id, message, source, push_id=push_id))
    # And one that never came before.
    client.indication(link, PoConfirmedPushInd("new", message, source, push_id="new"))
    async with asyncio.timeout(20):
        await link.complete.wait()
    assert all(isinstance(answer, PoConfirmedPushRes) for answer in link.answers)
    assert [event.push_id for event in asked_again] == ["new"]
    await client.close()

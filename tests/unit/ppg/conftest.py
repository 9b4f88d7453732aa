"""What the gateway's unit tests share: one client, one store in memory, one fixed time."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from omapush.core.instants import Instant, parse_utc
from omapush.pap import address as addressing
from omapush.pap.tolerance import Tolerance
from omapush.ppg.acceptance import Acceptance
from omapush.ppg.authorisation import Authorisation
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact
from omapush.ppg.documents import Identity
from omapush.ppg.finding import Finder
from omapush.ppg.profiles import Profiles
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.static import Group, StaticResolver
from omapush.ppg.submission import SubmissionLimits
from omapush.testing.memory_store import MemoryStore
from omapush.web.policy import OutboundPolicy

NOW = parse_utc("2026-11-21T12:00:00Z")
PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
USER = "WAPPUSH=anna%40example.net/TYPE=USER@ppg.example.net"
OTHER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.example.net"
IDENTITY = Identity("Example PPG", "http://ppg.example.net/pap", "omapush/test")


@pytest.fixture
def recipients() -> Recipients:
    return Recipients(
        [
            Client(
                "anna",
                (addressing.parse(PLMN), addressing.parse(USER)),
                (Contact(HttpContact("192.0.2.1", 4035), "GSM", "GPRS"),),
            ),
            Client("berta", (addressing.parse(OTHER),), (Contact(HttpContact("192.0.2.2", 4035)),)),
        ]
    )


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    memory = MemoryStore()
    await memory.open()
    yield memory
    await memory.close()


@pytest.fixture
def woken() -> list[bool]:
    return []


@pytest.fixture
def new_acceptance(
    store: MemoryStore, recipients: Recipients, woken: list[bool]
) -> Callable[..., Acceptance]:
    def make(
        tolerance: Tolerance | None = None,
        authorisation: Authorisation | None = None,
        groups: Sequence[Group] = (),
        limits: SubmissionLimits | None = None,
        profiles: Profiles | None = None,
    ) -> Acceptance:
        keys = itertools.count(1)
        return Acceptance(
            store,
            Finder(StaticResolver(recipients, groups), recipients),
            OutboundPolicy(),
            IDENTITY,
            limits or SubmissionLimits(max_recipients=3),
            tolerance or Tolerance(),
            lambda: Instant(NOW),
            lambda _now: f"{next(keys):032x}",
            lambda _push: woken.append(True),
            lambda: None,
            authorisation,
            profiles,
        )

    return make

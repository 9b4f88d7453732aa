"""Simulated clients: OTA-HTTP terminals that do with pushes what their scripts say.

Who calls whom::

    (bearer) ──► FarmClient ──► farm_script (pure): which behaviour has its turn
                    │    │
                    │    └── answers, at once or after a wait, or lets its connection be closed
                    └── Farm: the figures of all; who opens ways is told when one vanishes
    farm_opening ──► opens the clients' ways, paced, and again when they were lost

A client is small, for there may be ten thousand of them in a process: what they have in common is
in their group and in the farm. There is no agent, no registration and no application in it; what it
takes is announced as the group says.

On failure: a push whose connection ends before it was answered is void, and counted so. A datagram
that is no push is counted and forgotten.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from omapush.client.farm.script import Action, Behaviour, Chance, Script
from omapush.core.errors import DecodeError, OmapushError
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoPushVoidInd,
    PushSource,
    PushStatus,
    StreamLink,
)
from omapush.ota.wsp.unit_push import unit_push_indication

MAX_CLIENTS = 100_000
"""Clients of one farm."""
MAX_ID = 128
"""Characters of a client's id, as gateways take them."""

Link = StreamLink[ClientRequest]


class FarmError(OmapushError):
    """The farm cannot be as it was asked for."""


class Waiting(Protocol):
    """Something that will be called later."""

    def cancel(self) -> None:
        """Do not call it."""


Wait = Callable[[int, Callable[[], None]], Waiting]
"""Has a function called after so many milliseconds."""


@dataclass(slots=True)
class Fates:
    """What became of pushes. Each that was received is one of the others in the end.

    :ivar void: the connection ended before the push was answered.
    """

    received: int = 0
    accepted: int = 0
    refused: int = 0
    void: int = 0

    @property
    def ended(self) -> int:
        """Those that were answered or are void."""
        return self.accepted + self.refused + self.void

    @property
    def waiting(self) -> int:
        """Those whose answer is still to be given."""
        return self.received - self.ended


@dataclass(slots=True)
class FarmFigures:
    """What a farm has seen so far.

    :ivar connected: connections that are open now.
    :ivar registered: clients that a SIP core knows now; ``registrations``: how often it has
        confirmed one, refreshes included.
    :ivar by_behaviour: the fates of pushes by OTA-HTTP and OTA-SIP, under the text of the
        behaviour.
    :ivar unconfirmed: pushes that came as datagrams; nobody waits for an answer to them.
    :ivar malformed: datagrams that are no push.
    :ivar failures: why ways could not be opened, and how often.
    """

    connected: int = 0
    registered: int = 0
    registrations: int = 0
    by_behaviour: dict[str, Fates] = field(default_factory=dict)
    unconfirmed: int = 0
    malformed: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def pushes(self) -> Fates:
        """All pushes to which answers are given."""
        every = self.by_behaviour.values()
        return Fates(
            sum(one.received for one in every),
            sum(one.accepted for one in every),
            sum(one.refused for one in every),
            sum(one.void for one in every),
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Clients that are alike.

    :ivar pattern: their id; a row of ``#`` stands for the number of the client, which has at least
        as many digits.
    """

    count: int
    pattern: str
    script: Script
    capabilities: ClientCapabilities

    def ids(self) -> Iterator[str]:
        """Yield the id of each. :raises FarmError: the pattern does not make them."""
        before, middle, after = _parts(self.pattern)
        if not middle and self.count > 1:
            reason = f"the id {self.pattern!r} of several clients needs # for their number"
            raise FarmError(reason)
        for number in range(1, self.count + 1):
            yield f"{before}{number:0{len(middle)}}{after}" if middle else before


class Farm:
    """What all clients share: chance, time, and the figures.

    :param wait: the only way to time.
    :param vanished: is told of a client that is to be gone for so many milliseconds, over each of
        its ways; the connection over which the push came is closed then.
    :param ended: is called for each push that has found its end.
    """

    def __init__(
        self,
        chance: Chance,
        wait: Wait,
        vanished: Callable[[FarmClient, int], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self.chance = chance
        self.wait = wait
        self.vanished = vanished
        self.ended = ended
        self.figures = FarmFigures()

    def clients(self, groups: Sequence[Group]) -> list[FarmClient]:
        """Return every client, in the order of the groups.

        :raises FarmError: too many, an id that gateways do not take, or one twice.
        """
        if sum(group.count for group in groups) > MAX_CLIENTS:
            raise FarmError(f"a farm has at most {MAX_CLIENTS:,} clients")
        found: dict[str, FarmClient] = {}
        for group in groups:
            for client_id in group.ids():
                if not _is_id(client_id):
                    reason = f"an id has 1 to {MAX_ID} printable characters: {client_id[:40]!r}"
                    raise FarmError(reason)
                if client_id in found:
                    raise FarmError(f"two clients have the id {client_id!r}")
                found[client_id] = FarmClient(self, group, client_id)
        return list(found.values())


class FarmClient:
    """One simulated client, which may be reached over several connections and by datagrams."""

    __slots__ = ("_answers", "_farm", "_group", "_received", "client_id")

    def __init__(self, farm: Farm, group: Group, client_id: str) -> None:
        self._farm = farm
        self._group = group
        self.client_id = client_id
        self._received = 0
        # What is still to be answered; only a client with such a push has the dictionary.
        self._answers: dict[tuple[Link, str], tuple[Behaviour, Waiting | None]] | None = None

    def capabilities(self) -> ClientCapabilities:
        """Return what it announces."""
        return self._group.capabilities

    def session(self, peer: str) -> HttpTerminalSession:
        """Return a session for a connection with the gateway at the address ``peer``."""
        return HttpTerminalSession(
            HttpTerminalSettings(self.client_id), self.capabilities, _source("OTA-HTTP", peer)
        )

    def opened(self) -> None:
        """A connection is open."""
        self._farm.figures.connected += 1

    def closed(self) -> None:
        """A connection has ended; its session has told what is void."""
        self._farm.figures.connected -= 1

    def indication(self, link: Link, indication: ClientIndication) -> None:
        """Take what the session of ``link`` indicates."""
        match indication:
            case PoConfirmedPushInd():
                self._push(link, indication.reference)
            case PoPushVoidInd():
                self._void(link, indication.reference)

    def datagram(self, octets: bytes, peer: str) -> None:
        """Take what came to the push port; nobody waits for an answer."""
        try:
            unit_push_indication(octets, _source("OTA-WSP", peer))
        except DecodeError:
            self._farm.figures.malformed += 1
            return
        self._farm.figures.unconfirmed += 1
        self._farm.ended()

    def _push(self, link: Link, reference: str) -> None:
        self._received += 1
        behaviour = self._group.script.choose(self._drawn("behaviour"))
        self._fates(behaviour).received += 1
        time_ms = behaviour.time_ms(self._drawn("time"))
        if behaviour.action is Action.VANISH:
            self._remember(link, reference, behaviour, None)
            if time_ms:
                self._farm.vanished(self, time_ms)
            link.close("vanished")
        elif time_ms:
            answer = functools.partial(self._answer_late, link, reference)
            self._remember(link, reference, behaviour, self._farm.wait(time_ms, answer))
        else:
            self._answer(link, reference, behaviour)

    def _drawn(self, question: str) -> float:
        return self._farm.chance(self.client_id, self._received, question)

    def _remember(
        self, link: Link, reference: str, behaviour: Behaviour, waiting: Waiting | None
    ) -> None:
        if self._answers is None:
            self._answers = {}
        self._answers[link, reference] = behaviour, waiting

    def _forget(self, link: Link, reference: str) -> tuple[Behaviour, Waiting | None] | None:
        if self._answers is None:
            return None
        found = self._answers.pop((link, reference), None)
        if not self._answers:
            self._answers = None
        return found

    def _answer_late(self, link: Link, reference: str) -> None:
        found = self._forget(link, reference)
        if found is not None:
            self._answer(link, reference, found[0])

    def _answer(self, link: Link, reference: str, behaviour: Behaviour) -> None:
        fates = self._fates(behaviour)
        if behaviour.status is None:
            fates.accepted += 1
            link.request(PoConfirmedPushRes(reference))
        else:
            fates.refused += 1
            link.request(_refusal(reference, behaviour.status))
        self._farm.ended()

    def _void(self, link: Link, reference: str) -> None:
        found = self._forget(link, reference)
        if found is None:
            return
        behaviour, waiting = found
        if waiting is not None:
            waiting.cancel()
        self._fates(behaviour).void += 1
        self._farm.ended()

    def _fates(self, behaviour: Behaviour) -> Fates:
        return self._farm.figures.by_behaviour.setdefault(behaviour.text, Fates())


def _refusal(reference: str, status: PushStatus) -> PoPushAbortReq:
    return PoPushAbortReq(reference, status, "as the script of the farm says")


@functools.lru_cache(maxsize=256)
def _source(protocol: str, peer: str) -> PushSource:
    # All connections of a farm come from a few gateways.
    return PushSource(protocol, "TCP/IP" if protocol == "OTA-HTTP" else "UDP", peer)


def _parts(pattern: str) -> tuple[str, str, str]:
    """Return what stands before the first row of ``#``, the row, and what follows."""
    before, mark, rest = pattern.partition("#")
    after = rest.lstrip("#")
    return before, mark + rest[: len(rest) - len(after)], after


def _is_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID and all("!" <= each <= "~" for each in text)

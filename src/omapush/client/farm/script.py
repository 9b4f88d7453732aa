"""How a simulated client behaves: scripts as text, and chance that can be repeated (pure).

::

    script   = choice *( SP choice )
    choice   = action [ ":" share ]
    action   = "accept" [ "(" time ")" ]
             / "refuse" [ "(" reason [ "," time ] ")" ]
             / "delay" "(" time ")"
             / "vanish" [ "(" time ")" ]
    reason   = "refused" / "busy" / "try_later" / "unsupported_type" / "no_application"
             / "234" / "235" / "236" / "237" / "238"
    time     = duration [ ".." duration ]
    duration = number ( "ms" / "s" / "m" )
    share    = number "%"

Shares make 100 %; one choice may be without, and has what the others leave. A time with ``..`` is
drawn anew for each push.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from omapush.cai.model import RejectReason
from omapush.core.errors import OmapushError
from omapush.core.instants import HOUR_MS, MINUTE_MS, SECOND_MS
from omapush.ota.interface import PushStatus

MAX_TEXT = 1_000
"""Characters of a script."""
MAX_DURATION_MS = HOUR_MS

REASONS: dict[str, PushStatus] = {
    RejectReason.REFUSED.value: PushStatus.USERRFS,
    RejectReason.BUSY.value: PushStatus.USERDCR,
    RejectReason.TRY_LATER.value: PushStatus.USERREQ,
    RejectReason.UNSUPPORTED_TYPE.value: PushStatus.USERDCU,
    "no_application": PushStatus.USERPND,
}
"""Why a push may be refused: the words of applications, and one of the client itself."""

_REFUSALS = {status.value: status for status in REASONS.values()}
_ALL = 1_000_000  # shares are counted in ten-thousandths of a per cent
_UNITS = {"ms": 1, "s": SECOND_MS, "m": MINUTE_MS}

_NAME = re.compile(r"[a-z]+")
_ARGUMENTS = re.compile(r"\(([^()]*)\)")
_SHARE = re.compile(r":([0-9]{1,3}(?:\.[0-9]{1,4})?)%")
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m)")

Chance = Callable[[str, int, str], float]
"""Gives a number from 0 to below 1 for a client, the number of its push, and the question."""


class ScriptError(OmapushError):
    """Not a script. ``position`` says at which character, counted from 1."""


class Action(enum.StrEnum):
    """What is done with a push."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    DELAY = "delay"
    """It is accepted late; later than the gateway waits, if the time is long."""
    VANISH = "vanish"
    """The connection is closed without an answer; for a time the client is not there."""


_ACTIONS = frozenset(each.value for each in Action)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One of the things that a client may do with a push.

    :ivar text: as the script writes it, without its share.
    :ivar shortest_ms: to ``longest_ms``: how long it takes to answer, or how long the client is
        gone.
    :ivar status: why it refuses.
    """

    text: str
    action: Action
    shortest_ms: int = 0
    longest_ms: int = 0
    status: PushStatus | None = None

    def time_ms(self, part: float) -> int:
        """Return the time of one push; ``part`` is drawn from 0 to below 1."""
        return self.shortest_ms + int((self.longest_ms - self.shortest_ms + 1) * part)


@dataclass(frozen=True, slots=True)
class Script:
    """What a client does with pushes, by chance.

    :ivar choices: each with its share in ten-thousandths of a per cent; together they are all.
    """

    choices: tuple[tuple[Behaviour, int], ...]

    def choose(self, part: float) -> Behaviour:
        """Return what is done with a push; ``part`` is drawn from 0 to below 1."""
        left = int(part * _ALL)
        for behaviour, share in self.choices[:-1]:
            if left < share:
                return behaviour
            left -= share
        return self.choices[-1][0]


def parse_script(text: str) -> Script:
    """Read a script. :raises ScriptError: it is none; the position says where."""
    if len(text) > MAX_TEXT:
        raise ScriptError(f"a script has at most {MAX_TEXT:,} characters")
    found: list[tuple[Behaviour, int | None, int]] = []
    at = _blank(text, 0)
    while at < len(text):
        begin = at
        behaviour, at = _action(text, at)
        share, at = _share(text, at)
        if at < len(text) and not text[at].isspace():
            raise _wrong("a share as :90% or a blank belongs here", at)
        found.append((behaviour, share, begin))
        at = _blank(text, at)
    if not found:
        raise _wrong(f"a script names an action: {', '.join(Action)}", 0)
    return Script(_shared(found, len(text)))


def seeded_chance(seed: int) -> Chance:
    """Return chance that says the same to the same question, in whatever order it is asked."""

    def chance(client: str, number: int, question: str) -> float:
        asked = f"{seed} {number} {question} {client}".encode()
        drawn = int.from_bytes(hashlib.blake2b(asked, digest_size=8).digest(), "big")
        return (drawn >> 11) / (1 << 53)  # as many bits as a float holds

    return chance


def _shared(
    found: list[tuple[Behaviour, int | None, int]], end: int
) -> tuple[tuple[Behaviour, int], ...]:
    """Return the choices with their shares, the missing one completed."""
    given = sum(share for _, share, _ in found if share is not None)
    without = [begin for _, share, begin in found if share is None]
    if len(without) > 1:
        raise _wrong("only one choice may be without a share", without[1])
    if given > _ALL or (given < _ALL and not without):
        raise _wrong(f"the shares make {given * 100 / _ALL:g} %, not 100 %", end)
    return tuple(
        (behaviour, _ALL - given if share is None else share) for behaviour, share, _ in found
    )


def _action(text: str, at: int) -> tuple[Behaviour, int]:
    """Read one action; return it and where it ends."""
    name = _NAME.match(text, at)
    if name is None or name[0] not in _ACTIONS:
        raise _wrong(f"an action belongs here: {', '.join(Action)}", at)
    action, end = Action(name[0]), name.end()
    arguments: list[tuple[str, int]] = []
    if text[end : end + 1] == "(":
        inside = _ARGUMENTS.match(text, end)
        if inside is None:
            raise _wrong("this parenthesis is not closed", end)
        arguments, end = _arguments(inside[1], end + 1), inside.end()
    status = _reason(arguments) if action is Action.REFUSE else None
    if action is Action.DELAY and not arguments:
        raise _wrong("delay needs a time, as delay(2s)", name.end())
    shortest, longest = _time(*arguments.pop(0)) if arguments else (0, 0)
    if arguments:
        raise _wrong("nothing belongs here", arguments[0][1])
    written = "".join(text[at:end].split())
    return Behaviour(written, action, shortest, longest, status), end


def _arguments(inside: str, begin: int) -> list[tuple[str, int]]:
    """Return what commas separate, each with its position in the script."""
    arguments = []
    for raw in inside.split(","):
        arguments.append((raw.strip(), begin + len(raw) - len(raw.lstrip())))
        begin += len(raw) + 1
    return arguments


def _reason(arguments: list[tuple[str, int]]) -> PushStatus:
    """Take the reason from the arguments of a refusal."""
    if not arguments:
        return PushStatus.USERRFS
    word, at = arguments.pop(0)
    status = REASONS.get(word)
    if status is None and word.isdecimal() and word.isascii():
        status = _REFUSALS.get(int(word))
    if status is None:
        known = [*REASONS, *(str(number) for number in sorted(_REFUSALS))]
        raise _wrong(f"a reason belongs here: {', '.join(known)}", at)
    return status


def _time(word: str, at: int) -> tuple[int, int]:
    first, dots, last = word.partition("..")
    shortest = _duration(first, at)
    longest = _duration(last, at + len(first) + 2) if dots else shortest
    if longest < shortest:
        raise _wrong("the second time is shorter than the first", at)
    return shortest, longest


def _duration(word: str, at: int) -> int:
    found = _DURATION.fullmatch(word.strip())
    if found is None:
        raise _wrong("a time belongs here, as 200ms, 2s or 1m", at)
    milliseconds = round(float(found[1]) * _UNITS[found[2]])
    if milliseconds > MAX_DURATION_MS:
        raise _wrong(f"a time is at most {MAX_DURATION_MS // MINUTE_MS}m", at)
    return milliseconds


def _share(text: str, at: int) -> tuple[int | None, int]:
    if text[at : at + 1] != ":":
        return None, at
    found = _SHARE.match(text, at)
    if found is None:
        raise _wrong("a share belongs here, as :90%", at)
    return round(float(found[1]) * _ALL / 100), found.end()


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _wrong(reason: str, at: int) -> ScriptError:
    return ScriptError(reason, f"character {at + 1}")

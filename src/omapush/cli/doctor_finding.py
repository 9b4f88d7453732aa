"""What ``omapush client doctor`` finds."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Level(enum.StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but perhaps not as its user thinks."""
    FAULT = "fault"
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    :ivar subject: what it is about, in a word or two.
    :ivar advice: what to do; empty where nothing is to be done.
    """

    level: Level
    subject: str
    text: str
    advice: str = ""


def ok(subject: str, text: str) -> Finding:
    """Return that all is well."""
    return Finding(Level.OK, subject, text)


def warning(subject: str, text: str, advice: str) -> Finding:
    """Return that something may surprise."""
    return Finding(Level.WARNING, subject, text, advice)


def fault(subject: str, text: str, advice: str) -> Finding:
    """Return that something does not work."""
    return Finding(Level.FAULT, subject, text, advice)


def worst(findings: list[Finding]) -> Level:
    """Return how bad the worst of them is."""
    levels = list(Level)
    return max((one.level for one in findings), key=levels.index, default=Level.OK)

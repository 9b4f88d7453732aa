"""What an operator writes to allow or deny: patterns with ``*``, and lists of them. Pure.

``*`` stands for any characters, none included; every other character stands for itself. Letters
compare without regard to case, so that no spelling walks around a denial. Matching takes time in
proportion to the text, whatever the pattern.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.core.errors import DecodeError, OmapushError
from omapush.pap.address import Address

ANYTHING = "*"

_RECIPIENT = re.compile(r"[A-Za-z0-9_*]+:.+")
_PLMN = re.compile(r"(?i:plmn):[+0-9*]+")
_MEDIA_TYPE = re.compile(r"[!-.0-~]+/[!-.0-~]+")


class PatternError(OmapushError):
    """The pattern could never match what it is for."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Two lists of patterns: what matches ``deny`` is out, then what misses ``allow`` is out."""

    allow: tuple[str, ...] = (ANYTHING,)
    deny: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every pattern of both lists."""
        return (*self.allow, *self.deny)

    def refuses(self, text: str) -> str | None:
        """Return which list, and pattern of it, keeps ``text`` out; ``None``: it may pass."""
        for pattern in self.deny:
            if matches(pattern, text):
                return f"deny {pattern}"
        if any(matches(pattern, text) for pattern in self.allow):
            return None
        return "not in allow"

    def refuses_application(self, names: Iterable[ApplicationId]) -> str | None:
        """Do as :meth:`refuses` for every name that one push gives its application.

        A push for any application reaches the denied ones too, and more than a list allows.
        """
        for name in names:
            for pattern in self.deny:
                if _for_anyone(name) or names_application(pattern, name):
                    return f"deny {pattern}"
            if not any(names_application(pattern, name) for pattern in self.allow):
                return "not in allow"
        return None


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of ``text`` fits ``pattern``."""
    if pattern == ANYTHING:
        return True
    first, *others = _pieces(pattern)
    folded = text.casefold()
    if not others:
        return folded == first
    *middle, last = others
    end = len(folded) - len(last)
    if not folded.startswith(first) or not folded.endswith(last) or end < len(first):
        return False
    at = len(first)
    for piece in middle:
        found = folded.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


@functools.lru_cache(maxsize=1_024)
def _pieces(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.casefold().split("*"))


def names_application(pattern: str, application: ApplicationId) -> bool:
    """Whether ``pattern``, a value of X-Wap-Application-Id or ``prefix*``, means ``application``.

    Only the pattern ``*`` means a push for any application.
    """
    if pattern == ANYTHING:
        return True
    if _for_anyone(application):
        return False
    if pattern.endswith("*"):
        return matches(pattern, application.canonical)
    return ApplicationId.parse(pattern).canonical == application.canonical


def _for_anyone(application: ApplicationId) -> bool:
    return application.canonical == REGISTRY[ANY_APPLICATION]


def recipient_text(address: Address) -> str:
    """Return what recipient patterns are compared with: ``PLMN:+441234567890``.

    Qualifiers play no part: one more of them must not lead around a denial.
    """
    return f"{address.type}:{address.value}"


def check_recipient_pattern(pattern: str) -> None:
    """Refuse what no address can match.

    :raises PatternError: neither ``*`` nor ``TYPE:value``, or no phone number behind ``PLMN:``.
    """
    if pattern == ANYTHING:
        return
    if not _RECIPIENT.fullmatch(pattern):
        raise PatternError(f"{pattern!r}: write recipients as TYPE:value, for example PLMN:+44*")
    if pattern.upper().startswith("PLMN:") and not _PLMN.fullmatch(pattern):
        raise PatternError(f"{pattern!r}: a phone number has only +, digits and *")


def check_media_type_pattern(pattern: str) -> None:
    """Refuse what no media type can match. :raises PatternError: neither ``*`` nor type/subtype."""
    if pattern != ANYTHING and not _MEDIA_TYPE.fullmatch(pattern):
        raise PatternError(f"{pattern!r}: write content types as type/subtype, for example text/*")


def check_application_pattern(pattern: str) -> None:
    """Refuse what no application id can match.

    :raises PatternError: neither ``prefix*`` nor a legal value of X-Wap-Application-Id.
    """
    if "*" in pattern.removesuffix("*"):
        raise PatternError(f"{pattern!r}: * may only end an application id")
    if pattern.endswith("*"):
        return
    try:
        ApplicationId.parse(pattern)
    except DecodeError as error:
        raise PatternError(f"{pattern!r}: {error.reason}") from error

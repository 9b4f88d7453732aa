"""The push message: headers and a body (Push Message, WAP-251, 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Header = tuple[str, str]
"""Name and value of one header line, unfolded, without surrounding white space."""


@dataclass(frozen=True, slots=True)
class PushMessage:
    """Headers in the order and spelling in which they came, and the body octet for octet.

    Header names compare without regard to case; a repeated header stays repeated. ``body`` is
    never decoded, re-encoded or trimmed (PAP 7).
    """

    headers: tuple[Header, ...]
    body: bytes

    def get(self, name: str) -> str | None:
        """Return the value of the first header called ``name``, or ``None``."""
        return next(self.get_all(name), None)

    def get_all(self, name: str) -> Iterator[str]:
        """Yield the values of all headers called ``name``, in order."""
        wanted = name.lower()
        return (value for known, value in self.headers if known.lower() == wanted)

    @property
    def content_type(self) -> str | None:
        """The Content-Type with its parameters, as received; required by WAP-251 5.2."""
        return self.get("Content-Type")

    @property
    def media_type(self) -> str:
        """The type and subtype of the content in lower case, without parameters; may be empty."""
        return (self.content_type or "").partition(";")[0].strip().lower()

    def replacing(self, name: str, value: str | None) -> PushMessage:
        """Return a copy with one header called ``name``, or none when ``value`` is ``None``.

        The new header stands where the first of that name stood, else at the end.
        """
        return PushMessage(tuple(_replaced(self.headers, name, value)), self.body)


def _replaced(headers: Iterable[Header], name: str, value: str | None) -> Iterator[Header]:
    pending = value
    for known, old in headers:
        if known.lower() != name.lower():
            yield known, old
        elif pending is not None:
            yield known, pending
            pending = None
    if pending is not None:
        yield name, pending

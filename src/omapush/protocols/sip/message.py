"""The model of SIP messages (RFC 3261 7): what a message says, and not how it is spelled.

Names of headers are kept in their long form; values are kept as they were received, unfolded, with
octets that are no UTF-8 preserved (``surrogateescape``), since unknown headers have to be passed
on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from omapush.protocols.sip.listing import split_list

Field = tuple[str, str]
"""Name and value of one header."""


@dataclass(frozen=True, slots=True)
class SipHeaders:
    """The headers of a message in their order; names are compared without regard to case."""

    fields: tuple[Field, ...] = ()

    def first(self, name: str) -> str | None:
        """Return the value of the first header of this name, as it stands."""
        wanted = name.lower()
        # A plain loop: every message is asked for some of its headers.
        for each, value in self.fields:
            if each.lower() == wanted:
                return value
        return None

    def every(self, name: str) -> tuple[str, ...]:
        """Return the values of all headers of this name, each as it stands."""
        wanted = name.lower()
        return tuple(value for each, value in self.fields if each.lower() == wanted)

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the elements of all headers of this name, as comma-separated lists (7.3.1)."""
        return tuple(one for value in self.every(name) for one in split_list(value))

    def before(self, name: str, value: str) -> SipHeaders:
        """Return these with one header in front of all others."""
        return SipHeaders(((name, value), *self.fields))

    def added(self, *fields: Field) -> SipHeaders:
        """Return these with further ones behind."""
        return SipHeaders((*self.fields, *fields))

    def without(self, *names: str) -> SipHeaders:
        """Return these without all headers of these names."""
        unwanted = {name.lower() for name in names}
        return SipHeaders(tuple(one for one in self.fields if one[0].lower() not in unwanted))

    def replaced(self, name: str, *values: str) -> SipHeaders:
        """Return these with these values under the name, where the first of it stood."""
        wanted = name.lower()
        kept: list[Field] = []
        new: Iterable[Field] = [(name, value) for value in values]
        for one in self.fields:
            if one[0].lower() != wanted:
                kept.append(one)
            else:
                kept.extend(new)
                new = ()
        return SipHeaders((*kept, *new))


@dataclass(frozen=True, slots=True)
class SipRequest:
    """A request. ``uri`` is the Request-URI as it is written."""

    method: str
    uri: str
    headers: SipHeaders = field(default_factory=SipHeaders)
    body: bytes = b""

    def with_headers(self, headers: SipHeaders) -> SipRequest:
        """Return it with other headers."""
        return replace(self, headers=headers)


@dataclass(frozen=True, slots=True)
class SipResponse:
    """A response. ``status`` is 100 to 699."""

    status: int
    reason: str
    headers: SipHeaders = field(default_factory=SipHeaders)
    body: bytes = b""

    @property
    def is_final(self) -> bool:
        """Whether it ends the transaction."""
        return self.status >= 200

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    def with_headers(self, headers: SipHeaders) -> SipResponse:
        """Return it with other headers."""
        return replace(self, headers=headers)


SipMessage = SipRequest | SipResponse

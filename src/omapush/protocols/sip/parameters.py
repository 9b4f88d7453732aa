"""Parameters behind a header value or in a URI: ``;name=value;flag`` (RFC 3261 7.3.1).

Order, spelling and quotation marks stay as they are: feature tags and GRUUs are copied from one
message to another, and must not change on the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omapush.core.errors import EncodeError
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.lexical import PARAMETER, TOKEN, quoted, unquoted

_PARAMETER = re.compile(PARAMETER, re.DOTALL)
_NAME = re.compile(TOKEN)
# A token, an address, or what a URI's parameter may hold.
_PLAIN = re.compile(r"[A-Za-z0-9.!%*_+`'~\[\]/:&$()-]++")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Names and values in their order; names are compared without regard to case.

    A name must not be there twice (RFC 3261 7.3.1); of a peer that does so the first one counts.

    :ivar items: each name with its value as it is written, or ``None`` if it has no value.
    """

    items: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Parameters:
        """Read all of ``text``, which is empty or begins with ``;``.

        :raises BadSipMessage: something else.
        """
        parameters, end = cls.read(text, 0)
        if text[end:].strip(" \t"):
            raise BadSipMessage("not a list of parameters", end)
        return parameters

    @classmethod
    def read(cls, text: str, position: int) -> tuple[Parameters, int]:
        """Read the parameters that begin at ``position``; return them and where they end."""
        items: list[tuple[str, str | None]] = []
        while match := _PARAMETER.match(text, position):
            items.append((match[1], match[2]))
            position = match.end()
        return cls(tuple(items)), position

    @property
    def is_unambiguous(self) -> bool:
        """Whether no name is there twice."""
        return len({name.lower() for name, _ in self.items}) == len(self.items)

    def written(self, name: str) -> str | None:
        """Return the value as it is written, with its quotation marks."""
        wanted = name.lower()
        return next((value for each, value in self.items if each.lower() == wanted), None)

    def get(self, name: str) -> str | None:
        """Return the value without quotation; ``None`` if it is absent or has no value."""
        value = self.written(name)
        return value if value is None else unquoted(value)

    def has(self, name: str) -> bool:
        """Return whether it is there, with or without a value."""
        wanted = name.lower()
        return any(each.lower() == wanted for each, _ in self.items)

    def with_(self, name: str, value: str | None = None, *, quote: bool = False) -> Parameters:
        """Return these with one set: where it stood, or else at the end.

        :param value: what it says; ``None``: nothing but the name.
        :param quote: write it quoted even if it need not be.
        :raises EncodeError: not a name.
        """
        if not _NAME.fullmatch(name):
            raise EncodeError(f"not the name of a parameter: {name[:40]!r}")
        if value is not None and (quote or not _PLAIN.fullmatch(value)):
            value = quoted(value)
        wanted = name.lower()
        if not self.has(name):
            return Parameters((*self.items, (name, value)))
        return Parameters(
            tuple(
                (name, value) if each.lower() == wanted else (each, old) for each, old in self.items
            )
        )

    def without(self, *names: str) -> Parameters:
        """Return these without the named ones."""
        unwanted = {name.lower() for name in names}
        return Parameters(tuple(one for one in self.items if one[0].lower() not in unwanted))

    def __bool__(self) -> bool:
        return bool(self.items)

    def __str__(self) -> str:
        return "".join(
            f";{name}" if value is None else f";{name}={value}" for name, value in self.items
        )

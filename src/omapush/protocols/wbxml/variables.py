"""WML's variables: ``$(name)`` in text, extension tokens on the wire (WAP-191).

In the text of a document two dollars are one. In WBXML strings a dollar is a dollar, but encoders
exist that leave references in strings as they were; what looks like one in a single string is
therefore read as one, and our encoder divides strings so that no literal dollar looks like that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

ESCAPED, UNESCAPED, PLAIN = range(3)
"""Conversions in the order of the tokens EXT_I_0..2 and EXT_T_0..2."""

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_CONVERSION = "[Ee](?:[Ss][Cc][Aa][Pp][Ee])?|[Nn](?:[Oo][Ee][Ss][Cc])?|[Uu](?:[Nn][Ee][Ss][Cc])?"
_REFERENCE = re.compile(
    rf"\$(?:(?P<dollar>\$)|\((?P<name>{_NAME})(?::(?P<conversion>{_CONVERSION}))?\)|(?P<bare>{_NAME}))"
)
_LEFT_IN_STRING = re.compile(rf"\$(?:\$|\({_NAME}(?::(?:{_CONVERSION}))?\))?")
_DIVISION = re.compile(r"(?<=\$)(?=[$(])")
_NAME_ALONE = re.compile(_NAME)
_SUFFIXES = (":escape", ":unesc", ":noesc")
_CONVERSIONS = {"e": ESCAPED, "u": UNESCAPED, "n": PLAIN}


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a variable, with the conversion of its value."""

    name: str
    conversion: int


@dataclass(frozen=True, slots=True)
class Variables:
    """Where a document type allows variables, beside character data.

    :ivar escaped: attributes in which a reference without a conversion escapes (WML's HREF).
    :ivar plain: attributes in which it does not (WML's vdata).
    """

    escaped: frozenset[str]
    plain: frozenset[str]

    def allowed(self, attribute: str | None) -> bool:
        """Whether references may stand in ``attribute``; ``None`` means character data."""
        return attribute is None or attribute in self.escaped or attribute in self.plain

    def split(self, text: str, attribute: str | None) -> Iterator[str | Reference]:
        """Yield the strings and references that ``text`` of a document consists of."""
        pending = ""
        position = 0
        for match in _REFERENCE.finditer(text):
            pending += text[position : match.start()]
            position = match.end()
            if match["dollar"]:
                pending += "$"
                continue
            if pending:
                yield from _DIVISION.split(pending)
                pending = ""
            said = match["conversion"]
            conversion = _CONVERSIONS[said[0].lower()] if said else self._default(attribute)
            yield Reference(match["name"] or match["bare"], conversion)
        pending += text[position:]
        if pending:
            yield from _DIVISION.split(pending)

    def string(self, text: str, attribute: str | None) -> str:
        """Return how a document writes the WBXML string ``text``."""
        if "$" not in text or not self.allowed(attribute):
            return text
        return _LEFT_IN_STRING.sub(lambda found: "$$" if found[0] == "$" else found[0], text)

    def reference(self, name: str, conversion: int, attribute: str | None) -> str:
        """Return how a document refers to variable ``name``.

        :raises ValueError: not a name, or no variable may stand there.
        """
        if not self.allowed(attribute):
            raise ValueError(f"a variable in the value of {attribute}")
        if not _NAME_ALONE.fullmatch(name):
            raise ValueError(f"not the name of a variable: {name[:40]!r}")
        suffix = "" if conversion == self._default(attribute) else _SUFFIXES[conversion]
        return f"$({name}{suffix})"

    def _default(self, attribute: str | None) -> int:
        return ESCAPED if attribute in self.escaped else PLAIN

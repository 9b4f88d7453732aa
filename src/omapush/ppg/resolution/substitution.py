r"""The substitution expression of a NAPTR rule, applied to a number (RFC 3402 3.2, RFC 6116).

``!^\+44(.*)$!sip:\1@example.net!`` is a delimiter, a POSIX extended regular expression, what to
write instead, and flags. The owner of a number writes it, so it is not handed to a machine that
could be kept busy. What is taken is what rules of ENUM consist of in practice::

    expression = "^" *( piece / "(" *piece ")" ) "$"      the ends may be open next to ".*"
    piece      = ( character / "\" special / "." / "[" digits, ranges, "+" "]" ) [ repetition ]
    repetition = "*" / "+" / "?" / "{m}" / "{m,}" / "{m,n}"

At most one piece may match a varying number of characters, and the whole number has to match. So
there is one way to match or none, found without search. All else is refused, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from omapush.core.errors import DecodeError

MAX_LENGTH = 255
"""Characters of a regexp field: one character-string of DNS (RFC 3403 4.1)."""

_NUMBER = frozenset("+0123456789")
_SPECIAL = frozenset("^.[]$()|*+?{}\\")
_REPETITION = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{1,3})?)?\}")
_SET = re.compile(r"\[(\^?)((?:[0-9]-[0-9]|[0-9+])+)\]")
_UNBOUNDED = MAX_LENGTH


class RuleRefused(DecodeError):
    """The rule is wrong, or of a kind that is not applied; ``position`` counts in its regexp."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Between ``least`` and ``most`` characters, each of ``accepted``."""

    accepted: frozenset[str]
    least: int = 1
    most: int = 1

    @property
    def takes_anything(self) -> bool:
        return self.accepted == _NUMBER and self.least == 0 and self.most == _UNBOUNDED


def substitute(regexp: str, number: str) -> str | None:
    """Return what the rule makes of ``number``, ``+`` and digits; ``None``: it does not match.

    :raises RuleRefused: the rule is not of the form above.
    """
    if len(regexp) > MAX_LENGTH:
        raise RuleRefused(f"a rule has at most {MAX_LENGTH} characters")
    if not regexp.isascii() or not regexp.isprintable():
        raise RuleRefused("a rule for numbers consists of printable ASCII")
    delimiter, middle, end = _delimiters(regexp)
    if regexp[end + 1 :] not in ("", "i"):  # digits have no case: "i" changes nothing
        raise RuleRefused("the only flag of a rule is i", end + 1)
    expression = _Expression(regexp, delimiter, middle)
    groups = expression.match(number)
    written = _written(regexp, middle + 1, end, expression.groups)
    if groups is None:
        return None
    return "".join(part if isinstance(part, str) else groups[part] for part in written)


def _delimiters(regexp: str) -> tuple[str, int, int]:
    """Return the delimiter and where it stands the second and third time."""
    delimiter = regexp[:1]
    if not delimiter or delimiter.isalnum() or delimiter in _SPECIAL:
        raise RuleRefused("a rule begins with a delimiter that is no letter, digit or operator", 0)
    places = []
    position = 1
    while position < len(regexp):
        if regexp[position] == "\\":
            position += 1
        elif regexp[position] == delimiter:
            places.append(position)
        position += 1
    if len(places) != 2:
        raise RuleRefused(f"a rule has three delimiters, this has {len(places) + 1}")
    return delimiter, places[0], places[1]


class _Expression:
    """The regular expression between the first two delimiters.

    :ivar groups: how many there are.
    """

    def __init__(self, regexp: str, delimiter: str, end: int) -> None:
        self._text = regexp
        self._escapable = _SPECIAL | {delimiter}
        self._position = 1
        self._end = end
        self._pieces: list[_Piece] = []
        self._spans: list[tuple[int, int]] = []
        self._read()

    @property
    def groups(self) -> int:
        return len(self._spans)

    def match(self, number: str) -> list[str] | None:
        """Return what the groups take of ``number``, or ``None`` if it does not match."""
        free = len(number) - sum(piece.least for piece in self._pieces)
        places = [0]
        for piece in self._pieces:
            count = piece.least
            if piece.most > piece.least:  # the one that varies takes what the others leave
                count = min(piece.most, piece.least + max(free, 0))
                free -= count - piece.least
            taken = number[places[-1] : places[-1] + count]
            if len(taken) < count or not piece.accepted.issuperset(taken):
                return None
            places.append(places[-1] + count)
        if places[-1] != len(number):
            return None
        return [number[places[first] : places[last]] for first, last in self._spans]

    def _read(self) -> None:
        begins = self._skip("^")
        if begins and self._skip("+"):
            # An operator with nothing before it means nothing; RFC 2916 writes its + so.
            self._pieces.append(_Piece(frozenset("+")))
        group: int | None = None
        ends = False
        while self._position < self._end and not ends:
            if self._skip("("):
                if group is not None:
                    raise self._refused("groups in groups are not applied")
                group = len(self._pieces)
            elif group is not None and self._skip(")"):
                self._spans.append((group, len(self._pieces)))
                group = None
                if self._here in "*+?{":
                    raise self._refused("a repeated group is not applied")
            elif self._position == self._end - 1 and self._skip("$"):
                ends = True
            else:
                self._pieces.append(self._piece())
        if group is not None:
            raise self._refused("a group is not closed")
        self._judge(begins=begins, ends=ends)

    def _judge(self, *, begins: bool, ends: bool) -> None:
        if sum(piece.most > piece.least for piece in self._pieces) > 1:
            raise RuleRefused("more than one part of varying length is not applied", 1)
        anything = [piece.takes_anything for piece in self._pieces] or [False]
        if not (begins or anything[0]) or not (ends or anything[-1]):
            raise RuleRefused("a rule for a part of the number is not applied", 1)

    def _piece(self) -> _Piece:
        accepted = self._atom()
        if found := _REPETITION.match(self._text, self._position, self._end):
            self._position = found.end()
            least = int(found[1])
            most = int(found[3]) if found[3] else _UNBOUNDED if found[2] else least
            if most < least:
                raise self._refused("a repetition ends before it begins")
            piece = _Piece(accepted, least, most)
        elif self._skip("*"):
            piece = _Piece(accepted, 0, _UNBOUNDED)
        elif self._skip("+"):
            piece = _Piece(accepted, 1, _UNBOUNDED)
        elif self._skip("?"):
            piece = _Piece(accepted, 0, 1)
        else:
            return _Piece(accepted)
        if self._here in "*+?{":
            raise self._refused("a repetition of a repetition is not applied")
        return piece

    def _atom(self) -> frozenset[str]:
        character = self._here
        if character == ".":
            self._position += 1
            return _NUMBER
        if character == "[":
            return self._set()
        if character == "\\":
            self._position += 1
            character = self._here
            # A letter or digit behind a backslash is not POSIX, or refers back.
            if character not in self._escapable:
                raise self._refused("a backslash stands before an operator or the delimiter")
        elif character in _SPECIAL and character not in "]}":
            raise self._refused(f"{character} is not applied here")
        self._position += 1
        return frozenset(character)

    def _set(self) -> frozenset[str]:
        found = _SET.match(self._text, self._position, self._end)
        if found is None:
            raise self._refused("a set of anything but digits and + is not applied")
        self._position = found.end()
        members: set[str] = set()
        for part in re.findall(r"[0-9]-[0-9]|[0-9+]", found[2]):
            members.update(_digits(part[0], part[2]) if len(part) == 3 else part)
        return _NUMBER - members if found[1] else frozenset(members)

    @property
    def _here(self) -> str:
        """The next character, or a line feed, which no rule holds."""
        return self._text[self._position] if self._position < self._end else "\n"

    def _skip(self, wanted: str) -> bool:
        if self._here != wanted:
            return False
        self._position += 1
        return True

    def _refused(self, reason: str) -> RuleRefused:
        return RuleRefused(reason, self._position)


def _digits(first: str, last: str) -> Iterator[str]:
    return (str(digit) for digit in range(int(first), int(last) + 1))


def _written(regexp: str, start: int, end: int, groups: int) -> list[str | int]:
    """Return what is written instead: texts, and numbers of groups counted from 0."""
    delimiter = regexp[0]
    parts: list[str | int] = []
    position = start
    while position < end:
        character = regexp[position]
        if character == "\\":
            position += 1
            character = regexp[position]
            if "1" <= character <= "9":
                if int(character) > groups:
                    raise RuleRefused(f"the rule has no group {character}", position)
                parts.append(int(character) - 1)
                position += 1
                continue
            if character not in ("\\", delimiter):
                raise RuleRefused("a backslash stands before a digit or the delimiter", position)
        parts.append(character)
        position += 1
    return parts

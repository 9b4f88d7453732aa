"""What a recipe asks for, and how the words that a person gave are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import Instant, parse_utc


class Kind(StrEnum):
    """How a person gives the value of a parameter."""

    TEXT = "text"
    FLAG = "flag"
    """Given or not; as a word, ``true`` or ``false``."""
    FILE = "file"
    """The name of a file; the recipe is given its octets."""


Given = str | bytes
"""One value as it was given: a word, or the octets of a file."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a recipe.

    :ivar name: with hyphens, as an option is written.
    :ivar help: one line.
    :ivar choices: all that is possible, if that is little.
    :ivar secret: whether the value must not be shown or kept.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    required: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    secret: bool = False


class Arguments:
    """The values given to a recipe, read one by one; whatever is wrong names its parameter."""

    def __init__(self, recipe: Recipe, given: Mapping[str, Sequence[Given]]) -> None:
        self._parameters = {parameter.name: parameter for parameter in recipe.parameters}
        self._given = given
        unknown = given.keys() - self._parameters.keys()
        if unknown:
            raise EncodeError(f"{recipe.name} has no parameter {min(unknown)[:40]!r}")
        for parameter in recipe.parameters:
            self._check(parameter, given.get(parameter.name, ()))

    def _check(self, parameter: Parameter, values: Sequence[Given]) -> None:
        if parameter.required and not values:
            raise EncodeError("is missing", parameter.name)
        if len(values) > 1 and not parameter.many:
            raise EncodeError("is given more than once", parameter.name)
        for value in values:
            if isinstance(value, bytes) is not (parameter.kind is Kind.FILE):
                raise EncodeError(f"wants {parameter.kind.value}", parameter.name)
            if parameter.choices and value not in parameter.choices:
                choices = ", ".join(parameter.choices)
                raise EncodeError(f"is none of {choices}", parameter.name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter."""
        return tuple(value for value in self._given.get(name, ()) if isinstance(value, str))

    def text(self, name: str) -> str | None:
        """Return the value of a parameter, or ``None``."""
        return next(iter(self.texts(name)), None)

    def required(self, name: str) -> str:
        """Return the value of a parameter that must be there. :raises EncodeError: it is not."""
        value = self.text(name)
        if value is None:
            raise EncodeError("is missing", name)
        return value

    def octets(self, name: str) -> bytes | None:
        """Return the content of a file, or ``None``."""
        values = self._given.get(name, ())
        return next((value for value in values if isinstance(value, bytes)), None)

    def flag(self, name: str) -> bool:
        """Whether a flag is given. :raises EncodeError: a word that says neither."""
        word = (self.text(name) or "false").lower()
        if word not in ("true", "false"):
            raise EncodeError("is true or false", name)
        return word == "true"

    def number(self, name: str) -> int | None:
        """Return a decimal number, or ``None``. :raises EncodeError: it is none."""
        word = self.text(name)
        if word is None:
            return None
        if not (word.isascii() and word.isdecimal() and len(word) <= 18):
            raise EncodeError("is not a number", name)
        return int(word)

    def instant(self, name: str) -> Instant | None:
        """Return a time, or ``None``. :raises EncodeError: not ``YYYY-MM-DDThh:mm:ssZ``."""
        word = self.text(name)
        try:
            return None if word is None else parse_utc(word)
        except DecodeError as error:
            raise EncodeError(error.reason, name) from error


@dataclass(frozen=True, slots=True)
class Recipe:
    """A kind of push that can be asked for by name."""

    name: str
    summary: str
    parameters: tuple[Parameter, ...]
    build: Callable[[Arguments], PushMessage]

    def message(self, given: Mapping[str, Sequence[Given]]) -> PushMessage:
        """Return the push message for what a person gave, by name of the parameter.

        :raises EncodeError: something is missing, unknown or malformed; ``position`` names it.
        """
        return self.build(Arguments(self, given))

"""What each octet of a message means: the shape in which every decoder explains its input.

An explanation is a tree of :class:`Field`. The ``explain`` function of a protocol returns the tree
of one message; a field whose content belongs to another protocol may hold that one's tree as a
child. Whatever shows trees (``omapush decode``, ``omapush preview``) needs to know nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from omapush.core.errors import DecodeError

Scalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Field:
    """One named part of a message.

    :ivar name: the specification's own name of it, for people.
    :ivar offset: of its first octet, counted in the message whose tree this is.
    :ivar octets: all octets of it, its children's included.
    :ivar value: what they say, as a number or text; ``None`` when the children say it all.
    :ivar note: a warning or remark for people: a legal but unwise form, a repaired one.
    """

    name: str
    offset: int
    octets: bytes
    value: Scalar = None
    children: tuple[Field, ...] = field(default=())
    note: str | None = None

    def walk(self) -> Iterator[Field]:
        """Yield this field and all below it, in the order of the message."""
        yield self
        for child in self.children:
            yield from child.walk()

    def named(self, name: str) -> Field | None:
        """Return the first field called ``name`` in the whole tree, or ``None``."""
        return next((known for known in self.walk() if known.name == name), None)


@contextmanager
def telling_how_far(fields: Callable[[], Iterable[Field]]) -> Iterator[None]:
    """Give a :class:`DecodeError` the fields read before the fault, as ``explained``.

    :param fields: returns them; what an explanation further in told follows them.
    """
    try:
        yield
    except DecodeError as error:
        error.explained = (*fields(), *error.explained)
        raise

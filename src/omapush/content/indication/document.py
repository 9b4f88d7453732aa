"""What the small push documents share: two written forms, checks, dates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self, TypeVar

from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import SECOND_MS, Instant, format_utc, parse_utc
from omapush.protocols import wbxml

_BLANK = " \t\r\n"
ChoiceT = TypeVar("ChoiceT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a value is not one of its document type; ``position`` is the path of the element."""

    reason: str
    position: str


class PushDocument(ABC):
    """A value of a document type that is written as XML or as WBXML."""

    __slots__ = ()

    LAYER: ClassVar[str]
    """Named in errors."""
    TEXT_TYPE: ClassVar[str]
    BINARY_TYPE: ClassVar[str]

    @classmethod
    def from_xml(cls, octets: bytes, *, charset: str | None = None) -> Self:
        """Read the text form.

        An XML declaration and a DOCTYPE may be missing, and white space may stand before them.

        :param charset: of the Content-Type, if it says any.
        :raises DecodeError: not well-formed, or not a document of this type.
        :raises LimitError: deeper or larger than any such document.
        """
        return cls._checked(wbxml.read_xml(octets, cls.TEXT_TYPE, charset=charset).root)

    @classmethod
    def from_wbxml(cls, octets: bytes, *, charset: str | None = None) -> Self:
        """Read the binary form, whatever public identifier it carries. Parameter and errors as
        :meth:`from_xml`.
        """
        table = wbxml.by_media_type(cls.BINARY_TYPE)
        return cls._checked(wbxml.decode(octets, table, charset=charset).root)

    def to_xml(self) -> bytes:
        """Write the text form in UTF-8. :raises EncodeError: not a value of the type."""
        return wbxml.write_xml(self._document())

    def to_wbxml(self) -> bytes:
        """Write the binary form in UTF-8; errors as :meth:`to_xml`."""
        return wbxml.encode(self._document())

    @classmethod
    def _checked(cls, root: wbxml.Element) -> Self:
        table = wbxml.by_media_type(cls.TEXT_TYPE)
        if table is None or root.name != table.root:
            raise DecodeError(f"the document element is {root.name[:40]}", None, cls.LAYER)
        value = cls._read(root)
        fault = value._fault()  # noqa: SLF001 - of this very class
        if fault is not None:
            raise DecodeError(fault.reason, fault.position, cls.LAYER)
        return value

    def _document(self) -> wbxml.WbxmlDocument:
        fault = self._fault()
        if fault is not None:
            raise EncodeError(fault.reason, fault.position, self.LAYER)
        return wbxml.new_document(self.TEXT_TYPE, self._written())

    @classmethod
    @abstractmethod
    def _read(cls, root: wbxml.Element) -> Self:
        """Return the value of a document element of the right name."""

    @abstractmethod
    def _written(self) -> wbxml.Element:
        """Return the document element of this value."""

    @abstractmethod
    def _fault(self) -> Fault | None:
        """Return why this value is none of the document type, if it is none."""

    @classmethod
    def _only(cls, parent: wbxml.Element, name: str) -> wbxml.Element | None:
        """Return the one child called ``name``, or ``None``. :raises DecodeError: several."""
        found = list(parent.elements(name))
        if len(found) > 1:
            raise DecodeError(f"{name} comes {len(found)} times", parent.name, cls.LAYER)
        return found[0] if found else None

    @classmethod
    def _date(cls, element: wbxml.Element, name: str) -> Instant | None:
        """Return the date in an attribute, in whole seconds. :raises DecodeError: no date."""
        text = stripped(element.attributes, name)
        if text is None:
            return None
        try:
            instant = parse_utc(text)
        except DecodeError as error:
            raise DecodeError(error.reason, f"{element.name}/@{name}", cls.LAYER) from error
        return Instant(instant - instant % SECOND_MS)

    @classmethod
    def _choice(cls, element: wbxml.Element, name: str, default: ChoiceT) -> ChoiceT:
        """Return the member that an attribute names. :raises DecodeError: there is none."""
        text = stripped(element.attributes, name)
        if text is None:
            return default
        kind = type(default)
        try:
            return kind(text)
        except ValueError as error:
            reason = f"{text[:40]!r} is none of {', '.join(kind)}"
            raise DecodeError(reason, f"{element.name}/@{name}", cls.LAYER) from error


def stripped(attributes: Mapping[str, str], name: str) -> str | None:
    """Return an attribute's value without white space around it."""
    value = attributes.get(name)
    return None if value is None else value.strip(_BLANK)


def attributes(*pairs: tuple[str, str | Instant | None]) -> dict[str, str]:
    """Return the attributes that have a value; an instant is written as a date."""
    return {
        name: value if isinstance(value, str) else format_utc(value)
        for name, value in pairs
        if value is not None
    }

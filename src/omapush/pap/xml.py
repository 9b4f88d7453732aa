"""PAP documents as octets and back (PAP 8, 9, 11).

Validation is by the tables of :mod:`omapush.pap.elements`: nothing is ever fetched, no entity is
ever expanded, and a document that declares one is refused. The DOCTYPE itself, with the processing
instruction in its internal subset, is legal PAP and is read.
"""

from __future__ import annotations

import functools
import re
from typing import Any
from xml.sax.saxutils import quoteattr

from omapush.core.errors import DecodeError
from omapush.core.instants import format_utc, parse_utc
from omapush.pap.bad_message import BadMessage, fragment_around, printable
from omapush.pap.elements import ELEMENTS, MESSAGES, NAMES, Attribute, Child, Element, Kind
from omapush.pap.model import Message, Pap
from omapush.pap.tolerance import Tolerance
from omapush.pap.versions import (
    PAP_1_0,
    PapVersion,
    VersionRange,
    format_instruction,
    identify,
    parse_instruction,
    public_id,
    system_id,
)
from omapush.protocols import xml

__all__ = ["BadMessage", "decode", "encode"]

MAX_ATTRIBUTES = 64
"""Attributes that one element may have; PAP defines ten at most."""

MAX_ID = 256
"""Characters of a DOCTYPE's identifiers that are looked at."""

_DEFAULT = Tolerance()
_PLAIN = re.compile("[ !#-%'-;=?-~]*")
"""Text that stands in an attribute as it is; most does."""
_INSTRUCTION = re.compile(r"<\?wap-pap-ver\s+([^?]{0,1000})\?>")


def decode(octets: bytes, *, charset: str | None = None, tolerance: Tolerance = _DEFAULT) -> Pap:
    """Read a PAP document.

    :param charset: what the transport says; a byte order mark is believed more, the XML
        declaration less.
    :raises BadMessage: malformed, or not valid by the tables, or declares an entity.
    """
    return _Decoder(tolerance).document(octets, charset)


def encode(document: Pap) -> bytes:
    """Write a PAP document as UTF-8: a DOCTYPE on one line, no white space between elements."""
    opening = _opening(
        document.version, document.owner, document.supported_versions, document.product_name
    )
    text = f"{opening}{_written(document.message)}</pap>"
    return text.encode("utf-8", "xmlcharrefreplace")


@functools.lru_cache(maxsize=64)
def _opening(
    version: PapVersion, owner: str, listed: tuple[VersionRange, ...], product: str | None
) -> str:
    """Return everything before the message; a gateway writes the same few again and again."""
    subset = f" [{format_instruction(listed)}]" if listed else ""
    name = f" product-name={_quoted(product)}" if product is not None else ""
    identifiers = f'"{public_id(version, owner)}" "{system_id(version)}"'
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    return f"{declaration}\n<!DOCTYPE pap PUBLIC {identifiers}{subset}>\n<pap{name}>"


class _Decoder:
    """Reads one document; collects what had to be forgiven."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._repairs: list[str] = []
        self._version = PAP_1_0
        self._owner = "WAPFORUM"
        self._listed: tuple[VersionRange, ...] = ()
        self._operation: str | None = None
        self._push_id: str | None = None

    def document(self, octets: bytes, charset: str | None) -> Pap:
        text, utf_8 = self._text(octets, charset)
        root = _root(text, utf_8)
        self._identify(root)
        self._listed = self._version_list(text)
        if root.tag != "pap":
            raise self._fault(f"the document element is {_shown(root.tag)}, not pap")
        messages = [child for child in root if isinstance(child.tag, str)]
        self._no_text(root, "pap")
        if len(messages) != 1 or messages[0].tag not in MESSAGES:
            found = ", ".join(_shown(child.tag) for child in messages[:3]) or "nothing"
            raise self._fault(f"pap holds exactly one message, not {found}")
        element = messages[0]
        self._operation = element.tag
        self._push_id = element.get("push-id") or element.get("query-id")
        message: Message = self._built(element)
        return Pap(
            message=message,
            version=self._version,
            owner=self._owner,
            supported_versions=self._listed,
            product_name=root.get("product-name"),
            repairs=tuple(self._repairs),
        )

    def _text(self, octets: bytes, charset: str | None) -> tuple[str, bytes]:
        """Return the document as text and as UTF-8."""
        try:
            encoding = xml.encoding_of(octets, charset)
        except xml.XmlError as error:
            raise BadMessage(error.reason) from error
        try:
            text = octets.decode(encoding)
        except UnicodeDecodeError as error:
            if self._tolerance.strict_charset:
                raise BadMessage(f"not {encoding}", error.start) from error
            self._repairs.append(f"not {encoding}, read as windows-1252")
            encoding, text = "windows-1252", octets.decode("windows-1252", "replace")
        if "\0" in text:
            raise BadMessage("the document holds a NUL", text.find("\0"))
        if encoding == "utf-8" and text.startswith("<"):
            return text, octets
        text = text.removeprefix("\ufeff")
        stripped = text.lstrip()
        if stripped != text:
            if self._tolerance.strict_doctype:
                raise BadMessage("white space before the document")
            self._repairs.append("white space before the document")
        return stripped, stripped.encode("utf-8", "replace")

    def _identify(self, root: Any) -> None:  # noqa: ANN401 - lxml's element type is private
        """Find out the version, and the owner that the DOCTYPE names."""
        info = root.getroottree().docinfo
        public, system = (info.public_id or "")[:MAX_ID], (info.system_url or "")[:MAX_ID]
        identifier = identify(public, system)
        exact = public_id(identifier.version or PAP_1_0, identifier.owner)
        if identifier.version is None or public != exact:
            if self._tolerance.strict_doctype:
                raise BadMessage("the DOCTYPE does not identify a PAP version")
            seen = repr(public[:60]) if public else "missing"
            assumed = identifier.version or PAP_1_0
            self._repairs.append(f"public identifier {seen}, read as PAP {assumed}")
        elif system.lower().rpartition("/")[2] != f"pap_{identifier.version}.dtd":
            # Where the DTD lies is free; that it is another version's is a contradiction.
            if self._tolerance.strict_doctype:
                raise BadMessage("the DOCTYPE's system identifier is not of its PAP version")
            self._repairs.append(f"system identifier {system[:60]!r}")
        self._version = identifier.version or PAP_1_0
        self._owner = identifier.owner

    def _version_list(self, text: str) -> tuple[VersionRange, ...]:
        """Return the version list, wherever before the document element it stands."""
        prologue = text[: max(0, text.find("<pap"))]
        found = _INSTRUCTION.search(prologue)
        if found is None:
            return ()
        if "]" not in prologue[found.end() :]:
            if self._tolerance.strict_doctype:
                raise BadMessage("wap-pap-ver stands outside the DOCTYPE", found.start())
            self._repairs.append("wap-pap-ver outside the DOCTYPE")
        return parse_instruction(found[1])

    def _built(self, element: Any) -> Any:  # noqa: ANN401 - any of the model's types
        rule = ELEMENTS[element.tag]
        values = self._attributes(element, rule)
        self._children(element, rule, values)
        return rule.build(**values)

    def _attributes(self, element: Any, rule: Element) -> dict[str, Any]:  # noqa: ANN401
        given = element.attrib
        if len(given) > MAX_ATTRIBUTES:
            raise self._fault(f"{element.tag} has more than {MAX_ATTRIBUTES} attributes")
        values: dict[str, Any] = {}
        for name, text in given.items():
            attribute = rule.by_attribute.get(name)
            if attribute is None:
                self._forgive(f"{element.tag} has no attribute {_shown(name)}")
            else:
                values[attribute.field] = self._value(element.tag, attribute, text)
        for attribute in rule.attributes:
            if attribute.required and attribute.field not in values:
                raise self._fault(f"{element.tag} needs the attribute {attribute.name}")
        return values

    def _value(self, tag: str, attribute: Attribute, text: str) -> Any:  # noqa: ANN401
        where = f"{tag}/@{attribute.name}"
        match attribute.kind:
            case Kind.CDATA:
                return text
            case Kind.DATETIME:
                return self._instant(where, text)
            case Kind.CODE:
                return self._code(where, text)
            case Kind.BOOLEAN:
                return self._enumerated(where, text, ("true", "false")) == "true"
            case enumeration:
                try:
                    return enumeration(text)
                except ValueError:
                    names = tuple(member.value for member in enumeration)
                    return enumeration(self._enumerated(where, text, names))

    def _instant(self, where: str, text: str) -> int:
        try:
            return parse_utc(text, strict=True)
        except DecodeError as error:
            if self._tolerance.strict_times:
                raise self._fault(f"{where}: {error.reason}") from error
        try:
            instant = parse_utc(text.strip(), strict=False)
        except DecodeError as error:
            raise self._fault(f"{where}: {error.reason}") from error
        self._repairs.append(f"{where}: {text[:40]!r}, read as {format_utc(instant)}")
        return instant

    def _code(self, where: str, text: str) -> int:
        if not re.fullmatch(r"[0-9]{4,5}", text.strip(), re.ASCII):
            raise self._fault(f"{where}: not a status code: {text[:20]!r}")
        return int(text)

    def _enumerated(self, where: str, text: str, names: tuple[str, ...]) -> str:
        if text in names:
            return text
        folded = text.strip().lower()
        if folded not in names:
            raise self._fault(f"{where}: {text[:40]!r} is none of {', '.join(names)}")
        self._forgive(f"{where}: {text[:40]!r} is not written {folded!r}")
        return folded

    def _children(self, element: Any, rule: Element, values: dict[str, Any]) -> None:  # noqa: ANN401
        self._no_text(element, element.tag)
        if not rule.children and not len(element):
            return
        found: dict[str, list[Any]] = {}
        reached = 0
        for child in element:
            position = rule.places.get(child.tag)
            if position is None:
                raise self._fault(f"{element.tag} cannot hold {_shown(child.tag)}")
            if position < reached:
                self._forgive(f"{child.tag} does not stand in its place in {element.tag}")
            reached = max(reached, position)
            found.setdefault(child.tag, []).append(self._built(child))
        for step in rule.children:
            self._place(element.tag, step, found.get(step.name, []), values)

    def _place(self, tag: str, step: Child, found: list[Any], values: dict[str, Any]) -> None:
        if step.required and not found:
            raise self._fault(f"{tag} needs {step.name}")
        if step.many:
            values[step.field] = tuple(found)
        elif len(found) > 1:
            raise self._fault(f"{tag} holds one {step.name} at most")
        elif found:
            values[step.field] = found[0]

    def _no_text(self, element: Any, tag: str) -> None:  # noqa: ANN401
        """Refuse text; white space is legal between elements, not in an empty one."""
        for text in (element.text, *[child.tail for child in element]):
            if text and not text.isspace():
                raise self._fault(f"{tag} cannot hold text")
        rule = ELEMENTS.get(tag)
        if rule is not None and not rule.children and element.text:
            reason = f"white space in the empty element {tag}"
            if self._tolerance.strict_empty:
                raise self._fault(reason)
            self._repairs.append(reason)

    def _forgive(self, reason: str) -> None:
        if self._tolerance.strict_dtd:
            raise self._fault(reason)
        self._repairs.append(reason)

    def _fault(self, reason: str) -> BadMessage:
        """Return an error that carries what is known of the message, for answering in kind."""
        return BadMessage(
            reason,
            operation=self._operation,
            message_id=self._push_id,
            version=self._version,
            owner=self._owner,
            supported_versions=self._listed,
        )


def _root(text: str, utf_8: bytes) -> Any:  # noqa: ANN401
    try:
        xml.refuse_expansion(text)
        return xml.parse(text, utf_8)
    except xml.XmlError as error:
        position = error.position
        fragment = fragment_around(text, position) if isinstance(position, int) else None
        raise BadMessage(error.reason, position, fragment=fragment) from error


def _shown(name: object) -> str:
    return repr(str(name)[:60])


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    return quoteattr(printable(text), {'"': "&quot;"})


def _written(value: Any) -> str:  # noqa: ANN401 - any of the model's types
    name = NAMES[type(value)]
    rule = ELEMENTS[name]
    parts = [f"<{name}"]
    for attribute in rule.attributes:
        given = getattr(value, attribute.field)
        if given is not None and (attribute.required or given != attribute.default):
            parts.append(f" {attribute.name}={_quoted(_lexical(attribute, given))}")
    children = []
    for step in rule.children:
        given = getattr(value, step.field)
        if given is not None:
            children += [_written(child) for child in (given if step.many else (given,))]
    if not children:
        return "".join(parts) + "/>"
    return f"{''.join(parts)}>{''.join(children)}</{name}>"


def _lexical(attribute: Attribute, value: Any) -> str:  # noqa: ANN401 - as the attribute's kind says
    match attribute.kind:
        case Kind.DATETIME:
            return format_utc(value)
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.CODE:
            return str(int(value))
        case _:
            return str(value)

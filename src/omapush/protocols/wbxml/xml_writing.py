"""Documents as XML text in UTF-8, with declaration and DOCTYPE (WAP-192)."""

from __future__ import annotations

import re

from omapush.core.errors import EncodeError
from omapush.protocols.wbxml import tables
from omapush.protocols.wbxml.characters import NAME, is_text
from omapush.protocols.wbxml.model import LAYER, Element, ProcessingInstruction, WbxmlDocument
from omapush.protocols.wbxml.tokens import TokenTable

_IN_TEXT = re.compile("[&<>\r]")
_IN_VALUE = re.compile('[&<>"\t\r\n]')
_REFERENCES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def write_xml(document: WbxmlDocument, table: TokenTable | None = None) -> bytes:
    """Write a document as text: equal documents give equal octets.

    Opaque data that is UTF-8 text is written as that.

    :param table: gives the DOCTYPE; chosen by the document's public identifier otherwise.
    :raises EncodeError: characters or names that XML cannot hold, opaque data that is no text.
    """
    table = table or tables.by_public_id(document.public_id)
    out = ['<?xml version="1.0" encoding="UTF-8"?>\n']
    if table is not None and table.public_name is not None:
        out.append(f'<!DOCTYPE {table.root} PUBLIC "{table.public_name}" "{table.system_id}">\n')
    out += [_instruction(instruction) for instruction in document.before]
    implied = table.namespaces if table is not None else {}
    declarations = "".join(
        f' xmlns:{prefix}="{uri}"'
        for prefix, uri in implied.items()
        if f"xmlns:{prefix}" not in document.root.attributes
    )
    _element(out, document.root, declarations)
    out += [_instruction(instruction) for instruction in document.after]
    text = "".join(out)
    try:
        if not is_text(text):
            raise EncodeError("a character that XML cannot hold", None, LAYER)
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodeError("text with half a character", None, LAYER) from error


def _element(out: list[str], element: Element, declarations: str = "") -> None:
    name = _name(element.name)
    out.append(f"<{name}{declarations}")
    for attribute, value in element.attributes.items():
        if _IN_VALUE.search(value) is not None:
            value = _IN_VALUE.sub(_reference, value)  # noqa: PLW2901 - the same value, escaped
        out.append(f' {_name(attribute)}="{value}"')
    if not element.children:
        out.append("/>")
        return
    out.append(">")
    for child in element.children:
        if isinstance(child, Element):
            _element(out, child)
        elif isinstance(child, ProcessingInstruction):
            out.append(_instruction(child))
        else:
            text = child if isinstance(child, str) else _opaque(child)
            out.append(text if _IN_TEXT.search(text) is None else _IN_TEXT.sub(_reference, text))
    out.append(f"</{name}>")


def _reference(match: re.Match[str]) -> str:
    return _REFERENCES.get(match[0]) or f"&#{ord(match[0])};"


def _opaque(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodeError("opaque data that is no text", None, LAYER) from error


def _instruction(instruction: ProcessingInstruction) -> str:
    target = _name(instruction.target)
    if target.lower() == "xml" or "?>" in instruction.data:
        raise EncodeError(f"no processing instruction: {target[:40]}", None, LAYER)
    return f"<?{target} {instruction.data}?>"


def _name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise EncodeError(f"not a name: {name[:40]!r}", None, LAYER)
    return name

"""Provisioning documents as XML text: ``text/vnd.wap.connectivity-xml`` (WAP-183, 4).

Documents are UTF-8 only. Nothing in a document that is read may expand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape

from omapush.content.provisioning.model import (
    Characteristic,
    Parm,
    ProvisioningDocument,
    ProvisioningError,
)
from omapush.core.errors import EncodeError, LimitError
from omapush.protocols import xml

MEDIA_TYPE = "text/vnd.wap.connectivity-xml"
MAX_OCTETS = 1 << 18
MAX_DEPTH = 16
"""Characteristics within each other; the specification has three."""
MAX_ELEMENTS = 8_192

_PROLOGUE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE wap-provisioningdoc PUBLIC "-//WAPFORUM//DTD PROV 1.0//EN"'
    ' "http://www.wapforum.org/DTD/prov.dtd">\n'
)
_INDENT = "  "
_BEYOND_XML = {code: None for code in range(32) if code not in (9, 10, 13)}


def write_text(document: ProvisioningDocument) -> bytes:
    """Return ``document`` as XML in UTF-8 with its DOCTYPE, one element a line.

    :raises EncodeError: a name or value holds a character that XML cannot.
    """
    version = "" if document.version is None else f" version={_quoted(document.version)}"
    lines = [f"<wap-provisioningdoc{version}>"]
    for characteristic in document.characteristics:
        lines.extend(_written(characteristic, 1))
    lines.append("</wap-provisioningdoc>")
    return (_PROLOGUE + "\n".join(lines) + "\n").encode("utf-8")


def _written(characteristic: Characteristic, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise EncodeError(f"characteristics more than {MAX_DEPTH} deep")
    indent = _INDENT * depth
    start = f"{indent}<characteristic type={_quoted(characteristic.type)}"
    if not characteristic.parms and not characteristic.characteristics:
        yield f"{start}/>"
        return
    yield f"{start}>"
    for parm in characteristic.parms:
        value = "" if parm.value is None else f" value={_quoted(parm.value)}"
        yield f"{indent}{_INDENT}<parm name={_quoted(parm.name)}{value}/>"
    for below in characteristic.characteristics:
        yield from _written(below, depth + 1)
    yield f"{indent}</characteristic>"


def _quoted(value: str) -> str:
    if value != value.translate(_BEYOND_XML) or not _is_xml_text(value):
        raise EncodeError("a value holds a character that XML does not allow")
    entities = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
    return f'"{escape(value, entities)}"'


def _is_xml_text(value: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" or sign in "\ufffe\uffff" for sign in value)


def read_text(octets: bytes, *, max_octets: int = MAX_OCTETS) -> ProvisioningDocument:
    """Read a document from XML text. Elements and attributes that are not known are passed over.

    :raises ProvisioningError: not UTF-8, not well-formed, not this kind of document, or a
        characteristic without type or a parm without name.
    :raises LimitError: larger or deeper than the bounds.
    """
    if len(octets) > max_octets:
        raise LimitError(f"a document of {len(octets)} octets, {max_octets} are taken")
    root = _root(octets)
    if root.tag != "wap-provisioningdoc":
        raise ProvisioningError(f"the document element is {str(root.tag)[:40]}")
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise LimitError(f"more than {MAX_ELEMENTS} elements")
    return ProvisioningDocument(_characteristics(root, 1), root.get("version"))


def _root(octets: bytes) -> Any:  # noqa: ANN401 - lxml's element type is private
    try:
        # WAP-183, SIN 005: only UTF-8, whatever a declaration says.
        text = octets.decode("utf-8-sig")
        xml.refuse_expansion(text)
        return xml.parse(text, text.encode("utf-8"))
    except UnicodeDecodeError as error:
        raise ProvisioningError("the document is not UTF-8", error.start) from error
    except xml.XmlError as error:
        raise ProvisioningError(error.reason, error.position) from error


def _characteristics(parent: Any, depth: int) -> tuple[Characteristic, ...]:  # noqa: ANN401
    if depth > MAX_DEPTH:
        raise LimitError(f"characteristics more than {MAX_DEPTH} deep", f"line {parent.sourceline}")
    return tuple(
        Characteristic(
            _required(element, "type"),
            tuple(_parms(element)),
            _characteristics(element, depth + 1),
        )
        for element in parent
        if element.tag == "characteristic"
    )


def _parms(parent: Any) -> Iterator[Parm]:  # noqa: ANN401
    for element in parent:
        if element.tag == "parm":
            yield Parm(_required(element, "name"), element.get("value"))


def _required(element: Any, name: str) -> str:  # noqa: ANN401
    value: str | None = element.get(name)
    if value is None:
        raise ProvisioningError(f"{element.tag} without {name}", f"line {element.sourceline}")
    return value

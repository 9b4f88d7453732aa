"""Provisioning documents as XML text and as WBXML, both ways (WAP-183).

What is read is not validated: elements, attributes and names that are not known are passed over or
kept, as a client must (WAP-183); ``validation`` judges. Documents are UTF-8 only (SIN 005).
"""

from __future__ import annotations

from omapush.content.provisioning.model import (
    Characteristic,
    Parm,
    ProvisioningDocument,
    ProvisioningError,
)
from omapush.core.errors import EncodeError, LimitError
from omapush.protocols import wbxml

TEXT_MEDIA_TYPE = "text/vnd.wap.connectivity-xml"
BINARY_MEDIA_TYPE = "application/vnd.wap.connectivity-wbxml"

MAX_OCTETS = 1 << 18
MAX_DEPTH = 16
"""Characteristics within each other; the specification has three."""
LIMITS = wbxml.Limits(depth=MAX_DEPTH + 2, elements=8_192, referenced=1 << 18)

_ROOT = "wap-provisioningdoc"


def read_text(octets: bytes, *, max_octets: int = MAX_OCTETS) -> ProvisioningDocument:
    """Read a document from XML text.

    :raises ProvisioningError: not this kind of document, or a characteristic without type or a
        parm without name.
    :raises LimitError: larger or deeper than the bounds.
    :raises DecodeError: not UTF-8, not well-formed, or it declares entities.
    """
    _bound(octets, max_octets)
    document = wbxml.read_xml(octets, TEXT_MEDIA_TYPE, charset="utf-8", limits=LIMITS)
    return _document(document.root)


def read_wbxml(octets: bytes, *, max_octets: int = MAX_OCTETS) -> ProvisioningDocument:
    """Read a document from WBXML, whatever public identifier it has.

    :raises ProvisioningError: as :func:`read_text`.
    :raises LimitError: larger or deeper than the bounds.
    :raises DecodeError: no WBXML.
    """
    _bound(octets, max_octets)
    document = wbxml.decode(octets, wbxml.by_media_type(BINARY_MEDIA_TYPE), limits=LIMITS)
    return _document(document.root)


def write_text(document: ProvisioningDocument) -> bytes:
    """Return ``document`` as XML in UTF-8 with its DOCTYPE.

    :raises EncodeError: a name or value holds a character that XML cannot, or it is too deep.
    """
    return wbxml.write_xml(_wbxml_document(document))


def write_wbxml(document: ProvisioningDocument) -> bytes:
    """Return ``document`` as WBXML 1.3: the octets that a MAC is computed over.

    :raises EncodeError: a name or value holds a NUL or half a character, or it is too deep.
    """
    return wbxml.encode(_wbxml_document(document))


# ---- the tree of elements -----------------------------------------------------------------------


def _bound(octets: bytes, max_octets: int) -> None:
    if len(octets) > max_octets:
        raise LimitError(f"a document of {len(octets)} octets, {max_octets} are taken")


def _document(root: wbxml.Element) -> ProvisioningDocument:
    if root.name != _ROOT:
        raise ProvisioningError(f"the document element is {root.name[:40]}", "/")
    return ProvisioningDocument(
        tuple(_characteristic(element, "") for element in root.elements("characteristic")),
        root.attributes.get("version"),
    )


def _characteristic(element: wbxml.Element, path: str) -> Characteristic:
    type_ = element.attributes.get("type")
    if type_ is None:
        raise ProvisioningError("a characteristic without type", path or "/")
    here = f"{path}/{type_[:40]}"
    return Characteristic(
        type_,
        tuple(_parm(parm, here) for parm in element.elements("parm")),
        tuple(_characteristic(below, here) for below in element.elements("characteristic")),
    )


def _parm(element: wbxml.Element, path: str) -> Parm:
    name = element.attributes.get("name")
    if name is None:
        raise ProvisioningError("a parm without name", path)
    return Parm(name, element.attributes.get("value"))


def _wbxml_document(document: ProvisioningDocument) -> wbxml.WbxmlDocument:
    attributes = {} if document.version is None else {"version": document.version}
    children = tuple(_element(root, 1) for root in document.characteristics)
    return wbxml.new_document(TEXT_MEDIA_TYPE, wbxml.Element(_ROOT, attributes, children))


def _element(characteristic: Characteristic, depth: int) -> wbxml.Element:
    if depth > MAX_DEPTH:
        raise EncodeError(f"characteristics more than {MAX_DEPTH} deep")
    parms = (
        wbxml.Element("parm", {"name": parm.name} | _value(parm)) for parm in characteristic.parms
    )
    below = (_element(inner, depth + 1) for inner in characteristic.characteristics)
    return wbxml.Element("characteristic", {"type": characteristic.type}, (*parms, *below))


def _value(parm: Parm) -> dict[str, str]:
    return {} if parm.value is None else {"value": parm.value}

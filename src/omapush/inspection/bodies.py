"""What a push contains: the bodies that a media type names."""

from __future__ import annotations

from functools import partial

from omapush.content import mms_notification, session_initiation
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.explanation import Field
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.plain import Json, plain
from omapush.protocols import wbxml
from omapush.protocols.wbxml import charsets
from omapush.protocols.wbxml.conversion import GENERIC, table_of
from omapush.protocols.wbxml.decoding import Reader
from omapush.protocols.wdp import AddressType


def carried_body(content_type: str | None, body: bytes) -> tuple[Carried, ...]:
    """Return who reads a ``body``; nobody when its type says nothing that we can read."""
    essence = (content_type or "").partition(";")[0].strip().lower()
    if not body or not essence:
        return ()
    if essence == mms_notification.MEDIA_TYPE:
        return (Carried("mms", body, read_mms_notification),)
    if essence == session_initiation.CONTENT_TYPE:
        return (Carried("sir", body, read_session_initiation),)
    if essence == GENERIC or essence in wbxml.BINARY_TO_TEXT:
        return (Carried("wbxml", body, partial(read_wbxml, media_type=essence)),)
    if essence.startswith("text/") or essence.endswith(("+xml", "/xml")):
        return (Carried("text", body, read_text),)
    return ()


def read_wbxml(octets: bytes, media_type: str | None = None) -> Reading:
    """Read a WBXML document.

    :param media_type: chooses the token table; without it the document's public identifier does.
    :raises DecodeError: malformed, or no token table fits.
    """
    reader = Reader(octets, table_of(octets, media_type))
    document = reader.document()
    warnings = []
    if reader.position < len(octets):
        left = len(octets) - reader.position
        warnings.append(f"wbxml: {left} octets after the end of the document are not read")
    values: Values = {
        "version": f"{(document.version >> 4) + 1}.{document.version & 15}",
        "document_type": reader.table.title,
        "public_id": document.public_id,
        "charset": _charset(document.charset),
        "xml": _xml(document, reader.table),
    }
    return Reading(
        "wbxml", values, partial(wbxml.explain, octets, media_type), (), tuple(warnings), 90
    )


def _charset(mibenum: int) -> Json:
    known = charsets.BY_MIBENUM.get(mibenum)
    return None if known is None else known.name


def _xml(document: wbxml.WbxmlDocument, table: wbxml.TokenTable) -> str:
    try:
        return wbxml.write_xml(document, table).decode()
    except EncodeError as error:
        raise DecodeError(error.reason, None, "wbxml") from error


def read_mms_notification(octets: bytes) -> Reading:
    """Read an M-Notification.ind. :raises DecodeError: it is none."""
    notification = mms_notification.decode(octets)
    values: Values = {"pdu": "M-Notification.ind"}
    for name in notification.__dataclass_fields__:
        values[name.rstrip("_")] = plain(getattr(notification, name))
    return Reading("mms", values, partial(mms_notification.explain, octets))


def read_session_initiation(octets: bytes) -> Reading:
    """Read a session initiation request. :raises DecodeError: it is none."""
    request = session_initiation.decode(octets)
    values: Values = {
        "version": request.version,
        "application_ids": [str(each) for each in request.application_ids],
        "wsp_contact_points": _contact_points(request.wsp_contact_points),
        "contact_points": _contact_points(request.contact_points),
        "protocol_options": list(request.protocol_options),
        "provisioning_url": request.provisioning_url.hex(),
        "cpi_tags": [tag.hex() for tag in request.cpi_tags],
    }
    warnings = tuple(f"sir: {deviation}" for deviation in request.deviations)
    explain = partial(session_initiation.explain_session_initiation, octets)
    return Reading("sir", values, explain, (), warnings, _likely(request))


def _likely(request: session_initiation.SessionInitiation) -> int:
    """Tell how likely it is a request: reading tolerates so much that nearly anything is one."""
    offers = request.wsp_contact_points or request.contact_points
    if not offers or request.version > 1:
        return 5
    return 30 if request.deviations else 70


def _contact_points(addresses: tuple[AddressType, ...]) -> list[Json]:
    return [{"address": each.text, "port": each.port, "bearer": each.bearer} for each in addresses]


def read_text(octets: bytes) -> Reading:
    """Read characters: UTF-8 where it is, else octet by octet."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    return Reading("text", {"text": text}, lambda: Field("text", 0, octets, text))

"""Text to binary and back, octets to octets."""

from __future__ import annotations

from omapush.core.errors import DecodeError, EncodeError
from omapush.protocols.wbxml import charsets, tables
from omapush.protocols.wbxml.decoding import Reader, decode
from omapush.protocols.wbxml.encoding import encode
from omapush.protocols.wbxml.model import (
    DEFAULT_LIMITS,
    LAYER,
    Element,
    Limits,
    WbxmlDocument,
)
from omapush.protocols.wbxml.tokens import TokenTable
from omapush.protocols.wbxml.xml_reading import read_xml
from omapush.protocols.wbxml.xml_writing import write_xml

GENERIC = "application/vnd.wap.wbxml"
"""The media type that says nothing but WBXML; the public identifier says the rest."""


def encode_xml(
    xml: bytes, media_type: str, *, charset: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> bytes:
    """Return the WBXML of a text document, in UTF-8 and the version that its type is written in.

    :param media_type: of the text or of the binary form.
    :param charset: what the transport says of the character set of ``xml``.
    :raises DecodeError: as :func:`~omapush.protocols.wbxml.xml_reading.read_xml`.
    :raises EncodeError: a value lacks the form that the binary one needs (a date, a key).
    """
    document = read_xml(xml, media_type, charset=charset, limits=limits)
    return encode(document, tables.table_for(media_type, document.public_id))


def decode_xml(
    wbxml: bytes,
    media_type: str | None = None,
    *,
    charset: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> bytes:
    """Return the text of a WBXML document, as XML in UTF-8.

    :param media_type: of either form; ``None`` and the generic one leave it to the document's
        public identifier.
    :raises DecodeError: as :func:`~omapush.protocols.wbxml.decoding.decode`, or characters that
        XML cannot hold, or opaque data that is no text.
    """
    table = table_of(wbxml, media_type)
    document = decode(wbxml, table, charset=charset, limits=limits)
    try:
        return write_xml(document, table)
    except EncodeError as error:
        raise DecodeError(error.reason, None, LAYER) from error


def new_document(media_type: str, root: Element) -> WbxmlDocument:
    """Return a document of our own, in UTF-8 and the version that its type is written in.

    :raises UnsupportedMediaType: no token table belongs to ``media_type``.
    """
    table = tables.table_for(media_type)
    return WbxmlDocument(table.version, table.public_id, charsets.UTF_8, root)


def table_of(wbxml: bytes, media_type: str | None) -> TokenTable | None:
    """Return the token table that ``media_type`` asks for, if it asks for one.

    Among editions the document's own public identifier chooses.

    :raises UnsupportedMediaType: a media type without a token table.
    """
    if media_type is None or media_type.partition(";")[0].strip().lower() == GENERIC:
        return None
    table = tables.table_for(media_type)
    if len(tables.editions(media_type)) == 1:
        return table
    return tables.table_for(media_type, _public_number(wbxml))


def _public_number(wbxml: bytes) -> int:
    """Return the number of the public identifier, 0 when it is spelt or not there."""
    reader = Reader(wbxml)
    try:
        reader.version()
        return reader.public_id()[0]
    except (DecodeError, IndexError):
        return 0

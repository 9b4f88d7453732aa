"""WAP Binary XML, 1.0 to 1.3 (WAP-192): documents as tokens, in both directions.

* ``conversion``: text octets to binary octets and back, by media type; what most callers want. It
  calls ``xml_reading`` then ``encoding``, or ``decoding`` then ``xml_writing``.
* ``parts``: numbers and strings, below ``decoding``.
* ``model``: the document between the two, and the limits of what is read.
* ``explaining``: what each token of a document is, for people.
* ``tables``: the document types, one module each, data only; ``tokens`` says what a table is,
  ``index`` turns one round for quick look-up, once.
* ``opaque``, ``variables``, ``charsets``, ``characters``: dates and keys in octets, WML's ``$(x)``,
  MIBenum numbers, what XML can hold.

What a peer sent wrongly is a :class:`~omapush.core.errors.DecodeError` (layer ``wbxml``, position
in octets) or the :class:`~omapush.core.errors.LimitError` among them; what cannot be written is an
:class:`~omapush.core.errors.EncodeError`. Time and memory are in proportion to the input, and to
:class:`~omapush.protocols.wbxml.model.Limits` where a document refers to its string table.
"""

from omapush.protocols.wbxml.conversion import decode_xml, encode_xml, new_document
from omapush.protocols.wbxml.decoding import decode
from omapush.protocols.wbxml.encoding import encode
from omapush.protocols.wbxml.explaining import explain
from omapush.protocols.wbxml.model import (
    Element,
    Limits,
    ProcessingInstruction,
    WbxmlDocument,
)
from omapush.protocols.wbxml.tables import (
    BINARY_TO_TEXT,
    TABLES,
    TEXT_TO_BINARY,
    UnsupportedMediaType,
    by_media_type,
    by_public_id,
)
from omapush.protocols.wbxml.tokens import TokenTable
from omapush.protocols.wbxml.xml_reading import read_xml, trimmed
from omapush.protocols.wbxml.xml_writing import write_xml

__all__ = [
    "BINARY_TO_TEXT",
    "TABLES",
    "TEXT_TO_BINARY",
    "Element",
    "Limits",
    "ProcessingInstruction",
    "TokenTable",
    "UnsupportedMediaType",
    "WbxmlDocument",
    "by_media_type",
    "by_public_id",
    "decode",
    "decode_xml",
    "encode",
    "encode_xml",
    "explain",
    "new_document",
    "read_xml",
    "trimmed",
    "write_xml",
]

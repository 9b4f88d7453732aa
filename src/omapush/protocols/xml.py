"""XML from strangers: its characters, and a tree without anything fetched, expanded or defaulted.

What a document could expand is found in its text, in the very characters that the parser sees, so
that no encoding hides it. Errors are plain facts; callers say what they mean in their own format.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from omapush.core.errors import DecodeError

_PARSER = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    remove_comments=True,
    remove_pis=True,
    huge_tree=False,
)
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-16": "utf-16",
    "us-ascii": "us-ascii",
    "ascii": "us-ascii",
    "iso-8859-1": "iso-8859-1",
    "latin-1": "iso-8859-1",
    "windows-1252": "windows-1252",
    "cp1252": "windows-1252",
}
# An attribute default would be copied into every element: as bad as an entity.
_DECLARATION = re.compile("<!(?:ENTITY|ATTLIST)")
_UNKNOWN_ENTITY = re.compile("&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")


class XmlError(DecodeError):
    """No XML that is taken; ``position`` counts characters from 0."""


def encoding_of(octets: bytes, charset: str | None = None) -> str:
    """Return a document's codec: by its byte order mark, else ``charset``, else as it declares.

    :raises XmlError: a character set that is not taken.
    """
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if octets.startswith(mark)), None)
    if marked is not None:
        return marked
    declared = _DECLARED.match(octets[:256].lstrip())
    named = charset or (declared[1].decode("ascii") if declared else "utf-8")
    encoding = _ENCODINGS.get(named.lower())
    if encoding is None:
        raise XmlError(f"the character set {named[:40]!r} is not taken")
    return encoding


def refuse_expansion(text: str) -> None:
    """Do nothing if nothing in ``text`` could expand.

    :raises XmlError: it declares an entity or an attribute default, or uses an entity that nobody
        declared.
    """
    declaration = _DECLARATION.search(text)
    if declaration is not None:
        raise XmlError("the document declares an entity or a default", declaration.start())
    # With a DOCTYPE that is not read the parser would drop what it cannot expand.
    unknown = _UNKNOWN_ENTITY.search(text)
    if unknown is not None:
        raise XmlError("not well-formed XML: an entity that is not declared", unknown.start())


def parse(text: str, utf_8: bytes) -> Any:  # noqa: ANN401 - lxml's element type is private
    """Return the document element.

    :param utf_8: ``text`` in UTF-8, which callers mostly have.
    :raises XmlError: not well-formed.
    """
    try:
        return etree.fromstring(utf_8, _PARSER)
    except etree.XMLSyntaxError as error:
        lines = text.split("\n", error.lineno or 1)
        offset = sum(len(line) + 1 for line in lines[: (error.lineno or 1) - 1])
        position = offset + max(0, (error.offset or 1) - 1)
        reason = (error.msg or "not well-formed").partition(", line ")[0]
        raise XmlError(f"not well-formed XML: {reason}", position) from error
    except (ValueError, LookupError, RecursionError) as error:
        raise XmlError("not an XML document") from error

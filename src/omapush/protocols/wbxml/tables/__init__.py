"""The token tables, and how one is found.

The media type decides where it is known; the public identifier inside a document only where it is
not, and among the editions of one document type (WAP-167, WAP-192).
"""

from __future__ import annotations

from omapush.core.errors import DecodeError
from omapush.protocols.wbxml.model import LAYER
from omapush.protocols.wbxml.tables.co import CO
from omapush.protocols.wbxml.tables.drm_rel import DRM_REL
from omapush.protocols.wbxml.tables.emn import EMN
from omapush.protocols.wbxml.tables.prov import PROV
from omapush.protocols.wbxml.tables.si import SI
from omapush.protocols.wbxml.tables.sl import SL
from omapush.protocols.wbxml.tables.uaprof import UAPROF
from omapush.protocols.wbxml.tables.wml import WML_1_1, WML_1_2, WML_1_3
from omapush.protocols.wbxml.tokens import TokenTable

_WML = (WML_1_3, WML_1_2, WML_1_1)
_ROWS = (
    ("text/vnd.wap.si", "application/vnd.wap.sic", (SI,)),
    ("text/vnd.wap.sl", "application/vnd.wap.slc", (SL,)),
    ("text/vnd.wap.co", "application/vnd.wap.coc", (CO,)),
    ("text/vnd.wap.emn+xml", "application/vnd.wap.emn+wbxml", (EMN,)),
    ("text/vnd.wap.connectivity-xml", "application/vnd.wap.connectivity-wbxml", (PROV,)),
    ("text/vnd.wap.wml", "application/vnd.wap.wmlc", _WML),
    (
        "application/vnd.oma.drm.rights+xml",
        "application/vnd.oma.drm.rights+wbxml",
        (DRM_REL,),
    ),
)

TEXT_TO_BINARY = {text: binary for text, binary, _ in _ROWS}
"""The binary media type of each text one; all in lower case, without parameters."""
BINARY_TO_TEXT = {binary: text for text, binary, _ in _ROWS}
"""The reverse of :data:`TEXT_TO_BINARY`."""

TABLES = (SI, SL, CO, EMN, PROV, *_WML, DRM_REL, UAPROF)
_BY_PUBLIC_ID: dict[int | str | None, TokenTable] = {
    key: table
    for table in TABLES
    if table is not UAPROF
    for key in (table.public_id, table.public_name)
}
_BY_MEDIA_TYPE = (
    {text: tables for text, _, tables in _ROWS}
    | {binary: tables for _, binary, tables in _ROWS}
    # Inside a Profile-Diff header the octets have no media type of their own.
    | {"application/vnd.wap.uaprof": (UAPROF,)}
)


class UnsupportedMediaType(DecodeError):
    """No token table belongs to the media type."""


def by_public_id(public_id: int | str | None) -> TokenTable | None:
    """Return the table of a public identifier, by its number or its name."""
    return _BY_PUBLIC_ID.get(public_id)


def by_media_type(media_type: str | None, public_id: int | str | None = None) -> TokenTable | None:
    """Return the table of a media type, text or binary; parameters and case do not matter.

    :param public_id: chooses among editions; one that belongs to another type is not heeded.
    """
    tables = editions(media_type)
    return next(
        (table for table in tables if public_id in {table.public_id, table.public_name}),
        tables[0] if tables else None,
    )


def editions(media_type: str | None) -> tuple[TokenTable, ...]:
    """Return all tables of a media type, the latest first; none for a type that has none."""
    essence = (media_type or "").partition(";")[0].strip().lower()
    return _BY_MEDIA_TYPE.get(essence, ())


def table_for(media_type: str, public_id: int | str | None = None) -> TokenTable:
    """Return the table of a media type. :raises UnsupportedMediaType: there is none."""
    table = by_media_type(media_type, public_id)
    if table is None:
        raise UnsupportedMediaType(f"no token table for {media_type[:60]!r}", None, LAYER)
    return table

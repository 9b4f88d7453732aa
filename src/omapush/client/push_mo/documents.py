"""Documents that bring the object, by their media types, and documents that are made of it."""

from __future__ import annotations

from omapush.client.push_mo import json_form, provisioning, tnds
from omapush.client.push_mo.model import Reading
from omapush.client.push_mo.node_form import model_of
from omapush.content.provisioning import documents as provisioning_documents
from omapush.core.errors import DecodeError

WHOLE_OBJECT = (tnds.MEDIA_TYPE, "application/xml", "text/xml", json_form.MEDIA_TYPE)
"""Types of documents that say all that the object is to be."""
ADDITIONS = (provisioning_documents.TEXT_MEDIA_TYPE, provisioning_documents.BINARY_MEDIA_TYPE)
"""Types of documents that add to a whitelist."""


def read(octets: bytes, media_type: str) -> Reading:
    """Read a document of any form, as far as it can be taken.

    :param media_type: its Content-Type; parameters play no part.
    :raises DecodeError: a media type that is not taken, or no such document at all.
    :raises LimitError: larger or deeper than the bounds.
    """
    named = base_type(media_type)
    if named == json_form.MEDIA_TYPE:
        return json_form.read(octets)
    if named in WHOLE_OBJECT:
        return model_of(tnds.read(octets))
    if named == provisioning_documents.TEXT_MEDIA_TYPE:
        return provisioning.read(provisioning_documents.read_text(octets))
    if named == provisioning_documents.BINARY_MEDIA_TYPE:
        return provisioning.read(provisioning_documents.read_wbxml(octets))
    raise DecodeError(f"{named[:60]!r} is none of {', '.join((*WHOLE_OBJECT, *ADDITIONS))}")


def base_type(media_type: str) -> str:
    """Return a media type in lower case without parameters."""
    return media_type.partition(";")[0].strip().lower()

"""IMS Application Reference Identifiers: one application instance among several of its type.

The Application ID of the CAI is a URI. One that is an IARI is used as it is; any other is
percent-encoded and put behind the beginning that all IARIs have [design]. The same tag serves
outside of IMS.
"""

from __future__ import annotations

from urllib.parse import unquote

from omapush.core.errors import DecodeError
from omapush.ota.sip.tag_values import MAX_LENGTH, encoded, is_token

TAG = "g.3gpp.iari-ref"
PREFIX = "urn:urn-7:3gpp-application.ims.iari."


def iari_of(application_id: str) -> str:
    """Return the IARI, a URN, of an application instance.

    It is also what a push to that instance has in ``PushSource.binding``.
    """
    if application_id.lower().startswith(PREFIX):
        return PREFIX + application_id[len(PREFIX) :]
    return PREFIX + encoded(application_id)


def value_of(application_id: str) -> str:
    """Return the value of the tag: the IARI with its colons percent-encoded."""
    return encoded(iari_of(application_id))


def application_id_of(value: str) -> str:
    """Return the Application ID of the CAI that a value of the tag, or an IARI, stands for.

    :raises DecodeError: no IARI.
    """
    rest = iari_in(value)[len(PREFIX) :]
    foreign = unquote(rest, errors="replace")
    return foreign if ":" in foreign and foreign != rest else PREFIX + rest


def iari_in(value: str) -> str:
    """Return the IARI that a value of the tag holds. :raises DecodeError: it holds none."""
    iari = value
    if len(value) <= MAX_LENGTH and is_token(value):
        iari = unquote(value, errors="replace")
    rest = iari[len(PREFIX) :]
    if not iari.lower().startswith(PREFIX) or not is_token(rest) or len(iari) > MAX_LENGTH:
        raise DecodeError(f"not an IARI: {value[:80]!r}", TAG)
    return PREFIX + rest

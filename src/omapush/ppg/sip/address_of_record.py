"""Which SIP addresses mean the same user (RFC 3261 19.1, RFC 5627)."""

from __future__ import annotations

from urllib.parse import quote, unquote

from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.uri import SipUri

_OF_PARAMETER = "-_.!~*'()[]/:&+$"  # what may stand there unescaped (RFC 3261 25.1)


def address_of_record(uri: str) -> str | None:
    """Return the user's address that ``uri`` belongs to: itself, without its parameters.

    ``None``: it is no SIP address of a user. It is in one form (RFC 3261 10.3), and may stand in
    any header.
    """
    try:
        read = SipUri.parse(uri)
    except BadSipMessage:
        return None
    return str(read.aor()) if read.user else None


def domain_of(uri: str) -> str:
    """Return the domain of an address of record; empty if ``uri`` is none."""
    record = address_of_record(uri)
    return "" if record is None else record.rpartition("@")[2]


def is_device(uri: str) -> bool:
    """Whether it is a GRUU: the address of one device of the user (RFC 5627 3)."""
    parameters = uri.rpartition("@")[2].partition("?")[0].split(";")[1:]
    return any(each.partition("=")[0].lower() == "gr" for each in parameters)


def instance_of(uri: str) -> str | None:
    """Return by what a public GRUU names the device; ``None``: it does not, or is none."""
    parameters = uri.rpartition("@")[2].partition("?")[0].split(";")[1:]
    given = (each.partition("=") for each in parameters)
    return next((value for name, _, value in given if name.lower() == "gr" and value), None)


def device_of_user(user: str, uri: str) -> str:
    """Return the address of the device that a GRUU of a user names, and nothing else that it says.

    Whoever gives an address may write where requests are to go to instead (``maddr``), or headers.
    """
    instance = instance_of(uri)
    if instance is None:
        return f"{user};gr"
    plain = unquote(instance, errors="surrogateescape")
    return f"{user};gr={quote(plain, safe=_OF_PARAMETER, errors='surrogateescape')}"

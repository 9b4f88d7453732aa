"""Which SIP addresses mean the same user (RFC 3261 19.1, RFC 5627)."""

from __future__ import annotations

_SCHEMES = ("sip", "sips")


def address_of_record(uri: str) -> str | None:
    """Return the user's address that ``uri`` belongs to: itself, without its parameters.

    ``None``: it is no SIP address of a user. The scheme and the domain are written in lower case.
    """
    scheme, _, rest = uri.partition(":")
    # A user part may hold ";" and "?", but no "@" (RFC 3261 25.1).
    user, at, place = rest.rpartition("@")
    domain = place.partition(";")[0].partition("?")[0].lower()
    if scheme.lower() not in _SCHEMES or not at or not user or not domain:
        return None
    return f"{scheme.lower()}:{user}@{domain}"


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

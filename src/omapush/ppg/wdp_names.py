"""Names of networks and bearers, as initiators and settings write them (WAP-259, appendix C)."""

from __future__ import annotations

ANY = "any"


def same_name(one: str | None, other: str | None) -> bool:
    """Whether two names are one: letter case and ``_`` for a space make no difference."""
    return one is not None and other is not None and folded(one) == folded(other)


def constrains(name: str | None) -> bool:
    """Whether a wish for ``name`` is one: none is, nor is "any"."""
    return name is not None and folded(name) != ANY


def folded(name: str) -> str:
    """Return the form in which names are compared."""
    return name.strip().replace(" ", "_").lower()

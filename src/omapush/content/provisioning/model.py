"""A provisioning document as values (Provisioning Content, WAP-183).

The document is a tree of characteristics that hold parms; which of them exist, where and how often
is in ``schema``. Values that are secrets are left out of every ``repr``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from omapush.core.errors import DecodeError

SECRET_PARMS = frozenset(
    ("AUTHSECRET", "BASAUTH-PW", "PXAUTH-PW", "PROXY-PW", "AAUTHSECRET", "AAUTHDATA")
)
"""Parms whose values are never shown."""

KNOWN_MAJOR_VERSIONS = frozenset(("1",))


class ProvisioningError(DecodeError):
    """The input is no provisioning document."""


@dataclass(frozen=True, slots=True, repr=False)
class Parm:
    """One parameter; a flag like INTERNET has no value."""

    name: str
    value: str | None = None

    @property
    def shown_value(self) -> str | None:
        """The value as people may see it."""
        return "***" if self.name in SECRET_PARMS and self.value else self.value

    def __repr__(self) -> str:
        return f"Parm({self.name!r}, {self.shown_value!r})"


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One group of parameters, parms before the characteristics within it."""

    type: str
    parms: tuple[Parm, ...] = ()
    characteristics: tuple[Characteristic, ...] = ()

    def value(self, name: str) -> str | None:
        """Return the value of the first parm called ``name``; ``None`` if it has or is none."""
        return next((parm.value for parm in self.parms if parm.name == name), None)

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of all parms called ``name``, in order, without empty ones."""
        return tuple(parm.value for parm in self.parms if parm.name == name and parm.value)

    def has(self, name: str) -> bool:
        """Whether there is a parm called ``name``, with a value or without."""
        return any(parm.name == name for parm in self.parms)

    def of_type(self, type_: str) -> Iterator[Characteristic]:
        """Yield the characteristics of ``type_`` right below this one."""
        return (below for below in self.characteristics if below.type == type_)


@dataclass(frozen=True, slots=True)
class ProvisioningDocument:
    """A whole document.

    :ivar version: of the provisioning content, ``1.0`` or ``1.1``; ``None`` when it is not said.
    """

    characteristics: tuple[Characteristic, ...]
    version: str | None = "1.0"

    def of_type(self, type_: str) -> Iterator[Characteristic]:
        """Yield the characteristics of ``type_`` at the root."""
        return (root for root in self.characteristics if root.type == type_)

    @property
    def usable(self) -> bool:
        """Whether a client may use it: no version, or a major number that is known (WAP-183)."""
        return self.version is None or self.version.partition(".")[0] in KNOWN_MAJOR_VERSIONS

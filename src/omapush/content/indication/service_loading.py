"""Service Loading 1.0 (WAP-168)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from omapush.content.indication.document import Fault, PushDocument, attributes, stripped
from omapush.protocols.wbxml import Element


class LoadingAction(StrEnum):
    """What the client is to do with the service (WAP-168)."""

    EXECUTE_LOW = "execute-low"
    EXECUTE_HIGH = "execute-high"
    CACHE = "cache"


@dataclass(frozen=True, slots=True)
class ServiceLoading(PushDocument):
    """A request that the client loads a service without asking.

    :ivar href: what to load; never empty.
    """

    LAYER: ClassVar[str] = "sl"
    TEXT_TYPE: ClassVar[str] = "text/vnd.wap.sl"
    BINARY_TYPE: ClassVar[str] = "application/vnd.wap.slc"

    href: str
    action: LoadingAction = LoadingAction.EXECUTE_LOW

    @classmethod
    def _read(cls, root: Element) -> Self:
        href = stripped(root.attributes, "href") or ""
        return cls(href, cls._choice(root, "action", LoadingAction.EXECUTE_LOW))

    def _written(self) -> Element:
        action = None if self.action is LoadingAction.EXECUTE_LOW else self.action.value
        return Element("sl", attributes(("href", self.href), ("action", action)))

    def _fault(self) -> Fault | None:
        return None if self.href else Fault("an SL needs an href", "sl/@href")

"""Cache Operation 1.0 (WAP-175)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from omapush.content.indication.document import Fault, PushDocument, stripped
from omapush.protocols.wbxml import Element

_OBJECT = "invalidate-object"
_SERVICE = "invalidate-service"


@dataclass(frozen=True, slots=True)
class CacheOperation(PushDocument):
    """A request that the client no longer uses what it has cached.

    :ivar objects: URIs, relative or absolute, of single objects.
    :ivar services: URIs of which all that begins like them is meant (WAP-175).
    """

    LAYER: ClassVar[str] = "co"
    TEXT_TYPE: ClassVar[str] = "text/vnd.wap.co"
    BINARY_TYPE: ClassVar[str] = "application/vnd.wap.coc"

    objects: tuple[str, ...] = ()
    services: tuple[str, ...] = ()

    @classmethod
    def _read(cls, root: Element) -> Self:
        return cls(_uris(root, _OBJECT), _uris(root, _SERVICE))

    def _written(self) -> Element:
        children = [
            *(Element(_OBJECT, {"uri": uri}) for uri in self.objects),
            *(Element(_SERVICE, {"uri": uri}) for uri in self.services),
        ]
        return Element("co", {}, tuple(children))

    def _fault(self) -> Fault | None:
        if not self.objects and not self.services:
            return Fault("a CO without anything to invalidate", "co")
        if not all(self.objects) or not all(self.services):
            return Fault("an operation needs a uri", "co/*/@uri")
        return None


def _uris(root: Element, name: str) -> tuple[str, ...]:
    return tuple(stripped(element.attributes, "uri") or "" for element in root.elements(name))

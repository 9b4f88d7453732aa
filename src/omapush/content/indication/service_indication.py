"""Service Indication 1.0 (WAP-167 as corrected by note 103)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

from omapush.content.indication.document import Fault, PushDocument, attributes, stripped
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.protocols.wbxml import Element, trimmed


class SignalAction(StrEnum):
    """What the client is to do with the indication (WAP-167)."""

    SIGNAL_NONE = "signal-none"
    SIGNAL_LOW = "signal-low"
    SIGNAL_MEDIUM = "signal-medium"
    SIGNAL_HIGH = "signal-high"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class InfoItem:
    """An ``item`` of the ``info`` element: text of a registered class (WAP-167)."""

    item_class: str
    text: str


@dataclass(frozen=True, slots=True)
class ServiceIndication(PushDocument):
    """An indication that a service has something for the user.

    :ivar text: for the user; white space around it is not part of it, nor are its line breaks.
    :ivar href: what to load; ``None`` and the empty string ask for nothing to be loaded.
    :ivar created: when its content was made; ``None`` if the document does not say.
    :ivar si_expires: when it is of no more use. Both are in whole seconds.
    """

    LAYER: ClassVar[str] = "si"
    TEXT_TYPE: ClassVar[str] = "text/vnd.wap.si"
    BINARY_TYPE: ClassVar[str] = "application/vnd.wap.sic"

    text: str = ""
    href: str | None = None
    si_id: str | None = None
    created: Instant | None = None
    si_expires: Instant | None = None
    action: SignalAction = SignalAction.SIGNAL_MEDIUM
    info: tuple[InfoItem, ...] = ()

    @property
    def comparison_key(self) -> str | None:
        """What tells that two indications are of one matter: si-id, else href (WAP-167).

        ``None`` when neither is given. Without ``created`` it replaces nothing (WAP-167
        with note 103).
        """
        return self.si_id or self.href or None

    @classmethod
    def _read(cls, root: Element) -> Self:
        indication = cls._only(root, "indication")
        if indication is None:
            raise DecodeError("an SI without indication", "si", cls.LAYER)
        info = cls._only(root, "info")
        items = () if info is None else tuple(map(cls._item, info.elements("item")))
        if info is not None and not items:
            raise DecodeError("an info without item", "si/info", cls.LAYER)
        return cls(
            trimmed(indication.text),
            stripped(indication.attributes, "href"),
            stripped(indication.attributes, "si-id"),
            cls._date(indication, "created"),
            cls._date(indication, "si-expires"),
            cls._choice(indication, "action", SignalAction.SIGNAL_MEDIUM),
            items,
        )

    @classmethod
    def _item(cls, element: Element) -> InfoItem:
        return InfoItem(stripped(element.attributes, "class") or "", trimmed(element.text))

    def _written(self) -> Element:
        action = None if self.action is SignalAction.SIGNAL_MEDIUM else self.action.value
        said = attributes(
            ("href", self.href),
            ("si-id", self.si_id),
            ("created", self.created),
            ("si-expires", self.si_expires),
            ("action", action),
        )
        text = trimmed(self.text)
        children = [Element("indication", said, (text,) if text else ())]
        if self.info:
            children.append(Element("info", {}, tuple(map(_written_item, self.info))))
        return Element("si", {}, tuple(children))

    def _fault(self) -> Fault | None:
        if self.action is SignalAction.DELETE and not self.si_id:
            return Fault("an SI that deletes needs an si-id", "indication/@si-id")
        if any(not item.item_class or " " in item.item_class for item in self.info):
            return Fault("an item needs a class, in one word", "info/item/@class")
        return None


def _written_item(item: InfoItem) -> Element:
    text = trimmed(item.text)
    return Element("item", {"class": item.item_class}, (text,) if text else ())

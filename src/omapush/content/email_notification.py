"""E-mail notification 1.0: there is new mail in a mailbox (OMA EMN 1.0)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from omapush.content.indication.document import Fault, PushDocument, attributes, stripped
from omapush.core.instants import Instant
from omapush.protocols.wbxml import Element


@dataclass(frozen=True, slots=True)
class EmailNotification(PushDocument):
    """A notification that mail has come.

    Written as WBXML, the mailbox is spelt out after its scheme: decoders disagree what the tokens
    for the ends of host names stand for.

    :ivar mailbox: a URI such as ``mailat:user@example.org`` or ``imap://user@example.org/inbox``.
    :ivar timestamp: when the mail came, in whole seconds; ``None`` if the document does not say.
    """

    LAYER: ClassVar[str] = "emn"
    TEXT_TYPE: ClassVar[str] = "text/vnd.wap.emn+xml"
    BINARY_TYPE: ClassVar[str] = "application/vnd.wap.emn+wbxml"

    mailbox: str
    timestamp: Instant | None = None

    @classmethod
    def _read(cls, root: Element) -> Self:
        return cls(stripped(root.attributes, "mailbox") or "", cls._date(root, "timestamp"))

    def _written(self) -> Element:
        said = attributes(("mailbox", self.mailbox), ("timestamp", self.timestamp))
        return Element("emn", said)

    def _fault(self) -> Fault | None:
        return None if self.mailbox else Fault("an EMN needs a mailbox", "emn/@mailbox")

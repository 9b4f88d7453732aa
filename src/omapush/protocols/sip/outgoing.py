"""What both sides of an endpoint put out, and the queue of their timers."""

from __future__ import annotations

from omapush.protocols.sip.client_transactions import ClientTransaction
from omapush.protocols.sip.primitives import Indication, SendMessage
from omapush.protocols.sip.server_transactions import ServerTransaction
from omapush.protocols.sip.timers import TimerQueue


class Outgoing:
    """Collects effects and indications in their order."""

    def __init__(self) -> None:
        self.queue: TimerQueue[ClientTransaction | ServerTransaction] = TimerQueue()
        self._effects: list[SendMessage] = []
        self._indications: list[Indication] = []

    def send(self, effect: SendMessage) -> None:
        """Have a message sent."""
        self._effects.append(effect)

    def tell(self, indication: Indication) -> None:
        """Tell the user."""
        self._indications.append(indication)

    def effects(self) -> list[SendMessage]:
        """Return and forget what is to be sent."""
        effects, self._effects = self._effects, []
        return effects

    def indications(self) -> list[Indication]:
        """Return and forget what the user is to be told."""
        indications, self._indications = self._indications, []
        return indications

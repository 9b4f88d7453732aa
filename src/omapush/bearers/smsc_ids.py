"""The ids that an SMSC gives messages: in responses, in receipts, in query_sm. Pure.

The ledger keeps the normal form of an id (``protocols.smpp.receipt.normal_form``), so that reports
match however they spell it. What is remembered here beside it is bounded and may be lost: it makes
guesses better, and nothing depends on it.
"""

from __future__ import annotations

from omapush.bearers.smsc_account import MessageIdForm
from omapush.protocols.smpp.receipt import Receipt, matching_keys, normal_form

REMEMBERED = 10_000
USUAL_WIDTH = 10
"""Digits of an id in SMPP 3.4, appendix B, and so of many SMSCs."""


class MessageIds:
    """The ids of one SMSC.

    :param limit: how many ids are remembered.
    """

    def __init__(self, form: MessageIdForm, limit: int = REMEMBERED) -> None:
        self._form = form
        self._limit = limit
        # By reference: the id as given, and the digits of the number that it was given for.
        self._given: dict[str, tuple[str, str]] = {}
        self._width = 0
        self._is_upper = False

    def given(self, message_id: str, destination: str) -> str:
        """Learn an id out of a response; return the reference to keep."""
        reference = normal_form(message_id)
        self._given.pop(reference, None)
        self._given[reference] = (message_id, destination.lstrip("+"))
        if len(self._given) > self._limit:
            del self._given[next(iter(self._given))]
        self._looks_like(message_id)
        return reference

    def reported(self, receipt: Receipt, number: str) -> str | None:
        """Return the reference that a receipt means; ``None``: it has no id.

        :param number: of the phone, as the receipt gives it.
        """
        if not receipt.message_id or not receipt.message_id.strip():
            return None
        own = normal_form(receipt.message_id)
        match self._form:
            case MessageIdForm.HEX_IN_RECEIPT:
                return _rewritten(own, 16, "d") or own
            case MessageIdForm.DECIMAL_IN_RECEIPT:
                return _rewritten(own, 10, "x") or own
            case MessageIdForm.AUTO if own not in self._given:
                return self._guessed(receipt, number.lstrip("+")) or own
            case _:
                return own

    def _guessed(self, receipt: Receipt, number: str) -> str | None:
        """Return an id given to that very number which the receipt's ids may mean."""
        for message_id in (receipt.message_id, receipt.text_message_id):
            for key in matching_keys(message_id) if message_id else ():
                if self._given.get(key, ("", ""))[1] == number:
                    return key
        return None

    def to_ask(self, reference: str) -> tuple[str, ...]:
        """Return how to spell an id towards the SMSC, the likeliest first; at most three ways.

        After a restart only the normal form is known. What ids look like is then seen from newer
        ones, and, if there are none, guessed.
        """
        known = self._given.get(reference)
        if known is not None:
            return (known[0],)
        spelled = reference.upper() if self._is_upper else reference
        widths = (self._width, 0, USUAL_WIDTH)
        return tuple(dict.fromkeys(spelled.zfill(width) for width in widths))

    def understood(self, message_id: str) -> None:
        """Learn from an id that the SMSC knew when it was asked."""
        self._looks_like(message_id)

    def _looks_like(self, message_id: str) -> None:
        if message_id.startswith("0"):
            self._width = len(message_id)
        self._is_upper |= message_id != message_id.lower()


def _rewritten(text: str, base: int, form: str) -> str | None:
    try:
        return format(int(text, base), form) if text.isalnum() and len(text) <= 32 else None
    except ValueError:
        return None

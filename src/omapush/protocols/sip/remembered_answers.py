"""Answered requests that may be repeated yet: bounded in number and in octets."""

from __future__ import annotations

from omapush.protocols.sip.server_transactions import ServerTransaction


class RememberedAnswers:
    """Transactions in the order in which they were answered.

    :param maximum: how many there are at most.
    :param maximum_octets: how much their answers and keys are together at most.
    """

    def __init__(self, maximum: int, maximum_octets: int) -> None:
        self._maximum = maximum
        self._maximum_octets = maximum_octets
        self._octets = 0
        self._transactions: dict[str, tuple[ServerTransaction, int]] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._transactions)

    def add(self, transaction: ServerTransaction) -> None:
        """Remember one."""
        if transaction.key not in self._transactions:
            octets = transaction.held_octets
            self._transactions[transaction.key] = transaction, octets
            self._octets += octets

    def discard(self, transaction: ServerTransaction) -> None:
        """Let go of one, if it is there."""
        _, octets = self._transactions.pop(transaction.key, (None, 0))
        self._octets -= octets  # as counted before: it may hold less by now

    def one_too_many(self) -> ServerTransaction | None:
        """Return the oldest one if there are more than there should be."""
        if len(self) <= self._maximum and self._octets <= self._maximum_octets:
            return None
        return next((one for one, _ in self._transactions.values()), None)

"""Asking a client to open a session or a connection itself (SIR, WAP-235 8).

The request goes out as a connectionless push over another of the client's contacts. What it is for
goes back to the ledger, due again when the client has come or when it is to be asked again: waiting
for clients holds up nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.content.session_initiation import APPLICATION, CONTENT_TYPE, SessionInitiation
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import BearerUnavailable, OutcomeKind
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import BackOff, Reach, note
from omapush.ppg.store.contract import ClaimedDelivery, DeliveryKey, Store
from omapush.ppg.transform import Unfit

ASK_AGAIN_MS = 30 * SECOND_MS


class SessionRequests:
    """The requests to one client.

    :param what: that the client is asked for, e.g. ``a push session``.
    :param other: a connectionless way to the client; ``None``: there is none.
    :param wait_ms: the client is not asked again before; the wait grows while it does not come.
    :param asked: is told of each request whether it was sent.
    """

    def __init__(
        self,
        client_id: str,
        what: str,
        other: Reach | None,
        store: Store,
        retry: RetryPolicy,
        clock: Callable[[], Instant],
        wait_ms: int = ASK_AGAIN_MS,
        asked: Callable[[bool], None] | None = None,
    ) -> None:
        self._asked = asked
        self._what = what
        self._other = other
        self._store = store
        self._clock = clock
        self._wait_ms = wait_ms
        self._back_off = BackOff(retry, clock, client_id)
        self._asking = asyncio.Lock()  # pushes that come together ask once

    @property
    def not_before(self) -> Instant:
        """The client is not asked before."""
        return self._back_off.not_before

    def check(self) -> None:
        """:raises BearerUnavailable: it was asked not long ago; says what came of it."""
        self._back_off.check(self._clock())

    def answered(self) -> None:
        """The client has come."""
        self._back_off.succeeded()

    async def ask(self, claimed: ClaimedDelivery, request: PushMessage | None) -> str | None:
        """Ask the client, for a push that waits.

        :param request: ``None``: this gateway asks nobody.
        :returns: what came of it; ``None``: it is not asked, or was not long ago.
        """
        async with self._asking:
            if self._clock() < self.not_before:
                return None
            told = None
            try:
                if request is not None and self._other is not None:
                    sent, told = await self._ask(self._other, claimed, request)
                    if self._asked is not None:
                        self._asked(sent)
            finally:
                # Whatever went wrong: it may have been asked.
                reason = told or f"waits for {self._what}"
                self._back_off.failed(reason, at_least_ms=self._wait_ms)
            return told

    async def _ask(
        self, other: Reach, claimed: ClaimedDelivery, request: PushMessage
    ) -> tuple[bool, str]:
        """Return whether the request was sent, and what came of it."""
        try:
            passage = await other.passage(_asking(claimed, request), request)
        except BearerUnavailable as error:
            return False, f"the session request cannot be sent: {error.reason}"
        if isinstance(passage, Unfit):
            return False, f"the session request is not possible: {passage.reason}"
        outcome = await passage.push()
        if outcome.kind in (OutcomeKind.LATER, OutcomeKind.NEVER):
            return False, f"the session request failed: {outcome.reason}"
        detail = f"SIR: {outcome.reason}"
        await note(self._store, claimed.key, self._clock(), "session_requested", detail)
        # How it was sent stands in the line before.
        return True, f"asked for {self._what}"


def request_message(request: SessionInitiation) -> PushMessage:
    """Return the push that carries a request (WAP-235, 8.3)."""
    code = ApplicationId.parse(APPLICATION).registered_code
    headers = (("Content-Type", CONTENT_TYPE), ("X-Wap-Application-Id", f"{code:X}"))
    return PushMessage(headers, request.encode())


def _asking(claimed: ClaimedDelivery, request: PushMessage) -> ClaimedDelivery:
    """Return the session request as a delivery of its own.

    Nothing that is known of the push's short messages is of this one. Its name differs from one
    attempt to the next: the client would take a request with the same transaction id for a
    repetition by the bearer, and pay no heed to it.
    """
    key = DeliveryKey(f"{claimed.key.push_key}.sir{claimed.attempt}", claimed.key.position)
    return replace(
        claimed,
        key=key,
        message=request,
        flags=0,
        carried=(),
        notified=False,
        handed_over=False,
        in_doubt=False,
    )

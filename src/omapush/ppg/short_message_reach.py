"""Reaching a phone by connectionless pushes over SMS (OTA-WSP, WAP-235 6.3; WAP-259, 6.2).

A push becomes one datagram, and that one or several short messages. It has ended when the SMSC has
them all; or, where a receipt is wanted, when the SMSC has reported each. Every attempt of one
delivery gives the same octets with the same reference, and messages that the SMSC took in an
earlier attempt are not sent again: a phone puts together what it gets, or drops what it has.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from omapush.content.message import PushMessage
from omapush.core.instants import MINUTE_MS, Instant
from omapush.ota.bearer_reports import BearerReport
from omapush.ota.interface import CarriedPart, OutcomeKind, PushOutcome
from omapush.ota.short_messages import (
    ShortMessage,
    ShortMessageBearer,
    Submission,
    SubmissionVerdict,
    SubmissionWish,
)
from omapush.ota.wsp.unit_push import GATEWAY_PORT
from omapush.ppg.contacts import SmsContact
from omapush.ppg.priority import is_urgent
from omapush.ppg.store.contract import ClaimedDelivery
from omapush.ppg.transform import Unfit
from omapush.ppg.unit_push import UnitPushSettings, datagram_of, number_of
from omapush.protocols.sms.segmentation import segment, segment_count

OUTSTANDING = 16


class ReceiptPolicy(enum.StrEnum):
    """When the SMSC is asked for a delivery receipt."""

    ALWAYS = "always"
    NOTIFIED = "notified"
    """When the initiator wants a result notification: it then tells what the SMSC reported."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ShortMessageSettings:
    """How SMS is used for pushes.

    :ivar max_segments: short messages of one push; a longer push is undeliverable by SMS. 255 is
        the most that there can be (WAP-259, 6.2).
    :ivar reference_bits: 16, or 8 for phones that know no other (WAP-259, 6.2).
    :ivar report_within_ms: when no receipt has come by then, the SMSC is asked, again and again at
        this interval until the push expires.
    """

    unit_push: UnitPushSettings = UnitPushSettings()
    max_segments: int = 10
    reference_bits: int = 16
    receipts: ReceiptPolicy = ReceiptPolicy.NOTIFIED
    report_within_ms: int = 30 * MINUTE_MS


def user_data_of(
    datagram: bytes, port: int, number: int, settings: ShortMessageSettings
) -> tuple[bytes, ...] | Unfit:
    """Return the user data of the short messages that carry ``datagram``.

    :param number: the reference of the segments is its last 8 or 16 bits.
    """
    bits = settings.reference_bits
    count = segment_count(len(datagram), bits)
    if count > settings.max_segments:
        return Unfit(
            f"{len(datagram)} octets take {count} short messages, and at most "
            f"{settings.max_segments} are allowed"
        )
    return segment(datagram, port, GATEWAY_PORT, number & (1 << bits) - 1, bits)


class ShortMessageReach:
    """The way to a phone.

    :param bearer: hands short messages over; shared by all clients.
    """

    is_open = False
    worth_keeping = False
    outstanding_limit = OUTSTANDING
    not_before = Instant(0)
    """How fast the SMSC is and whether it is away is the bearer's to know."""

    def __init__(
        self,
        where: SmsContact,
        bearer: ShortMessageBearer,
        settings: ShortMessageSettings,
    ) -> None:
        self._where = where
        self._bearer = bearer
        self._settings = settings

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> None:
        """Do nothing: nobody has to open this way."""

    def retire(self, reason: str) -> None:
        """Nothing is open."""

    async def passage(
        self, claimed: ClaimedDelivery, message: PushMessage
    ) -> ShortMessagePassage | Unfit:
        """Return the way for one push; see :class:`omapush.ppg.reach.Reach`."""
        settings = self._settings
        datagram = datagram_of(claimed, message, settings.unit_push)
        if isinstance(datagram, Unfit):
            return datagram
        user_data = user_data_of(datagram, self._where.port, number_of(claimed.key), settings)
        if isinstance(user_data, Unfit):
            return user_data
        messages = [ShortMessage(self._where.number, each) for each in user_data]
        return ShortMessagePassage(claimed, messages, len(datagram), self._bearer, settings)

    async def inquire(self, claimed: ClaimedDelivery) -> list[BearerReport]:
        """Ask what became of a push that an SMSC has and has not reported (SMPP 3.4, 4.8).

        Returned is what the SMSC tells, which may be nothing.
        """
        open_parts = [
            part.carried
            for part in claimed.carried
            if part.verdict is None or not part.verdict.is_final
        ]
        # Together, so that an SMSC that does not answer costs one wait and not one for each part.
        answers = await asyncio.gather(
            *(
                self._bearer.query(each.bearer, each.reference, self._where.number)
                for each in open_parts
            )
        )
        return [report for report in answers if report is not None]


@dataclass(frozen=True, slots=True)
class ShortMessagePassage:
    """The short messages of one push.

    :ivar octets: length of the datagram that they carry.
    """

    claimed: ClaimedDelivery
    messages: Sequence[ShortMessage]
    octets: int
    bearer: ShortMessageBearer
    settings: ShortMessageSettings

    async def push(self) -> PushOutcome:
        """Hand over what the SMSC does not have yet."""
        taken = {
            part.carried.part: part.carried
            for part in self.claimed.carried
            if part.carried.parts == len(self.messages)
        }
        missing = [n for n in range(1, len(self.messages) + 1) if n not in taken]
        wish = SubmissionWish(
            self.claimed.expires_at,
            receipt=self._receipt_wanted(),
            urgent=is_urgent(self.claimed),
            via=next((part.bearer for part in taken.values()), None),
        )
        answers: list[Submission] = []
        if missing:
            answers = await self.bearer.submit([self.messages[n - 1] for n in missing], wish)
        if _as_one(answers, self.messages):
            one = CarriedPart(answers[0].bearer, str(answers[0].reference))
            return self._outcome(answers, (one,))
        for number, answer in zip(missing, answers, strict=True):
            if answer.verdict is SubmissionVerdict.TAKEN and answer.reference is not None:
                taken[number] = CarriedPart(
                    answer.bearer, answer.reference, number, len(self.messages)
                )
        return self._outcome(answers, tuple(taken[number] for number in sorted(taken)))

    def _outcome(
        self, answers: Sequence[Submission], carried: tuple[CarriedPart, ...]
    ) -> PushOutcome:
        delivery_id = str(self.claimed.key)
        failed = [each for each in answers if each.verdict is not SubmissionVerdict.TAKEN]
        if not failed:
            return self._taken(delivery_id, carried)
        # What is worst for the push decides: one message that is refused makes the others useless,
        # one in doubt leaves the whole in doubt.
        worst = min(failed, key=lambda each: _SEVERITY.index(each.verdict))
        reason = worst.reason
        if len(self.messages) > 1:
            reason += f"; the SMSC has {len(carried)} of {len(self.messages)} short messages"
        return PushOutcome(
            delivery_id,
            _KINDS[worst.verdict],
            reason,
            retry_after_ms=worst.retry_after_ms,
            carried=carried,
        )

    def _taken(self, delivery_id: str, carried: tuple[CarriedPart, ...]) -> PushOutcome:
        smsc = carried[0].bearer if carried else "the SMSC"
        number = len(self.messages)
        messages = "1 short message" if number == 1 else f"{number} short messages"
        reason = f"{smsc} took {messages}, {self.octets} octets"
        if not self._receipt_wanted():
            return PushOutcome(delivery_id, OutcomeKind.DONE, reason)
        if not carried or len(carried) < carried[0].parts:
            # A receipt could not be told to be about this push: nothing would ever end it.
            reason += "; without an id for each, so that no receipt can be awaited"
            return PushOutcome(delivery_id, OutcomeKind.DONE, reason)
        return PushOutcome(
            delivery_id,
            OutcomeKind.HANDED_OVER,
            f"{reason}; its receipt is awaited",
            carried=carried,
            report_by_ms=self.settings.report_within_ms,
        )

    def _receipt_wanted(self) -> bool:
        match self.settings.receipts:
            case ReceiptPolicy.ALWAYS:
                return True
            case ReceiptPolicy.NOTIFIED:
                return self.claimed.notified
            case ReceiptPolicy.NEVER:
                return False


_SEVERITY = (SubmissionVerdict.NEVER, SubmissionVerdict.IN_DOUBT, SubmissionVerdict.LATER)
_KINDS = {
    SubmissionVerdict.NEVER: OutcomeKind.NEVER,
    SubmissionVerdict.IN_DOUBT: OutcomeKind.IN_DOUBT,
    SubmissionVerdict.LATER: OutcomeKind.LATER,
}


def _as_one(answers: Sequence[Submission], messages: Sequence[ShortMessage]) -> bool:
    """Whether the SMSC took the whole datagram under one reference, and segments it itself."""
    if len(answers) < len(messages) or not answers:
        return False
    if any(each.verdict is not SubmissionVerdict.TAKEN for each in answers):
        return False
    first, *others = answers
    return first.reference is not None and all(each.reference is None for each in others)

"""Timers, counters and bounds of a WTP endpoint.

The tables of intervals are those that WAP-224 appendix A gives for each bearer. Its values are
estimates by its own words, so all of them are settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from omapush.core.instants import MINUTE_MS, SECOND_MS


@dataclass(frozen=True, slots=True)
class Interval:
    """A time in milliseconds that depends on who acknowledges: WTP itself, or its user."""

    provider_ms: int
    user_ms: int

    def choose(self, *, user_acknowledgement: bool) -> int:
        """Return the one in force."""
        return self.user_ms if user_acknowledgement else self.provider_ms


def same(milliseconds: int) -> Interval:
    """Return an interval that does not depend on who acknowledges."""
    return Interval(milliseconds, milliseconds)


@dataclass(frozen=True, slots=True)
class Timers:
    """The intervals of one kind of bearer.

    A transaction of class 2 uses ``base`` for its Invoke and hold-on and ``long`` for its Result
    and last acknowledgement; one of class 1 uses ``short`` for both.

    :ivar wait_ms: how long a finished transaction is remembered to answer repetitions.
    :ivar fragment_ms: added to a retry interval for each octet over the first 1,024 of a message,
        per 1,024 octets: half the median round trip.
    :ivar maximum_retransmissions: RCR_MAX.
    :ivar maximum_acknowledgement_expirations: AEC_MAX, times that a silent user is waited for.
    """

    base_acknowledgement: Interval
    short_acknowledgement: Interval
    long_acknowledgement: Interval
    base_retry: Interval
    short_retry: Interval
    long_retry: Interval
    group_retry_ms: int
    wait_ms: int
    fragment_ms: int
    maximum_retransmissions: int
    maximum_acknowledgement_expirations: int


IP_TIMERS = Timers(
    base_acknowledgement=same(2 * SECOND_MS),
    short_acknowledgement=Interval(0, 1 * SECOND_MS),
    long_acknowledgement=same(4 * SECOND_MS),
    base_retry=same(5 * SECOND_MS),
    short_retry=Interval(3 * SECOND_MS, 4 * SECOND_MS),
    long_retry=same(7 * SECOND_MS),
    group_retry_ms=3 * SECOND_MS,
    wait_ms=40 * SECOND_MS,
    fragment_ms=200,
    maximum_retransmissions=8,
    maximum_acknowledgement_expirations=6,
)
"""Bearers that carry IP."""

GSM_SMS_TIMERS = Timers(
    base_acknowledgement=same(10 * SECOND_MS),
    short_acknowledgement=Interval(0, 5 * SECOND_MS),
    long_acknowledgement=same(20 * SECOND_MS),
    base_retry=same(60 * SECOND_MS),
    short_retry=Interval(35 * SECOND_MS, 40 * SECOND_MS),
    long_retry=same(70 * SECOND_MS),
    group_retry_ms=45 * SECOND_MS,
    wait_ms=300 * SECOND_MS,
    fragment_ms=5 * SECOND_MS,
    maximum_retransmissions=4,
    maximum_acknowledgement_expirations=4,
)
"""Short messages of GSM."""

GSM_USSD_TIMERS = Timers(
    base_acknowledgement=same(10 * SECOND_MS),
    short_acknowledgement=Interval(0, 5 * SECOND_MS),
    long_acknowledgement=same(10 * SECOND_MS),
    base_retry=same(20 * SECOND_MS),
    short_retry=same(14 * SECOND_MS),
    long_retry=same(20 * SECOND_MS),
    group_retry_ms=10 * SECOND_MS,
    wait_ms=60 * SECOND_MS,
    fragment_ms=3 * SECOND_MS,
    maximum_retransmissions=4,
    maximum_acknowledgement_expirations=4,
)
"""Unstructured supplementary services of GSM."""


@dataclass(frozen=True, slots=True)
class WtpSettings:
    """What one endpoint does and how much it takes.

    :ivar retry_growth_percent: the retry interval, in percent of the timer's, after each
        retransmission; the last one holds for all further ones. (100,) is a constant interval.
    :ivar segmentation: take segmented messages, and segment what is longer than
        ``segment_size``; without it long messages leave in one datagram.
    :ivar announce_segmentation: send even short Invokes with GTR=0 TTR=1, by which a responder
        learns that its result may be segmented (WAP-224, 7.14).
    :ivar segment_size: octets of user data in one packet of a segmented message.
    :ivar maximum_group: octets of user data in one group of packets.
    :ivar class_2_responder: answer Invokes of class 2; clients need not (WAP-224, 5.2).
    :ivar maximum_message_size: octets of the largest message that is put together.
    :ivar maximum_transactions: open at once in each role.
    :ivar maximum_remembered: finished ones of the responder that wait for repetitions; when there
        are so many, no other Invoke is taken until the first of them is forgotten.
    :ivar maximum_wait_ms: longest silence of the peer or the user for which WAP-224 has no timer:
        a result after hold-on, a rest of a segmented message, an answer to a verification.
    :ivar negative_acknowledgement_delay_ms: how long missing packets of a group may still come.
    :ivar concatenate: put PDUs that leave together into one datagram of at most
        ``datagram_size`` octets.
    """

    timers: Timers = IP_TIMERS
    retry_growth_percent: tuple[int, ...] = (100,)
    segmentation: bool = True
    announce_segmentation: bool = False
    segment_size: int = 1_400
    maximum_group: int = 1_405
    class_2_responder: bool = True
    maximum_message_size: int = 65_536
    maximum_transactions: int = 64
    maximum_remembered: int = 512
    maximum_wait_ms: int = 5 * MINUTE_MS
    negative_acknowledgement_delay_ms: int = 500
    concatenate: bool = False
    datagram_size: int = 1_400


GSM_SMS = WtpSettings(
    timers=GSM_SMS_TIMERS,
    segment_size=120,
    maximum_group=480,
    maximum_message_size=8_192,
    maximum_wait_ms=30 * MINUTE_MS,
    negative_acknowledgement_delay_ms=5 * SECOND_MS,
    concatenate=True,
    datagram_size=133,
)
"""For short messages: 140 octets less the ports; every datagram spared is a message not paid."""

"""What is agreed with the operator of an SMSC: where it is, who we are there, what it takes."""

from __future__ import annotations

import enum
import ssl
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from omapush.core.instants import MINUTE_MS, SECOND_MS
from omapush.protocols.smpp.primitives import BindType, EsmeSettings, SessionSettings
from omapush.protocols.smpp.values import (
    DataCoding,
    InterfaceVersion,
    NumberingPlan,
    TypeOfNumber,
)


class SubmissionStyle(enum.StrEnum):
    """How a datagram is written in SMPP (WAP-159; the first is what most SMSCs are used to)."""

    UDH = "udh"
    """submit_sm, one for each segment, the user data header in short_message."""
    SAR = "sar"
    """submit_sm, one for each segment; ports and place among the segments are TLVs."""
    PAYLOAD = "payload"
    """submit_sm, one for the datagram, in message_payload; the SMSC segments."""
    DATA_SM = "data_sm"
    """data_sm, one for the datagram: WAP's own mapping."""


class ValidityForm(enum.StrEnum):
    """How the SMSC is told until when it is to try."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"
    NONE = "none"


class MessageIdForm(enum.StrEnum):
    """How the ids in receipts relate to those in responses."""

    AUTO = "auto"
    """As in the response; in another base if only that is an id given lately to that number."""
    AS_IS = "as-is"
    HEX_IN_RECEIPT = "hex-in-receipt"
    """Decimal in the response, hexadecimal in the receipt."""
    DECIMAL_IN_RECEIPT = "decimal-in-receipt"
    """Hexadecimal in the response, decimal in the receipt."""


@dataclass(frozen=True, slots=True)
class Number:
    """An address with its type of number and numbering plan (SMPP 3.4, 5.2.5 and 5.2.6)."""

    address: str = ""
    ton: int = TypeOfNumber.UNKNOWN
    npi: int = NumberingPlan.UNKNOWN


@dataclass(frozen=True, slots=True)
class Writing:
    """How short messages are written for an SMSC.

    :ivar source: our own address; empty: the SMSC puts one in.
    :ivar short_code: type and plan of destinations without ``+``; its address is not used.
    :ivar data_coding: 8 bit data, without a class (0x04) or for the phone itself (0xF5).
    :ivar service_type: ``None``: none in submit_sm, ``WAP`` in data_sm (WAP-159).
    """

    style: SubmissionStyle = SubmissionStyle.UDH
    data_coding: int = DataCoding.OCTETS
    source: Number = Number()
    short_code: Number = Number("", TypeOfNumber.UNKNOWN, NumberingPlan.ISDN)
    service_type: str | None = None
    validity: ValidityForm = ValidityForm.RELATIVE


@dataclass(frozen=True, slots=True)
class Reading:
    """How an SMSC writes receipts.

    :ivar unmarked: it leaves out the mark that a message is a receipt; its texts are believed.
    """

    message_id_form: MessageIdForm = MessageIdForm.AUTO
    unmarked: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """How much an SMSC is given, and when it is called again.

    :ivar per_second: messages a second, over all binds; ``None``: no limit.
    :ivar max_waiting: messages that may wait for their turn.
    :ivar stuck_ms: with full windows and no answer for so long, nobody waits for it any more.
    :ivar reconnect_refused_ms: wait after credentials were refused: trying often locks accounts.
    :ivar throttle_first_ms: pause after the SMSC said that it is too much; it doubles up to
        ``throttle_longest_ms`` as long as it says so.
    """

    window: int = 10
    per_second: float | None = None
    max_waiting: int = 10_000
    stuck_ms: int = 3 * SECOND_MS
    connect_timeout_ms: int = 10 * SECOND_MS
    response_timeout_ms: int = 30 * SECOND_MS
    enquire_link_ms: int = 30 * SECOND_MS
    reconnect_first_ms: int = SECOND_MS
    reconnect_longest_ms: int = MINUTE_MS
    reconnect_refused_ms: int = 5 * MINUTE_MS
    throttle_first_ms: int = SECOND_MS
    throttle_longest_ms: int = MINUTE_MS


@dataclass(frozen=True, slots=True)
class SmscAccount:
    """One SMSC.

    :ivar name: the operator's own; the ledger knows the SMSC by it.
    :ivar tls: the context to connect with, or ``None`` for plain TCP.
    :ivar separate: a transmitter and a receiver instead of a transceiver.
    :ivar binds: how many of them (pairs, if separate).
    :ivar numbers: patterns with ``*`` of the numbers that it serves; none: every number.
    """

    name: str
    host: str
    port: int
    system_id: str
    password: str = field(default="", repr=False)
    system_type: str = ""
    tls: ssl.SSLContext | None = None
    separate: bool = False
    binds: int = 1
    version: int = InterfaceVersion.V3_4
    numbers: tuple[str, ...] = ()
    writing: Writing = Writing()
    reading: Reading = Reading()
    pace: Pace = Pace()

    @property
    def bearer(self) -> str:
        """What the ledger calls it."""
        return f"smsc:{self.name}"

    def serves(self, number: str) -> bool:
        """Whether messages to ``number`` may go there."""
        return not self.numbers or any(fnmatchcase(number, each) for each in self.numbers)

    def bind_types(self) -> tuple[BindType, ...]:
        """Return one type for each bind."""
        one = (BindType.TRANSMITTER, BindType.RECEIVER)
        return (one if self.separate else (BindType.TRANSCEIVER,)) * self.binds

    def esme(self, bind_type: BindType) -> EsmeSettings:
        """Return how a session with it is set up.

        The session's own queue stays empty: whoever hands it requests heeds its window.
        """
        pace = self.pace
        session = SessionSettings(
            window=pace.window,
            max_waiting=pace.window,
            max_unanswered=MAX_UNANSWERED,
            session_init_timeout_ms=pace.response_timeout_ms,
            response_timeout_ms=pace.response_timeout_ms,
            enquire_link_ms=pace.enquire_link_ms,
        )
        return EsmeSettings(
            self.system_id,
            self.password,
            self.system_type,
            bind_type,
            self.version,
            session=session,
        )


MAX_UNANSWERED = 500
"""Receipts of one bind that may wait to be written down; what is more is put off by the session."""

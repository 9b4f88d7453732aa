"""What an SMSC brings: delivery receipts, and messages that phones sent.

A receipt is answered when whoever keeps reports has them (``OnReports``), and not before; if they
cannot be kept, the SMSC is asked to bring it again. While reports are being written, what comes is
gathered and goes with the next call, so that one commit carries many.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from omapush.bearers.smsc_account import Reading
from omapush.bearers.smsc_ids import MessageIds
from omapush.bearers.smsc_link import Connection
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.ota.bearer_reports import BearerReport, OnReports, ReportVerdict
from omapush.protocols.smpp.pdu import DataSm, DeliverSm, Pdu
from omapush.protocols.smpp.primitives import DeliverSmRes
from omapush.protocols.smpp.receipt import Receipt, parse_receipt
from omapush.protocols.smpp.status import CommandStatus
from omapush.protocols.smpp.values import MessageState

log = structlog.get_logger(__name__)

AT_A_TIME = 500
"""Reports in one call."""
MAX_GATHERED = 5_000
"""Receipts that may wait; of more the SMSC is told to bring them again."""

VERDICTS: dict[MessageState, ReportVerdict] = {
    MessageState.SCHEDULED: ReportVerdict.EN_ROUTE,
    MessageState.ENROUTE: ReportVerdict.EN_ROUTE,
    MessageState.DELIVERED: ReportVerdict.DELIVERED,
    MessageState.EXPIRED: ReportVerdict.EXPIRED,
    MessageState.DELETED: ReportVerdict.DELETED,
    MessageState.UNDELIVERABLE: ReportVerdict.FAILED,
    MessageState.ACCEPTED: ReportVerdict.ACCEPTED,
    MessageState.UNKNOWN: ReportVerdict.UNKNOWN,
    MessageState.REJECTED: ReportVerdict.REJECTED,
    MessageState.SKIPPED: ReportVerdict.FAILED,
}
"""What each state of SMPP is to those above (SMPP 3.4, 5.2.28; SMPP 5.0, 4.7.15)."""


@dataclass(frozen=True, slots=True)
class OriginatedMessage:
    """A message that is no receipt: a phone, or somebody else, sent it to us.

    :ivar smsc: the operator's name of the SMSC that brought it.
    :ivar payload: with its user data header, if ``has_header``.
    """

    smsc: str
    source: str
    destination: str
    data_coding: int
    payload: bytes
    has_header: bool


OnMessage = Callable[[OriginatedMessage], None]
"""Is told of a message that is no receipt; must not block. It is acknowledged in any case."""


def report_of(receipt: Receipt, reference: str, bearer: str, now: Instant) -> BearerReport | None:
    """Return what a receipt reports; ``None``: it does not say a state."""
    if receipt.state is None:
        return None
    verdict = VERDICTS[receipt.state]
    if receipt.is_intermediate and verdict.is_final:
        verdict = ReportVerdict.EN_ROUTE
    said = []
    if receipt.error and receipt.error.strip("0"):
        said.append(f"err:{receipt.error}")
    if receipt.network_error is not None:
        error = receipt.network_error
        said.append(f"network {error.network_type} error {error.code}")
    return BearerReport(bearer, reference, now, verdict, ", ".join(said))


@dataclass(frozen=True, slots=True)
class _Gathered:
    report: BearerReport
    number: int
    connection: Connection


class Reporter:
    """Hands reports of all SMSCs on, as many at a time as have come."""

    def __init__(self, on_reports: OnReports) -> None:
        self._on_reports = on_reports
        self._gathered: list[_Gathered] = []
        self._came = asyncio.Event()

    def take(self, report: BearerReport, number: int, connection: Connection) -> None:
        """Take a report; the request ``number`` on ``connection`` is answered when it is kept."""
        if len(self._gathered) >= MAX_GATHERED:
            connection.request([DeliverSmRes(number, CommandStatus.ESME_RX_T_APPN)])
            return
        self._gathered.append(_Gathered(report, number, connection))
        self._came.set()

    async def run(self) -> None:
        """Hand on what comes."""
        while True:
            await self._came.wait()
            gathered = self._gathered[:AT_A_TIME]
            del self._gathered[:AT_A_TIME]
            if not self._gathered:
                self._came.clear()
            await self._hand_on(gathered)

    async def _hand_on(self, gathered: Sequence[_Gathered]) -> None:
        status = CommandStatus.ESME_ROK
        try:
            await self._on_reports([each.report for each in gathered])
        except OmapushError as error:
            status = CommandStatus.ESME_RX_T_APPN
            log.warning("receipts_not_kept", count=len(gathered), reason=error.reason)
        except Exception:
            # One receipt that nobody foresaw must not stop those behind it.
            status = CommandStatus.ESME_RX_T_APPN
            log.exception("receipts_not_kept", count=len(gathered))
        answers: dict[int, tuple[Connection, list[DeliverSmRes]]] = {}
        for each in gathered:
            of_one = answers.setdefault(id(each.connection), (each.connection, []))
            of_one[1].append(DeliverSmRes(each.number, status))
        for connection, responses in answers.values():
            connection.request(responses)


class Inbox:
    """What one SMSC brings.

    :ivar receipts: how many came, ``unreadable`` of them without an id or a state.
    :ivar messages: how many came that are no receipts.
    """

    def __init__(
        self,
        name: str,
        bearer: str,
        reading: Reading,
        ids: MessageIds,
        reporter: Reporter,
        on_message: OnMessage | None,
    ) -> None:
        self._name = name
        self._bearer = bearer
        self._reading = reading
        self._ids = ids
        self._reporter = reporter
        self._on_message = on_message
        self.receipts = 0
        self.unreadable = 0
        self.messages = 0

    def take(self, pdu: Pdu, connection: Connection, now: Instant) -> None:
        """Take what the SMSC brings, and see that it is answered."""
        receipt = parse_receipt(pdu, trusts_unmarked_text=self._reading.unmarked)
        if receipt is None:
            self._message(pdu, connection)
            return
        self.receipts += 1
        source = pdu.source_addr if isinstance(pdu, DeliverSm | DataSm) else ""
        reference = self._ids.reported(receipt, source)
        report = None
        if reference is not None:
            report = report_of(receipt, reference, self._bearer, now)
        if report is not None:
            self._reporter.take(report, pdu.sequence_number, connection)
            return
        # Brought again it would say no more.
        self.unreadable += 1
        log.warning("receipt_unreadable", smsc=self._name, id=receipt.message_id)
        connection.request([DeliverSmRes(pdu.sequence_number)])

    def _message(self, pdu: Pdu, connection: Connection) -> None:
        self.messages += 1
        connection.request([DeliverSmRes(pdu.sequence_number)])
        if not isinstance(pdu, DeliverSm | DataSm):
            return
        log.info("smsc_brought_message", smsc=self._name, octets=len(pdu.payload))
        if self._on_message is not None:
            has_header = bool(pdu.esm_class & 0x40)
            self._on_message(
                OriginatedMessage(
                    self._name,
                    pdu.source_addr,
                    pdu.destination_addr,
                    pdu.data_coding,
                    pdu.payload,
                    has_header,
                )
            )

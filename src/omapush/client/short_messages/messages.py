"""From short messages to the pushes in them (WDP 6.2, WAP-235 6.3). Pure.

:class:`ShortMessages` reads a message, puts segments together and says what came out: a whole
datagram for the push port, a segment that waits for others, or why the message is nothing of ours.
It keeps nothing but segments, within the bounds of
:class:`~omapush.protocols.sms.reassembly.ReassemblyLimits`; what is not for the push port never
gets so far.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.core.instants import Instant
from omapush.ota.interface import AddressKind, PoUnitPushInd, PushSource
from omapush.ota.modem import FailureCause, ReceivedMessage, ReceivedPayload
from omapush.ota.wsp.unit_push import unit_push_indication
from omapush.protocols import wcmp
from omapush.protocols.sms.address import Address, TypeOfNumber
from omapush.protocols.sms.data_coding import Alphabet
from omapush.protocols.sms.reading import decode
from omapush.protocols.sms.reassembly import GivenUp, Reassembler, ReassemblyLimits
from omapush.protocols.sms.tpdu import SmsDeliver
from omapush.protocols.sms.user_data_header import ApplicationPorts, Concatenation, UserDataHeader
from omapush.protocols.wdp import Port

PROTOCOL, BEARER = "OTA-WSP", "SMS"


@dataclass(frozen=True, slots=True)
class Originator:
    """Who sent a short message, through which service centre."""

    address: str
    kind: AddressKind
    service_centre: str | None = None

    def source(self) -> PushSource:
        """Return where a push from there came from."""
        return PushSource(
            PROTOCOL, BEARER, self.address, kind=self.kind, service_centre=self.service_centre
        )

    @property
    def key(self) -> str:
        """What tells originators apart: a name may be written as somebody's number is."""
        return self.address if self.kind is AddressKind.NUMBER else f"name {self.address!r}"


@dataclass(frozen=True, slots=True)
class Held:
    """A segment that waits for others.

    :ivar group: names the datagram that it is part of.
    :ivar number: which segment it is.
    """

    group: str
    number: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A datagram for the push port; whether a push is in it is not known yet.

    :ivar group: of the segments that it consists of; ``None``: it came whole.
    """

    originator: Originator
    octets: bytes
    segments: int = 1
    group: str | None = None

    @property
    def key(self) -> str:
        """The same for the same octets from the same originator."""
        digest = hashlib.sha256(self.originator.key.encode("utf-8", "replace") + b"\0")
        digest.update(self.octets)
        return digest.hexdigest()

    def indication(self) -> PoUnitPushInd:
        """Return the push in it. :raises DecodeError: it is none, or malformed."""
        return unit_push_indication(self.octets, self.originator.source())


@dataclass(frozen=True, slots=True)
class Repeated:
    """A segment that is held already, or whose datagram was complete not long ago."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A message that is no push.

    :ivar reason: one sentence.
    """

    reason: str


Reading = Held | Arrived | Repeated | Stranger


class NoRoom(LimitError):
    """The segment is well formed, but more would be held than the limits allow."""


class WrongTpdu(DecodeError):
    """A well-formed TPDU that brings no short message, such as a status report."""


class ShortMessages:
    """Reads the short messages of one client. No clock: ``now`` never goes back."""

    def __init__(self, limits: ReassemblyLimits | None = None) -> None:
        self._reassembler = Reassembler(limits)

    def receive(self, message: ReceivedMessage, now: Instant) -> Reading:
        """Read a message.

        :raises DecodeError: it is malformed; position in octets of the TPDU.
        :raises NoRoom: there is no room for the segment.
        """
        if isinstance(message, ReceivedPayload):
            return _whole(message)
        tpdu = decode(message.tpdu)
        if not isinstance(tpdu, SmsDeliver):
            raise WrongTpdu(f"a {type(tpdu).__name__} where an SmsDeliver belongs", 0, "sms")
        header = tpdu.user_data.header or UserDataHeader(())
        reason = _not_for_push(tpdu, header)
        if reason is not None:
            return Stranger(reason)
        originator = _originator(tpdu.originating_address, message.service_centre)
        return self._segment(originator, header, tpdu.user_data.payload, now)

    def handle_timer(self, now: Instant) -> list[tuple[str, GivenUp]]:
        """Return what was given up since the last call, each with the name of its group."""
        return [
            (_group(one.source_address, one.concatenation, one.ports), one)
            for one in self._reassembler.handle_timer(now)
        ]

    def next_timer(self) -> Instant | None:
        """Return when :meth:`handle_timer` has something to tell."""
        return self._reassembler.next_timer()

    def _segment(
        self, originator: Originator, header: UserDataHeader, payload: bytes, now: Instant
    ) -> Reading:
        try:
            datagram = self._reassembler.receive_segment(originator.key, header, payload, now)
        except LimitError as error:
            raise NoRoom(error.reason, layer=error.layer) from error
        concatenation = header.concatenation
        if concatenation is None or (datagram is not None and datagram.segments == 1):
            return Arrived(originator, payload)
        group = _group(originator.key, concatenation, header.ports)
        if datagram is not None:
            return Arrived(originator, datagram.payload, datagram.segments, group)
        if self._reassembler.holds(originator.key, header):
            return Held(group, concatenation.number)
        return Repeated()


def failure_cause(error: DecodeError) -> FailureCause:
    """Return the cause that a message is refused with because of ``error``."""
    if isinstance(error, WrongTpdu):
        return FailureCause.TPDU_NOT_SUPPORTED
    if isinstance(error, NoRoom):
        return FailureCause.MEMORY_CAPACITY_EXCEEDED
    return FailureCause.UNSPECIFIED


def _not_for_push(tpdu: SmsDeliver, header: UserDataHeader) -> str | None:
    """Return why a message is no push; ``None``: it is for the push port."""
    if header.wcmp is not None:
        return _control_message(header.wcmp)
    if tpdu.user_data.coding.alphabet is not Alphabet.OCTETS or tpdu.user_data.coding.compressed:
        # A push is 8 bit data; that text has a header is common (long texts have one).
        return f"its data are {tpdu.user_data.coding}, a push is 8 bit data"
    if header.ports is None:
        return "it names no port"
    if header.ports.destination == Port.PUSH:
        return None
    if header.ports.destination == Port.PUSH_SECURE:
        return "it came to the secure push port 2949, which needs WTLS"
    return f"it is for port {header.ports.destination}"


def _control_message(octets: bytes) -> str:
    """Say what a WCMP message is. Errors speak of what was sent, and this client sends nothing."""
    try:
        message = wcmp.decode(octets)
    except DecodeError as error:
        return f"a WCMP message that cannot be read: {error}"
    finding = wcmp.finding_of(message)
    return f"a WCMP message, {type(message).__name__}{f': {finding.value}' if finding else ''}"


def _whole(message: ReceivedPayload) -> Arrived:
    address = Address(message.originator, TypeOfNumber.ALPHANUMERIC)
    with contextlib.suppress(EncodeError):
        address = Address.parse(message.originator)
    return Arrived(_originator(address, message.service_centre), message.payload)


def _originator(address: Address, service_centre: str | None) -> Originator:
    named = address.type_of_number is TypeOfNumber.ALPHANUMERIC
    kind = AddressKind.NAME if named else AddressKind.NUMBER
    return Originator(str(address), kind, service_centre)


def _group(key: str, concatenation: Concatenation, ports: ApplicationPorts | None) -> str:
    """Name a datagram of which segments wait, as the reassembler tells them apart."""
    source_port = None if ports is None else ports.source
    reference = f"{concatenation.reference}/{concatenation.bits}"
    return f"{key} {reference} {concatenation.count} {source_port}"

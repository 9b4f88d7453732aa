"""What both ends of an SMPP session do: requests, responses, timers, and the end.

Each request from above ends in exactly one ``SendCnf``, whatever the peer does: answered, not sent,
or in doubt. Requests of the peer are told above and answered when above says so, so that a message
can be made durable first. The roles (:mod:`esme`, :mod:`smsc`) add how the session is set up.
"""

from __future__ import annotations

from omapush.core.errors import EncodeError
from omapush.core.instants import Instant, later
from omapush.protocols.smpp.codec import (
    PDU_CLASSES,
    Header,
    PreparedPdu,
    answer_to,
    decode_pdu,
    encode_body,
    encode_header,
    encode_pdu,
    read_header,
)
from omapush.protocols.smpp.commands import RESPONSE, CommandId, name_of
from omapush.protocols.smpp.errors import PduError
from omapush.protocols.smpp.incoming import Incoming
from omapush.protocols.smpp.liveness import Liveness
from omapush.protocols.smpp.pdu import (
    AlertNotification,
    Bind,
    EnquireLink,
    GenericNack,
    Outbind,
    Pdu,
    Unbind,
)
from omapush.protocols.smpp.primitives import (
    AlertNotificationInd,
    BindType,
    BoundInd,
    CloseConnection,
    DeliverSmRes,
    Effect,
    Indication,
    LateResponseInd,
    Reference,
    RequestInd,
    ResponseRes,
    SendCnf,
    SendKind,
    SendOctets,
    SendReq,
    SessionEndedInd,
    SessionRequest,
    SessionSettings,
    UnbindReq,
)
from omapush.protocols.smpp.responses import answers, confirmation, read_response
from omapush.protocols.smpp.states import (
    BOUND_BY,
    OPERATIONS,
    TRANSITIONS,
    Event,
    Role,
    State,
    may_send,
    understands,
)
from omapush.protocols.smpp.status import CommandStatus, StatusClass
from omapush.protocols.smpp.stream import PduBuffer
from omapush.protocols.smpp.window import Waiting, Window


class Session:
    """One end; ``role`` is this end's and ``interface_version`` the highest it speaks."""

    def __init__(self, role: Role, interface_version: int, settings: SessionSettings) -> None:
        self._role = role
        self._peer = Role.SMSC if role is Role.ESME else Role.ESME
        self._version = interface_version
        self._settings = settings
        self._state = State.IDLE
        self._buffer = PduBuffer(settings.max_pdu)
        self._window = Window(settings.window, settings.max_waiting, settings.response_timeout_ms)
        self._incoming = Incoming(settings.max_unanswered, settings.answer_timeout_ms)
        self._deadline: Instant | None = None  # of being bound, later of unbind_resp
        self._unbind_number: int | None = None
        self._liveness = Liveness(
            settings.enquire_link_ms,
            settings.response_timeout_ms,
            settings.inactivity_timeout_ms,
        )
        self._octets: list[bytes] = []
        self._closing: str | None = None
        self._indications: list[Indication] = []

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    # -- as a bearer drives it --

    def connected(self, now: Instant) -> None:
        """The connection is open."""
        self._move(Event.CONNECTED)
        self._deadline = later(now, self._settings.session_init_timeout_ms)

    def receive(self, octets: bytes, now: Instant) -> None:
        """Take octets from the connection."""
        if self._state.has_ended:
            return
        self._buffer.append(octets)
        while not self._state.has_ended:
            try:
                pdu = self._buffer.take()
            except PduError as error:
                self._write(GenericNack(command_status=error.command_status))
                self._end(f"the peer does not send PDUs: {error.reason}")
                return
            if pdu is None:
                break
            self._liveness.heard(now)
            self._arrived(pdu, now)
        self._go_on(now)

    def disconnected(self, reason: str, now: Instant) -> None:
        """The connection ended."""
        if self._state is State.CLOSED:
            return
        if not self._state.has_ended:
            self._conclude_all(reason, orderly=self._unbind_number is not None)
        self._move(Event.DISCONNECTED)
        self._octets.clear()
        self._closing = None

    def next_timer(self) -> Instant | None:
        """When something is overdue, or the peer has been silent for long."""
        if self._state.has_ended:
            return None
        due = [
            self._deadline,
            self._window.next_deadline,
            self._incoming.next_deadline,
            self._liveness.next_instant if self._state.is_bound else None,
        ]
        return min((instant for instant in due if instant is not None), default=None)

    def handle_timer(self, now: Instant) -> None:
        """End what is overdue."""
        if self._state.has_ended:
            return
        if self._deadline is not None and now >= self._deadline:
            is_bound = self._unbind_number is not None
            self._end("no answer to unbind in time" if is_bound else "not bound in time")
            return
        for request in self._window.overdue(now):
            self._confirm(
                request.reference, SendKind.IN_DOUBT, StatusClass.UNKNOWN, "no response in time"
            )
        late = CommandStatus.ESME_RX_T_APPN if self._role is Role.ESME else _SYSTEM_ERROR
        for pdu in self._incoming.overdue(now):
            self._write(answer_to(pdu, late))
        self._keep_alive(now)
        self._go_on(now)

    def effects(self) -> list[Effect]:
        """Hand out what is to be done below: at most one write, then perhaps the end."""
        effects: list[Effect] = []
        if self._octets:
            effects.append(SendOctets(b"".join(self._octets)))
            self._octets.clear()
        if self._closing is not None:
            effects.append(CloseConnection(self._closing))
            self._closing = None
        return effects

    def indications(self) -> list[Indication]:
        """Hand out what is to be told above."""
        indications, self._indications = self._indications, []
        return indications

    # -- requests of ours --

    def _session_request(self, primitive: SessionRequest, now: Instant) -> None:
        match primitive:
            case SendReq():
                self._send(primitive)
            case ResponseRes(pdu=response):
                self._answer(response)
            case DeliverSmRes(sequence_number=number, command_status=status):
                request = self._incoming.find(number)
                if request is not None:
                    self._answer(answer_to(request, status))
            case UnbindReq():
                self._unbind()
        self._go_on(now)

    def _send(self, primitive: SendReq) -> None:
        pdu, reference = primitive.pdu, primitive.reference
        command = pdu.command_id
        refusal = self._refusal(command)
        if refusal is not None:
            self._confirm(reference, SendKind.NOT_SENT, *refusal)
            return
        try:
            body = pdu.body if isinstance(pdu, PreparedPdu) else encode_body(pdu)
        except EncodeError as error:
            self._confirm(reference, SendKind.NOT_SENT, StatusClass.PERMANENT, str(error))
            return
        if command | RESPONSE not in PDU_CLASSES:  # alert_notification
            number = self._window.next_number()
            self._octets.append(encode_header(command, 0, number, body))
            self._confirm(reference, SendKind.SENT, StatusClass.SUCCESS, "")
            return
        self._window.wait(Waiting(reference, command, body))

    def _refusal(self, command: int) -> tuple[StatusClass, str] | None:
        """Why a request cannot even wait."""
        if command not in OPERATIONS[self._role]:
            return StatusClass.PERMANENT, f"{name_of(command)} is not for this end to send"
        if self._state.has_ended or self._state is State.UNBINDING:
            return StatusClass.LINK, "the session has ended"
        if self._window.is_full:
            return StatusClass.THROTTLED, "too many requests wait"
        if self._state.is_before_bound and command | RESPONSE in PDU_CLASSES:
            return None
        return self._unsuited(command)

    def _unsuited(self, command: int) -> tuple[StatusClass, str] | None:
        """Why the bind does not carry an operation."""
        if not may_send(self._role, self._state, command):
            return StatusClass.LINK, f"{name_of(command)} cannot be sent in {self._state.name}"
        if not understands(self._version, command):
            return StatusClass.LINK, f"{name_of(command)} is not in the version spoken here"
        return None

    def _go_on(self, now: Instant) -> None:
        """Send what may be sent now."""
        if self._state.is_bound:
            for number, request in self._window.sendable(now):
                self._octets.append(encode_header(request.command_id, 0, number, request.body))
                self._liveness.operated(now)
        elif self._state is State.UNBINDING and self._unbind_number is None:
            self._send_unbind(now)

    def _send_unbind(self, now: Instant) -> None:
        """Send unbind once everything has its answer, on either side."""
        if not self._window.outstanding and not self._incoming.unanswered:
            self._unbind_number = self._window.next_number()
            self._write(Unbind(sequence_number=self._unbind_number))
            self._deadline = later(now, self._settings.response_timeout_ms)

    def _unbind(self) -> None:
        if self._state.is_before_bound:
            self._end("unbound before being bound", orderly=True)
        elif self._state.is_bound:
            self._move(Event.UNBIND)
            for request in self._window.end_waiting():
                self._not_sent(request, "the session is being unbound")

    # -- what arrives --

    def _arrived(self, octets: bytes, now: Instant) -> None:
        header = read_header(octets)
        if not header.command_id & RESPONSE:
            self._request_arrived(octets, header, now)
            return
        number = header.sequence_number
        request = self._window.find(number)
        if request is None:
            self._response_to_session(octets, header, now)
        elif answers(header, request.command_id):
            self._window.answered(number)
            self._indications.append(confirmation(request.reference, octets, header))

    def _response_to_session(self, octets: bytes, header: Header, now: Instant) -> None:
        """Take a response to what the session itself asked, or to what was given up."""
        number = header.sequence_number
        if number == self._unbind_number:
            if header.command_id in (CommandId.UNBIND_RESP, CommandId.GENERIC_NACK):
                self._end("unbound", orderly=True)
            return
        request = self._window.find_given_up(number)
        if request is not None and answers(header, request.command_id):
            response, _ = read_response(octets, header)
            if response is not None:
                self._indications.append(LateResponseInd(request.reference, response))

    def _request_arrived(self, octets: bytes, header: Header, now: Instant) -> None:
        try:
            pdu = decode_pdu(octets, header)
        except PduError as error:
            self._refuse(header.command_id, header.sequence_number, error.command_status)
            return
        match pdu:
            case EnquireLink():
                self._write(answer_to(pdu))
            case Unbind():
                self._write(answer_to(pdu))
                self._end("the peer unbound", orderly=True)
            case Bind() | Outbind():
                self._set_up_arrived(pdu, now)
            case _:
                self._operation_arrived(pdu, now)

    def _set_up_arrived(self, pdu: Bind | Outbind, now: Instant) -> None:
        """Take a bind or an outbind: what a role makes of it."""
        self._refuse(pdu.command_id, pdu.sequence_number, CommandStatus.ESME_RINVBNDSTS)

    def _operation_arrived(self, pdu: Pdu, now: Instant) -> None:
        self._liveness.operated(now)
        if pdu.command_id not in OPERATIONS[self._peer]:
            status: CommandStatus | None = CommandStatus.ESME_RINVCMDID
        elif not may_send(self._peer, self._state, pdu.command_id):
            status = CommandStatus.ESME_RINVBNDSTS
        elif isinstance(pdu, AlertNotification):
            self._indications.append(AlertNotificationInd(pdu))
            return
        elif self._incoming.is_repeated(pdu):
            return
        else:
            status = self._incoming.take(pdu, now)
        if status is None:
            self._indications.append(RequestInd(pdu))
        else:
            self._refuse(pdu.command_id, pdu.sequence_number, status)

    def _refuse(self, command_id: int, number: int, status: CommandStatus) -> None:
        """Refuse a request by its own response, or by generic_nack if there is none."""
        response_class = PDU_CLASSES.get(command_id | RESPONSE, GenericNack)
        self._write(response_class(sequence_number=number, command_status=status))

    def _answer(self, response: Pdu) -> None:
        octets = encode_pdu(response)  # before the request is forgotten: it may raise
        if not self._state.has_ended and self._incoming.answered_by(response):
            self._octets.append(octets)

    def _keep_alive(self, now: Instant) -> None:
        if not self._state.is_bound:
            return
        if self._liveness.is_useless(now):
            self._unbind()
        elif self._liveness.is_dead(now):
            self._end("the peer does not answer enquire_link")
        elif self._liveness.must_ask(now):
            self._write(EnquireLink(sequence_number=self._window.next_number()))
            self._liveness.asked(now)

    # -- beginning and end --

    def _bound(self, bind: int, system_id: str, peer_version: int | None, now: Instant) -> None:
        """Both ends agree; what waited for this goes out, if the bind carries it."""
        self._move(BOUND_BY[bind])
        self._deadline = None
        self._liveness.operated(now)
        spoken = None if peer_version is None else min(self._version, peer_version)
        self._version = self._version if spoken is None else spoken
        self._indications.append(BoundInd(BindType(bind), system_id, spoken))
        for request in self._window.end_waiting():
            refusal = self._unsuited(request.command_id)
            if refusal is None:
                self._window.wait(request)
            else:
                self._confirm(request.reference, SendKind.NOT_SENT, *refusal)
        self._go_on(now)

    def _end(
        self, reason: str, *, command_status: int | None = None, orderly: bool = False
    ) -> None:
        self._move(Event.END)
        self._closing = reason
        self._conclude_all(reason, command_status, orderly=orderly)

    def _conclude_all(
        self, reason: str, command_status: int | None = None, *, orderly: bool
    ) -> None:
        outstanding, waiting = self._window.end()
        for sent in outstanding:
            doubt = f"sent, but no response: {reason}"
            self._confirm(sent.reference, SendKind.IN_DOUBT, StatusClass.UNKNOWN, doubt)
        for request in waiting:
            self._not_sent(request, reason)
        self._incoming.end()
        self._indications.append(SessionEndedInd(reason, command_status, orderly))

    def _not_sent(self, request: Waiting, reason: str) -> None:
        self._confirm(request.reference, SendKind.NOT_SENT, StatusClass.LINK, f"not sent: {reason}")

    def _confirm(
        self, reference: Reference, kind: SendKind, status_class: StatusClass, reason: str
    ) -> None:
        self._indications.append(SendCnf(reference, kind, status_class, None, reason))

    def _write(self, pdu: Pdu) -> None:
        self._octets.append(encode_pdu(pdu))

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]


_SYSTEM_ERROR = CommandStatus.ESME_RSYSERR

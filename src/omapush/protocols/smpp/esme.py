"""The client's end of a session: it binds (SMPP 3.4, 2.2 and 4.1)."""

from __future__ import annotations

from omapush.core.instants import Instant, later
from omapush.protocols.smpp.codec import Header, encode_pdu
from omapush.protocols.smpp.commands import RESPONSE, CommandId
from omapush.protocols.smpp.pdu import (
    Bind,
    BindReceiver,
    BindResp,
    BindTransceiver,
    BindTransmitter,
    Outbind,
)
from omapush.protocols.smpp.primitives import (
    BindReq,
    BindType,
    EsmeRequest,
    EsmeSettings,
    OutbindInd,
)
from omapush.protocols.smpp.responses import read_response
from omapush.protocols.smpp.session import Session
from omapush.protocols.smpp.states import Event, Role, State
from omapush.protocols.smpp.status import describe
from omapush.protocols.smpp.tlvs import Tag

_BINDS: dict[BindType, type[Bind]] = {
    BindType.TRANSMITTER: BindTransmitter,
    BindType.RECEIVER: BindReceiver,
    BindType.TRANSCEIVER: BindTransceiver,
}


class EsmeSession(Session):
    """Binds as soon as the connection is open, or, if so set, after the SMSC's outbind.

    :raises EncodeError: a value of ``settings`` does not fit its field.
    """

    def __init__(self, settings: EsmeSettings) -> None:
        super().__init__(Role.ESME, settings.interface_version, settings.session)
        self._own = settings
        self._bind_number: int | None = None
        encode_pdu(self._bind_pdu(0))

    def connected(self, now: Instant) -> None:
        super().connected(now)
        if not self._own.waits_for_outbind:
            self._bind(now)

    def request(self, primitive: EsmeRequest, now: Instant) -> None:
        """Take a primitive from above.

        :raises EncodeError: a response from above that does not fit its fields; the request still
            waits for one.
        """
        if isinstance(primitive, BindReq):
            if self._state in (State.OPEN, State.OUTBOUND):
                self._bind(now)
        else:
            self._session_request(primitive, now)

    def _bind(self, now: Instant) -> None:
        self._move(Event.BIND)
        self._bind_number = self._window.next_number()
        self._write(self._bind_pdu(self._bind_number))
        self._deadline = later(now, self._settings.session_init_timeout_ms)

    def _bind_pdu(self, number: int) -> Bind:
        own = self._own
        return _BINDS[own.bind_type](
            system_id=own.system_id,
            password=own.password,
            system_type=own.system_type,
            interface_version=own.interface_version,
            addr_ton=own.addr_ton,
            addr_npi=own.addr_npi,
            address_range=own.address_range,
            sequence_number=number,
        )

    def _set_up_arrived(self, pdu: Bind | Outbind, now: Instant) -> None:
        if isinstance(pdu, Outbind) and self._state is State.OPEN:
            self._move(Event.OUTBIND)
            self._indications.append(OutbindInd(pdu.system_id, pdu.password))
        else:
            super()._set_up_arrived(pdu, now)

    def _response_to_session(self, octets: bytes, header: Header, now: Instant) -> None:
        if header.sequence_number != self._bind_number or self._state is not State.BINDING:
            super()._response_to_session(octets, header, now)
        elif header.command_id in (self._own.bind_type.value | RESPONSE, CommandId.GENERIC_NACK):
            self._bind_answered(octets, header, now)

    def _bind_answered(self, octets: bytes, header: Header, now: Instant) -> None:
        response, reason = read_response(octets, header)
        if isinstance(response, BindResp) and not response.command_status:
            version = response.integer(Tag.SC_INTERFACE_VERSION)
            self._bound(self._own.bind_type.value, response.system_id, version, now)
            return
        status = header.command_status
        said = reason or f"bind refused: {describe(status)}"
        self._end(said, command_status=status)

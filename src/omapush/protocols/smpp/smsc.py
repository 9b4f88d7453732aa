"""The message centre's end of a session: it is bound to (SMPP 3.4, 2.2 and 4.1)."""

from __future__ import annotations

from omapush.core.instants import Instant, later
from omapush.protocols.smpp.codec import answer_to, encode_pdu
from omapush.protocols.smpp.pdu import Bind, Outbind, Pdu
from omapush.protocols.smpp.primitives import (
    BindInd,
    BindRes,
    OutbindReq,
    SmscRequest,
    SmscSettings,
)
from omapush.protocols.smpp.session import Session
from omapush.protocols.smpp.states import Event, Role, State
from omapush.protocols.smpp.status import CommandStatus, describe
from omapush.protocols.smpp.tlvs import Tag, tlv
from omapush.protocols.smpp.values import InterfaceVersion


class SmscSession(Session):
    """Waits for a bind, lets above judge it, and closes if above refuses.

    :raises EncodeError: ``settings.system_id`` is longer than 15 octets.
    """

    def __init__(self, settings: SmscSettings) -> None:
        super().__init__(Role.SMSC, settings.interface_version, settings.session)
        self._own = settings
        self._bind: Bind | None = None
        encode_pdu(Outbind(system_id=settings.system_id))

    def request(self, primitive: SmscRequest, now: Instant) -> None:
        """Take a primitive from above.

        :raises EncodeError: a response or an outbind from above that does not fit its fields.
        """
        match primitive:
            case BindRes(command_status=status):
                self._judged(status, now)
            case OutbindReq():
                self._outbind(primitive, now)
            case _:
                self._session_request(primitive, now)

    def _outbind(self, primitive: OutbindReq, now: Instant) -> None:
        if self._state is not State.OPEN:
            return
        number = self._window.next_number()
        self._write(
            Outbind(
                system_id=primitive.system_id, password=primitive.password, sequence_number=number
            )
        )
        self._move(Event.OUTBIND)
        self._deadline = later(now, self._settings.session_init_timeout_ms)

    def _set_up_arrived(self, pdu: Bind | Outbind, now: Instant) -> None:
        if isinstance(pdu, Bind) and self._state in (State.OPEN, State.OUTBOUND):
            self._move(Event.BIND)
            self._bind = pdu
            self._indications.append(BindInd(pdu))
        elif isinstance(pdu, Bind):
            self._refuse(pdu.command_id, pdu.sequence_number, CommandStatus.ESME_RALYBND)
        else:
            super()._set_up_arrived(pdu, now)

    def _judged(self, status: int, now: Instant) -> None:
        bind = self._bind
        if bind is None or self._state is not State.BINDING:
            return
        if status:
            self._write(answer_to(bind, status))
            self._end(f"bind refused: {describe(status)}", command_status=status)
            return
        self._write(self._acceptance(bind))
        self._bound(bind.command_id, bind.system_id, bind.interface_version, now)

    def _acceptance(self, bind: Bind) -> Pdu:
        """Answer with our version; an ESME of 3.3 knows no TLVs (SMPP 3.4, 3.4)."""
        version = tlv(Tag.SC_INTERFACE_VERSION, self._own.interface_version)
        knows = bind.interface_version >= InterfaceVersion.V3_4
        return answer_to(bind, system_id=self._own.system_id, tlvs=(version,) if knows else ())

"""The clients of a simulated SMSC: who is bound, and requests of ours to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from omapush.ota.interface import StreamLink
from omapush.protocols.smpp.pdu import Pdu
from omapush.protocols.smpp.primitives import (
    BindInd,
    BindRes,
    BindType,
    BoundInd,
    Indication,
    RequestInd,
    ResponseRes,
    SendCnf,
    SendReq,
    SessionEndedInd,
    SmscRequest,
)

Link = StreamLink[Sequence[SmscRequest]]


@dataclass(slots=True, eq=False)
class Esme:
    """A connection and who is at its other end.

    :ivar bind_type: ``None`` while it is not bound.
    """

    link: Link
    system_id: str = ""
    bind_type: BindType | None = None
    asked: dict[int, asyncio.Future[SendCnf]] = field(default_factory=dict)

    def answer(self, response: Pdu) -> None:
        """Answer a request of this client."""
        self.link.request([ResponseRes(response)])


class Esmes:
    """All connections.

    :param judge: gives the status of a bind by its system id and password.
    :param requested: is told what a client asks for.
    :ivar binds: how many binds there were.
    """

    def __init__(
        self, judge: Callable[[str, str], int], requested: Callable[[Esme, Pdu], None]
    ) -> None:
        self.binds = 0
        self._judge = judge
        self._requested = requested
        self._esmes: dict[int, Esme] = {}
        self._sent = 0
        self._changed = asyncio.Event()

    def indicated(self, link: Link, indication: Indication) -> None:
        """Take what a session tells."""
        esme = self._esmes.setdefault(id(link), Esme(link))
        match indication:
            case BindInd(pdu=bind):
                esme.system_id = bind.system_id
                link.request([BindRes(self._judge(bind.system_id, bind.password))])
            case BoundInd(bind_type=bind_type):
                esme.bind_type = bind_type
                self.binds += 1
            case RequestInd(pdu=pdu):
                self._requested(esme, pdu)
            case SendCnf(reference=reference):
                confirmed = esme.asked.pop(int(reference), None)
                if confirmed is not None and not confirmed.done():
                    confirmed.set_result(indication)
            case SessionEndedInd():
                esme.bind_type = None
        self.tell()

    def closed(self, link: Link, _reason: str) -> None:
        """Forget a connection."""
        self._esmes.pop(id(link), None)
        self.tell()

    def cut(self) -> None:
        """Lose all connections."""
        for esme in list(self._esmes.values()):
            esme.link.close("cut")

    async def changed(self) -> None:
        """Wait until something has happened."""
        changed = self._changed
        await changed.wait()

    def tell(self) -> None:
        """Say that something has happened."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def send(self, pdu: Pdu, system_id: str | None = None) -> SendCnf:
        """Send a deliver_sm or data_sm to a client that is bound to get it; wait for one."""
        while (esme := self._receiver(system_id)) is None:
            await self.changed()
        self._sent += 1
        reference = self._sent
        confirmed: asyncio.Future[SendCnf] = asyncio.get_running_loop().create_future()
        esme.asked[reference] = confirmed
        esme.link.request([SendReq(reference, pdu)])
        return await confirmed

    def _receiver(self, system_id: str | None) -> Esme | None:
        kinds = (BindType.RECEIVER, BindType.TRANSCEIVER)
        for esme in self._esmes.values():
            if esme.bind_type in kinds and system_id in (None, esme.system_id):
                return esme
        return None

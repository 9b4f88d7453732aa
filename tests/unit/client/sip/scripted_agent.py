"""An agent that takes pushes as a test says, in place of the client's own."""

from __future__ import annotations

from omapush.ota.interface import (
    ClientCapabilities,
    ClientIndication,
    ClientRequest,
    PoConfirmedPushInd,
    PoConfirmedPushRes,
    PoPushAbortReq,
    PoUnitPushInd,
    PushStatus,
    StreamLink,
)

WML = "x-wap-application:wml.ua"


class ScriptedAgent:
    """Implements ``client.binding.push_receiver.PushReceiver``.

    :ivar pushes: that came and wait for an answer, each with its link. :ivar units: without one.
    :ivar takes: what gateways are told.
    """

    def __init__(self) -> None:
        self.takes = ClientCapabilities(
            accept=("text/plain",), accept_app_id=(WML,), max_message_size=65_536
        )
        self.pushes: list[tuple[PoConfirmedPushInd, StreamLink[ClientRequest]]] = []
        self.units: list[PoUnitPushInd] = []

    def capabilities(self) -> ClientCapabilities:
        return self.takes

    def indication(self, link: StreamLink[ClientRequest], indication: ClientIndication) -> None:
        assert isinstance(indication, PoConfirmedPushInd)
        self.pushes.append((indication, link))

    def unit_push(self, indication: PoUnitPushInd) -> object:
        self.units.append(indication)
        return None

    def accept(self, number: int = -1) -> None:
        """Take responsibility for a push."""
        push, link = self.pushes[number]
        link.request(PoConfirmedPushRes(push.reference))

    def refuse(self, status: PushStatus, reason: str = "", *, of_source: bool = False) -> None:
        """Refuse the last push."""
        push, link = self.pushes[-1]
        link.request(PoPushAbortReq(push.reference, status, reason, of_source))

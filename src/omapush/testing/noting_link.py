"""A connection to a gateway without the gateway: pushes go in, their answers are noted."""

from __future__ import annotations

import asyncio
from itertools import count

from omapush.client.agent import PushClient
from omapush.content.message import Header, PushMessage
from omapush.ota.interface import ClientRequest, PoConfirmedPushInd, PushFlag, PushSource


class NotingLink:
    """Implements ``ota.interface.StreamLink`` towards a client."""

    peer = "192.0.2.10:4035"

    def __init__(self, client: PushClient) -> None:
        self._client = client
        self._numbers = count(1)
        self._answers: dict[str, asyncio.Future[ClientRequest]] = {}

    def request(self, primitive: ClientRequest) -> None:
        """Note the answer to the push that it names."""
        self._answers[primitive.reference].set_result(primitive)

    def close(self, reason: str) -> None:
        """Fail: nothing in a test is a reason for the client to hang up."""
        raise AssertionError(reason)

    def push(
        self,
        application: str | None = "x-wap-application:wml.ua",
        body: bytes = b"hello",
        content_type: str | None = "text/plain",
        *,
        source: str | PushSource = "192.0.2.10",
        push_id: str | None = None,
        headers: tuple[Header, ...] = (),
        flags: PushFlag = PushFlag.NONE,
    ) -> asyncio.Future[ClientRequest]:
        """Let a confirmed push arrive; the result is what the gateway is answered.

        :param source: an address, for one that comes by OTA-HTTP.
        """
        given = headers
        if content_type is not None:
            given = (("Content-Type", content_type), *given)
        if application is not None:
            given = (("X-Wap-Application-Id", application), *given)
        if isinstance(source, str):
            source = PushSource("OTA-HTTP", "TCP/IP", source)
        reference = str(next(self._numbers))
        answer: asyncio.Future[ClientRequest] = asyncio.get_running_loop().create_future()
        self._answers[reference] = answer
        push = PoConfirmedPushInd(reference, PushMessage(given, body), source, flags, push_id)
        self._client.indication(self, push)
        return answer

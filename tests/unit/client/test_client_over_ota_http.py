"""What a gateway sees of the applications (WAP-235, 7.2.5 and 7.4)."""

from __future__ import annotations

import asyncio

from omapush.cai.model import PushEvent, RegistrationRequest, Reject, RejectReason
from omapush.client.agent import PushClient
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.interface import ClientRequest, PushSource, SendOctets
from omapush.testing.virtual_clock import VirtualClock

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
OPTIONS = b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\n\r\n"


class Connection:
    """A terminal session with the client above it and a gateway's octets below."""

    peer = "192.0.2.10:1"

    def __init__(self, client: PushClient, clock: VirtualClock) -> None:
        self._client = client
        self._clock = clock
        self._answered = asyncio.Event()
        settings = HttpTerminalSettings("60000000000000")
        source = PushSource("OTA-HTTP", "TCP/IP", "192.0.2.10")
        self._session = HttpTerminalSession(settings, client.capabilities, source)
        self._session.connected(clock())

    def request(self, primitive: ClientRequest) -> None:
        self._session.request(primitive, self._clock())
        self._answered.set()

    def close(self, reason: str) -> None:
        raise AssertionError(reason)

    def options(self) -> dict[str, str]:
        """Ask for the capabilities; return the headers of the answer."""
        self._session.receive(OPTIONS, self._clock())
        return self._headers()

    async def post(self, application: str, content_type: str, tag: str) -> dict[str, str]:
        """Push; return the headers of the answer."""
        inner = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n"
            f"X-Wap-Application-Id: {application}\r\nContent-Length: 2\r\n\r\nhi"
        )
        head = (
            "POST /wappush HTTP/1.1\r\nHost:\r\nContent-Type: application/http\r\n"
            f"X-Wap-CPITag: {tag}\r\nContent-Length: {len(inner)}\r\n\r\n"
        )
        self._answered.clear()
        self._session.receive((head + inner).encode(), self._clock())
        indications = self._session.indications()
        for indication in indications:
            self._client.indication(self, indication)
        if indications:
            async with asyncio.timeout(10):
                await self._answered.wait()
        return self._headers()

    def _headers(self) -> dict[str, str]:
        octets = b"".join(
            one.octets for one in self._session.effects() if isinstance(one, SendOctets)
        )
        lines = octets.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


async def test_gateway_is_told_union_and_learns_of_changes_by_tag(
    client: PushClient, clock: VirtualClock
) -> None:
    """T-25, T-35, T-44, CAI-39, CAI-40, CAI-51, CAI-52"""

    async def take(_: PushEvent) -> None:
        return None

    gateway = Connection(client, clock)
    await client.register_application(WML, accept=["text/vnd.wap.si"], handler=take, owner="P")
    before = gateway.options()
    assert before["x-wap-push-accept-appid"] == WML
    accepted = "application/vnd.wap.sic, text/vnd.wap.si"  # the binary form can be converted
    assert before["x-wap-push-accept"] == accepted

    added = await client.register("Q", RegistrationRequest(MMS, accept=("text/x", "text/y")))
    stale = await gateway.post("2", "text/vnd.wap.si", before["x-wap-cpitag"])
    assert stale["x-wap-push-status"].startswith("256")
    after = gateway.options()
    assert after["x-wap-push-accept-appid"] == f"{MMS}, {WML}"
    assert after["x-wap-push-accept"] == f"{accepted}, text/x, text/y"
    assert after["x-wap-cpitag"] == stale["x-wap-cpitag"] != before["x-wap-cpitag"]
    taken = await gateway.post("2", "text/vnd.wap.si", after["x-wap-cpitag"])
    assert taken["x-wap-push-status"].startswith("400")

    await client.deregister("Q", added.registration_id)
    assert gateway.options()["x-wap-cpitag"] == before["x-wap-cpitag"]


async def test_gateway_is_told_why_application_refused(
    client: PushClient, clock: VirtualClock
) -> None:
    """AD-8, T-54"""

    async def refuse(_: PushEvent) -> Reject:
        return Reject(RejectReason.BUSY, "full up\r\nX-Injected: yes")

    gateway = Connection(client, clock)
    await client.register_application(WML, handler=refuse)
    tag = gateway.options()["x-wap-cpitag"]
    answer = await gateway.post("2", "text/plain", tag)
    assert answer["x-wap-push-status"] == "237 full up??X-Injected: yes"
    assert "x-injected" not in answer
    unknown = await gateway.post("vnd.acme:nobody", "text/plain", tag)
    assert unknown["x-wap-push-status"].startswith("236")

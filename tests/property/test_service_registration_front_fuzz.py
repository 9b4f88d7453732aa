"""Whatever is asked of the push services gets one answer with a status that the page names."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant
from omapush.ota import service_registration as wire
from omapush.ota.service_registration import RegisteredProfile
from omapush.ppg.authentication import Initiators
from omapush.ppg.credentials import Initiator
from omapush.ppg.service_registration.http import (
    MAX_BODY,
    REALM,
    ServiceRegistrationHttpSettings,
    ServiceRegistrationOverHttp,
)
from omapush.ppg.service_registration.registrar import (
    KnownTerminal,
    RegistrarSettings,
    ServiceRegistrar,
)
from omapush.ppg.service_registration.services import PushService
from omapush.testing.memory_store import MemoryStore

PATH = "/push-service-registration"
STATUSES = {200, 201, 204, 400, 401, 403, 404, 405, 406, 413, 429, 431, 503}
SERVICES = (
    PushService("acme", ("urn:acme:*", "4"), (RegisteredProfile("OTA-HTTP"),), of_owner=3),
    PushService("rest", profiles=(RegisteredProfile("OTA-SIP"), RegisteredProfile("OTA-PTM"))),
)
NETWORK = ipaddress.ip_network("192.0.2.0/24")


class Asked:
    """One front for a run of requests; each is answered before the next."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.store = MemoryStore()
        self.now = Instant(1_700_000_000_000)
        registrar = ServiceRegistrar(
            SERVICES,
            [KnownTerminal("a", "4165", has_password=False)],
            self.store,
            RegistrarSettings(expires_ms=1_000, of_address=4, in_all=6),
            lambda: self.now,
            lambda: f"{next(numbers):032x}",
        )
        terminals = Initiators(
            [Initiator("a", "4165", "secret")], (NETWORK,), secret=b"x" * 32, realm=REALM
        )
        self.front = ServiceRegistrationOverHttp(
            registrar, terminals, ServiceRegistrationHttpSettings((PATH,)), lambda: self.now
        )

    async def answer(self, scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
        events: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(event: Any) -> None:
            events.append(event)

        await self.front(scope, receive, send)
        start, content = events
        return start["status"], content["body"]


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                b"accept",
                b"authorization",
                b"content-length",
                b"x-push-protocols",
                b"x-wap-terminal-id",
                b"x-wap-push-ota-version",
                b"x-wap-push-accept-appid",
                b"x-wap-push-accept",
                b"x-wap-push-maxmsgsize",
                b"x-wap-profile",
            ]
        ),
        st.binary(max_size=30)
        | st.sampled_from(
            [b"*", b"4165", b"1.0", b"2.0", b"urn:acme:x, urn:y", b"OTA-HTTP", b"4096", b"4"]
        ),
    ).filter(lambda header: header[0] != b"content-length" or header[1].isdigit()),
    max_size=6,
)
REQUESTS = st.tuples(
    st.sampled_from(["POST", "DELETE", "GET", "POST"]),
    st.sampled_from([PATH, *(f"{PATH}/{n:032x}" for n in range(1, 4)), "/x"]) | st.text(max_size=9),
    HEADERS,
    st.sampled_from(["192.0.2.1", "192.0.2.2", "198.51.100.1", ""]),
    st.sampled_from([b"", b"x", b"x" * (MAX_BODY + 1)]),
    st.sampled_from([0, 10, 900]),
)


@given(st.lists(REQUESTS, max_size=6))
@settings(max_examples=80, deadline=None)
def test_any_request_gets_an_answer_that_the_page_names(requests: list[Any]) -> None:
    async def run() -> None:
        asked = Asked()
        await asked.store.open()
        for method, path, headers, source, body, passed in requests:
            asked.now = Instant(asked.now + passed)
            scope = {
                "type": "http",
                "method": method,
                "path": path,
                "headers": headers,
                "client": (source, 1) if source else None,
            }
            status, content = await asked.answer(scope, body)
            assert status in STATUSES
            if status in (200, 201):
                assert wire.decode(content).profiles
            if status == 204:
                assert content == b""
            assert len(await asked.store.service_registrations(asked.now)) <= 6

    asyncio.run(run())

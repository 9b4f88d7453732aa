"""Profiles of terminals: fetched once, in bounds, merged; what cannot be had delays but little."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from omapush.content.message import Header
from omapush.content.uaprof import PushCharacteristics, profile_of, write_profile
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ppg import profiles as module
from omapush.ppg.profiles import Profiles, ProfileSettings, known_capabilities
from omapush.ppg.store.contract import RegistrationRecord
from omapush.testing.virtual_clock import VirtualClock
from omapush.web.policy import OutboundPolicy

PICTURES = write_profile(profile_of(PushCharacteristics(accept=("image/png",), msg_size=9_000)))
LARGER = write_profile(profile_of(PushCharacteristics(msg_size=70_000)))
SETTINGS = ProfileSettings(
    timeout_ms=10_000, max_octets=4_096, entries=3, life_ms=HOUR_MS, failure_ms=1_000
)


class Makers:
    """A web server of terminals' makers.

    :ivar documents: status and body by path; anything else is 404.
    :ivar gate: if there is one, nothing is answered before it is set.
    """

    def __init__(self) -> None:
        self.documents: dict[str, tuple[str, bytes]] = {"/p": ("200 OK", PICTURES)}
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.arrived = asyncio.Semaphore(0)
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
                self.asked.append(path)
                self.arrived.release()
                if self.gate is not None:
                    await self.gate.wait()
                status, body = self.documents.get(path, ("404 Not Found", b""))
                head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        writer.close()

    def url(self, path: str = "/p") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@pytest.fixture
async def makers() -> AsyncIterator[Makers]:
    made = Makers()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
        if made.gate is not None:
            made.gate.set()


NewProfiles = Callable[..., Profiles]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def new_profiles(clock: VirtualClock) -> AsyncIterator[NewProfiles]:
    all_made: list[Profiles] = []

    def make(
        settings: ProfileSettings = SETTINGS, policy: OutboundPolicy | None = None
    ) -> Profiles:
        all_made.append(Profiles(policy or OutboundPolicy(), settings, clock))
        return all_made[-1]

    yield make
    for made in all_made:
        await made.close()


def naming(*urls: str, differences: Sequence[bytes] = ()) -> list[Header]:
    quoted = [f'"{url}"' for url in urls]
    headers: list[Header] = []
    for number, document in enumerate(differences, start=1):
        digest = base64.b64encode(hashlib.md5(document, usedforsecurity=False).digest()).decode()
        quoted.append(f'"{number}-{digest}"')
        headers.append(("x-wap-profile-diff", f"{number};{document.decode()}"))
    return [("x-wap-profile", ", ".join(quoted)), *headers]


async def completed(profiles: Profiles, headers: Sequence[Header]) -> ClientCapabilities:
    return await profiles.complete(cpi.to_capabilities(headers), headers)


NOTHING_ADDED = ClientCapabilities()


async def test_profile_fills_in_what_headers_do_not_say(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    headers = [*naming(makers.url()), ("X-Wap-Push-MaxMsgSize", "2000")]
    found = await completed(new_profiles(), headers)
    assert found.accept == ("image/png",)
    assert found.max_message_size == 2_000


async def test_differences_count_after_the_profile(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    found = await completed(new_profiles(), naming(makers.url(), differences=[LARGER]))
    assert (found.accept, found.max_message_size) == (("image/png",), 70_000)


async def test_difference_without_a_profile_needs_no_fetching(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    found = await completed(new_profiles(), naming(differences=[LARGER]))
    assert found.max_message_size == 70_000
    assert makers.asked == []


async def test_client_that_names_no_profile_is_left_as_it_is(new_profiles: NewProfiles) -> None:
    known = ClientCapabilities(("a/b",))
    assert await new_profiles().complete(known, [("X-Wap-Push-Accept", "a/b")]) is known


async def test_profile_is_fetched_once_for_all_who_want_it_and_again_when_it_is_old(
    makers: Makers, new_profiles: NewProfiles, clock: VirtualClock
) -> None:
    profiles, headers = new_profiles(), naming(makers.url())
    makers.gate = asyncio.Event()
    waiting = [asyncio.create_task(completed(profiles, headers)) for _ in range(5)]
    await makers.arrived.acquire()
    waiting[0].cancel()  # one that gives up takes nothing from the others
    makers.gate.set()
    for found in await asyncio.gather(*waiting[1:]):
        assert found.max_message_size == 9_000
    clock.advance(HOUR_MS - 1)
    await completed(profiles, headers)
    assert makers.asked == ["/p"]
    clock.advance(1)
    await completed(profiles, headers)
    assert makers.asked == ["/p", "/p"]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        ("404 Not Found", PICTURES, "HTTP 404"),
        ("500 Oops", b"", "HTTP 500"),
        ("200 OK", b"<html>", ""),
        ("200 OK", b"", ""),
        ("200 OK", PICTURES + b" " * 4_096, "more than 4096 octets"),
    ],
)
async def test_failure_is_logged_once_remembered_briefly_and_headers_count_alone(
    makers: Makers,
    new_profiles: NewProfiles,
    clock: VirtualClock,
    status: str,
    body: bytes,
    reason: str,
) -> None:
    makers.documents["/p"] = (status, body)
    profiles, headers = new_profiles(), naming(makers.url())
    with capture_logs() as logs:
        for _ in range(3):
            assert await completed(profiles, headers) == NOTHING_ADDED
    (line,) = logs
    assert (line["event"], line["uri"]) == ("profile_unavailable", makers.url())
    assert line["reason"].startswith(reason)
    assert len(makers.asked) == 1
    makers.documents["/p"] = ("200 OK", PICTURES)
    clock.advance(1_000)
    assert (await completed(profiles, headers)).max_message_size == 9_000


async def test_one_document_of_several_that_cannot_be_had_spoils_all(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    profiles = new_profiles()
    broken = b"<broken"
    for headers in (
        naming(makers.url(), makers.url("/none")),
        naming(makers.url(), differences=[broken]),
    ):
        assert await completed(profiles, headers) == NOTHING_ADDED


async def test_silent_server_holds_nobody_up_longer_than_the_timeout(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    makers.gate = asyncio.Event()
    profiles = new_profiles(ProfileSettings(timeout_ms=50, at_a_time=1))
    both = naming(makers.url("/a"), makers.url("/b"))  # the second never gets a place
    with capture_logs() as logs:
        assert await completed(profiles, both) == NOTHING_ADDED
        await asyncio.sleep(0)
        assert await completed(profiles, both) == NOTHING_ADDED
    assert {line["reason"] for line in logs} == {"no answer in time"}
    assert makers.asked == ["/a"]


async def test_policy_judges_the_address_and_every_redirection(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    nowhere = OutboundPolicy((ipaddress.ip_network("127.0.0.0/8"),))
    with capture_logs() as logs:
        found = await completed(new_profiles(policy=nowhere), naming(makers.url()))
        assert found == NOTHING_ADDED
    assert "policy forbids" in logs[0]["reason"]
    makers.documents["/m"] = ("302 Found\r\nLocation: http://169.254.169.254/", b"")
    makers.documents["/n"] = ("301 Moved\r\nLocation: /p", b"")
    with capture_logs() as logs:
        assert await completed(new_profiles(), naming(makers.url("/m"))) == NOTHING_ADDED
    assert "policy forbids" in logs[0]["reason"]
    assert (await completed(new_profiles(), naming(makers.url("/n")))).max_message_size == 9_000


async def test_what_is_remembered_is_bounded_the_longest_unused_goes(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    profiles = new_profiles()
    for path in ("/p", "/1", "/2", "/p", "/3", "/p", "/1"):
        await completed(profiles, naming(makers.url(path)))
    assert makers.asked == ["/p", "/1", "/2", "/3", "/1"]


async def test_what_is_under_way_is_bounded(
    makers: Makers, new_profiles: NewProfiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNDER_WAY", 2)
    makers.gate = asyncio.Event()
    profiles = new_profiles()
    waiting = asyncio.create_task(completed(profiles, naming(makers.url("/1"), makers.url("/2"))))
    await makers.arrived.acquire()
    await makers.arrived.acquire()
    assert await completed(profiles, naming(makers.url())) == NOTHING_ADDED
    makers.gate.set()
    await waiting
    assert (await completed(profiles, naming(makers.url()))).max_message_size == 9_000


async def test_closing_gives_up_what_is_being_fetched(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    makers.gate = asyncio.Event()
    profiles = new_profiles()
    waiting = asyncio.create_task(completed(profiles, naming(makers.url())))
    await makers.arrived.acquire()
    await profiles.close()
    assert await waiting == NOTHING_ADDED
    assert await completed(profiles, naming(makers.url())) == NOTHING_ADDED


async def test_newest_registration_that_says_something_is_completed(
    makers: Makers, new_profiles: NewProfiles
) -> None:
    told = tuple(naming(makers.url()))
    silent = RegistrationRecord("anna", "00", Instant(2), "1", None)
    spoken = RegistrationRecord("anna", "01", Instant(1), "1", "t", {"t": told})
    found = await known_capabilities([silent, spoken], new_profiles())
    assert found is not None
    assert found.max_message_size == 9_000
    assert await known_capabilities([spoken], None) == NOTHING_ADDED
    assert await known_capabilities([silent], new_profiles()) is None


@settings(max_examples=60, deadline=None)
@given(host=st.text(max_size=20), path=st.text(max_size=20), body=st.binary(max_size=40))
def test_whatever_a_terminal_names_ends_in_capabilities(host: str, path: str, body: bytes) -> None:
    async def run() -> ClientCapabilities:
        loop = asyncio.get_running_loop()
        resolve = loop.getaddrinfo

        async def to_loopback(_host: str, port: int, **more: Any) -> Any:
            return await resolve("127.0.0.1", port, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "getaddrinfo", to_loopback)
            profiles = Profiles(OutboundPolicy(), SETTINGS, lambda: Instant(0))
            headers = naming(f"http://{host}:1/{path}", differences=[body.hex().encode()])
            try:
                return await profiles.complete(NOTHING_ADDED, headers)
            finally:
                await profiles.close()

    with capture_logs() as logs:
        assert asyncio.run(run()) == NOTHING_ADDED
    assert all(line["event"] == "profile_unavailable" for line in logs)

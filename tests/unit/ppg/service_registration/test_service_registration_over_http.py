"""The front of the push services: every status, who may do what, and what is kept."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from omapush.core.instants import Instant
from omapush.core.networks import Network, ip_address
from omapush.ota import service_registration as wire
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import RegisteredProfile, ServiceRegistrationRequest
from omapush.ppg.authentication import Initiators
from omapush.ppg.capabilities import capabilities_of
from omapush.ppg.credentials import Initiator, Scheme
from omapush.ppg.service_registration.http import (
    MAX_BODY,
    REALM,
    ServiceRegistrationHttpSettings,
    ServiceRegistrationOverHttp,
)
from omapush.ppg.service_registration.known import AT_PUSH_SERVICES
from omapush.ppg.service_registration.listing import PATH, listing_route
from omapush.ppg.service_registration.registrar import (
    MAX_CPI,
    KnownTerminal,
    RegistrarSettings,
    ServiceRegistrar,
)
from omapush.ppg.service_registration.services import PushService
from omapush.testing.memory_store import MemoryStore

MMS, LOCATION, ACME = "x-wap-application:mms.ua", "x-wap-application:loc.ua", "urn:acme:meter"
PROFILE = RegisteredProfile("OTA-HTTP", "GPRS", 4035, "ppg.example.com", priority=1)
SERVICES = (
    PushService("mms", (MMS, ACME), (PROFILE,), of_owner=2),
    PushService("provisioned", (LOCATION,)),
)
TERMINALS = (
    KnownTerminal("phone", "4165012322222", has_password=True),
    KnownTerminal("meter", "4165", has_password=False),
)
DIGEST = httpx2.DigestAuth("4165012322222", "secret")
PATHS = "/push-service-registration"


@dataclass
class Place:
    """A front on a store in memory; the clock stands where it is put."""

    store: MemoryStore
    now: int = 1_700_000_000_000
    settings: RegistrarSettings = field(default_factory=lambda: RegistrarSettings(3_600_000))
    anonymous: tuple[Network, ...] = ()
    services: tuple[PushService, ...] = SERVICES

    def clock(self) -> Instant:
        return Instant(self.now)

    def open(self) -> Callable[..., httpx2.AsyncClient]:
        numbers = itertools.count(1)
        registrar = ServiceRegistrar(
            self.services, TERMINALS, self.store, self.settings, self.clock,
            lambda: f"{next(numbers):032x}",
        )  # fmt: skip
        terminals = Initiators(
            [Initiator("phone", "4165012322222", "secret"), Initiator("other", "5", "secret")],
            self.anonymous,
            secret=b"x" * 32,
            schemes=[Scheme.DIGEST_SHA_256, Scheme.DIGEST_MD5],
            realm=REALM,
        )
        front = ServiceRegistrationOverHttp(
            registrar, terminals, ServiceRegistrationHttpSettings(), self.clock
        )

        def client(auth: httpx2.Auth | None = DIGEST, source: str = "192.0.2.9") -> Any:
            transport = httpx2.ASGITransport(front, client=(source, 4711))
            return httpx2.AsyncClient(transport=transport, base_url="http://ppg", auth=auth)

        return client


@pytest.fixture
def place(store: MemoryStore) -> Place:
    return Place(store)


def headers(*ids: str, terminal_id: str | None = None, **more: str) -> dict[str, str]:
    request = ServiceRegistrationRequest(
        ClientCapabilities(accept=("text/plain",), accept_app_id=ids),
        ("OTA-HTTP", "OTA-SIP"),
        terminal_id,
    )
    return {**dict(wire.to_headers(request)), **more}


async def capabilities(place: Place, client_id: str = "phone") -> ClientCapabilities | None:
    for record in await place.store.registrations(client_id):
        assert record.bearer == AT_PUSH_SERVICES
        return capabilities_of(record)
    return None


async def test_terminal_registers_and_is_told_its_profiles(place: Place) -> None:
    async with place.open()() as client:
        asked = headers(MMS, terminal_id="4165012322222")
        answer = await client.post(PATHS, headers=asked)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{PATHS}/{1:032x}"
    assert answer.headers["content-type"] == "application/xml; charset=utf-8"
    told = wire.decode(answer.content)
    assert told.application_ids == (MMS,)
    assert told.profiles == (PROFILE,)
    assert told.expires_seconds == 3_600
    (kept,) = await place.store.service_registrations(place.clock())
    assert (kept.client_id, kept.service, kept.authenticated) == ("phone", "mms", True)
    assert kept.protocols == ("OTA-HTTP", "OTA-SIP")
    known = await capabilities(place)
    assert known is not None
    assert known.accept_app_id == (MMS,)


async def test_terminal_refreshes_and_the_gateway_knows_what_it_takes_now(place: Place) -> None:
    async with place.open()() as client:
        first = await client.post(PATHS, headers=headers(MMS))
        place.now += 3_000_000
        again = await client.post(first.headers["location"], headers=headers(ACME))
        assert again.status_code == 200
        assert again.headers["location"] == first.headers["location"]
        assert wire.decode(again.content).application_ids == (ACME,)
        place.now += 3_000_000
        (kept,) = await place.store.service_registrations(place.clock())
    assert kept.refreshed_at - kept.made_at == 3_000_000
    known = await capabilities(place)
    assert known is not None
    assert known.accept_app_id == (ACME,)


async def test_terminal_deregisters_once(place: Place) -> None:
    async with place.open()() as client:
        first = await client.post(PATHS, headers=headers(MMS))
        await client.post(PATHS, headers=headers(ACME))
        answer = await client.delete(first.headers["location"])
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.delete(first.headers["location"])).status_code == 404
    known = await capabilities(place)
    assert known is not None
    assert known.accept_app_id == (ACME,)
    assert [
        one.application_ids for one in await place.store.service_registrations(place.clock())
    ] == [(ACME,)]


async def test_last_registration_that_ends_leaves_nothing_known(place: Place) -> None:
    async with place.open()() as client:
        first = await client.post(PATHS, headers=headers(MMS))
        await client.delete(first.headers["location"])
    assert await capabilities(place) is None


async def test_service_with_the_provisioned_profile_answers_without_content(place: Place) -> None:
    async with place.open()() as client:
        first = await client.post(PATHS, headers=headers(LOCATION))
        assert (first.status_code, first.content) == (204, b"")
        again = await client.post(first.headers["location"], headers=headers(LOCATION))
        assert again.status_code == 204
        assert (await client.delete(again.headers["location"])).status_code == 204


async def test_registration_runs_out_unless_it_is_refreshed(place: Place) -> None:
    async with place.open()() as client:
        first = await client.post(PATHS, headers=headers(MMS))
        place.now += 3_600_000
        location = first.headers["location"]
        assert (await client.post(location, headers=headers(MMS))).status_code == 410
        assert (await client.delete(location)).status_code == 410


async def test_nobody_touches_the_registration_of_another(place: Place) -> None:
    place.anonymous = (ipaddress.ip_network("192.0.2.0/24"),)
    client = place.open()
    async with client() as phone, client(httpx2.DigestAuth("5", "secret")) as other:
        location = (await phone.post(PATHS, headers=headers(MMS))).headers["location"]
        async with client(None) as anonymous:
            for stranger in (other, anonymous):
                refused = await stranger.post(location, headers=headers(MMS))
                assert refused.status_code == 404
                assert (await stranger.delete(location)).status_code == 404
        assert (await phone.delete(location)).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "/elsewhere", {}, 404),
        ("POST", f"{PATHS}/", {}, 404),
        ("POST", f"{PATHS}/{'g' * 32}", {}, 404),
        ("POST", f"{PATHS}/{0:032x}", {}, 404),
        ("GET", PATHS, {}, 405),
        ("DELETE", PATHS, {}, 405),
        ("PUT", f"{PATHS}/{0:032x}", {}, 405),
        ("POST", PATHS, {"Accept": "text/html, application/*;q=0"}, 406),
        ("POST", PATHS, {"X-Push-Protocols": "OTA-WSP"}, 406),
        ("POST", PATHS, {"X-Push-Protocols": "no token"}, 400),
        ("POST", PATHS, {"X-Wap-Push-OTA-Version": "2.0"}, 400),
        ("POST", PATHS, {"X-Wap-Push-MaxMsgSize": "large"}, 400),
        ("POST", PATHS, {"X-Wap-Terminal-Id": "4" * 300}, 400),
        ("POST", PATHS, {"X-Wap-Terminal-Id": "4165"}, 403),
        ("POST", PATHS, {"X-Wap-Push-Accept-AppID": "urn:nobody"}, 404),
        ("POST", PATHS, {"X-Wap-Push-Accept-Language": "x" * MAX_CPI}, 431),
        ("POST", PATHS, {"Content-Length": str(MAX_BODY + 1)}, 413),
    ],
)  # fmt: skip
async def test_request_that_cannot_be_served_changes_nothing(
    place: Place, method: str, path: str, more: dict[str, str], status: int
) -> None:
    async with place.open()() as client:
        answer = await client.request(method, path, headers={**headers(MMS), **more})
    assert answer.status_code == status
    assert answer.text.endswith("\n")
    assert await place.store.service_registrations(place.clock()) == []
    assert await place.store.registrations("phone") == []


async def test_methods_that_there_are_are_told(place: Place) -> None:
    async with place.open()() as client:
        assert (await client.get(PATHS)).headers["allow"] == "POST"
        assert (await client.get(f"{PATHS}/{0:032x}")).headers["allow"] == "POST, DELETE"


async def test_body_is_passed_over_up_to_a_size(place: Place) -> None:
    place.anonymous = (ipaddress.ip_network("192.0.2.0/24"),)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 1_000

    async with place.open()(None) as client:
        small = await client.post(PATHS, headers=headers(MMS), content=b"x" * MAX_BODY)
        assert small.status_code == 201
        large = await client.post(PATHS, headers=headers(MMS), content=endless())
        assert large.status_code == 413
    assert len(await place.store.service_registrations(place.clock())) == 1


@pytest.mark.parametrize("name", ["X-Wap-Terminal-Id", "X-Wap-Push-OTA-Version"])
async def test_header_that_is_given_twice_is_refused(place: Place, name: str) -> None:
    async with place.open()() as client:
        twice = [*headers(MMS).items(), (name, "4165012322222"), (name, "5")]
        assert (await client.post(PATHS, headers=twice)).status_code == 400


@pytest.mark.parametrize(
    "auth", [None, httpx2.DigestAuth("4165012322222", "wrong"), httpx2.DigestAuth("9", "secret")]
)
async def test_terminal_without_right_credentials_is_challenged(
    place: Place, auth: httpx2.Auth | None
) -> None:
    async with place.open()(auth) as client:
        answer = await client.post(PATHS, headers=headers(MMS))
    assert answer.status_code == 401
    assert f'realm="{REALM}"' in answer.headers["www-authenticate"]
    assert await place.store.service_registrations(place.clock()) == []


async def test_guessing_locks_the_address_out(place: Place) -> None:
    client = place.open()
    async with client(httpx2.DigestAuth("4165012322222", "wrong")) as guessing:
        answers = [await guessing.post(PATHS, headers=headers(MMS)) for _ in range(12)]
    assert answers[-1].status_code == 429
    assert "retry-after" in answers[-1].headers
    async with client() as right:
        assert (await right.post(PATHS, headers=headers(MMS))).status_code == 429
    async with client(source="192.0.2.10") as elsewhere:
        assert (await elsewhere.post(PATHS, headers=headers(MMS))).status_code == 201


@pytest.mark.parametrize(
    ("terminal_id", "client_id"),
    [("4165", "meter"), ("4165012322222", None), ("unheard of", None), (None, None)],
)
async def test_whoever_proves_nothing_is_believed_only_where_there_is_nothing_to_prove(
    place: Place, terminal_id: str | None, client_id: str | None
) -> None:
    place.anonymous = (ipaddress.ip_network("192.0.2.0/24"),)
    async with place.open()(None) as client:
        answer = await client.post(PATHS, headers=headers(MMS, terminal_id=terminal_id))
        assert answer.status_code == 201
        (kept,) = await place.store.service_registrations(place.clock())
        assert (kept.client_id, kept.terminal_id) == (client_id, terminal_id)
        assert not kept.authenticated
        assert (await capabilities(place, "phone")) is None
        assert (await client.delete(answer.headers["location"])).status_code == 204


async def test_refresh_under_another_name_leaves_the_first_client(place: Place) -> None:
    place.anonymous = (ipaddress.ip_network("192.0.2.0/24"),)
    async with place.open()(None) as client:
        first = await client.post(PATHS, headers=headers(MMS, terminal_id="4165"))
        assert await capabilities(place, "meter") is not None
        await client.post(first.headers["location"], headers=headers(MMS))
    assert await capabilities(place, "meter") is None


async def test_terminal_has_so_many_registrations_at_a_service(place: Place) -> None:
    async with place.open()() as client:
        answers = [await client.post(PATHS, headers=headers(MMS)) for _ in range(3)]
        assert [one.status_code for one in answers] == [201, 201, 403]
        assert (await client.post(PATHS, headers=headers(LOCATION))).status_code == 204
        await client.delete(answers[0].headers["location"])
        assert (await client.post(PATHS, headers=headers(MMS))).status_code == 201


async def test_address_has_so_many_registrations_without_credentials(place: Place) -> None:
    place.anonymous = (ipaddress.ip_network("2001:db8::/32"),)
    place.settings = RegistrarSettings(of_address=1)
    client = place.open()
    statuses = []
    for source in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        async with client(None, source) as anonymous:
            statuses.append((await anonymous.post(PATHS, headers=headers(MMS))).status_code)
    assert statuses == [201, 403, 201]


async def test_full_gateway_says_when_to_come_back(place: Place) -> None:
    place.settings = RegistrarSettings(in_all=1)
    async with place.open()() as client:
        await client.post(PATHS, headers=headers(MMS))
        answer = await client.post(PATHS, headers=headers(MMS))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


async def test_gateway_without_its_ledger_says_when_to_come_back(place: Place) -> None:
    place.store.unavailable = "disk full"
    async with place.open()() as client:
        answer = await client.post(PATHS, headers=headers(MMS))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "disk" not in answer.text


async def test_refresh_for_what_nobody_serves_any_more_ends_the_registration(place: Place) -> None:
    async with place.open()() as client:
        first = await client.post(PATHS, headers=headers(MMS))
        refused = await client.post(first.headers["location"], headers=headers("urn:nobody"))
        assert refused.status_code == 404
    assert await place.store.service_registrations(place.clock()) == []
    assert await capabilities(place) is None


async def test_application_id_that_xml_cannot_hold_is_refused(place: Place) -> None:
    place.services = (PushService("any", profiles=(PROFILE,)),)
    async with place.open()() as client:
        answer = await client.post(PATHS, headers=headers("urn:\x7f\x01"))
    assert answer.status_code == 400
    assert await place.store.service_registrations(place.clock()) == []


async def test_whoever_is_no_http_is_passed_over(place: Place) -> None:
    client = place.open()()
    front = client._transport.app
    await front({"type": "lifespan"}, None, None)


async def test_operator_sees_who_is_registered(place: Place) -> None:
    async with place.open()() as client:
        for application in (MMS, ACME):
            await client.post(PATHS, headers=headers(application))
    page = Starlette(routes=[listing_route(place.store, place.clock)])
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(page), base_url="http://admin"
    ) as operator:
        told = (await operator.get(PATH, params={"limit": 1})).json()
        (first,) = told["registrations"]
        assert first["applications"] == [MMS]
        assert (first["client"], first["service"]) == ("phone", "mms")
        assert first["expires"] == "2023-11-14T23:13:20Z"
        told = (await operator.get(PATH, params={"after": told["next"]})).json()
        assert [one["applications"] for one in told["registrations"]] == [[ACME]]
        assert told["next"] is None
        told = (await operator.get(PATH, params={"client": "meter"})).json()
        assert told["registrations"] == []
        for limit in ("0", "x", "1001", "9" * 30):
            assert (await operator.get(PATH, params={"limit": limit})).status_code == 400
        place.store.unavailable = "disk full"
        assert (await operator.get(PATH)).status_code == 503
    assert ip_address(first["address"]) is not None

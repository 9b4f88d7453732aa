"""A client whose registrations go to a push service, from the application's side (T-10 to T-12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from omapush.cai.model import (
    Binding,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.agent import PushClient
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.service_registration.binder import (
    ServiceRegistrationBinder,
    ServiceRegistrationSettings,
)
from omapush.client.service_registration.procedure import ServiceRegistrationClient
from omapush.core.instants import SECOND_MS
from omapush.ota.interface import ClientCapabilities
from omapush.testing.registration_server import RegistrationServer, running_registration_server
from omapush.testing.virtual_clock import VirtualClock
from omapush.web.policy import OutboundPolicy

ID = "x-oma-application:dpe.ua"
NewClient = Callable[..., Awaitable[PushClient]]
NewRegistrar = Callable[..., ServiceRegistrationBinder]


@pytest.fixture
async def server() -> AsyncIterator[RegistrationServer]:
    async with running_registration_server() as made:
        yield made


@pytest.fixture
def http() -> SharedBearers:
    """The variant of this client, with a bearer that is up."""
    made = SharedBearers("OTA-HTTP", ["TCP/IP"])
    made.binding_up(Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035"))
    return made


@pytest.fixture
async def registrar(
    http: SharedBearers, clock: VirtualClock
) -> AsyncIterator[Callable[[str | None], ServiceRegistrationBinder]]:
    procedure = ServiceRegistrationClient(OutboundPolicy(), 10_000)

    def made(uri: str | None = None) -> ServiceRegistrationBinder:
        settings = ServiceRegistrationSettings(uri, "4165", ClientCapabilities())
        return ServiceRegistrationBinder(procedure, [http], settings, clock)

    yield made
    await procedure.close()


async def settled(client: PushClient, registration: Registration) -> Registration:
    """Return the registration when it is not pending any more."""
    async with asyncio.timeout(20):
        while True:
            changed = client.next_change(registration.registration_id, 5 * SECOND_MS)
            found = client.registrations("P")
            if found and found[0].state is not RegistrationState.PENDING:
                changed.close()
                return found[0]
            await changed


async def test_application_that_names_a_push_service_is_bound_by_its_profile(
    server: RegistrationServer,
    http: SharedBearers,
    registrar: NewRegistrar,
    new_client: NewClient,
) -> None:
    client = await new_client(binders=[http], registrar=registrar())
    request = RegistrationRequest(ID, registration_uri=server.url)
    pending = await client.register("P", request)
    assert pending.state is RegistrationState.PENDING
    registered = await settled(client, pending)
    assert registered.state is RegistrationState.REGISTERED
    assert [one.address for one in registered.bindings] == ["127.0.0.1:4035"]
    assert server.requests[0].capabilities.accept_app_id == (ID,)
    await client.deregister("P", pending.registration_id)
    await server.called(2)
    assert server.ended == ["r1"]


@pytest.mark.parametrize(
    ("status", "reason"), [(403, Reason.REFUSED_BY_SERVER), (None, Reason.NETWORK_ERROR)]
)
async def test_application_hears_why_its_push_service_failed(
    http: SharedBearers,
    registrar: NewRegistrar,
    new_client: NewClient,
    status: int | None,
    reason: Reason,
) -> None:
    client = await new_client(binders=[http], registrar=registrar())
    async with running_registration_server() as server:
        server.status, url = status, server.url
        if status is not None:
            pending = await client.register("P", RegistrationRequest(ID, registration_uri=url))
            failed = await settled(client, pending)
    if status is None:  # nobody is there any more
        pending = await client.register("P", RegistrationRequest(ID, registration_uri=url))
        failed = await settled(client, pending)
    assert pending.state is RegistrationState.PENDING
    assert (failed.state, failed.reason) == (RegistrationState.FAILED, reason)


async def test_application_that_names_nothing_is_registered_at_the_preconfigured_service(
    server: RegistrationServer,
    http: SharedBearers,
    registrar: NewRegistrar,
    new_client: NewClient,
) -> None:
    client = await new_client(binders=[http], registrar=registrar(server.url))
    pending = await client.register("P", RegistrationRequest(ID))
    assert (await settled(client, pending)).state is RegistrationState.REGISTERED
    assert server.calls == [("POST", "/register")]


async def test_two_applications_share_an_id_at_different_push_services(
    server: RegistrationServer,
    http: SharedBearers,
    registrar: NewRegistrar,
    new_client: NewClient,
) -> None:
    client = await new_client(binders=[http], registrar=registrar())
    async with running_registration_server() as other:
        first = await client.register("P", RegistrationRequest(ID, registration_uri=server.url))
        await client.register("Q", RegistrationRequest(ID, registration_uri=other.url))
        await settled(client, first)
        await other.called(1)
        with pytest.raises(RegistrationRejected) as caught:
            await client.register("R", RegistrationRequest(ID, registration_uri=server.url))
        assert caught.value.cause is Reason.ALREADY_REGISTERED


async def test_client_that_starts_again_refreshes_at_the_push_service(
    server: RegistrationServer,
    http: SharedBearers,
    registrar: NewRegistrar,
    new_client: NewClient,
) -> None:
    client = await new_client(binders=[http], registrar=registrar())
    pending = await client.register("P", RegistrationRequest(ID, registration_uri=server.url))
    await settled(client, pending)
    await client.close()
    await new_client(binders=[http], registrar=registrar())
    await server.called(2)
    assert server.calls[1] == ("POST", "/registrations/r1")

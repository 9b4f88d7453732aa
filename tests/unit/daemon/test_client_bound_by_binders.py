"""A client with its real variants: registrations are bound, and get their own pushes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from omapush.bearers.udp import UdpBearer
from omapush.cai.model import (
    Accept,
    ConnectionProfile,
    PushEvent,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.agent import ClientRules, PushClient
from omapush.client.binding.choice_of_binders import Ways
from omapush.client.store import ClientStore
from omapush.client.trust.judge import FixedList
from omapush.content.message import PushMessage
from omapush.daemon.client_binders import ClientBinders
from omapush.daemon.clock import SystemClock
from omapush.daemon.settings import ClientSettings
from omapush.ota.datagrams import Peer
from omapush.ota.interface import OutcomeKind, PushFlag
from omapush.ota.wsp.unit_push import encode_unit_push
from omapush.testing.daemons import free_port
from omapush.testing.dialled_gateway import DialledGateway

LOOPBACK = "127.0.0.1"
WML, MMS = "x-wap-application:wml.ua", "x-wap-application:mms.ua"
PENDING, REGISTERED = RegistrationState.PENDING, RegistrationState.REGISTERED
LOST, FAILED = RegistrationState.LOST, RegistrationState.FAILED


def hello(application: str = WML) -> PushMessage:
    headers = (("Content-Type", "text/plain"), ("X-Wap-Application-Id", application))
    return PushMessage(headers, b"hello")


@contextlib.asynccontextmanager
async def running(folder: Path, **tables: Any) -> AsyncIterator[PushClient]:
    """Run a client on its file in ``folder``."""
    clock = SystemClock()
    http = {"listen": f"{LOOPBACK}:{free_port()}"}
    settings = ClientSettings.model_validate({"ota_http": http, **tables})
    binders = ClientBinders(settings, clock, lambda: 0.5)
    rules = ClientRules(judge=FixedList(None))
    store = ClientStore(folder / "client.db")
    agent = PushClient(store, clock, None, rules, Ways(binders.binders))
    binders.give_pushes_to(agent)
    await agent.start()
    try:
        async with binders.open():
            yield agent
    finally:
        await agent.close()


async def until(agent: PushClient, one: Registration, *states: RegistrationState) -> Registration:
    """Wait until a registration is in one of these states."""
    async with asyncio.timeout(20):
        while True:
            found = [
                each
                for each in agent.registrations(one.owner)
                if each.registration_id == one.registration_id
            ]
            if found and found[0].state in states:
                return found[0]
            await agent.next_change(one.registration_id, 50)


async def take(agent: PushClient, one: Registration) -> PushEvent:
    """Wait for a push, and accept it."""
    event = await agent.next_event(one.owner, one.registration_id, 20_000)
    assert event is not None
    await agent.answer(one.owner, event.event_id, Accept())
    return event


def by_contact_point(port: int, host: str = LOOPBACK) -> RegistrationRequest:
    profile = ConnectionProfile("OTA-HTTP", None, port, host)
    return RegistrationRequest(WML, profiles=(profile,))


async def test_application_registered_by_contact_point_gets_its_pushes(tmp_path: Path) -> None:
    """T-01, T-40, T-41"""
    clock = SystemClock()
    async with DialledGateway(clock).listening() as gateway:
        async with running(tmp_path) as agent:
            one = await agent.register("P", by_contact_point(gateway.port))
            assert one.state is PENDING
            bound = await until(agent, one, REGISTERED)
            assert bound.bindings[0].address == f"{LOOPBACK}:{gateway.port}"
            assert WML in (await gateway.registered()).capabilities.accept_app_id
            pushing = asyncio.create_task(gateway.push(hello()))
            event = await take(agent, one)
            assert (event.content, event.protocol) == (b"hello", "OTA-HTTP")
            assert (await pushing).kind is OutcomeKind.DONE
        await gateway.until(lambda: not gateway.links)
        async with running(tmp_path) as agent:
            await until(agent, one, REGISTERED)
            await gateway.registered(2)
            await agent.deregister("P", one.registration_id)
            await gateway.until(lambda: not gateway.links)


async def test_second_application_is_announced_on_a_new_connection(tmp_path: Path) -> None:
    """T-35, T-44"""
    async with DialledGateway(SystemClock()).listening() as gateway, running(tmp_path) as agent:
        await agent.register("P", by_contact_point(gateway.port))
        first = await gateway.registered()
        other = await agent.register("Q", RegistrationRequest(MMS))
        second = await gateway.registered(2)
        assert first.capabilities.accept_app_id == (WML,)
        assert set(second.capabilities.accept_app_id) == {WML, MMS}
        assert first.cpi_tag != second.cpi_tag
        await agent.deregister("Q", other.registration_id)
        assert (await gateway.registered(3)).capabilities.accept_app_id == (WML,)
        [of_p] = agent.registrations("P")
        assert of_p.state is REGISTERED


async def test_registration_fails_when_its_contact_point_refuses(tmp_path: Path) -> None:
    """T-38"""
    async with running(tmp_path) as agent:
        one = await agent.register("P", by_contact_point(free_port()))
        failed = await until(agent, one, FAILED)
        assert failed.reason is Reason.NETWORK_ERROR


async def test_same_id_on_two_ports_is_two_applications(tmp_path: Path) -> None:
    """T-18, T-30, T-33"""
    ports = free_port(), free_port()
    async with running(tmp_path, ota_wsp={"own_ports_at": LOOPBACK}) as agent:
        found = []
        for owner, port in zip("PQ", ports, strict=True):
            profile = ConnectionProfile("OTA-WSP", port=port)
            one = await agent.register(owner, RegistrationRequest(WML, profiles=(profile,)))
            found.append(await until(agent, one, REGISTERED))
        sender = await UdpBearer(SystemClock()).open(LOOPBACK, 0, lambda octets, peer: None)
        for transaction, (one, port) in enumerate(zip(found, ports, strict=True)):
            octets = encode_unit_push(hello(), PushFlag.NONE, transaction)
            sender.send(octets, Peer(LOOPBACK, port))
            event = await take(agent, one)
            assert event.binding == f"OTA-WSP port {port}"
        sender.close()
        profile = ConnectionProfile("OTA-WSP", port=ports[0])
        try:
            await agent.register("R", RegistrationRequest(WML, profiles=(profile,)))
            refusal = None
        except RegistrationRejected as rejected:
            refusal = rejected.cause
        assert refusal is Reason.ALREADY_REGISTERED


async def test_port_of_another_process_fails_the_registration(tmp_path: Path) -> None:
    """T-19"""
    other = await UdpBearer(SystemClock()).open(LOOPBACK, 0, lambda octets, peer: None)
    async with running(tmp_path, ota_wsp={"own_ports_at": LOOPBACK}) as agent:
        profile = ConnectionProfile("OTA-WSP", port=other.port)
        one = await agent.register("P", RegistrationRequest(WML, profiles=(profile,)))
        assert one.state is PENDING
        assert (await until(agent, one, FAILED)).reason is Reason.ADDRESS_IN_USE
    other.close()

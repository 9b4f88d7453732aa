"""Acceptance tests of the CAI: deregistration, and what stays of it (CAI 5.1, 5.2).

Each test runs by every way in. Its name begins with its number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from omapush.cai.model import (
    ConnectionProfile,
    DeregistrationRejected,
    Reason,
    RegistrationRequest,
    RegistrationState,
    StatusChange,
    WhitelistEntry,
)
from omapush.client.agent import ClientRules, PushClient
from omapush.client.trust.judge import FixedList
from omapush.client.trust.whitelist import read_entries
from omapush.ota.interface import PushStatus
from omapush.testing.scripted_binder import Failed, Refused, Scopes, ScriptedBinder, Up

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
NewTerminal = Callable[..., Any]
OTA_SIP = ConnectionProfile(protocol="OTA-SIP")


class Changes:
    """The changes of state that a client tells, from now on."""

    def __init__(self, client: PushClient) -> None:
        self.told: list[StatusChange] = []
        self._task = asyncio.ensure_future(self._listen(client))
        self._more = asyncio.Condition()

    async def until(self, state: RegistrationState) -> StatusChange:
        """Wait for a change to ``state``."""
        async with asyncio.timeout(20), self._more:
            await self._more.wait_for(lambda: any(one.new is state for one in self.told))
        return next(one for one in self.told if one.new is state)

    async def close(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, client: PushClient) -> None:
        async for change in client.status_changes():
            async with self._more:
                self.told.append(change)
                self._more.notify_all()


async def test_t40_registration_survives_restart(new_terminal: NewTerminal) -> None:
    request = RegistrationRequest(
        WML,
        application_id="urn:example:application",
        whitelist=(WhitelistEntry("192.0.2.0/24", content_types=("text/plain",)),),
        profiles=(ConnectionProfile(protocol="OTA-HTTP"),),
        accept=("text/plain",),
        ack_timeout_ms=2_500,
    )
    terminal = await new_terminal()
    _, registration_id = await terminal.registered("P", request)
    await terminal.close()

    terminal = await new_terminal(is_up=False)
    application = terminal.application("P")
    (after,) = await application.registrations()
    assert (after.registration_id, after.request) == (registration_id, request)
    # An application notices nothing but a change of state.
    assert after.state in (RegistrationState.LOST, RegistrationState.PENDING)
    terminal.bearers.up("TCP/IP")
    (after,) = await application.registrations()
    assert after.state is RegistrationState.REGISTERED
    assert await terminal.is_delivered(application, registration_id, terminal.link.push())
    ended = await application.deregister(registration_id)
    assert ended.state is RegistrationState.DEREGISTERED
    await terminal.close()
    assert (await new_terminal()).client.live_registrations() == []


async def test_t40_server_data_survives_restart(new_terminal: NewTerminal) -> None:
    """What a server keeps can be ended there by a later life (CAI-44).

    A scripted binder stands for the variant, which itself comes with OTA-SIP.
    """
    sip = ScriptedBinder("OTA-SIP", answers=[Up("at the server")])
    terminal = await new_terminal([sip])
    request = RegistrationRequest(WML, profiles=(OTA_SIP,))
    _, registration_id = await terminal.registered("P", request)
    await terminal.close()

    sip = ScriptedBinder("OTA-SIP")
    terminal = await new_terminal([sip])
    assert [one.server_data for one in sip.begun] == ["at the server"]
    changes = Changes(terminal.client)
    await terminal.application("P").deregister(registration_id)
    await changes.until(RegistrationState.DEREGISTERED)
    await changes.close()
    assert sip.withdrawn == ["at the server"]


async def test_t41_deregistration_informs_server_and_ends_events(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-SIP."""
    sip = ScriptedBinder("OTA-SIP", answers=[Up("at the server")])
    terminal = await new_terminal([sip])
    sip.capabilities = terminal.client.capabilities
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, profiles=(OTA_SIP,))
    )
    reading = asyncio.ensure_future(application.next_event(registration_id))
    await asyncio.sleep(0)
    changes = Changes(terminal.client)
    answer = await application.deregister(registration_id)
    assert answer.state is RegistrationState.DEREGISTERING
    await changes.until(RegistrationState.DEREGISTERED)
    await changes.close()
    assert sip.withdrawn == ["at the server"]
    assert WML not in sip.announced[-1].application_ids
    assert [one.is_closed for one in sip.begun] == [True]
    (ended,) = await asyncio.gather(reading, return_exceptions=True)
    assert ended is None or isinstance(ended, DeregistrationRejected)
    refused = await terminal.link.push(source=sip.begun[0].source())
    assert refused.status is PushStatus.USERPND


async def test_t42_handle_in_process_ends_its_registration(terminal: Any) -> None:
    """The other way in has a method of the registration's own address instead (CAI-47)."""
    application = terminal.application("P")
    held = await terminal.client.register_application(WML)
    assert (await held.deregister()).state is RegistrationState.DEREGISTERED
    assert terminal.client.live_registrations() == []
    first = await application.register(RegistrationRequest(WML))
    ended = await application.deregister(first.registration_id)
    assert ended.state is RegistrationState.DEREGISTERED
    assert terminal.client.live_registrations() == []


async def test_t43_deregistration_of_anothers_is_rejected(terminal: Any) -> None:
    application, registration_id = await terminal.registered("P", WML)
    other, _ = await terminal.registered("Q", MMS)
    with pytest.raises(DeregistrationRejected) as caught:
        await other.deregister(registration_id)
    assert caught.value.cause is Reason.NOT_REGISTERED
    (left,) = await application.registrations()
    assert left.state is RegistrationState.REGISTERED
    assert await terminal.is_delivered(application, registration_id, terminal.link.push())


async def test_t43_second_deregistration_is_rejected(terminal: Any) -> None:
    application, registration_id = await terminal.registered("P", WML)
    await application.deregister(registration_id)
    with pytest.raises(DeregistrationRejected) as caught:
        await application.deregister(registration_id)
    assert caught.value.cause is Reason.NOT_REGISTERED


async def test_t44_deregistration_leaves_what_others_have(new_terminal: NewTerminal) -> None:
    """What servers are told is noted by a scripted binder, of a variant that tells them."""
    sip = ScriptedBinder("OTA-SIP", default=True)
    terminal = await new_terminal([sip])
    sip.capabilities = terminal.client.capabilities
    first = RegistrationRequest(WML, accept=("text/t1", "text/t2"))
    second = RegistrationRequest(MMS, accept=("text/t2", "text/t3"))
    application, registration_id = await terminal.registered("P", first)
    other, other_id = await terminal.registered("Q", second)
    assert sip.announced[-1].application_ids == (MMS, WML)
    assert sip.announced[-1].types == ("text/t1", "text/t2", "text/t3")
    await application.deregister(registration_id)
    assert sip.announced[-1].application_ids == (MMS,)
    assert sip.announced[-1].types == ("text/t2", "text/t3")
    (left,) = await other.registrations()
    assert (left.registration_id, left.state) == (other_id, RegistrationState.REGISTERED)


async def test_t45_id_that_another_still_has_stays_announced(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-SIP."""
    sip = ScriptedBinder("OTA-SIP", scopes=Scopes.INSTANCE)
    terminal = await new_terminal([sip])
    sip.capabilities = terminal.client.capabilities
    held = {
        name: await terminal.registered(
            name, RegistrationRequest(WML, profiles=(OTA_SIP,), instance=f"urn:uuid:{name}")
        )
        for name in ("P", "Q")
    }
    await held["P"][0].deregister(held["P"][1])
    assert sip.announced[-1].application_ids == (WML,)
    push = terminal.link.push(source=sip.begun[1].source())
    assert await terminal.is_delivered(*held["Q"], push)


async def test_t46_only_sources_that_nobody_else_brought_go(new_terminal: NewTerminal) -> None:
    device = FixedList(read_entries((WhitelistEntry("192.0.2.3"),)))
    terminal = await new_terminal(rules=ClientRules(judge=device))
    first, second = WhitelistEntry("192.0.2.1"), WhitelistEntry("192.0.2.2")
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, whitelist=(first, second))
    )
    other = await terminal.registered("Q", RegistrationRequest(MMS, whitelist=(second,)))
    await application.deregister(registration_id)
    again = await terminal.registered("P", WML)
    for source, allowed in (("192.0.2.1", False), ("192.0.2.2", False), ("192.0.2.3", True)):
        push = terminal.link.push(WML, source=source)
        assert await terminal.is_delivered(*again, push) is allowed
    for source, allowed in (("192.0.2.1", False), ("192.0.2.2", True), ("192.0.2.3", True)):
        push = terminal.link.push(MMS, source=source)
        assert await terminal.is_delivered(*other, push) is allowed


@pytest.mark.parametrize("reason", [Reason.REFUSED_BY_SERVER, Reason.NETWORK_ERROR])
async def test_t48_failure_at_server_is_told_with_its_reason(
    new_terminal: NewTerminal, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    """The client goes on trying; until it succeeds the application has the failure.

    A scripted binder stands for the variant, which itself comes with OTA-SIP.
    """
    monkeypatch.setattr("omapush.client.agent.WAITS_MS", (1,))
    sip = ScriptedBinder(
        "OTA-SIP", answers=[Up("at the server")], withdrawals=[Refused(reason, "not now")]
    )
    terminal = await new_terminal([sip])
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, profiles=(OTA_SIP,))
    )
    changes = Changes(terminal.client)
    answer = await application.deregister(registration_id)
    assert answer.state is RegistrationState.DEREGISTERING
    # No more events, from the first moment.
    assert terminal.client.live_registrations() == []
    failed = await changes.until(RegistrationState.DEREGISTER_FAILED)
    assert (failed.registration.reason, failed.registration.detail) == (reason, "not now")
    await changes.until(RegistrationState.DEREGISTERED)
    await changes.close()
    assert sip.withdrawn == ["at the server"] * 2


async def test_t48_forced_deregistration_does_without_server(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-SIP."""
    refusals = [Refused(Reason.SERVER_ERROR) for _ in range(3)]
    sip = ScriptedBinder("OTA-SIP", answers=[Up("at the server")], withdrawals=refusals)
    terminal = await new_terminal([sip])
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, profiles=(OTA_SIP,))
    )
    changes = Changes(terminal.client)
    await application.deregister(registration_id)
    await changes.until(RegistrationState.DEREGISTER_FAILED)
    await changes.close()
    state = (await terminal.registration(application, registration_id)).state
    assert state is RegistrationState.DEREGISTER_FAILED
    ended = await application.deregister(registration_id, force=True)
    assert ended.state is RegistrationState.DEREGISTERED
    assert await application.registrations() == []


async def test_t48_ending_goes_on_after_restart(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-SIP."""
    refusals = [Refused(Reason.SERVER_ERROR)]
    sip = ScriptedBinder("OTA-SIP", answers=[Up("at the server")], withdrawals=refusals)
    terminal = await new_terminal([sip])
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, profiles=(OTA_SIP,))
    )
    changes = Changes(terminal.client)
    await application.deregister(registration_id)
    await changes.until(RegistrationState.DEREGISTER_FAILED)
    await changes.close()
    await terminal.close()
    sip = ScriptedBinder("OTA-SIP", answers=[Failed(Reason.INTERNAL_ERROR)])
    terminal = await new_terminal([sip])
    async with asyncio.timeout(20):
        while await terminal.application("P").registrations():
            await terminal.client.next_change(registration_id, 100)
    assert (sip.withdrawn, sip.begun) == (["at the server"], [])

"""Registration and deregistration through the in-process interface (CAI 5.1, 5.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from omapush.cai.model import (
    Binding,
    BindingState,
    ConnectionProfile,
    DeregistrationRejected,
    Reason,
    Registration,
    RegistrationFailed,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
    WhitelistEntry,
)
from omapush.client.agent import ClientLimits, PushClient
from omapush.client.binding.shared_binder import SharedBearers
from omapush.client.store import ClientStoreError
from omapush.core.instants import DAY_MS
from omapush.testing.scripted_binder import Refused, Scopes, ScriptedBinder, Up
from omapush.testing.virtual_clock import VirtualClock

NewClient = Callable[..., Awaitable[PushClient]]
BINDING = Binding("OTA-HTTP", "TCP/IP", "127.0.0.1:4035")
WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"


async def rejection_of(client: PushClient, **members: Any) -> RegistrationRejected:
    request = RegistrationRequest(**({"push_application_id": WML} | members))
    before = client.registrations("P")
    with pytest.raises(RegistrationRejected) as caught:
        await client.register("P", request)
    assert client.registrations("P") == before
    return caught.value


async def test_registration_is_pending_then_registered(new_client: NewClient) -> None:
    """T-01"""
    client = await new_client(bound=False)
    profile = ConnectionProfile(protocol="OTA-HTTP")
    held = await client.register_application(WML, profiles=[profile])
    assert held.state is RegistrationState.PENDING
    waiting = asyncio.ensure_future(held.wait_registered())
    await asyncio.sleep(0)
    client.bearers.binding_up(BINDING)
    registration = await waiting
    assert registration.state is RegistrationState.REGISTERED
    assert registration.bindings == (BINDING,)


@pytest.mark.parametrize("text", ["", " ", "no uri", "x:a,x:b", "x:" + "a" * 300, "x:a;b"])
async def test_client_rejects_id_that_is_none(client: PushClient, text: str) -> None:
    """T-02"""
    error = await rejection_of(client, push_application_id=text)
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "push_application_id")


async def test_client_accepts_unregistered_id(client: PushClient) -> None:
    """T-03"""
    registration = await client.register("P", RegistrationRequest("vnd.acme.test:x"))
    assert registration.push_application_id == "vnd.acme.test:x"


@pytest.mark.parametrize("text", ["no-scheme", "x:", "x:a b", "1x:y"])
async def test_client_rejects_application_id_that_is_no_uri(client: PushClient, text: str) -> None:
    """T-04"""
    error = await rejection_of(client, application_id=text)
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "application_id")


async def test_application_that_fetches_events_needs_no_handler(client: PushClient) -> None:
    """T-05"""
    held = await client.register_application(WML)
    assert (await held.wait_registered()).state is RegistrationState.REGISTERED


@pytest.mark.parametrize(
    ("member", "value", "parameter"),
    [
        ("event_handler", "carrier-pigeon:coo", "event_handler"),
        ("event_handler", "exec:[]", "event_handler"),
        ("registration_uri", "https://ppg.example.com/register", "registration_uri"),
        ("instance", "urn:uuid:1", "instance"),
        ("profiles", (ConnectionProfile(protocol="OTA-SIP"),), "profiles[0].protocol"),
        ("profiles", (ConnectionProfile(protocol="OTA-FOO"),), "profiles[0].protocol"),
        ("profiles", (ConnectionProfile(bearer_type="GPRS"),), "profiles[0].bearer_type"),
        ("profiles", (ConnectionProfile(port=2950),), "profiles[0].port"),
        ("profiles", (ConnectionProfile(cb_message_id="50"),), "profiles[0].cb_message_id"),
        ("whitelist", (WhitelistEntry("26201", "IMSI"),), "whitelist[0].type"),
    ],
)
async def test_client_rejects_option_by_name_that_it_does_not_support(
    client: PushClient, member: str, value: object, parameter: str
) -> None:
    """T-06, T-15, T-17, CAI-26"""
    error = await rejection_of(client, **{member: value})
    assert (error.cause, error.parameter) == (Reason.UNSUPPORTED_OPTION, parameter)


async def test_client_rejects_contact_point_that_names_no_host(client: PushClient) -> None:
    """CAI-15"""
    profiles = (ConnectionProfile(), ConnectionProfile(contact_point="the gateway"))
    error = await rejection_of(client, profiles=profiles)
    assert error.cause is Reason.INVALID_PARAMETER
    assert error.parameter == "profiles[1].contact_point"


async def test_client_rejects_registration_uri_beside_profiles(client: PushClient) -> None:
    """T-09"""
    uri = "https://ppg.example.com/register"
    error = await rejection_of(client, registration_uri=uri, profiles=(ConnectionProfile(),))
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "registration_uri")


@pytest.mark.parametrize(
    "media_type", ["", "text", "text/", "text/plain, a/b", "text/plain\r\nX: y", "te xt/plain", "*"]
)
async def test_client_rejects_type_that_would_garble_what_is_announced(
    client: PushClient, media_type: str
) -> None:
    error = await rejection_of(client, accept=("text/plain", media_type))
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "accept[1]")


async def test_client_rejects_impossible_patience(client: PushClient) -> None:
    assert (await rejection_of(client, ack_timeout_ms=999)).parameter == "ack_timeout"
    assert (await rejection_of(client, ack_timeout_ms=120_001)).parameter == "ack_timeout"


async def test_client_rejects_registration_while_its_only_bearer_is_down(
    client: PushClient,
) -> None:
    """T-16"""
    client.bearers.binding_down("OTA-HTTP", "TCP/IP")
    error = await rejection_of(client)
    assert error.cause is Reason.UNAVAILABLE
    assert error.cause.retryable
    client.bearers.binding_up(BINDING)
    held = await client.register_application(WML)
    assert (await held.wait_registered()).bindings == (BINDING,)


async def test_client_rejects_id_of_another_application(client: PushClient) -> None:
    """T-27, CAI-20"""
    await client.register("Q", RegistrationRequest("2"))
    error = await rejection_of(client, push_application_id=WML)
    assert (error.cause, error.parameter) == (Reason.ALREADY_REGISTERED, "push_application_id")


async def test_first_answer_is_pending_though_bearer_is_up(client: PushClient) -> None:
    """T-01, CAI-27, CAI-42: two answers, in that order."""
    changes = client.status_changes()
    first_change = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    first = await client.register("P", RegistrationRequest(WML))
    assert first.state is RegistrationState.PENDING
    assert not first_change.done()
    second = await first_change
    await changes.aclose()
    assert (second.old, second.new) == (RegistrationState.PENDING, RegistrationState.REGISTERED)
    assert second.registration.registration_id == first.registration_id


async def test_same_application_updates_its_registration(client: PushClient) -> None:
    """T-28, CAI-21, AD-3"""
    first = await client.register("P", RegistrationRequest(WML, accept=("text/a",)))
    second = await client.register("P", RegistrationRequest(WML, accept=("text/b",)))
    assert second.registration_id == first.registration_id
    assert second.state is RegistrationState.REGISTERED
    assert client.capabilities().accept == ("text/b",)


async def test_every_local_application_is_trusted_without_policy(client: PushClient) -> None:
    """T-52, CAI-62"""
    for owner, identifier in (("uid:0/a", WML), ("uid:1000/b", MMS), ("uid:1/c", "x:y")):
        held = await client.register_application(identifier, owner=owner)
        assert (await held.wait_registered()).state is RegistrationState.REGISTERED


async def test_announcement_is_union_and_withdraws_what_was_solely_its_own(
    client: PushClient,
) -> None:
    """T-35 (the set that the next OPTIONS is answered with), T-44, CAI-51 to CAI-53"""
    wml = RegistrationRequest(WML, accept=("text/t1", "text/t2"))
    mms = RegistrationRequest(MMS, accept=("text/t2", "text/t3"))
    first = await client.register("P", wml)
    await client.register("Q", mms)
    assert client.capabilities().accept_app_id == (MMS, WML)
    assert client.capabilities().accept == ("text/t1", "text/t2", "text/t3")
    await client.deregister("P", first.registration_id)
    assert client.capabilities().accept_app_id == (MMS,)
    assert client.capabilities().accept == ("text/t2", "text/t3")


async def test_registration_fails_when_no_bearer_comes(new_client: NewClient) -> None:
    """T-39, CAI-41"""
    client = await new_client(ClientLimits(registration_timeout_ms=1), bound=False)
    held = await client.register_application(WML)
    with pytest.raises(RegistrationFailed) as caught:
        await held.wait_registered()
    assert caught.value.cause is Reason.TIMEOUT
    assert held.state is RegistrationState.FAILED
    assert client.capabilities().accept_app_id == ("x-omapush:no.application",)
    client.bearers.binding_up(BINDING)
    assert held.state is RegistrationState.FAILED


async def fail(client: PushClient, registration: Registration) -> None:
    entry = client._registry.get(registration.registration_id)
    assert entry is not None
    await client._fail(entry, Reason.TIMEOUT, "no answer in time")


async def test_failed_registration_is_replaced_by_new_one(
    new_client: NewClient, clock: VirtualClock
) -> None:
    client = await new_client(bound=False)
    failed = await client.register("P", RegistrationRequest(WML))
    await fail(client, failed)
    other = await client.register("P", RegistrationRequest(MMS))
    await fail(client, other)
    again = await client.register("P", RegistrationRequest(WML))
    assert again.registration_id != failed.registration_id
    kept = {one.registration_id for one in client.registrations("P")}
    assert kept == {again.registration_id, other.registration_id}
    clock.advance(DAY_MS + 1)
    await client.register("P", RegistrationRequest("x:y"))
    assert len(client.registrations("P")) == 2


async def test_registrations_survive_restart(new_client: NewClient) -> None:
    """T-40, CAI-44"""
    client = await new_client()
    request = RegistrationRequest(
        WML,
        application_id="urn:example:app",
        whitelist=(WhitelistEntry("192.0.2.0/24", content_types=("text/plain",)),),
        profiles=(ConnectionProfile(protocol="OTA-HTTP"),),
        accept=("text/plain",),
        ack_timeout_ms=2_500,
    )
    before = await client.register("P", request)
    for _ in range(3):
        await asyncio.sleep(0)
    await client._store.registrations()  # what follows from being bound is on disk
    await client.close()
    again = await new_client(bound=False)
    (after,) = again.registrations("P")
    assert (after.registration_id, after.request) == (before.registration_id, request)
    assert after.state is RegistrationState.LOST  # it was registered
    again.bearers.binding_up(BINDING)
    (after,) = again.registrations("P")
    assert after.state is RegistrationState.REGISTERED
    ended = await again.deregister("P", after.registration_id)
    assert ended.state is RegistrationState.DEREGISTERED
    await again.close()
    assert (await new_client()).registrations("P") == []


async def test_deregistration_by_handle_ends_events(client: PushClient) -> None:
    """T-41, T-42, CAI-47, CAI-55"""
    held = await client.register_application(WML)
    reading = asyncio.ensure_future(anext(aiter(held.events()), None))
    await asyncio.sleep(0)
    registration = await held.deregister()
    assert registration.state is RegistrationState.DEREGISTERED
    assert await reading is None
    with pytest.raises(RegistrationRejected):
        _ = held.state


async def test_client_rejects_deregistration_of_anothers(client: PushClient) -> None:
    """T-43, CAI-48"""
    registration = await client.register("P", RegistrationRequest(WML))
    with pytest.raises(DeregistrationRejected) as caught:
        await client.deregister("Q", registration.registration_id)
    assert caught.value.cause is Reason.NOT_REGISTERED
    (left,) = client.registrations("P")
    assert left.registration_id == registration.registration_id
    assert left.state is RegistrationState.REGISTERED


async def test_second_deregistration_is_rejected(client: PushClient) -> None:
    """CAI-48"""
    registration = await client.register("P", RegistrationRequest(WML))
    ends = [client.deregister("P", registration.registration_id) for _ in range(2)]
    first, second = await asyncio.gather(*ends, return_exceptions=True)
    assert not isinstance(first, BaseException)
    assert isinstance(second, DeregistrationRejected)


async def test_failed_registration_cannot_be_deregistered(new_client: NewClient) -> None:
    """CAI-48: it is not currently registered."""
    client = await new_client(bound=False)
    registration = await client.register("P", RegistrationRequest(WML))
    await fail(client, registration)
    with pytest.raises(DeregistrationRejected):
        await client.deregister("P", registration.registration_id)


async def test_deregistration_that_cannot_be_kept_fails_with_reason(
    client: PushClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-48 (the client's own side), CAI-56"""
    registration = await client.register("P", RegistrationRequest(WML))

    async def full(_: str) -> None:
        raise ClientStoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(client._store, "forget", full)
        with pytest.raises(DeregistrationRejected) as caught:
            await client.deregister("P", registration.registration_id)
    assert caught.value.cause is Reason.INTERNAL_ERROR
    (left,) = client.registrations("P")
    assert left.state is RegistrationState.DEREGISTER_FAILED
    assert client.live_registrations() == []
    ended = await client.deregister("P", registration.registration_id)
    assert ended.state is RegistrationState.DEREGISTERED


async def test_loss_and_return_of_bearer_are_status_events(client: PushClient) -> None:
    """T-59, AD-6"""
    held = await client.register_application(WML)
    changes = client.status_changes()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    client.bearers.binding_down("OTA-HTTP", "TCP/IP")
    client.bearers.binding_up(BINDING)
    lost, back = await first, await anext(changes)
    await changes.aclose()
    assert (lost.new, lost.registration.reason) == (RegistrationState.LOST, Reason.BEARER_LOST)
    assert [one.state for one in lost.registration.bindings] == [BindingState.LOST]
    assert (back.old, back.new) == (RegistrationState.LOST, RegistrationState.REGISTERED)
    assert held.state is RegistrationState.REGISTERED


async def test_user_cannot_have_more_registrations_than_limit(client: PushClient) -> None:
    """IF-T10: applications of one user count together."""
    for number in range(client.limits.per_user):
        await client.register(f"uid:1/{number}", RegistrationRequest(f"x:{number}"))
    with pytest.raises(RegistrationRejected) as caught:
        await client.register("uid:1/new", RegistrationRequest("x:one-more"))
    assert caught.value.cause is Reason.LIMIT_EXCEEDED
    await client.register("uid:2/other", RegistrationRequest("x:one-more"))


async def test_client_cannot_have_more_registrations_than_limit(client: PushClient) -> None:
    for number in range(client.limits.in_all):
        await client.register(f"uid:{number}", RegistrationRequest(f"x:{number}"))
    with pytest.raises(RegistrationRejected) as caught:
        await client.register("uid:new", RegistrationRequest("x:one-more"))
    assert caught.value.cause is Reason.LIMIT_EXCEEDED


async def test_long_announcement_becomes_any(client: PushClient) -> None:
    """What gateways read has to fit into the head of an answer."""
    many = tuple(f"application/{'x' * 100}{number}" for number in range(60))
    await client.register("P", RegistrationRequest(WML, accept=many))
    assert client.capabilities().accept == ("*/*",)
    assert client.capabilities().accept_app_id == (WML,)


async def test_update_that_runs_beside_loss_of_bearer_keeps_new_state(client: PushClient) -> None:
    await client.register("P", RegistrationRequest(WML))
    update = asyncio.ensure_future(client.register("P", RegistrationRequest(WML, accept=("a/b",))))
    entry = client._registry.live()[0]
    await until(lambda: entry.updating)
    client.bearers.binding_down("OTA-HTTP", "TCP/IP")
    assert (await update).state is RegistrationState.LOST


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0)


async def test_caller_that_goes_away_leaves_nothing_half_done(client: PushClient) -> None:
    """CAI-20, CAI-44: what is on disk is what the client knows."""
    asked = asyncio.ensure_future(client.register("P", RegistrationRequest(WML)))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await until(client.live_registrations)
    (kept,) = await client._store.registrations()
    (known,) = client.registrations("P")
    assert kept.registration_id == known.registration_id
    await until(lambda: client.registrations("P")[0].state is RegistrationState.REGISTERED)
    ending = asyncio.ensure_future(client.deregister("P", known.registration_id))
    await asyncio.sleep(0)
    ending.cancel()
    await until(lambda: not client.registrations("P"))
    assert await client._store.registrations() == []


async def test_old_patience_does_not_end_a_registration_that_was_bound_anew(
    new_client: NewClient,
) -> None:
    client = await new_client(ClientLimits(registration_timeout_ms=60_000))
    await client.register("P", RegistrationRequest(WML))
    profile = ConnectionProfile(protocol="OTA-HTTP")
    await client.register("P", RegistrationRequest(WML, profiles=(profile,)))
    entry = client._registry.live()[0]
    assert entry.patience is None or entry.state is RegistrationState.PENDING
    await client.register("P", RegistrationRequest(WML))
    await asyncio.sleep(0)
    assert entry.state is RegistrationState.REGISTERED
    assert entry.patience is None


async def test_instance_cannot_be_changed_into_a_siblings(new_client: NewClient) -> None:
    """CAI-21, CAI-22"""
    sip = ScriptedBinder("OTA-SIP", default=True, scopes=Scopes.INSTANCE)
    client = await new_client(binders=[sip])
    first = await client.register("P", RegistrationRequest(WML, instance="urn:uuid:1"))
    await client.register("P", RegistrationRequest(WML, instance="urn:uuid:2"))
    with pytest.raises(RegistrationRejected) as caught:
        await client.change(
            "P", first.registration_id, RegistrationRequest(WML, instance="urn:uuid:2")
        )
    assert caught.value.cause is Reason.ALREADY_REGISTERED
    moved = RegistrationRequest(WML, instance="urn:uuid:3")
    changed = await client.change("P", first.registration_id, moved)
    assert changed.request.instance == "urn:uuid:3"


async def test_what_servers_still_keep_counts_in_the_limits(new_client: NewClient) -> None:
    sip = ScriptedBinder(
        "OTA-SIP", default=True, answers=[Up("kept")] * 8, withdrawals=[Refused()] * 8
    )
    client = await new_client(ClientLimits(per_user=3), binders=[sip])
    for number in range(3):
        one = await client.register("P", RegistrationRequest(f"x:{number}"))
        await asyncio.sleep(0)
        ended = await client.deregister("P", one.registration_id)
        assert ended.state is RegistrationState.DEREGISTERING
    with pytest.raises(RegistrationRejected) as caught:
        await client.register("P", RegistrationRequest("x:y"))
    assert caught.value.cause is Reason.LIMIT_EXCEEDED


async def test_server_of_old_ways_is_told_though_it_refuses_at_first(
    new_client: NewClient,
) -> None:
    """CAI-49 for an update that leaves a server; on disk under an id of its own."""
    sip = ScriptedBinder("OTA-SIP", answers=[Up("kept")], withdrawals=[Refused()])
    http = SharedBearers("OTA-HTTP", ["TCP/IP"])
    http.up("TCP/IP", "here")
    client = await new_client(binders=[sip, http])
    by_sip = RegistrationRequest(WML, profiles=(ConnectionProfile(protocol="OTA-SIP"),))
    await client.register("P", by_sip)
    await asyncio.sleep(0)
    by_http = RegistrationRequest(WML, profiles=(ConnectionProfile(protocol="OTA-HTTP"),))
    await client.register("P", by_http)
    kept = {one.owner: one.state for one in await client._store.registrations()}
    assert kept["client"] is RegistrationState.DEREGISTERING
    assert [one.request for one in client.registrations("P")] == [by_http]
    await client.close()
    again = await new_client(binders=[sip, http])
    await until(lambda: len(sip.withdrawn) == 2 and len(again.all_registrations()) == 1)
    assert [one.owner for one in await again._store.registrations()] == ["P"]

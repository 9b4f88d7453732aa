"""Acceptance tests of the CAI: what is registered, and what is rejected (CAI 5.1, 6).

Each test runs by every way in. Its name begins with its number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from omapush.cai.model import (
    BindingState,
    CaiVersion,
    ConnectionProfile,
    DeregistrationRejected,
    Reason,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.agent import ClientRules
from omapush.testing.cai_applications import Application, SocketWayIn, WayIn
from omapush.testing.scripted_binder import Nothing, Scopes, ScriptedBinder

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"
NewTerminal = Callable[..., Any]
OTA_HTTP = ConnectionProfile(protocol="OTA-HTTP")
OTA_SIP = ConnectionProfile(protocol="OTA-SIP")


async def rejection(application: Application, request: RegistrationRequest) -> RegistrationRejected:
    """Return how a registration is rejected; nothing is stored of it."""
    before = [one.registration_id for one in await application.registrations()]
    with pytest.raises(RegistrationRejected) as caught:
        await application.register(request)
    assert [one.registration_id for one in await application.registrations()] == before
    return caught.value


async def test_t01_first_answer_is_pending_and_later_one_registered(
    new_terminal: NewTerminal,
) -> None:
    terminal = await new_terminal(is_up=False)
    application = terminal.application("P")
    first = await application.register(RegistrationRequest(WML, profiles=(OTA_HTTP,)))
    assert (first.state, first.push_application_id) == (RegistrationState.PENDING, WML)
    waiting = asyncio.ensure_future(application.settled(first.registration_id))
    await asyncio.sleep(0)
    assert not waiting.done()
    terminal.bearers.up("TCP/IP", "127.0.0.1:4035")
    second = await waiting
    assert (second.registration_id, second.state) == (
        first.registration_id,
        RegistrationState.REGISTERED,
    )
    assert [(one.protocol, one.state) for one in second.bindings] == [("OTA-HTTP", BindingState.UP)]


async def test_t01_first_answer_is_pending_though_everything_is_up(terminal: Any) -> None:
    application = terminal.application("P")
    first = await application.register(RegistrationRequest(WML, profiles=(OTA_HTTP,)))
    assert first.state is RegistrationState.PENDING
    second = await application.settled(first.registration_id)
    assert second.state is RegistrationState.REGISTERED


@pytest.mark.parametrize("text", ["", " ", "x:" + "a" * 300])
async def test_t02_registration_without_id_is_rejected(terminal: Any, text: str) -> None:
    error = await rejection(terminal.application("P"), RegistrationRequest(text))
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "push_application_id")
    assert terminal.client.live_registrations() == []


async def test_t03_unregistered_id_is_accepted_in_1_1_only(terminal: Any) -> None:
    application = terminal.application("P")
    first = await application.register(RegistrationRequest("vnd.acme.test:x"))
    assert first.push_application_id == "vnd.acme.test:x"
    # By which version a request is judged depends on the way in; here it is the agent that is told.
    old = RegistrationRequest("vnd.acme.test:y", cai_version=CaiVersion.V1_0)
    with pytest.raises(RegistrationRejected) as caught:
        await terminal.client.register("Q", old)
    assert caught.value.cause is Reason.UNREGISTERED_ID


@pytest.mark.parametrize("text", ["no-scheme", "x:", "1x:y"])
async def test_t04_application_id_is_uri_in_1_1_and_any_string_in_1_0(
    terminal: Any, text: str
) -> None:
    error = await rejection(
        terminal.application("P"), RegistrationRequest(WML, application_id=text)
    )
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "application_id")
    old = RegistrationRequest(WML, application_id=text, cai_version=CaiVersion.V1_0)
    assert (await terminal.client.register("Q", old)).request.application_id == text


async def test_t05_application_that_asks_for_its_events_needs_no_handler(terminal: Any) -> None:
    application, registration_id = await terminal.registered("P", WML)
    push = terminal.link.push()
    assert await terminal.is_delivered(application, registration_id, push)


@pytest.mark.parametrize("handler", ["carrier-pigeon:coo", "gopher://127.0.0.1/"])
async def test_t06_handler_of_unknown_kind_is_rejected(terminal: Any, handler: str) -> None:
    request = RegistrationRequest(WML, event_handler=handler)
    error = await rejection(terminal.application("P"), request)
    assert (error.cause, error.parameter) == (Reason.UNSUPPORTED_OPTION, "event_handler")


async def test_t09_registration_uri_and_profile_exclude_each_other(terminal: Any) -> None:
    uri = "http://127.0.0.1:8090/register"
    request = RegistrationRequest(WML, registration_uri=uri, profiles=(OTA_HTTP,))
    error = await rejection(terminal.application("P"), request)
    assert (error.cause, error.parameter) == (Reason.INVALID_PARAMETER, "registration_uri")


async def test_t15_variant_that_is_not_set_up_is_rejected(terminal: Any) -> None:
    request = RegistrationRequest(WML, profiles=(OTA_HTTP, OTA_SIP))
    error = await rejection(terminal.application("P"), request)
    assert (error.cause, error.parameter) == (Reason.UNSUPPORTED_OPTION, "profiles[1].protocol")
    assert terminal.client.live_registrations() == []


async def test_t16_bearer_that_is_down_is_rejected_as_unavailable(terminal: Any) -> None:
    terminal.bearers.down("TCP/IP")
    application = terminal.application("P")
    request = RegistrationRequest(WML, profiles=(OTA_HTTP,))
    error = await rejection(application, request)
    assert error.cause is Reason.UNAVAILABLE
    assert error.cause.retryable
    terminal.bearers.up("TCP/IP")
    await terminal.registered("P", request)


async def test_t17_protocol_that_nobody_knows_is_rejected(terminal: Any) -> None:
    request = RegistrationRequest(WML, profiles=(ConnectionProfile(protocol="OTA-FOO"),))
    error = await rejection(terminal.application("P"), request)
    assert (error.cause, error.parameter) == (Reason.UNSUPPORTED_OPTION, "profiles[0].protocol")


async def test_t24_broken_service_description_is_rejected(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-PTM."""
    ptm = ScriptedBinder("OTA-PTM", ["MBMS"], scopes=Scopes.BROADCAST)
    terminal = await new_terminal([ptm])
    description = "<userServiceDescription serviceId='urn:example:s1'>"  # never closed
    profile = ConnectionProfile("OTA-PTM", "MBMS", mbms_user_service_description=description)
    error = await rejection(
        terminal.application("P"), RegistrationRequest(WML, profiles=(profile,))
    )
    assert error.cause is Reason.DESCRIPTION_INVALID
    assert error.parameter == "profiles[0].mbms_user_service_description"


async def test_t27_id_of_another_application_is_rejected(terminal: Any) -> None:
    """By its number it is the same id."""
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, profiles=(OTA_HTTP,))
    )
    for text in (WML, "2"):
        request = RegistrationRequest(text, profiles=(OTA_HTTP,))
        error = await rejection(terminal.application("Q"), request)
        assert (error.cause, error.parameter) == (Reason.ALREADY_REGISTERED, "push_application_id")
    push = terminal.link.push()
    assert await terminal.is_delivered(application, registration_id, push)


async def test_t28_same_application_updates_its_registration(terminal: Any) -> None:
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, accept=("text/a",))
    )
    again = await application.register(RegistrationRequest(WML, accept=("text/b",)))
    assert (again.registration_id, again.request.accept) == (registration_id, ("text/b",))
    assert again.state is RegistrationState.REGISTERED
    assert terminal.client.capabilities().accept == ("text/b",)
    assert len(await application.registrations()) == 1


async def test_t29_instances_share_an_id_and_each_gets_its_own_pushes(
    new_terminal: NewTerminal,
) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-SIP."""
    sip = ScriptedBinder("OTA-SIP", scopes=Scopes.INSTANCE)
    terminal = await new_terminal([sip])
    instances = {name: f"urn:uuid:{name}" for name in ("P", "Q")}
    held = {
        name: await terminal.registered(
            name, RegistrationRequest(WML, profiles=(OTA_SIP,), instance=instance)
        )
        for name, instance in instances.items()
    }
    second = terminal.link.push(source=sip.begun[1].source())
    assert await terminal.is_delivered(*held["Q"], second)
    assert await held["P"][0].next_event(held["P"][1], 0) is None
    # Without an instance of its own a third one has to be alone with the id in what is shared.
    same = RegistrationRequest(WML, profiles=(OTA_SIP,), instance=instances["P"])
    error = await rejection(terminal.application("R"), same)
    assert error.cause is Reason.ALREADY_REGISTERED


async def test_t32_broadcast_services_of_their_own_share_an_id(new_terminal: NewTerminal) -> None:
    """A scripted binder stands for the variant, which itself comes with OTA-PTM."""
    ptm = ScriptedBinder("OTA-PTM", ["MBMS"], scopes=Scopes.BROADCAST)
    terminal = await new_terminal([ptm])
    held = {}
    for name in ("P", "Q"):
        description = f"<userServiceDescription serviceId='urn:example:{name}'/>"
        profile = ConnectionProfile("OTA-PTM", "MBMS", mbms_user_service_description=description)
        held[name] = await terminal.registered(name, RegistrationRequest(WML, profiles=(profile,)))
    for number, (name, other) in enumerate((("P", "Q"), ("Q", "P"))):
        push = terminal.link.push(source=ptm.begun[number].source())
        assert await terminal.is_delivered(*held[name], push)
        assert await held[other][0].next_event(held[other][1], 0) is None


async def test_t34_in_1_0_single_answer_comes_after_server_side_is_done(
    new_terminal: NewTerminal,
) -> None:
    """CAI-28 and CAI-36, as an application sees them that waits for the one answer that 1.0 has.

    Here the application is in the client's own process.
    """
    server = ScriptedBinder("OTA-HTTP", ["TCP/IP"], answers=[Nothing()])
    terminal = await new_terminal([server])
    held = await terminal.client.register_application(
        WML, profiles=[OTA_HTTP], cai_version=CaiVersion.V1_0
    )
    answer = asyncio.ensure_future(held.wait_registered())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not answer.done()
    server.begun[0].up()
    assert (await answer).state is RegistrationState.REGISTERED


@pytest.mark.parametrize("way_in", ["socket"], indirect=True)
async def test_t34_in_1_0_service_point_gives_one_answer(new_terminal: NewTerminal) -> None:
    server = ScriptedBinder("OTA-HTTP", ["TCP/IP"], answers=[Nothing()])
    terminal = await new_terminal([server])
    members = {"pushApplicationID": WML, "connectionProfile": [{"protocol": "OTA-HTTP"}]}
    async with terminal.http() as http:
        asked = asyncio.ensure_future(http.post("/cai/1.0/registrations", json=members))
        await terminal.until(lambda: server.begun)
        assert not asked.done()
        server.begun[0].up()
        answer = await asked
    assert (answer.status_code, answer.json()["pushApplicationID"]) == (200, WML)


@pytest.mark.parametrize("way_in", ["socket"], indirect=True)
async def test_t03_and_t04_in_1_0_at_the_service_point(http: httpx2.AsyncClient) -> None:
    """Unregistered ids are refused, and the Application ID is any string."""
    path = "/cai/1.0/registrations"
    refused = await http.post(path, json={"pushApplicationID": "vnd.acme.test:x"})
    assert (refused.status_code, refused.json()["error"]) == (400, "unregistered_id")
    taken = await http.post(path, json={"pushApplicationID": WML, "applicationID": "no scheme"})
    assert taken.status_code == 200


async def test_ad3_request_of_a_registration_is_replaced(terminal: Any) -> None:
    """AD-3, by the registration instead of by its application's id."""
    application, registration_id = await terminal.registered(
        "P", RegistrationRequest(WML, accept=("text/a",))
    )
    changed = await application.change(
        registration_id, RegistrationRequest(WML, accept=("text/b",))
    )
    assert (changed.registration_id, changed.request.accept) == (registration_id, ("text/b",))
    assert terminal.client.capabilities().accept == ("text/b",)


@dataclass(frozen=True)
class _OnlyUser:
    """A policy: one user, and ids that begin so."""

    uid: int
    prefix: str

    def check(self, owner: str, request: RegistrationRequest) -> None:
        allowed = owner.startswith(f"uid:{self.uid}/")
        if not allowed or not request.push_application_id.startswith(self.prefix):
            raise RegistrationRejected(Reason.PERMISSION_DENIED, "not by you, or not that id")


async def test_t51_policy_decides_who_may_register_what(new_terminal: NewTerminal) -> None:
    terminal = await new_terminal(rules=ClientRules(policy=_OnlyUser(1000, "x-wap-application:")))
    own = RegistrationRequest(WML)
    for application, request in (
        (terminal.application("Q", uid=1001), own),
        (terminal.application("P", uid=1000), RegistrationRequest("vnd.acme.test:x")),
    ):
        assert (await rejection(application, request)).cause is Reason.PERMISSION_DENIED
    first = await terminal.application("P", uid=1000).register(own)
    assert first.state is RegistrationState.PENDING


async def test_t52_without_policy_every_local_application_is_trusted(terminal: Any) -> None:
    for number, uid in enumerate((0, 1000, 65534)):
        application = terminal.application(f"application {number}", uid=uid)
        first = await application.register(RegistrationRequest(f"x:{number}"))
        settled = await application.settled(first.registration_id)
        assert settled.state is RegistrationState.REGISTERED


async def test_if_t2_registrations_of_others_are_not_seen_nor_ended(
    terminal: Any, way_in: WayIn
) -> None:
    application, registration_id = await terminal.registered("P", WML)
    other = terminal.application("Q", uid=1)
    first = await other.register(RegistrationRequest(MMS))
    assert [one.registration_id for one in await other.registrations()] == [first.registration_id]
    with pytest.raises(DeregistrationRejected) as caught:
        await other.deregister(registration_id)
    assert caught.value.cause is Reason.NOT_REGISTERED
    if isinstance(way_in, SocketWayIn):
        await _stranger_is_refused(way_in, registration_id)
    assert len(await application.registrations()) == 1


async def _stranger_is_refused(way_in: SocketWayIn, registration_id: str) -> None:
    """A process of another user that has got hold of a token is still another user."""
    token = (await way_in.connection("P", None)).token
    transport = httpx2.AsyncHTTPTransport(uds=str(await way_in.serve(uid=12_345)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://client") as http:
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            listed = await http.get("/v1/registrations", headers=headers)
            ended = await http.delete(f"/v1/registrations/{registration_id}", headers=headers)
            assert (listed.status_code, ended.status_code) == (401, 401)


async def test_if_t10_user_has_a_limited_number_of_registrations(terminal: Any) -> None:
    application = terminal.application("P", uid=1000)
    for number in range(terminal.client.limits.per_user):
        await application.register(RegistrationRequest(f"x:{number}"))
    one_more = RegistrationRequest("x:one-more")
    assert (await rejection(application, one_more)).cause is Reason.LIMIT_EXCEEDED
    # All applications of a user count together; those of others do not.
    namesake = terminal.application("another of the same user", uid=1000)
    assert (await rejection(namesake, one_more)).cause is Reason.LIMIT_EXCEEDED
    await terminal.application("Q", uid=1001).register(one_more)

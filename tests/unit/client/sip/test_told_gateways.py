"""Which gateways are told by OPTIONS what is taken, and when."""

from __future__ import annotations

import asyncio

from omapush.client.sip.gateways import ToldGateways
from omapush.ota.interface import BearerUnavailable
from omapush.protocols.sip.message import SipRequest, SipResponse

HOME, WORK = "sip:ppg@push.test", "sip:ppg@work.test"


class Gateways:
    """Gateways that answer as a test says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.changes = 0
        self.answers: dict[str, SipResponse | BearerUnavailable] = {}
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.told = ToldGateways((HOME,), self.options, self.exchange, self.changed)

    def options(self, uri: str) -> SipRequest:
        return SipRequest("OPTIONS", uri)

    async def exchange(self, request: SipRequest) -> SipResponse:
        self.asked.append(request.uri)
        await self.may_answer.wait()
        answer = self.answers.get(request.uri, SipResponse(200, "OK"))
        if isinstance(answer, BearerUnavailable):
            raise answer
        return answer

    def changed(self) -> None:
        self.changes += 1


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_gateways_of_settings_and_of_profiles_are_told_once() -> None:
    gateways = Gateways()
    gateways.told.name((WORK, HOME))
    gateways.told.tell()
    await settle()
    gateways.told.tell()
    await settle()
    assert gateways.asked == [HOME, WORK]
    assert gateways.told.of(WORK).is_told
    assert gateways.changes == 2


async def test_gateway_that_is_away_is_told_next_time() -> None:
    gateways = Gateways()
    gateways.answers[HOME] = BearerUnavailable("no answer in time")
    gateways.told.tell()
    await settle()
    assert (gateways.told.of(HOME).is_told, gateways.told.of(HOME).said) == (
        False,
        "no answer in time",
    )
    gateways.answers.clear()
    gateways.told.tell()
    await settle()
    assert gateways.told.of(HOME).is_told


async def test_gateway_that_does_not_serve_the_user_has_said_so() -> None:
    gateways = Gateways()
    gateways.answers[HOME] = SipResponse(403, "Forbidden")
    gateways.told.tell()
    await settle()
    assert gateways.told.of(HOME).refused == "the gateway does not serve this user: 403 Forbidden"


async def test_what_changes_meanwhile_is_told_at_once() -> None:
    gateways = Gateways()
    gateways.may_answer.clear()
    gateways.told.tell()
    await settle()
    gateways.told.outdate()
    gateways.told.tell()
    gateways.may_answer.set()
    await settle()
    assert gateways.asked == [HOME, HOME]
    assert gateways.told.of(HOME).is_told


async def test_gateway_that_nobody_names_any_more_is_told_nothing() -> None:
    gateways = Gateways()
    gateways.told.name((WORK,))
    gateways.told.name(())
    gateways.told.tell()
    await settle()
    assert gateways.asked == [HOME]
    assert list(gateways.told.standings) == [HOME]


async def test_nobody_is_told_anything_after_the_end() -> None:
    gateways = Gateways()
    gateways.may_answer.clear()
    gateways.told.tell()
    await settle()
    await gateways.told.close()
    assert not gateways.told.of(HOME).is_told

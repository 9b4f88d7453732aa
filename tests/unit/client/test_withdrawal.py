"""Ending bindings at their servers."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.client.test_bindings import NotingBinder

from omapush.cai.model import Reason
from omapush.client.binding import withdrawal
from omapush.client.binding.binder import BindingFailed
from omapush.client.binding.bindings import WantedBinding
from omapush.client.binding.withdrawal import WAITS_MS, Withdrawal


class Server(NotingBinder):
    """Refuses, hangs, or lets go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def withdraw(self, server_data: str) -> None:
        self.asked.append(server_data)
        if server_data == "refuses":
            raise BindingFailed(Reason.REFUSED_BY_SERVER, "no")
        if server_data == "hangs":
            await asyncio.Event().wait()


def kept(*data: str) -> list[WantedBinding]:
    return [WantedBinding("OTA-X", server_data=one) for one in data]


async def test_every_server_is_asked_and_what_is_left_is_told() -> None:
    """T-48, CAI-49, CAI-56"""
    server = Server()
    left, failure = await Withdrawal(lambda: [server]).attempt(kept("a", "refuses", "b"))
    assert server.asked == ["a", "refuses", "b"]
    assert left == kept("refuses")
    assert failure is not None
    assert (failure.cause, failure.detail) == (Reason.REFUSED_BY_SERVER, "no")


async def test_success_leaves_nothing() -> None:
    assert await Withdrawal(lambda: [Server()]).attempt(kept("a")) == ([], None)


async def test_server_that_does_not_answer_costs_its_time_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(withdrawal, "ANSWER_MS", 10)
    server = Server()
    left, failure = await Withdrawal(lambda: [server]).attempt(kept("hangs", "a"))
    assert left == kept("hangs")
    assert failure is not None
    assert failure.cause is Reason.TIMEOUT
    assert server.asked == ["hangs", "a"]


async def test_variant_that_is_gone_cannot_let_go() -> None:
    _, failure = await Withdrawal(list).attempt(kept("a"))
    assert failure is not None
    assert failure.cause is Reason.UNAVAILABLE


def test_tries_go_on_for_about_an_hour() -> None:
    assert 3_500_000 < sum(WAITS_MS) < 3_800_000

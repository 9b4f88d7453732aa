"""Our initiator against a gateway that we did not write: Kannel's PPG."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from omapush.initiator import PushInitiator
from omapush.initiator.client import HttpRefusalError
from omapush.pap.model import DeliveryMethod
from omapush.testing.daemons import free_port
from omapush.testing.kannel import PASSWORD, USERNAME, KannelMissing, prepare, running_kannel


@pytest.fixture(scope="module")
def kannel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tmp_path = tmp_path_factory.mktemp("kannel")
    try:
        peer = prepare(tmp_path, [free_port() for _ in range(5)])
    except KannelMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(f"{error} (make setup does)")
    with running_kannel(peer):
        yield f"http://127.0.0.1:{peer.ppg_port}/wappush"


SI = (
    b'<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    b'"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://a.example.net/">'
    b"hello</indication></si>"
)


async def test_kannel_takes_our_submission_and_we_understand_its_answers(kannel: str) -> None:
    async with PushInitiator(kannel, username=USERNAME, password=PASSWORD) as initiator:
        taken = await initiator.submit(
            ["WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"],
            "x-wap-application:wml.ua",
            SI,
            "text/vnd.wap.si",
            delivery_method=DeliveryMethod.UNCONFIRMED,
        )
        assert (taken.code, taken.accepted) == (1001, True)
        wrong = await initiator.submit(
            ["WAPPUSH=nobody/TYPE=USER@ppg.example.net"], None, SI, "text/vnd.wap.si"
        )
        # Kannel serves no USER addresses; which 2xxx it says differs between its versions.
        assert (wrong.code // 1000, wrong.accepted) == (2, False)


async def test_kannel_refuses_wrong_credentials_and_we_say_so(kannel: str) -> None:
    async with PushInitiator(kannel, username=USERNAME, password="wrong") as initiator:
        with pytest.raises(HttpRefusalError) as caught:
            await initiator.submit(["+441234567890"], None, SI, "text/vnd.wap.si")
    assert caught.value.status == 401

"""ModemManager as a modem: which messages are whose, and what survives. The bus is a real one."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import Variant

from omapush.bearers.modem_manager import (
    MAX_OCTETS,
    ModemManager,
    ModemManagerSettings,
    NotAnsweredError,
    message_of,
)
from omapush.ota.interface import BearerUnavailable
from omapush.ota.modem import FailureCause, ModemState, NotOurs, ReceivedPayload, Refused, Taken
from omapush.testing.modem_contract import Taker, listening
from omapush.testing.modem_manager import FakeModemManager, private_bus

RECEIVING = Variant("u", 2)


def properties(**changed: Variant) -> dict[str, Variant]:
    return {
        "State": Variant("u", 3),
        "PduType": Variant("u", 1),
        "Number": Variant("s", "+358401234567"),
        "SMSC": Variant("s", ""),
        "Text": Variant("s", ""),
        "Data": Variant("ay", b"push"),
        **changed,
    }


def test_whole_message_with_8_bit_data_is_taken() -> None:
    assert message_of(properties()) == ReceivedPayload("+358401234567", b"push")
    centre = message_of(properties(SMSC=Variant("s", "+358501")))
    assert centre == ReceivedPayload("+358401234567", b"push", "+358501")


@pytest.mark.parametrize("state", [0, 1, 2, 4, 5])
def test_message_that_is_not_whole_is_waited_for(state: int) -> None:
    assert message_of(properties(State=Variant("u", state))) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"Text": Variant("s", "hello"), "Data": Variant("ay", b"")},
        {"Data": Variant("ay", b"")},
        {"PduType": Variant("u", 3)},  # a status report
        {"PduType": Variant("u", 32)},  # of CDMA
        {"Data": Variant("ay", bytes(MAX_OCTETS + 1))},
    ],
)
def test_other_message_is_left_alone(changed: dict[str, Variant]) -> None:
    assert isinstance(message_of(properties(**changed)), NotOurs)


@pytest.mark.parametrize(
    "changed", [{"Data": Variant("s", "x")}, {"Number": Variant("u", 5)}, {"SMSC": Variant("u", 1)}]
)
def test_properties_of_another_type_are_an_error(changed: dict[str, Variant]) -> None:
    with pytest.raises(NotAnsweredError):
        message_of(properties(**changed))


async def test_address_that_is_none_is_said() -> None:
    modem = ModemManager(ModemManagerSettings("nonsense"))
    with pytest.raises(BearerUnavailable):
        await modem.run(Taker().take, lambda _: None)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[str]:
    if shutil.which("dbus-daemon") is None:
        assert not os.environ.get("CI"), "dbus-daemon is missing"
        pytest.skip("dbus-daemon is not installed")
    async with private_bus(tmp_path) as address:
        yield address


@pytest.fixture
def modem(bus: str) -> ModemManager:
    return ModemManager(ModemManagerSettings(bus, first_wait_ms=10, rescan_ms=60_000))


@pytest.fixture
async def manager(bus: str) -> AsyncIterator[FakeModemManager]:
    manager = FakeModemManager(bus)
    await manager.start()
    yield manager
    manager.stop()


@pytest.fixture
def taker() -> Taker:
    return Taker()


async def test_message_that_came_before_we_listened_is_found(
    modem: ModemManager, manager: FakeModemManager, taker: Taker
) -> None:
    await manager.receive(b"early")
    async with listening(modem, taker):
        assert await taker.messages(1) == [b"early"]


async def test_message_of_segments_is_taken_when_it_is_whole(
    modem: ModemManager, manager: FakeModemManager, taker: Taker
) -> None:
    async with listening(modem, taker):
        await taker.changes(1)
        looked = manager.next_call("GetAll")
        path = await manager.receive(b"begin", State=RECEIVING)
        await looked
        whole = {"State": Variant("u", 3), "Data": Variant("ay", b"begin and end")}
        await manager.change(path, **whole)
        assert await taker.messages(1) == [b"begin and end"]


async def test_text_and_other_data_stay_for_others(
    modem: ModemManager, manager: FakeModemManager, taker: Taker
) -> None:
    taker.verdict = NotOurs("no push")
    text = {"Text": Variant("s", "hello"), "Data": Variant("ay", b"")}
    left = {await manager.receive(b"BEGIN:VCARD"), await manager.receive(b"", **text)}
    async with listening(modem, taker):
        await taker.messages(1)
        taker.verdict = Taken()
        deleted = manager.next_call("Delete")
        await manager.receive(b"push")
        # The other data are not shown a second time.
        assert await taker.messages(2) == [b"BEGIN:VCARD", b"push"]
        await deleted
    assert set(manager.messages) == left


async def test_message_that_was_refused_is_tried_again(
    modem: ModemManager, manager: FakeModemManager, taker: Taker
) -> None:
    taker.verdict = Refused(FailureCause.MEMORY_CAPACITY_EXCEEDED, "full")
    async with listening(modem, taker):
        await manager.receive(b"first")
        await taker.messages(1)
        taker.verdict = Taken()
        await manager.receive(b"second")
        assert await taker.messages(3) == [b"first", b"first", b"second"]


async def test_message_that_cannot_be_deleted_is_not_taken_twice(
    modem: ModemManager, manager: FakeModemManager, taker: Taker
) -> None:
    manager.refuses_deletion = True
    async with listening(modem, taker):
        tried = manager.next_call("Delete")
        await manager.receive(b"first")
        await tried
        manager.refuses_deletion = False
        again = manager.next_call("Delete")
        await manager.receive(b"second")
        assert await taker.messages(2) == [b"first", b"second"]
        await again
    assert manager.deleted[0] == b"first"


async def test_modem_manager_that_crashes_is_waited_for(
    bus: str, modem: ModemManager, manager: FakeModemManager, taker: Taker
) -> None:
    """Paths are given anew by the next one: they mean other messages."""
    async with listening(modem, taker):
        taker.verdict = NotOurs("not yet")
        await manager.receive(b"one life")
        await taker.messages(1)
        manager.stop()
        assert (await taker.changes(2))[-1] is ModemState.DOWN
        taker.verdict = Taken()
        successor = FakeModemManager(bus)
        await successor.start()
        await successor.receive(b"another")
        assert await taker.messages(2) == [b"one life", b"another"]
        successor.stop()


async def test_bus_that_goes_away_is_waited_for(tmp_path: Path, taker: Taker) -> None:
    folder = tmp_path / "bus"
    folder.mkdir()
    address = f"unix:path={folder}/bus"
    modem = ModemManager(ModemManagerSettings(address, first_wait_ms=10, longest_wait_ms=10))
    if shutil.which("dbus-daemon") is None:
        assert not os.environ.get("CI"), "dbus-daemon is missing"
        pytest.skip("dbus-daemon is not installed")
    async with listening(modem, taker):
        for number in (1, 2):
            async with private_bus(folder):
                manager = FakeModemManager(address)
                await manager.start()
                await manager.receive(bytes([number]))
                await taker.messages(number)
                manager.stop()
            (folder / "bus").unlink(missing_ok=True)
            async with asyncio.timeout(10):
                await taker.changes(2 * number)
    assert taker.payloads == [b"\1", b"\2"]

"""A modem's line: its form, its bounds, and what ends it. The rest is in the contract suite."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.bearers.modem_line import LineModem, LineSettings, read_line, written
from omapush.core.errors import DecodeError
from omapush.ota.interface import BearerUnavailable
from omapush.ota.modem import FailureCause, NotOurs, ReceivedTpdu, Refused, Taken, Verdict
from omapush.testing.daemons import free_port
from omapush.testing.modem_contract import Taker, listening

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
# An SMS-DELIVER whose payload is one octet.
TPDU = "4405812143f500041111222100000008" + "0605040b8423f0" + "55"


@pytest.mark.parametrize("line", [b"DELIVER 0aFF\n", b"DELIVER 0aFF\r\n", b"DELIVER 0aFF"])
def test_line_brings_a_tpdu(line: bytes) -> None:
    assert read_line(line) == b"\x0a\xff"


@pytest.mark.parametrize(
    ("line", "position"),
    [
        (b"\n", 0),
        (b"deliver 0a\n", 0),
        (b"DELIVER\n", 8),
        (b"DELIVER \n", 8),
        (b"DELIVER 0\n", 8),
        (b"DELIVER 0a 0b\n", 8),
        (b"DELIVER  0a\n", 8),
        (b"DELIVER 0g\n", 8),
        ("DELIVER \u0660\u0661\n".encode(), 8),
        (b"\xff\xfe\x00\n", 0),
    ],
)
def test_line_of_another_form_is_refused(line: bytes, position: int) -> None:
    with pytest.raises(DecodeError) as caught:
        read_line(line)
    assert (caught.value.layer, caught.value.position) == ("line", position)


@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda tail: b"DELIVER " + tail))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert read_line(line)


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (Taken(), b"OK\n"),
        (NotOurs("text"), b"OK\n"),
        (Refused(FailureCause.MEMORY_CAPACITY_EXCEEDED, "full"), b"FAIL D3\n"),
    ],
)
def test_verdict_is_written(verdict: Verdict, answer: bytes) -> None:
    assert written(verdict) == answer


@pytest.fixture
def taker() -> Taker:
    return Taker()


@pytest.fixture
async def path(tmp_path: Path, taker: Taker) -> AsyncIterator[Path]:
    """A modem's line that listens."""
    settings = LineSettings(tmp_path / "line", listens=True, service_centre="+358501")
    async with listening(LineModem(settings), taker):
        await taker.changes(1)
        yield tmp_path / "line"


async def answer_to(streams: Streams, line: bytes) -> bytes:
    reader, writer = streams
    writer.write(line)
    async with asyncio.timeout(10):
        return await reader.readline()


async def test_line_that_cannot_be_read_is_answered_and_the_next_one_taken(
    path: Path, taker: Taker
) -> None:
    streams = await asyncio.open_unix_connection(str(path))
    for line in (b"HELLO\n", b"\n", b"DELIVER zz\n", b"DELIVER\n"):
        assert await answer_to(streams, line) == b"FAIL FF\n"
    assert await answer_to(streams, f"DELIVER {TPDU}\n".encode()) == b"OK\n"
    assert taker.payloads == [b"\x55"]
    streams[1].close()


async def test_line_that_is_too_long_ends_the_connection(path: Path, taker: Taker) -> None:
    streams = await asyncio.open_unix_connection(str(path))
    assert await answer_to(streams, b"DELIVER " + b"00" * 4_096) == b""
    # Others are still served.
    others = await asyncio.open_unix_connection(str(path))
    assert await answer_to(others, f"DELIVER {TPDU}\n".encode()) == b"OK\n"
    for each in (streams, others):
        each[1].close()
    assert len(taker.payloads) == 1


async def test_line_without_its_end_is_no_message(path: Path, taker: Taker) -> None:
    streams = await asyncio.open_unix_connection(str(path))
    streams[1].write(f"DELIVER {TPDU}".encode())
    streams[1].write_eof()
    async with asyncio.timeout(10):
        assert await streams[0].read() == b""
    assert taker.payloads == []
    streams[1].close()


async def test_peers_are_few_and_nobody_waits_for_a_silent_one(path: Path) -> None:
    streams = [await asyncio.open_unix_connection(str(path)) for _ in range(9)]
    async with asyncio.timeout(10):
        assert await streams[8][0].readline() == b""
    assert await answer_to(streams[7], f"DELIVER {TPDU}\n".encode()) == b"OK\n"
    for each in streams:
        each[1].close()


async def test_socket_is_for_our_own_user_and_group(path: Path) -> None:
    """Whoever can write to it can push."""
    found = await asyncio.to_thread(path.stat)
    assert found.st_mode & 0o777 == 0o660


async def test_service_centre_of_the_line_goes_with_each_message(tmp_path: Path) -> None:
    seen: list[object] = []

    async def take(message: object) -> Taken:
        seen.append(message)
        return Taken()

    settings = LineSettings(("127.0.0.1", free_port()), listens=True, service_centre="+358501")
    up = asyncio.Event()
    run = asyncio.create_task(LineModem(settings).run(take, lambda _: up.set()))
    await up.wait()
    streams = await asyncio.open_connection(*settings.where)  # type: ignore[misc]  # host, port
    assert await answer_to(streams, f"DELIVER {TPDU}\n".encode()) == b"OK\n"
    streams[1].close()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert seen == [ReceivedTpdu(bytes.fromhex(TPDU), "+358501")]


async def test_place_that_is_taken_is_said(path: Path) -> None:
    with pytest.raises(BearerUnavailable, match="another process listens there"):
        await LineModem(LineSettings(path, listens=True)).run(Taker().take, lambda _: None)


async def test_socket_that_a_dead_process_left_is_replaced(tmp_path: Path, taker: Taker) -> None:
    server = await asyncio.start_unix_server(lambda *_: None, str(tmp_path / "line"))
    server.close()
    assert (tmp_path / "line").is_socket()
    async with listening(LineModem(LineSettings(tmp_path / "line", listens=True)), taker):
        await taker.changes(1)
        streams = await asyncio.open_unix_connection(str(tmp_path / "line"))
        assert await answer_to(streams, f"DELIVER {TPDU}\n".encode()) == b"OK\n"
        streams[1].close()

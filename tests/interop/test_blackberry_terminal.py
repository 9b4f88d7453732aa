"""A real gateway and terminals that behave as BlackBerry handsets did (PO-TCP and TO-TCP)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from omapush.testing.blackberry_terminal import BlackberryTerminal
from omapush.testing.running_gateway import RunningGateway, address_of, client_table

ANNA = address_of(1)
TERMINAL_ID = "4165012322222"


async def until(terminal: BlackberryTerminal, condition: Callable[[], object]) -> None:
    await asyncio.to_thread(terminal.until, condition)


def dialled(folder: Path, terminal: BlackberryTerminal) -> RunningGateway:
    terminal.listen()
    at = f"127.0.0.1:{terminal.port}"
    return RunningGateway(
        folder, client_table("anna", ANNA, ota_http=at, terminal_id=terminal.terminal_id)
    )


async def test_handset_that_gateway_dials_takes_pushes(tmp_path: Path) -> None:
    with BlackberryTerminal() as terminal:
        async with dialled(tmp_path, terminal).running() as gateway:
            for _ in range(3):
                await gateway.delivers(ANNA)
        options, *posts = terminal.requests
        assert (options.method, options.target) == ("OPTIONS", "/wappush")
        assert options.headers["host"] == ""
        assert options.headers["x-wap-push-ota-version"] == "1.0"
        assert [post.method for post in posts] == ["POST"] * 3
        for post in posts:
            assert post.headers["x-wap-cpitag"] == terminal.cpi.tag
            assert post.headers["content-type"] == "application/http"
            assert post.body.endswith(b"\r\n\r\nhello")


async def test_handset_whose_settings_change_takes_pushes_under_each_tag(tmp_path: Path) -> None:
    with BlackberryTerminal() as terminal:
        async with dialled(tmp_path, terminal).running() as gateway:
            for language, registrations in (("en", 1), ("de", 2), ("en", 2)):
                terminal.cpi.language = language
                await gateway.delivers(ANNA)
                assert terminal.count("OPTIONS") == registrations
        # The gateway knows the first tag still: the push is sent again, and nothing is asked.
        assert len(terminal.taken) == 3


async def test_handset_is_recognised_by_its_tag_after_gateway_restarts(tmp_path: Path) -> None:
    with BlackberryTerminal() as terminal:
        terminal.cpi.language = "x-15"  # whose tag has a leading zero that is not written
        gateway = dialled(tmp_path, terminal)
        async with gateway.running():
            await gateway.delivers(ANNA)
            assert await gateway.daemon.stop() == 0
            await gateway.daemon.start()
            await gateway.delivers(ANNA)
        tags = [asked.headers.get("x-wap-cpitag") for asked in terminal.requests]
        tag = terminal.cpi.tag
        assert len(tag) < 8
        assert tags == [None, tag, tag, tag]


async def test_handset_refuses_what_it_has_no_room_for(tmp_path: Path) -> None:
    with BlackberryTerminal() as terminal:
        async with dialled(tmp_path, terminal).running() as gateway:
            fits = await gateway.push(ANNA, b"x" * 1_200)
            assert (await gateway.ended(fits)).code == 1000
            large = await gateway.ended(await gateway.push(ANNA, b"x" * 1_400))
            assert (large.message_state.value, large.code) == ("undeliverable", 2006)
        assert terminal.count("POST") == 1  # the large one was never sent


async def test_statuses_of_handset_reach_initiator(tmp_path: Path) -> None:
    with BlackberryTerminal() as terminal:
        terminal.refuses = lambda body: int(body[-3:]) if body[-3:].isdigit() else None
        async with dialled(tmp_path, terminal).running() as gateway:
            for status in (234, 235, 236, 237, 238):
                ended = await gateway.ended(await gateway.push(ANNA, b"refuse %d" % status))
                assert (ended.message_state.value, ended.code) == ("aborted", 5000 + status)
            await gateway.delivers(ANNA)


async def test_handset_that_comes_to_another_address_gets_no_push_of_the_first(
    tmp_path: Path,
) -> None:
    with BlackberryTerminal() as terminal, BlackberryTerminal("4999") as other:
        async with dialled(tmp_path, terminal).running() as gateway:
            await gateway.delivers(ANNA)
            terminal.hang_up()
            other.port = terminal.port
            other.listen()
            push_id = await gateway.push(ANNA)
            said = await gateway.until_said(push_id, "terminal '4999' answered")
            assert f"'{TERMINAL_ID}' was expected" in said
            assert other.count("POST") == 0
            other.hang_up()
            terminal.listen()
            assert (await gateway.ended(push_id)).code == 1000
        assert len(terminal.taken) == 2

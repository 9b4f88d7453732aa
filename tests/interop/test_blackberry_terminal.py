"""A real gateway and terminals that behave as BlackBerry handsets did (PO-TCP and TO-TCP)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from omapush.testing.authority import Authority
from omapush.testing.blackberry_terminal import BlackberryTerminal, HandsetCpi
from omapush.testing.daemons import free_port
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


async def test_handsets_that_swap_addresses_get_no_push_of_the_other(tmp_path: Path) -> None:
    with BlackberryTerminal() as terminal, BlackberryTerminal("4999") as other:
        bert = address_of(2)
        terminal.listen()
        other.listen()
        tables = [
            client_table(name, address, ota_http=f"127.0.0.1:{at.port}", terminal_id=at.terminal_id)
            for name, address, at in (("anna", ANNA, terminal), ("bert", bert, other))
        ]
        async with RunningGateway(tmp_path, "".join(tables)).running() as gateway:
            for turn in range(3):
                push_ids = [
                    await gateway.push(ANNA, b"Anna %d" % turn),
                    await gateway.push(bert, b"Bert %d" % turn),
                ]
                if turn == 1:  # they are where the other was, and alike in all but their names
                    await gateway.until_said(push_ids[0], "terminal '4999' answered")
                    await gateway.until_said(push_ids[1], f"terminal '{TERMINAL_ID}' answered")
                    swap(terminal, other)
                for push_id in push_ids:
                    assert (await gateway.ended(push_id)).code == 1000
                if turn == 0:
                    swap(terminal, other)
        assert [body[-6:] for body in terminal.taken] == [b"Anna 0", b"Anna 1", b"Anna 2"]
        assert [body[-6:] for body in other.taken] == [b"Bert 0", b"Bert 1", b"Bert 2"]


def swap(one: BlackberryTerminal, other: BlackberryTerminal) -> None:
    one.hang_up()
    other.hang_up()
    one.port, other.port = other.port, one.port
    one.listen()
    other.listen()


# -- the handset dials (TO-TCP) --


def dialling(folder: Path, more: str = "", **client: str) -> tuple[RunningGateway, int]:
    """Return a gateway, and the port that the handset of its client dials."""
    port = free_port()
    table = client_table("anna", ANNA, ota_http_dials_in=True, terminal_id=TERMINAL_ID, **client)
    listen = f'listen = "127.0.0.1:{port}"\n'
    return RunningGateway(folder, table, ota_http=listen + more), port


async def test_handset_that_dials_takes_pushes_one_after_the_other(tmp_path: Path) -> None:
    gateway, port = dialling(tmp_path)
    with BlackberryTerminal() as terminal:
        async with gateway.running():
            waiting = await gateway.push(ANNA, b"came before the handset")
            await asyncio.to_thread(terminal.dial, "127.0.0.1", port)
            assert (await gateway.ended(waiting)).code == 1000
            push_ids = [await gateway.push(ANNA, b"number %d" % number) for number in range(10)]
            for push_id in push_ids:
                assert (await gateway.ended(push_id)).code == 1000
        assert (terminal.count("OPTIONS"), len(terminal.taken)) == (1, 11)
        assert terminal.requests[0].headers["host"] == ""


async def test_handset_that_dials_again_is_recognised_by_its_tag(tmp_path: Path) -> None:
    gateway, port = dialling(tmp_path)
    with BlackberryTerminal() as terminal:
        async with gateway.running():
            await asyncio.to_thread(terminal.dial, "127.0.0.1", port)
            await gateway.delivers(ANNA)
            terminal.hang_up()
            waiting = await gateway.push(ANNA)
            await asyncio.to_thread(terminal.dial, "127.0.0.1", port)
            assert (await gateway.ended(waiting)).code == 1000
            terminal.cpi.language = "de"  # a setting changes while it is connected
            await gateway.delivers(ANNA)
            terminal.cpi.language = "en"
            await gateway.delivers(ANNA)
        assert len(terminal.taken) == 4
        options = [asked for asked in terminal.requests if asked.method == "OPTIONS"]
        known = options[1].headers["x-wap-cpitag"]  # it dialled from where it was seen
        assert (len(options), known) == (3, HandsetCpi().tag)


async def test_handset_dials_by_tls(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "gateway", "IP:127.0.0.1")
    secure = free_port()
    certificate = (
        f'tls_certificate = "{tmp_path}/gateway.pem"\ntls_key = "{tmp_path}/gateway.key"\n'
    )
    gateway, _ = dialling(tmp_path, f'secure_listen = "127.0.0.1:{secure}"\n{certificate}')
    tls = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with BlackberryTerminal() as terminal:
        async with gateway.running():
            await asyncio.to_thread(terminal.dial, "127.0.0.1", secure, tls)
            await gateway.delivers(ANNA)
        assert len(terminal.taken) == 1


async def test_handset_listens_by_tls_as_server(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "handset", "IP:127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "handset.pem", tmp_path / "handset.key")
    with BlackberryTerminal() as terminal:
        terminal.listen(tls)
        at = f"127.0.0.1:{terminal.port}"
        table = client_table(
            "anna", ANNA, ota_http=at, ota_http_secure=True, terminal_id=TERMINAL_ID
        )
        roles = f'po_tcp_tls_roles = "tcp"\npo_tcp_ca = "{tmp_path}/ca.pem"\n'
        async with RunningGateway(tmp_path, table, ota_http=roles).running() as gateway:
            await gateway.delivers(ANNA)
        assert len(terminal.taken) == 1


async def test_handset_is_asked_to_dial_and_does(tmp_path: Path) -> None:
    with (
        BlackberryTerminal() as terminal,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
    ):
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(30)
        gateway, port = dialling(tmp_path, ota_wsp_udp=f"127.0.0.1:{phone.getsockname()[1]}")
        async with gateway.running():
            for turn in range(2):
                push_id = await gateway.push(ANNA, b"turn %d" % turn)
                asked = await asyncio.to_thread(phone.recv, 65_536)
                # An AddressType: no bearer, with port, four octets (WSP 8.2.2.2).
                point = b"\x44" + port.to_bytes(2) + bytes((127, 0, 0, 1))
                assert point in asked
                if turn:  # what it said of itself is known: its hexadecimal tag, as four octets
                    assert int(terminal.cpi.tag, 16).to_bytes(4) == asked[-4:]
                await asyncio.to_thread(terminal.dial, "127.0.0.1", port)
                assert (await gateway.ended(push_id)).code == 1000
                await gateway.until_said(push_id, "SIR: sent")
                terminal.hang_up()
        assert [body[-6:] for body in terminal.taken] == [b"turn 0", b"turn 1"]

"""Real gateway, terminals that dial it (TO-TCP) and are many, silent, liars or guessers.

Whatever they do costs them their connection; the good terminal beside them gets its pushes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from omapush.testing.authority import Authority
from omapush.testing.calling_terminal import CallingTerminal, GatewayRequest
from omapush.testing.daemons import free_port
from omapush.testing.plain_terminal import REGISTERED
from omapush.testing.running_gateway import RunningGateway, address_of, client_table

ANNA, BERT = address_of(1), address_of(2)
ANNAS, BERTS = "4100", "4200"
PASSWORD = "s3cret"
MAX_ANONYMOUS, MAX_OF_ONE_ADDRESS, LOCKOUT_FAILURES = 100, 40, 3
CROWD, BACKLOG = 2_000, 150
ENOUGH_KIB = 24 * 1024


class Ground:
    """A gateway that terminals dial, and who dials it."""

    def __init__(self, gateway: RunningGateway, port: int) -> None:
        self.gateway = gateway
        self.port = port
        self._callers: list[CallingTerminal] = []

    async def call(
        self, terminal: CallingTerminal, port: int | None = None, tls: ssl.SSLContext | None = None
    ) -> CallingTerminal:
        self._callers.append(terminal)
        await terminal.dial(port or self.port, tls)
        return terminal

    async def is_refused(self, terminal: CallingTerminal, reason: str) -> None:
        """Let it dial: it is asked, closed, and the log says why."""
        await self.call(terminal)
        await terminal.until(lambda: terminal.hung_up)
        assert terminal.taken == []
        await self.gateway.until_logged(reason)

    async def hang_up(self) -> None:
        for caller in self._callers:
            await caller.hang_up()


@contextlib.asynccontextmanager
async def ground(
    folder: Path, clients: str, ota_http: str = "registration_timeout_seconds = 1\n"
) -> AsyncIterator[Ground]:
    port = free_port()
    gateway = RunningGateway(
        folder,
        clients,
        ota_http=f'listen = "127.0.0.1:{port}"\n'
        f"max_anonymous = {MAX_ANONYMOUS}\nmax_anonymous_per_address = {MAX_OF_ONE_ADDRESS}\n"
        f"lockout_failures = {LOCKOUT_FAILURES}\n{ota_http}",
        log='level = "debug"\n',
    )
    async with gateway.running():
        here = Ground(gateway, port)
        try:
            yield here
        finally:
            await here.hang_up()
    assert PASSWORD not in gateway.daemon.log


def listed(name: str, address: str, terminal_id: str, password: str | None = None) -> str:
    secret = {} if password is None else {"terminal_password": password}
    return client_table(name, address, ota_http_dials_in=True, terminal_id=terminal_id, **secret)


BOTH = listed("anna", ANNA, ANNAS) + listed("bert", BERT, BERTS)
WITH_PASSWORD = listed("anna", ANNA, ANNAS) + listed("bert", BERT, BERTS, PASSWORD)


# -- very many that say nothing --


@contextlib.contextmanager
def crowd(port: int, count: int, sources: Iterator[str]) -> Iterator[list[socket.socket]]:
    """Open so many connections and say nothing on any of them."""
    with contextlib.ExitStack() as stack:
        opened = []
        for source in itertools.islice(sources, count):
            silent = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), 10, (source, 0))
            )
            silent.settimeout(10)
            opened.append(silent)
        yield opened


def asked(silent: socket.socket) -> bool:
    """Whether the gateway took the connection: then it asks who is there, else it closes it."""
    try:
        return silent.recv(4) == b"OPTI"
    except ConnectionResetError:
        return False


def addresses() -> Iterator[str]:
    return (f"127.1.{high}.{low}" for high in range(256) for low in range(1, 255))


@pytest.mark.parametrize(
    ("sources", "most"),
    [
        (lambda: itertools.repeat("127.1.0.1"), MAX_OF_ONE_ADDRESS),
        (addresses, MAX_ANONYMOUS),
    ],
    ids=["one address", "many addresses"],
)
async def test_crowd_that_says_nothing_is_bounded_and_given_up(
    tmp_path: Path, sources: Callable[[], Iterator[str]], most: int
) -> None:
    async with ground(tmp_path, BOTH, "registration_timeout_seconds = 4\n") as here:
        anna = await here.call(CallingTerminal(ANNAS))
        await here.gateway.delivers(ANNA)
        daemon = here.gateway.daemon
        resident_before, files_before = daemon.resident_kib, daemon.open_files

        def come_and_go() -> int:
            with crowd(here.port, CROWD, sources()) as silent:
                taken = [each for each in silent if asked(each)]
                for each in taken:  # until it gives them up
                    while each.recv(4_096):
                        pass
                return len(taken)

        coming, most_files = asyncio.create_task(asyncio.to_thread(come_and_go)), 0
        while not coming.done():
            most_files = max(most_files, daemon.open_files)
            await here.gateway.delivers(ANNA)
        assert most <= await coming < CROWD
        # What it accepts to turn it away is open for an instant, a backlog of it at a time.
        assert most_files - files_before <= most + BACKLOG
        assert daemon.resident_kib - resident_before < ENOUGH_KIB
        bert = await here.call(CallingTerminal(BERTS))  # there is room again
        await here.gateway.delivers(BERT)
        assert (anna.hung_up, bert.taken) == (False, [b"hello"])
        assert await here.gateway.is_ready()


async def test_crowd_that_begins_no_tls_is_given_up(tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path)
    await asyncio.to_thread(authority.sign, "gateway", "IP:127.0.0.1")
    secure = free_port()
    settings = (
        f'secure_listen = "127.0.0.1:{secure}"\ntls_certificate = "{tmp_path}/gateway.pem"\n'
        f'tls_key = "{tmp_path}/gateway.key"\nhandshake_timeout_seconds = 2\n'
    )
    tls = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with ground(tmp_path, BOTH, settings) as here:
        anna = await here.call(CallingTerminal(ANNAS), secure, tls)
        await here.gateway.delivers(ANNA)
        daemon = here.gateway.daemon
        resident_before, files_before = daemon.resident_kib, daemon.open_files

        def come_and_go() -> None:
            with crowd(secure, CROWD // 2, addresses()) as silent:
                for number, each in enumerate(silent):
                    with contextlib.suppress(ConnectionError):
                        if number % 2:
                            each.sendall(b"GET / HTTP/1.1\r\nHost: plain\r\n\r\n")
                        while each.recv(4_096):
                            pass

        coming, most_files = asyncio.create_task(asyncio.to_thread(come_and_go)), 0
        while not coming.done():
            most_files = max(most_files, daemon.open_files)
            await here.gateway.delivers(ANNA)
        await coming
        assert most_files - files_before <= MAX_ANONYMOUS + BACKLOG
        assert daemon.resident_kib - resident_before < ENOUGH_KIB
        bert = await here.call(CallingTerminal(BERTS), secure, tls)
        await here.gateway.delivers(BERT)
        assert (anna.hung_up, bert.taken) == (False, [b"hello"])


# -- what is no registration --

NO_REGISTRATIONS = {
    "nonsense": (b"\x00\xffSSH-2.0-nonsense\r\n\r\n", "does not speak HTTP"),
    "a head without end": (
        b"HTTP/1.1 204 \r\n" + b"X-Header: x\r\n" * 5_000,
        "does not speak HTTP",
    ),
    "another length": (
        b"HTTP/1.1 200 \r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "does not speak HTTP",
    ),
    "half of one": (REGISTERED[:100], "did not answer the registration in time"),
    "two of them": (REGISTERED * 2, "nobody asked for"),
    "a refusal": (b"HTTP/1.1 204 \r\nX-Wap-Push-Status: 301\r\n\r\n", "registration refused"),
    "a gateway": (b"OPTIONS /wappush HTTP/1.1\r\nHost:\r\n\r\n", "does not speak HTTP"),
}


async def test_what_is_no_registration_costs_the_connection(tmp_path: Path) -> None:
    async with ground(tmp_path, BOTH) as here:
        await here.call(CallingTerminal(ANNAS))
        for octets, reason in NO_REGISTRATIONS.values():
            for before_asked in (False, True):
                caller = CallingTerminal("4155")
                caller.at_once = octets if before_asked else b""
                caller.answer = lambda _request, said=octets: said  # type: ignore[misc]
                await here.is_refused(caller, reason)
                await here.gateway.delivers(ANNA)


# -- terminals that say they were others --

LIES = {
    "nobody": "4999",
    "a listed client by another name": "+" + ANNAS,
    "the number of a client with a Terminal-ID of its own": "4440000000001",
    "somebody else's address": "6192000002001",
    "nothing": "",
    "white space": "4100 4200",
    "control characters": "4100\x0b\x1b[2J",
    "much": "4" * 256,
    "very much": "4" * 100_000,
}


async def test_terminal_that_lies_about_itself_gets_nothing(tmp_path: Path) -> None:
    async with ground(tmp_path, BOTH) as here:
        waiting = await here.gateway.push(ANNA)
        for number, lie in enumerate(LIES.values(), start=1):
            liar = CallingTerminal(lie, source=f"127.0.2.{number}")  # nobody is locked out
            await here.call(liar)
            await liar.until(lambda liar=liar: liar.hung_up)  # type: ignore[misc]
            assert liar.taken == []
        assert "\x1b" not in here.gateway.daemon.log
        await here.call(CallingTerminal(ANNAS))
        assert (await here.gateway.ended(waiting)).code == 1000


async def test_terminal_that_becomes_another_on_its_connection_is_closed(tmp_path: Path) -> None:
    async with ground(tmp_path, BOTH) as here:
        anna = await here.call(CallingTerminal(ANNAS))
        await here.gateway.delivers(ANNA)
        waiting = await here.gateway.push(BERT)
        anna.terminal_id, anna.tag = BERTS, "BBBBBB=="  # so that it is asked again
        await here.gateway.push(ANNA, b"for Anna")
        await anna.until(lambda: anna.hung_up)
        assert anna.taken == [b"hello"]
        await here.gateway.until_logged("the terminal gives two identities on one connection")
        bert = await here.call(CallingTerminal(BERTS))
        assert (await here.gateway.ended(waiting)).code == 1000
        assert bert.taken == [b"hello"]


async def test_terminals_that_swap_addresses_get_their_own_pushes(tmp_path: Path) -> None:
    async with ground(tmp_path, BOTH) as here:
        anna = await here.call(CallingTerminal(ANNAS, source="127.0.0.2"))
        bert = await here.call(CallingTerminal(BERTS, source="127.0.0.3"))
        bert.tag = anna.tag  # alike in all but their names
        contents: dict[str, list[bytes]] = {ANNA: [], BERT: []}
        for turn in range(4):
            for address, name in ((ANNA, b"Anna"), (BERT, b"Bert")):
                contents[address].append(b"%s, %d" % (name, turn))
                push_id = await here.gateway.push(address, contents[address][-1])
                assert (await here.gateway.ended(push_id)).code == 1000
            await anna.hang_up()
            await bert.hang_up()
            anna.source, bert.source = bert.source, anna.source
            await here.call(anna)
            await here.call(bert)
        assert (anna.taken, bert.taken) == (contents[ANNA], contents[BERT])


# -- terminals that guess passwords --


async def test_wrong_password_many_times_locks_the_address_out(tmp_path: Path) -> None:
    async with ground(tmp_path, WITH_PASSWORD) as here:
        anna = await here.call(CallingTerminal(ANNAS))
        await here.gateway.delivers(ANNA)
        waiting = await here.gateway.push(BERT)
        for number in range(50):
            guesser = CallingTerminal(BERTS, f"guess {number}", source="127.0.0.9")
            try:
                await here.call(guesser)
            except OSError:
                continue
            await guesser.until(lambda guesser=guesser: guesser.hung_up)  # type: ignore[misc]
            assert guesser.taken == []
            if not guesser.requests:
                break
        else:
            pytest.fail("it may go on guessing")
        # Even the right one comes too late from there; from elsewhere it is let in.
        late = await here.call(CallingTerminal(BERTS, PASSWORD, source="127.0.0.9"))
        await late.until(lambda: late.hung_up)
        assert late.requests == []
        bert = await here.call(CallingTerminal(BERTS, PASSWORD, source="127.0.0.10"))
        assert (await here.gateway.ended(waiting)).code == 1000
        await here.gateway.delivers(ANNA)
        assert (len(anna.taken), bert.taken) == (2, [b"hello"])


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_unknown_terminal_and_wrong_password_look_alike(tmp_path: Path, scheme: str) -> None:
    setting = f'authenticate = "{scheme}"\n'
    async with ground(tmp_path, WITH_PASSWORD, setting) as here:
        seen = []
        for terminal_id in (BERTS, "4999"):
            source = f"127.0.0.{9 + len(seen)}"
            guesser = await here.call(CallingTerminal(terminal_id, "wrong", source=source))
            await guesser.until(lambda guesser=guesser: guesser.hung_up)  # type: ignore[misc]
            seen.append([_without_nonce(request) for request in guesser.requests])
        assert seen[0] == seen[1] != []


def _without_nonce(request: GatewayRequest) -> dict[str, str]:
    headers = dict(request.headers)
    challenge = headers.pop("x-wap-authenticate", "")
    kept = (each for each in challenge.split(", ") if "nonce=" not in each)
    return {**headers, "challenge": ", ".join(kept)}


@pytest.mark.parametrize("status", [None, "failed_retry", "failed_noretry"])
async def test_terminal_without_password_gets_its_pushes_beside_others(
    tmp_path: Path, status: str | None
) -> None:
    """Whoever dials in is asked for a proof before it is known of whom one is wanted."""
    async with ground(tmp_path, WITH_PASSWORD) as here:
        anna = CallingTerminal(ANNAS)

        def answer(request: GatewayRequest) -> bytes:
            if status is None or "x-wap-authenticate" not in request.headers:
                return anna.good_answer(request)  # it knows nothing of challenges
            refusal = f'X-Wap-Authorization: Digest x-wap-auth-status="{status}"'
            lines = ("HTTP/1.1 412 ", "X-Wap-Push-Status: 301", refusal, "Content-Length: 0")
            return "\r\n".join((*lines, "", "")).encode()

        anna.answer = answer
        await here.call(anna)
        await here.gateway.delivers(ANNA)


@pytest.mark.parametrize("scheme", ["basic", "digest"])
async def test_terminal_that_proves_itself_gets_its_pushes(tmp_path: Path, scheme: str) -> None:
    setting = f'authenticate = "{scheme}"\n'
    async with ground(tmp_path, WITH_PASSWORD, setting) as here:
        bert = await here.call(CallingTerminal(BERTS, PASSWORD))
        await here.gateway.delivers(BERT)
        assert bert.requests[0].headers["x-wap-authenticate"].lower().startswith(scheme)
        # Without proof its name is worth nothing.
        await here.is_refused(CallingTerminal(BERTS), "terminal_refused")


async def test_replayed_digest_is_refused(tmp_path: Path) -> None:
    async with ground(tmp_path, WITH_PASSWORD) as here:
        bert = await here.call(CallingTerminal(BERTS, PASSWORD, source="127.0.0.8"))
        await here.gateway.delivers(BERT)
        overheard = bert.good_answer(bert.requests[0])
        await bert.hang_up()
        waiting = await here.gateway.push(BERT)
        thief = CallingTerminal(BERTS, source="127.0.0.9")
        thief.answer = lambda _request: overheard
        await here.is_refused(thief, "terminal_refused")
        nonces = [
            request.headers["x-wap-authenticate"].partition('nonce="')[2].partition('"')[0]
            for request in (*bert.requests, *thief.requests)
            if 'nonce="' in request.headers.get("x-wap-authenticate", "")
        ]
        assert len(set(nonces)) == len(nonces) > 1
        await here.call(bert)
        assert (await here.gateway.ended(waiting)).code == 1000


def wants_basic(_request: GatewayRequest) -> bytes:
    """Ask for the password that the gateway has at Bert's terminal."""
    challenge = f'WWW-Authenticate: Basic realm="{BERTS}"'
    lines = ("HTTP/1.1 401 ", "X-Wap-Push-Status: 300", "Content-Length: 0", challenge)
    return "\r\n".join((*lines, "", "")).encode()


@pytest.mark.parametrize("others", ["", listed("carl", address_of(3), "4300", "another")])
async def test_stranger_is_not_told_the_password_of_the_gateway(
    tmp_path: Path, others: str
) -> None:
    """A realm is only a word: whoever dials in may name any, and ask for Basic."""
    berts = client_table(
        "bert", BERT, ota_http_dials_in=True, terminal_id=BERTS, gateway_password=PASSWORD
    )
    async with ground(tmp_path, berts + others) as here:
        bert = await here.call(CallingTerminal(BERTS, source="127.0.0.8"))
        await here.gateway.delivers(BERT)
        await bert.hang_up()
        # Not even where Bert was seen.
        thieves = [CallingTerminal(BERTS, source=f"127.0.0.{number}") for number in (8, 9)]
        for thief in thieves:
            thief.answer = wants_basic
            await here.call(thief)
            await thief.until(lambda thief=thief: thief.hung_up)  # type: ignore[misc]
        # Nor with a push, when it has registered under the name.
        liar = CallingTerminal(BERTS, source="127.0.0.9")
        liar.answer = lambda asked: (
            wants_basic(asked) if asked.method == "POST" else liar.good_answer(asked)
        )
        await here.call(liar)
        ended = await here.gateway.ended(await here.gateway.push(BERT))
        assert (ended.message_state.value, ended.code) == ("undeliverable", 4000)
        for asked in (*thieves[0].requests, *thieves[1].requests, *liar.requests):
            assert "authorization" not in asked.headers

"""The octets on the page about OTA-HTTP are those that the two ends write."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.terminals import connection_request
from omapush.ota.http.accounts import KnownCpi, TerminalAccounts
from omapush.ota.http.admission import MAX_FAILURES
from omapush.ota.http.authentication import (
    X_WAP_AUTHORIZATION,
    Login,
    Scheme,
    basic,
    format_credentials,
)
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.contexts import ProvisioningContext
from omapush.ota.http.cpi import tag_octets
from omapush.ota.http.gateway_authentication import MAX_WRONG
from omapush.ota.http.ppg import (
    MAX_ANSWER_BODY,
    MAX_RENEWALS,
    MAX_TAGS,
    HttpPpgSession,
    HttpPpgSettings,
)
from omapush.ota.http.status import push_status
from omapush.ota.interface import (
    ClientCapabilities,
    Effect,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PushFlag,
    PushSource,
    RegistrationInd,
    SendOctets,
)
from omapush.ppg.terminal.accounts import CAPACITY, MOST_OCTETS
from omapush.ppg.terminal.live import MOST_OF_ONE
from omapush.ppg.transform import LEAST_DEFLATED, MOST_DEFLATED, Unfit, fit, for_the_air
from omapush.protocols.http import Response

PAGE = Path(__file__).resolve().parents[3] / "docs/ota-http.md"
TEXT = PAGE.read_text(encoding="utf-8")
NOW = Instant(1_700_000_000_000)
CAPABILITIES = ClientCapabilities(
    accept=("text/vnd.wap.si", "application/vnd.wap.mms-message"),
    accept_app_id=("x-wap-application:wml.ua", "x-wap-application:mms.ua"),
    max_message_size=65_536,
)
PUSH = PushMessage(
    (
        ("Content-Type", "text/vnd.wap.si"),
        ("X-Wap-Application-Id", "x-wap-application:wml.ua"),
    ),
    b'<si><indication href="http://weather.example.org/">Storm</indication></si>\n',
)


def sent(effects: list[Effect]) -> bytes:
    return b"".join(effect.octets for effect in effects if isinstance(effect, SendOctets))


@pytest.fixture(scope="module")
def transcript() -> dict[str, str]:
    """Return what the two ends say: registration, registration by tag, and one push."""
    written: dict[str, bytes] = {}
    ppg, terminal = connected()
    written["registration asked"] = sent(ppg.effects())
    terminal.receive(written["registration asked"], NOW)
    written["registration answered"] = sent(terminal.effects())
    ppg.receive(written["registration answered"], NOW)
    (registration,) = ppg.indications()
    assert isinstance(registration, RegistrationInd)

    ppg.request(PoConfirmedPushReq("018bcfe568003f5e6a7b8c9d0e1f2a3b.0", for_the_air(PUSH)), NOW)
    written["push"] = sent(ppg.effects())
    terminal.receive(written["push"], NOW)
    (indication,) = terminal.indications()
    assert isinstance(indication, PoConfirmedPushInd)
    assert sent(terminal.effects()) == b""  # the application has not answered yet
    terminal.request(PoConfirmedPushRes(indication.reference), NOW)
    written["push answered"] = sent(terminal.effects())

    again, terminal = connected(
        assumed_cpi_tag=registration.cpi_tag,
        known_cpi={str(registration.cpi_tag): registration.cpi},
    )
    written["registration by tag asked"] = sent(again.effects())
    terminal.receive(written["registration by tag asked"], NOW)
    written["registration by tag answered"] = sent(terminal.effects())
    return {what: octets.decode("ascii") for what, octets in written.items()}


TERMINAL, PROXY = "4165012322222", "ppg.example.com"
ASKS = HttpPpgSettings(identity=PROXY, challenge=Scheme.DIGEST)
DEMANDS = ProvisioningContext(
    TERMINAL, login=Login(TERMINAL, "secret"), gateway=Login(PROXY, "hidden"), demand=Scheme.DIGEST
)


class Accounts:
    """A gateway that knows the one terminal."""

    def terminal_password(self, terminal_id: str) -> str | None:
        return "secret"

    def login_at(self, terminal_id: str | None) -> Login | None:
        return Login(PROXY, "hidden")

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return None


def exchanged(
    settings: HttpPpgSettings, context: ProvisioningContext, accounts: TerminalAccounts
) -> list[str]:
    """Return what the ends say in turn until one of them is satisfied or has enough."""
    nonces = iter(("dcd98b7102dd2f0e", "0a1b2c3d4e5f6071"))
    ppg = HttpPpgSession(settings, accounts=accounts, new_nonce=nonces.__next__)
    terminal = HttpTerminalSession(
        HttpTerminalSettings(TERMINAL, contexts=(context,)),
        lambda: replace(CAPABILITIES, max_push_requests=4),
        PushSource("OTA-HTTP", "00", "192.0.2.1"),
        new_nonce=iter(("5e6f708192a3b4c5",)).__next__,
    )
    ppg.connected(NOW)
    terminal.connected(NOW)
    said = []
    while octets := sent(ppg.effects()):
        terminal.receive(octets, NOW)
        answer = sent(terminal.effects())
        ppg.receive(answer, NOW)
        said += [octets.decode("ascii"), answer.decode("ascii")]
    return said


@pytest.fixture(scope="module")
def proofs() -> dict[str, str]:
    """Return how the ends prove who they are, and what they say of a proof that is none."""
    asked, shown_and_asked, shown, _ = exchanged(ASKS, DEMANDS, Accounts())
    guessing = replace(DEMANDS, demand=Scheme.NONE, login=Login(TERMINAL, "a guess"))
    *_, asked_again, _, last_word, end = exchanged(ASKS, guessing, Accounts())
    assert end == ""
    _, unanswered = exchanged(ASKS, replace(guessing, login=None), Accounts())
    return {
        "gateway asks": asked,
        "terminal proves itself and asks": shown_and_asked,
        "gateway proves itself": shown,
        "gateway asks again": asked_again,
        "gateway gives up": last_word,
        "terminal does not answer": unanswered,
    }


@pytest.fixture(scope="module")
def refusals() -> dict[str, str]:
    """Return what a terminal answers to requests that it does not take."""

    def answer(head: str) -> str:
        _, terminal = connected()
        terminal.receive(f"{head}\r\n\r\n".encode(), NOW)
        return sent(terminal.effects()).decode("ascii")

    version = "OPTIONS /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 2.0"
    stale = (
        "POST /wappush HTTP/1.1\r\nHost:\r\nX-Wap-CPITag: 5lEsUg==\r\n"
        "Content-Type: application/http\r\nContent-Length: 0"
    )
    return {"version": answer(version), "stale tag": answer(stale)}


@pytest.mark.parametrize(
    "what",
    [
        "gateway asks",
        "terminal proves itself and asks",
        "gateway proves itself",
        "gateway asks again",
        "gateway gives up",
        "terminal does not answer",
    ],
)
def test_page_shows_how_the_ends_prove_who_they_are(what: str, proofs: dict[str, str]) -> None:
    assert block(proofs[what]) in TEXT, f"{what} reads now:\n{block(proofs[what])}"


@pytest.mark.parametrize("what", ["version", "stale tag"])
def test_page_shows_what_a_terminal_does_not_take(what: str, refusals: dict[str, str]) -> None:
    assert block(refusals[what]) in TEXT, f"{what} reads now:\n{block(refusals[what])}"


def test_page_shows_a_push_that_is_deflated_and_the_last() -> None:
    ppg, terminal = connected()
    long = PushMessage((("Content-Type", "text/plain"),), b"hello" * 40)
    takes = replace(CAPABILITIES, accept=("text/*",), accept_encoding=("identity", "deflate"))
    verdict = fit(for_the_air(long), takes, coded=True)
    assert isinstance(verdict, PushMessage)
    terminal.receive(sent(ppg.effects()), NOW)
    ppg.receive(sent(terminal.effects()), NOW)
    flags = PushFlag.INITIATOR_AUTHENTICATED | PushFlag.LAST
    ppg.request(PoConfirmedPushReq("018bcfe568003f5e6a7b8c9d0e1f2a3b.1", verdict, flags), NOW)
    head, inner, content = sent(ppg.effects()).split(b"\r\n\r\n")
    shown = block(f"{head.decode()}\r\n\r\n{inner.decode()}\r\n\r\n{content.hex(' ')}")
    assert shown in TEXT, f"reads now:\n{shown}"


def test_page_takes_a_session_request_apart() -> None:
    make = connection_request([Endpoint("203.0.113.5", 4036)])
    assert make is not None
    request = make(ApplicationId.parse("x-wap-application:mms.ua"), tag_octets("E/j1GQ=="))
    section = TEXT.partition("## Asking a terminal to connect")[2].partition("\n## ")[0]
    shown = re.findall(r"^\| `([0-9a-f ]+)` \|", section, re.MULTILINE)
    assert bytes.fromhex("".join(shown)) == request.body, request.body.hex(" ")


def test_table_of_http_statuses_is_what_the_gateway_goes_by() -> None:
    rows = re.findall(r"^\| ([0-9x, ]+) \| ([0-9]{3})", TEXT, re.MULTILINE)
    told = {
        int(number.strip().replace("x", "0")): int(status)
        for numbers, status in rows
        for number in numbers.split(",")
    }
    assert {200, 413, 500, 505} <= told.keys()
    for number, status in told.items():
        assert push_status(Response(number, ()))[0] == status


def test_page_shows_how_basic_looks() -> None:
    value = format_credentials(basic(Login(TERMINAL, "secret")), mirrored=True)
    assert f"`{X_WAP_AUTHORIZATION}: {value}`" in TEXT


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    flat = " ".join(TEXT.split())
    settings = HttpPpgSettings()
    assert (MOST_OF_ONE, MAX_WRONG, MAX_FAILURES, MAX_RENEWALS, MAX_TAGS) == (4, 2, 3, 2, 8)
    for words in (
        f"from {LEAST_DEFLATED} to {MOST_DEFLATED:,} octets",
        f"up to {settings.max_outstanding} are sent",
        f"{CAPACITY:,} at most, and {MOST_OCTETS >> 20} MiB",
        f"{MAX_ANSWER_BODY:,} octets",
        "more than four are not kept",
        "two on a connection",
        "after the third in a row",
        "eight tags of each terminal",
        "twice at most",
    ):
        assert words in flat


def block(octets: str) -> str:
    """Return octets as the page shows them."""
    lines = [line.rstrip() for line in octets.rstrip().split("\n")]
    return "\n".join(("```text", *lines, "```", ""))


def connected(**known: object) -> tuple[HttpPpgSession, HttpTerminalSession]:
    ppg = HttpPpgSession(HttpPpgSettings(), **known)  # type: ignore[arg-type]  # passed on as given
    terminal = HttpTerminalSession(
        HttpTerminalSettings("4441234567890"),
        lambda: CAPABILITIES,
        PushSource("OTA-HTTP", "00", "192.0.2.1"),
    )
    ppg.connected(NOW)
    terminal.connected(NOW)
    return ppg, terminal


@pytest.mark.parametrize(
    "what",
    [
        "registration asked",
        "registration answered",
        "registration by tag asked",
        "registration by tag answered",
        "push",
        "push answered",
    ],
)
def test_page_shows_what_the_ends_write(what: str, transcript: dict[str, str]) -> None:
    octets = transcript[what]
    assert octets.replace("\r\n", "").count("\n") == (1 if what == "push" else 0)
    assert block(octets) in TEXT, f"{what} reads now:\n{block(octets)}"


@pytest.mark.parametrize(
    ("media_type", "taken"),
    [
        ("text/vnd.wap.si", True),
        ("application/vnd.example.unheard-of", True),
        ("image/png", False),
    ],
)
def test_content_passes_as_it_came_unless_the_terminal_does_not_take_it(
    media_type: str, *, taken: bool
) -> None:
    body = bytes(range(256))
    push = PushMessage((("Content-Type", media_type),), body)
    capabilities = ClientCapabilities(
        accept=("text/*", "application/*"), accept_app_id=("*",), max_message_size=65_536
    )
    verdict = fit(for_the_air(push), capabilities)
    if taken:
        assert isinstance(verdict, PushMessage)
        assert verdict.body == body
        assert verdict.content_type == media_type
    else:
        assert isinstance(verdict, Unfit)
        assert verdict.code == 2006

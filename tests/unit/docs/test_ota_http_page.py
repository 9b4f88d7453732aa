"""The octets on the page about OTA-HTTP are those that the two ends write."""

from pathlib import Path

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.http.client import HttpTerminalSession, HttpTerminalSettings
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    ClientCapabilities,
    Effect,
    PoConfirmedPushInd,
    PoConfirmedPushReq,
    PoConfirmedPushRes,
    PushSource,
    RegistrationInd,
    SendOctets,
)
from omapush.ppg.transform import Unfit, fit, for_the_air

PAGE = Path(__file__).resolve().parents[3] / "docs/ota-http.md"
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
    lines = [line.rstrip() for line in octets.rstrip().split("\n")]
    shown = "\n".join(("```text", *lines, "```", ""))
    assert shown in PAGE.read_text(encoding="utf-8"), f"{what} reads now:\n{shown}"


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

"""The octets on the page about OTA-SIP are those that the two ends write; so are its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from omapush.bearers.sip_settings import FLOW_SECONDS
from omapush.bearers.sip_trust import MAX_SOURCES
from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.instants import DAY_MS, HOUR_MS, SECOND_MS, Instant
from omapush.ota.interface import ClientCapabilities, PoConfirmedPushReq, PushFlag, PushStatus
from omapush.ota.sip.capabilities import to_headers
from omapush.ota.sip.envelope import CONTENT_TYPE, encode_envelope
from omapush.ota.sip.media import message_of
from omapush.ota.sip.method_choice import MESSAGE_SIZE_LIMIT, VIA_RESERVE
from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.push_resource_identifier import value_of
from omapush.ota.sip.registering import Registering, RegisteringSettings
from omapush.ota.sip.repeating import MAX_REPETITIONS
from omapush.ota.sip.requests import (
    Circumstances,
    Names,
    Sender,
    Target,
    contact_of,
    invite,
    message,
    options,
)
from omapush.ota.sip.results import ANSWERS, MSRP_ANSWERS, RETRY_AFTER_S, refusal
from omapush.ppg.sip.capability_query import BELIEVED_S
from omapush.ppg.sip.media_push import IDLE_MS
from omapush.ppg.sip.registrations import LONGEST_MS, MAX_DEVICES
from omapush.ppg.transform import for_the_air
from omapush.protocols.msrp.connection import MsrpConnection
from omapush.protocols.msrp.session import Ends, MsrpSettings, SendReport
from omapush.protocols.msrp.uri import parse_path
from omapush.protocols.sdp import Description, Direction, Media, Setup, encode_description
from omapush.protocols.sip.endpoint import SipEndpoint
from omapush.protocols.sip.hop import Hop, Transport
from omapush.protocols.sip.message import SipRequest
from omapush.protocols.sip.primitives import EndpointSettings

PAGE = Path(__file__).resolve().parents[3] / "docs/ota-sip.md"
TEXT = PAGE.read_text(encoding="utf-8")
NOW = Instant(1_795_281_257_000)
ALICE, GATEWAY = "sip:alice@push.test", "sip:ppg@push.test"
DEVICE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
APPLICATIONS = ("x-wap-application:mms.ua", "x-oma-application:ulp.ua")
MMS = ApplicationId.parse(APPLICATIONS[0])
FEATURES = PushFeatures.declared(APPLICATIONS)
PUSH = PushMessage(
    (("Content-Type", "text/vnd.wap.si"), ("X-Wap-Application-Id", APPLICATIONS[0])),
    b'<si><indication href="http://weather.example.org/">Storm</indication></si>\n',
)
PPG = Sender(GATEWAY, ("<sip:127.0.0.1:5058;lr>",), is_trusted=True)
OURS = "msrp://127.0.0.1:2855/ea40f06971f933a72ecfe412;tcp"
THEIRS = "msrp://127.0.0.1:9/1246c9a88569fdd9e234155b;tcp"


def tokens() -> Iterator[str]:
    return (f"{number:08x}" for number in count(0x5EED0001))


def as_sent(request: SipRequest, local: str) -> str:
    """Return a request as it leaves."""
    endpoint = SipEndpoint(lambda _hop: local, EndpointSettings(), tokens().__next__)
    endpoint.send(request, Hop(Transport.UDP, "127.0.0.1", 5060), NOW)
    (effect,) = endpoint.effects()
    return effect.octets.decode("ascii")


def asked() -> PoConfirmedPushReq:
    flags = PushFlag.INITIATOR_AUTHENTICATED | PushFlag.LAST
    return PoConfirmedPushReq("018bcfe568003f5e6a7b8c9d0e1f2a3b.0", for_the_air(PUSH), flags)


def registered() -> SipRequest:
    settings = RegisteringSettings(ALICE, "sip:push.test", DEVICE)
    machine = Registering(settings, None, tokens().__next__, lambda: 0.0)
    machine.register("sip:alice@127.0.0.1:5081", FEATURES, NOW)
    (sent,) = machine.requests()
    return sent.request


def told() -> SipRequest:
    takes = ClientCapabilities(
        accept=("application/vnd.wap.mms-message", "text/vnd.wap.si"),
        accept_app_id=APPLICATIONS,
        accept_encoding=("identity", "deflate"),
        max_message_size=1_048_576,
    )
    alice = Sender(ALICE, ("<sip:orig@127.0.0.1:5060;transport=udp;lr>",))
    contact = contact_of(f"{ALICE};gr={DEVICE}", FEATURES)
    names = Names("5eed0002", "5eed0003")
    return options(alice, names, GATEWAY, contact, to_headers(takes))


def pushed() -> SipRequest:
    around = Circumstances(NOW, Instant(NOW + HOUR_MS))
    return message(PPG, Names("5eed0004", "5eed0005"), Target(ALICE, MMS), asked(), around)


def invited() -> SipRequest:
    around = Circumstances(NOW, Instant(NOW + HOUR_MS))
    media = Media(
        port=2855, protocol="TCP/MSRP", path=OURS, accept_types=(CONTENT_TYPE,),
        setup=Setup.ACTPASS, direction=Direction.SENDONLY,
    )  # fmt: skip
    offer = encode_description(Description("127.0.0.1", (media,), session_id=3755))
    names = Names("5eed0006", "5eed0007")
    contact = "sip:ppg@127.0.0.1:5070"
    return invite(PPG, names, Target(ALICE, MMS), asked(), around, contact=contact, offer=offer)


def carried() -> tuple[str, str]:
    """Return what the gateway sends for a push over MSRP, and how the device reports on it."""
    own, remote = parse_path(OURS), parse_path(THEIRS)
    gateway = MsrpConnection(MsrpSettings(), tokens().__next__, ends=Ends(own, remote))
    device = MsrpConnection(MsrpSettings(), tokens().__next__, ends=Ends(remote, own))
    body = encode_envelope(for_the_air(PUSH))
    gateway.request(message_of("5eed0008", CONTENT_TYPE, body, confirmed=True), NOW)
    device.request(SendReport("5eed0008", len(body)), NOW)
    return tuple(b"".join(each.written()).decode("ascii") for each in (gateway, device))  # type: ignore[return-value]


def block(octets: str) -> str:
    """Return octets as the page shows them."""
    lines = [line.rstrip() for line in octets.rstrip().split("\n")]
    return "\n".join(("```text", *lines, "```", ""))


def transcript() -> dict[str, str]:
    sent, reported = carried()
    return {
        "registration": as_sent(registered(), "127.0.0.1:5081"),
        "capabilities": as_sent(told(), "127.0.0.1:5081"),
        "message": as_sent(pushed(), "127.0.0.1:5070"),
        "invitation": as_sent(invited(), "127.0.0.1:5070"),
        "content": sent,
        "report": reported,
    }


@pytest.mark.parametrize("what", transcript())
def test_page_shows_what_the_two_ends_of_ota_sip_write(what: str) -> None:
    shown = block(transcript()[what])
    assert shown in TEXT, f"{what} reads now:\n{shown}"


def rows(heading: str) -> dict[int, str]:
    """Return of a table the second column by each number of the first."""
    section = re.split(r"\n###? ", TEXT.partition(heading)[2])[0]
    found = re.findall(r"^\| ([0-9x, ]+) \| ([^|]*) \|", section, re.MULTILINE)
    return {
        int(number.replace("x", "0")): second.strip()
        for numbers, second in found
        for number in numbers.split(",")
    }


def test_table_of_answers_is_what_the_gateway_goes_by() -> None:
    told = rows("### Final answers of SIP")
    assert told.pop(200) == "400"
    assert told.pop(202) == "-"
    known = {
        status: "-" if meaning.status is None else str(meaning.status.value)
        for status, meaning in ANSWERS.items()
    }
    assert told == known


def test_table_of_msrp_is_what_the_gateway_goes_by() -> None:
    told = rows("### Statuses of MSRP")
    assert told.pop(200) == "400"
    assert told == {
        status: "-" if meaning.status is None else str(meaning.status.value)
        for status, meaning in MSRP_ANSWERS.items()
    }


def test_table_of_the_clients_answers_is_what_it_gives() -> None:
    section = TEXT.partition("### What the client answers")[2]
    given = re.findall(r"^\| [^|]+ \| (\d{3}) \| (23\d) \|", section, re.MULTILINE)
    for status in PushStatus:
        answer = str(refusal(status, "").status), str(status.value)
        if status.value <= 238:
            assert answer in given, answer


@pytest.mark.parametrize(
    ("application", "value"), re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|$", TEXT, re.MULTILINE)
)
def test_examples_of_resource_identifiers_are_so(application: str, value: str) -> None:
    assert value_of(application) == value


def test_numbers_of_the_page_about_ota_sip_are_those_of_the_code() -> None:
    flat = " ".join(TEXT.split())
    assert (MAX_REPETITIONS, LONGEST_MS, BELIEVED_S) == (4, DAY_MS, 3600)
    for words in (
        f"{MESSAGE_SIZE_LIMIT:,} octets",
        f"`via_reserve`, {VIA_RESERVE}",
        f"{MAX_DEVICES} devices of a user",
        f"Retry-After: {RETRY_AFTER_S}",
        f"{MAX_SOURCES:,} sources",
        f"every {FLOW_SECONDS} seconds",
        f"{IDLE_MS // SECOND_MS} seconds without a push",
        f"chunks of {MsrpSettings().chunk_octets:,} octets",
        "four times at most",
    ):
        assert words in flat, words

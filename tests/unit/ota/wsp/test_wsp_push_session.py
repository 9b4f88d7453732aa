"""What a Connect says of the client, what an abort says of a push, and both ends' own rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.datagrams import Peer
from omapush.ota.interface import (
    ClientCapabilities,
    OutcomeKind,
    PoConfirmedPushReq,
    PoPushReq,
    PushOutcome,
    PushSource,
    PushStatus,
)
from omapush.ota.wsp.client import PomConnectReq, PomDisconnectInd, WspPushSession
from omapush.ota.wsp.ppg import (
    PeerTrouble,
    PomConnectInd,
    PomConnectRes,
    PomDisconnectReq,
    PushIn,
    WspPpg,
)
from omapush.ota.wsp.session import (
    ANY_SIZE,
    PUSH_OPTIONS,
    abort_sentence,
    connect_capabilities,
    connect_headers,
    outcome_of_abort,
    registration_of,
)
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.sessions import WspServerSettings

NOW = Instant(1_700_000_000_000)
LONG_AGO = Instant(NOW - 3_600_000)
GATEWAY, PHONE = Peer("192.0.2.1", 9201), Peer("192.0.2.7", 40_000)
TEXT = PushMessage((("Content-Type", "text/plain"),), b"x")


def test_silent_connect_takes_anything_of_the_size_that_wsp_gives() -> None:
    registration = registration_of(Capabilities(), ())
    takes = registration.capabilities
    assert takes.accept == ("*/*",)
    assert takes.accept_app_id == ("*",)
    assert takes.max_message_size == 1_400
    assert takes.max_push_requests == 1
    assert (registration.terminal_id, registration.bearer_indication) == (None, None)
    assert registration.cpi_tag is not None


def test_client_size_of_zero_is_any_size() -> None:
    takes = registration_of(Capabilities(client_sdu_size=0), ()).capabilities
    assert takes.max_message_size == ANY_SIZE


def test_headers_of_a_connect_are_what_the_client_takes() -> None:
    headers = (
        ("Accept", "text/plain"),
        ("ACCEPT", "application/vnd.wap.sic"),
        ("Accept-Charset", "utf-8"),
        ("Accept-Application", "4"),
        ("Accept-Application", "2"),
        ("Bearer-Indication", "0B"),
        ("Profile", "http://example.net/phone.rdf"),
    )
    registration = registration_of(Capabilities(client_sdu_size=5_000, push_mor=7), headers)
    takes = registration.capabilities
    assert takes.accept == ("text/plain", "application/vnd.wap.sic")
    assert (takes.accept_charset, takes.accept_app_id) == (("utf-8",), ("4", "2"))
    assert (takes.max_message_size, takes.max_push_requests) == (5_000, 7)
    assert registration.bearer_indication == "0B"
    assert ("x-wap-profile", '"http://example.net/phone.rdf"') in [
        (name.lower(), value) for name, value in registration.cpi
    ]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Accept", "Accept-Application", "Profile", "Bearer-Indication", "X"]),
            st.text(max_size=30),
        ),
        max_size=6,
    ),
    st.none() | st.integers(0, 2**32),
    st.none() | st.integers(0, 255),
)
def test_whatever_a_connect_says_is_a_registration(
    headers: list[tuple[str, str]], size: int | None, pushes: int | None
) -> None:
    told = registration_of(Capabilities(client_sdu_size=size, push_mor=pushes), headers)
    assert told.capabilities.max_push_requests >= 1
    assert told.capabilities.max_message_size >= 1


def test_what_a_client_takes_is_said_entry_by_entry_and_wildcards_not_at_all() -> None:
    takes = ClientCapabilities(
        accept=("*",), accept_charset=("*",), accept_language=("en", "fi"), accept_app_id=("*",)
    )
    assert connect_headers(takes, "0B") == (
        ("Accept-Encoding", "identity"),
        ("Accept-Language", "en"),
        ("Accept-Language", "fi"),
        ("Accept-Application", "*"),
        ("Bearer-Indication", "0B"),
    )
    proposed = connect_capabilities(
        ClientCapabilities(max_message_size=9_000, max_push_requests=9_000)
    )
    assert (proposed.client_sdu_size, proposed.push_mor) == (9_000, 255)
    assert proposed.protocol_options == PUSH_OPTIONS
    assert ProtocolOption.CONFIRMED_PUSH in PUSH_OPTIONS


@pytest.mark.parametrize(
    ("reason", "by_peer", "sent", "kind", "status"),
    [
        # What the client's application says (WAP-235 6.1.3).
        (0xEA, True, True, OutcomeKind.LATER, PushStatus.USERREQ),
        (0xEB, True, True, OutcomeKind.NEVER, PushStatus.USERRFS),
        (0xEC, True, True, OutcomeKind.NEVER, PushStatus.USERPND),
        (0xED, True, True, OutcomeKind.LATER, PushStatus.USERDCR),
        (0xEE, True, True, OutcomeKind.NEVER, PushStatus.USERDCU),
        (0xE1, True, True, OutcomeKind.LATER, None),  # DISCONNECT by the client
        (0x01, True, True, OutcomeKind.LATER, None),  # its WTP: PROTOERR
        (0xEB, False, True, OutcomeKind.IN_DOUBT, None),  # not the client's verdict
        (0x08, False, True, OutcomeKind.IN_DOUBT, None),  # NORESPONSE
        (0xE1, False, False, OutcomeKind.LATER, None),
        (0xE0, False, False, OutcomeKind.NEVER, None),  # PROTOERR: cannot be said
        (0xE6, False, False, OutcomeKind.NEVER, None),  # MRUEXCEEDED: too long
    ],
)
def test_abort_says_how_the_attempt_ended(
    reason: int, kind: OutcomeKind, status: int | None, *, by_peer: bool, sent: bool
) -> None:
    assert outcome_of_abort(reason, by_peer=by_peer, sent=sent) == (kind, status)


def test_timeline_says_who_aborted_and_whether_it_was_sent() -> None:
    assert abort_sentence(0xEC, by_peer=True, sent=True) == "the client aborted it: USERPND"
    assert "sent, and not confirmed" in abort_sentence(0x08, by_peer=False, sent=True)
    assert abort_sentence(0xE1, by_peer=False, sent=False) == "not sent: DISCONNECT"


class Ends:
    """Both machines, and datagrams carried by hand."""

    def __init__(self) -> None:
        self.ppg = WspPpg(WspServerSettings(), lambda: 0x77, LONG_AGO)
        source = PushSource("OTA-WSP", "UDP", GATEWAY.host)
        self.client = WspPushSession(GATEWAY, source, LONG_AGO)

    def carry(self) -> None:
        for _ in range(10):
            for effect in self.client.effects():
                assert effect.peer == GATEWAY
                self.ppg.receive(effect.octets, PHONE, NOW)
            for effect in self.ppg.effects():
                assert effect.peer == PHONE
                self.client.receive(effect.octets, GATEWAY, NOW)

    def connect(self, takes: ClientCapabilities | None = None) -> None:
        self.client.request(PomConnectReq(takes or ClientCapabilities(("*/*",))), NOW)
        self.carry()
        assert any(isinstance(each, PomConnectInd) for each in self.ppg.indications())
        self.ppg.request(PomConnectRes(0x77), NOW)
        self.carry()
        self.client.indications()
        self.ppg.indications()

    def outcome_of(self, message: PushMessage, *, confirmed: bool = True) -> PushOutcome:
        kind = PoConfirmedPushReq if confirmed else PoPushReq
        self.ppg.request(PushIn(0x77, kind("d1", message)), NOW)
        [outcome] = [each for each in self.ppg.indications() if isinstance(each, PushOutcome)]
        return outcome


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize(
    "message",
    [PushMessage((), b"x"), PushMessage(TEXT.headers, bytes(1_500))],
    ids=["no Content-Type", "longer than the client takes"],
)
def test_push_that_cannot_be_sent_in_the_session_ends_at_once(
    message: PushMessage, *, confirmed: bool
) -> None:
    ends = Ends()
    ends.connect()
    outcome = ends.outcome_of(message, confirmed=confirmed)
    # Not again: it would end the same way until the push expires.
    assert (outcome.delivery_id, outcome.kind) == ("d1", OutcomeKind.NEVER)
    assert "not sent" in outcome.reason


def test_push_in_an_unknown_session_ends_at_once() -> None:
    assert Ends().outcome_of(TEXT).reason == "not sent: DISCONNECT"


def test_session_that_the_gateway_ends_leaves_its_pushes_in_doubt_and_the_client_informed() -> None:
    ends = Ends()
    ends.connect()
    ends.ppg.request(PushIn(0x77, PoConfirmedPushReq("d1", TEXT)), NOW)
    ends.carry()
    ends.client.indications()
    ends.ppg.request(PomDisconnectReq(0x77), NOW)
    outcomes = [each for each in ends.ppg.indications() if isinstance(each, PushOutcome)]
    assert [(each.delivery_id, each.kind) for each in outcomes] == [("d1", OutcomeKind.IN_DOUBT)]
    ends.carry()
    assert any(isinstance(each, PomDisconnectInd) for each in ends.client.indications())


def test_client_heeds_its_own_gateway_only() -> None:
    ends = Ends()
    ends.client.request(PomConnectReq(ClientCapabilities()), NOW)
    ends.client.effects()
    for stranger in (Peer(GATEWAY.host, 9200), Peer("203.0.113.9", 9201)):
        ends.client.receive(bytes.fromhex("1a80017f"), stranger, NOW)
    assert (ends.client.effects(), ends.client.indications()) == ([], [])


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_any_datagram_at_either_end_raises_nothing(octets: bytes) -> None:
    ends = Ends()
    ends.ppg.receive(octets, PHONE, NOW)
    ends.client.receive(octets, GATEWAY, NOW)
    told = [each for each in ends.ppg.indications() if isinstance(each, PeerTrouble)]
    assert all(each.layer in ("wtp", "wsp") and each.reason for each in told)

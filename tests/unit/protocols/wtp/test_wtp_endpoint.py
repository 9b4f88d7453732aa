"""One WTP endpoint against datagrams written by hand (WAP-224, 9)."""

from __future__ import annotations

import dataclasses

import pytest

from omapush.core.instants import Instant, later
from omapush.protocols.wtp.codes import AbortReason
from omapush.protocols.wtp.endpoint import WtpEndpoint
from omapush.protocols.wtp.primitives import (
    DatagramDropped,
    Handle,
    TrAbortInd,
    TrAbortReq,
    TrInvokeCnf,
    TrInvokeInd,
    TrInvokeReq,
    TrInvokeRes,
    TrResultCnf,
    TrResultInd,
    TrResultReq,
    TrResultRes,
)
from omapush.protocols.wtp.settings import GSM_SMS_TIMERS, IP_TIMERS, WtpSettings
from omapush.protocols.wtp.tid import TransactionIdCache

NOW = Instant(1_700_000_000_000)
HOUR_MS = 3_600_000
ONE = Handle(1)


class Bench:
    """An endpoint, its clock, and what it sends in hex."""

    def __init__(
        self, settings: WtpSettings | None = None, *, trusting: bool = True, first: int = 0x10
    ) -> None:
        started = later(NOW, -HOUR_MS) if trusting else NOW
        cache = TransactionIdCache(4, 300_000, started)
        self.endpoint = WtpEndpoint(settings or WtpSettings(), cache, "peer", first)
        self.now = NOW

    def request(self, primitive: object) -> list[str]:
        self.endpoint.request(primitive, self.now)  # type: ignore[arg-type] # tests send any
        return self.sent()

    def receive(self, octets: str) -> list[str]:
        self.endpoint.receive(bytes.fromhex(octets), self.now)
        return self.sent()

    def sent(self) -> list[str]:
        return [effect.octets.hex() for effect in self.endpoint.effects()]

    def told(self) -> list[object]:
        return list(self.endpoint.indications())

    def tick(self) -> list[str]:
        """Go to the next clock that runs out."""
        due = self.endpoint.next_timer()
        assert due is not None
        self.now = due
        self.endpoint.handle_timer(due)
        return self.sent()

    def since_start(self) -> int:
        return self.now - NOW


def confirmed_push(data: bytes = b"push") -> TrInvokeReq:
    return TrInvokeReq(ONE, 1, data)


# -- initiator --


def test_initiator_repeats_a_class_1_invoke_with_rid_and_then_gives_up() -> None:
    bench = Bench()
    assert bench.request(confirmed_push()) == ["0e001011" + b"push".hex()]
    for repetition in range(1, 9):
        assert bench.tick() == ["0f001011" + b"push".hex()]
        assert bench.since_start() == 4_000 * repetition
    assert bench.tick() == []
    assert bench.told() == [TrAbortInd(ONE, 0, AbortReason.NORESPONSE)]
    assert bench.endpoint.is_idle


def test_initiator_uses_the_timers_of_its_bearer_and_grows_the_interval_if_told() -> None:
    bench = Bench(WtpSettings(timers=GSM_SMS_TIMERS, retry_growth_percent=(100, 200, 300)))
    bench.request(confirmed_push())
    instants = []
    for _ in range(4):
        bench.tick()
        instants.append(bench.since_start() // 1_000)
    assert instants == [40, 120, 240, 360]


def test_initiator_waits_longer_for_a_long_datagram() -> None:
    bench = Bench(WtpSettings(segmentation=False))
    bench.request(confirmed_push(b"x" * (1024 * 6)))
    bench.tick()
    assert bench.since_start() == 4_000 + 5 * 200


def test_initiator_confirms_a_class_1_invoke_with_the_exit_information_of_the_ack() -> None:
    bench = Bench()
    bench.request(confirmed_push())
    assert bench.receive("9880100ac394") == []
    assert bench.told() == [TrInvokeCnf(ONE, bytes.fromhex("c394"))]
    assert bench.endpoint.next_timer() is None


def test_initiator_tells_the_users_reason_of_the_peer() -> None:
    bench = Bench()
    bench.request(confirmed_push())
    bench.receive("218010ed")
    [told] = bench.told()
    assert told == TrAbortInd(ONE, 1, 0xED, by_peer=True)
    assert isinstance(told, TrAbortInd)
    assert told.by_user


def test_initiator_affirms_a_transaction_it_has_and_denies_one_it_has_not() -> None:
    bench = Bench()
    bench.request(confirmed_push())
    assert bench.receive("1c8010") == ["1c0010"]
    assert bench.tick() == ["1d0010"]  # and repeats that, not the Invoke
    assert bench.receive("1c8077") == ["20007702"]


def test_initiator_sends_class_0_once_and_remembers_nothing() -> None:
    bench = Bench()
    assert bench.request(TrInvokeReq(ONE, 0, b"x", user_acknowledgement=False)) == ["0e00100078"]
    assert bench.endpoint.next_timer() is None
    assert bench.request(TrInvokeReq(ONE, 0, b"x", user_acknowledgement=False)) == ["0e00110078"]


def test_initiator_takes_a_result_and_repeats_its_ack_while_it_remembers() -> None:
    bench = Bench()
    bench.request(TrInvokeReq(ONE, 2, b"get"))
    assert bench.receive("188010") == []
    assert bench.receive("188010") == []
    assert bench.told() == [TrInvokeCnf(ONE)]
    assert bench.receive("168010aa") == []
    assert bench.told() == [TrResultInd(ONE, b"\xaa")]
    assert bench.receive("178010aa") == []
    assert bench.request(TrResultRes(ONE, b"ok")) == ["9800100a6f6b"]
    assert bench.receive("168010aa") == []
    assert bench.receive("178010aa") == ["9900100a6f6b"]
    assert bench.tick() == []
    assert bench.receive("178010aa") == []
    assert bench.endpoint.is_idle


def test_initiator_takes_a_result_without_hold_on_as_confirmation_too() -> None:
    bench = Bench()
    bench.request(TrInvokeReq(ONE, 2, b"get"))
    bench.receive("168010aa")
    assert bench.told() == [TrInvokeCnf(ONE), TrResultInd(ONE, b"\xaa")]


def test_initiator_whose_user_is_silent_about_a_result_aborts_and_tells() -> None:
    bench = Bench()
    bench.request(TrInvokeReq(ONE, 2, b"get"))
    bench.receive("168010aa")
    bench.told()
    for _ in range(IP_TIMERS.maximum_acknowledgement_expirations):
        assert bench.tick() == []
    assert bench.tick() == ["20001008"]
    assert bench.told() == [TrAbortInd(ONE, 0, AbortReason.NORESPONSE)]


def test_initiator_without_user_acknowledgement_acknowledges_a_result_itself() -> None:
    bench = Bench()
    bench.request(TrInvokeReq(ONE, 2, b"get", user_acknowledgement=False))
    bench.receive("168010aa")
    assert bench.tick() == ["180010"]
    assert bench.since_start() == 4_000


def test_initiator_does_not_wait_for_ever_for_a_result_after_hold_on() -> None:
    bench = Bench()
    bench.request(TrInvokeReq(ONE, 2, b"get"))
    bench.receive("188010")
    bench.told()
    assert bench.tick() == ["20001008"]
    assert bench.told() == [TrAbortInd(ONE, 0, AbortReason.NORESPONSE)]


def test_initiator_asked_to_abort_says_so_with_the_users_reason() -> None:
    bench = Bench()
    bench.request(confirmed_push())
    assert bench.request(TrAbortReq(ONE, 0xE1)) == ["210010e1"]
    assert bench.told() == []
    assert bench.endpoint.is_idle


def test_initiator_says_what_it_can_take_as_result() -> None:
    bench = Bench(first=0x21)
    sent = bench.request(TrInvokeReq(ONE, 2, bytes.fromhex("40012f"), maximum_receive_unit=1400))
    assert sent == ["8e0021121301057840012f"]


def test_initiator_that_wraps_says_tid_new_and_begins_nothing_else_until_verified() -> None:
    bench = Bench(first=0x7FFF)
    bench.request(confirmed_push())
    bench.receive("18ffff")
    assert bench.request(TrInvokeReq(Handle(2), 1, b"b")) == ["0e00003162"]
    assert bench.request(TrInvokeReq(Handle(3), 1, b"c")) == []
    assert bench.request(TrInvokeReq(Handle(4), 1, b"d")) == []
    bench.request(TrAbortReq(Handle(4), 0xE8))
    assert bench.receive("1c8000") == ["1c0000"]
    assert bench.receive("188000") == ["0e00011163"]


def test_initiator_refuses_more_transactions_than_it_may_have() -> None:
    bench = Bench(WtpSettings(maximum_transactions=1))
    bench.request(confirmed_push())
    assert bench.request(TrInvokeReq(Handle(2), 1, b"b")) == []
    assert bench.told() == [TrAbortInd(Handle(2), 0, AbortReason.CAPTEMPEXCEEDED)]


def test_initiator_refuses_what_no_number_of_packets_holds() -> None:
    bench = Bench(WtpSettings(segment_size=1))
    assert bench.request(confirmed_push(b"x" * 257)) == []
    assert bench.told() == [TrAbortInd(ONE, 0, AbortReason.MESSAGETOOLARGE)]


@pytest.mark.parametrize("handle", [0, -1, 1])
def test_a_handle_that_is_in_use_or_not_positive_is_the_callers_mistake(handle: int) -> None:
    bench = Bench()
    bench.request(confirmed_push())
    with pytest.raises(ValueError, match="handle"):
        bench.request(TrInvokeReq(Handle(handle), 1, b""))


# -- segmentation --

SEGMENTED = WtpSettings(segment_size=4, maximum_group=8)


def test_initiator_sends_group_after_group_and_repeats_only_the_trailer() -> None:
    bench = Bench(SEGMENTED, first=0x20)
    assert bench.request(confirmed_push(b"aaaabbbbccccd")) == [
        "08002011" + b"aaaa".hex(),
        "2c002001" + b"bbbb".hex(),
    ]
    assert bench.tick() == ["2d002001" + b"bbbb".hex()]
    assert bench.since_start() == IP_TIMERS.group_retry_ms
    last = ["28002002" + b"cccc".hex(), "2a002003" + b"d".hex()]
    assert bench.receive("9880201901") == last
    assert bench.receive("9880201901") == []  # a late copy of that Ack says nothing new
    assert bench.tick() == ["2b002003" + b"d".hex()]
    assert bench.receive("9880201903") == []
    assert bench.told() == [TrInvokeCnf(ONE)]


def test_initiator_repeats_the_packets_that_a_nack_lists_or_the_whole_group() -> None:
    bench = Bench(SEGMENTED, first=0x20)
    bench.request(confirmed_push(b"aaaabbbbccccd"))
    assert bench.receive("38802001ff") == []
    assert bench.receive("3880200100") == ["09002011" + b"aaaa".hex()]
    assert len(bench.receive("38802000")) == 2


def test_initiator_heeds_the_pause_and_the_group_size_that_the_receiver_asks_for() -> None:
    bench = Bench(SEGMENTED, first=0x20)
    bench.request(confirmed_push(b"aaaabbbbccccdddd"))
    # PSN 1, pause 5 tenths, groups of 4 octets.
    assert bench.receive("988020" + "9901" + "920305" + "120404") == []
    assert bench.tick() == ["2c002002" + b"cccc".hex()]
    assert bench.since_start() == 500


def test_initiator_verifies_and_goes_on_with_the_next_group() -> None:
    bench = Bench(SEGMENTED, first=0x20)
    bench.request(confirmed_push(b"aaaabbbbcccc"))
    assert bench.receive("9c80201901") == ["1c0020", "2a002002" + b"cccc".hex()]


def test_initiator_begins_again_whole_for_a_peer_that_cannot_segment() -> None:
    bench = Bench(SEGMENTED, first=0x20)
    bench.request(confirmed_push(b"aaaabbbb"))
    assert bench.receive("20802004") == ["0e002111" + b"aaaabbbb".hex()]
    bench.receive("188021")
    assert bench.told() == [TrInvokeCnf(ONE)]


def test_responder_acknowledges_groups_and_names_the_last_packet_in_the_last_ack() -> None:
    bench = Bench()
    assert bench.receive("08002011" + b"aaaa".hex()) == []
    assert bench.receive("2c002001" + b"bbbb".hex()) == ["9880201901"]
    assert bench.receive("2d002001" + b"bbbb".hex()) == ["9880201901"]
    assert bench.receive("2a002002" + b"c".hex()) == []
    [told] = bench.told()
    assert isinstance(told, TrInvokeInd)
    assert told.data == b"aaaabbbbc"
    assert bench.request(TrInvokeRes(told.handle, b"ok")) == ["988020" + "9902" + "0a6f6b"]
    assert bench.receive("2b002002" + b"c".hex()) == ["998020" + "9902" + "0a6f6b"]


def test_responder_asks_for_missing_packets_after_a_moment_and_at_once_when_reminded() -> None:
    bench = Bench()
    bench.receive("08002011aa")
    assert bench.receive("2c002002cc") == []
    assert bench.tick() == ["3880200101"]
    assert bench.since_start() == 500
    assert bench.receive("2d002002cc") == ["3880200101"]
    assert bench.receive("29002001bb") == ["9880201902"]


def test_responder_that_never_got_packet_0_asks_for_the_whole_group() -> None:
    bench = Bench()
    assert bench.receive("28002001aa") == []
    assert bench.receive("2c002002aa") == ["38802000"]
    silent = Bench(WtpSettings(segmentation=False))
    assert silent.receive("2c002002aa") == []


def test_responder_verifies_a_segmented_invoke_when_its_first_group_is_there() -> None:
    bench = Bench(trusting=False)
    bench.receive("08002011aa")
    assert bench.receive("2c002001bb") == ["9c80201901"]
    assert bench.receive("1c0020") == []
    assert bench.receive("2a002002cc") == []
    assert [one.data for one in bench.told() if isinstance(one, TrInvokeInd)] == [b"\xaa\xbb\xcc"]


def test_responder_forgets_a_message_whose_rest_never_comes() -> None:
    bench = Bench()
    bench.receive("08002011aa")
    assert bench.tick() == []
    assert bench.endpoint.is_idle
    assert bench.told() == []


def test_responder_segments_a_result_only_for_an_initiator_that_can() -> None:
    bench = Bench(SEGMENTED)
    bench.receive("0a00201267")  # GTR=0 TTR=1: can
    bench.receive("0e00211267")  # GTR=1 TTR=1: cannot
    first, second = [one for one in bench.told() if isinstance(one, TrInvokeInd)]
    assert bench.request(TrResultReq(first.handle, b"aaaabb")) == [
        "108020" + b"aaaa".hex(),
        "32802001" + b"bb".hex(),
    ]
    assert bench.request(TrResultReq(second.handle, b"aaaabb")) == ["168021" + b"aaaabb".hex()]


def test_initiator_puts_a_segmented_result_together() -> None:
    bench = Bench()
    bench.request(TrInvokeReq(ONE, 2, b"get"))
    assert bench.receive("108010aa") == []
    assert bench.receive("34801001bb") == ["9800101901"]
    assert bench.receive("32801003dd") == []
    assert bench.tick() == ["3800100102"]
    assert bench.receive("31801002cc") == []
    assert bench.told() == [TrInvokeCnf(ONE), TrResultInd(ONE, b"\xaa\xbb\xcc\xdd")]
    assert bench.request(TrResultRes(ONE)) == ["9800101903"]


def test_messages_larger_than_what_is_taken_are_aborted() -> None:
    bench = Bench(WtpSettings(maximum_message_size=4))
    assert bench.receive("0e001011" + "aa" * 5) == ["20801009"]
    assert bench.receive("8a001111" + "12" + "0205" + "aa") == ["20801109"]  # says 5 octets
    bench.receive("08001211aaaa")
    assert bench.receive("2a001201aaaaaa") == ["20801209"]
    bench.request(TrInvokeReq(ONE, 2, b"get"))
    assert bench.receive("168010" + "aa" * 5) == ["20001009"]
    assert TrAbortInd(ONE, 0, AbortReason.MESSAGETOOLARGE) in bench.told()


# -- responder --


def test_responder_indicates_class_0_and_answers_nothing() -> None:
    bench = Bench()
    assert bench.receive("0e001100aa") == []
    assert bench.receive("0e001100aa") == []
    told = bench.told()
    assert [type(one) for one in told] == [TrInvokeInd, TrInvokeInd]
    assert bench.endpoint.is_idle


def test_responder_acknowledges_when_its_user_has_answered_and_repeats_that() -> None:
    bench = Bench()
    assert bench.receive("0e001011aa") == []
    assert bench.receive("0f001011aa") == []
    [told] = bench.told()
    assert told == TrInvokeInd(Handle(-1), 1, b"\xaa", user_acknowledgement=True)
    assert bench.request(TrInvokeRes(Handle(-1), bytes.fromhex("c394"))) == ["9880100ac394"]
    assert bench.receive("0e001011aa") == []
    assert bench.receive("0f001011aa") == ["9980100ac394"]
    assert bench.receive("1d0010") == ["9980100ac394"]
    assert bench.told() == []
    assert bench.tick() == []
    assert bench.since_start() == IP_TIMERS.wait_ms


def test_responder_acknowledges_itself_at_once_without_user_acknowledgement() -> None:
    bench = Bench()
    bench.receive("0e001001aa")
    assert bench.tick() == ["188010"]
    assert bench.since_start() == 0


def test_responder_whose_user_is_silent_aborts_and_tells() -> None:
    bench = Bench()
    bench.receive("0e001011aa")
    bench.told()
    for _ in range(6):
        assert bench.tick() == []
    assert bench.tick() == ["20801008"]
    assert bench.since_start() == 7_000
    assert bench.told() == [TrAbortInd(Handle(-1), 0, AbortReason.NORESPONSE)]


def test_responder_repeats_its_refusal_and_does_not_deliver_again() -> None:
    bench = Bench()
    bench.receive("0e001011aa")
    bench.told()
    assert bench.request(TrAbortReq(Handle(-1), 0xED)) == ["218010ed"]
    assert bench.receive("0f001011aa") == ["218010ed"]
    assert bench.receive("0e001011aa") == []
    assert bench.receive("1c0010") == ["218010ed"]
    assert bench.told() == []
    bench.tick()
    assert bench.endpoint.is_idle


def test_responder_asks_about_a_doubtful_invoke_and_delivers_on_tok_only() -> None:
    bench = Bench(trusting=False)
    assert bench.receive("0e001011aa") == ["1c8010"]
    assert bench.receive("0e001011aa") == []
    assert bench.receive("0f001011aa") == ["1d8010"]
    assert bench.told() == []
    bench.receive("1c0010")
    assert [type(one) for one in bench.told()] == [TrInvokeInd]
    assert bench.receive("0e001111aa") == []
    assert [type(one) for one in bench.told()] == [TrInvokeInd]


@pytest.mark.parametrize("ending", ["20001002", "timer"])
def test_responder_drops_a_doubtful_invoke_that_is_denied_or_not_affirmed(ending: str) -> None:
    bench = Bench(trusting=False)
    bench.receive("0e001011aa")
    if ending == "timer":
        assert bench.tick() == []
    else:
        bench.receive(ending)
    assert bench.told() == []
    assert bench.endpoint.is_idle


def test_responder_holds_on_and_then_answers_until_it_is_acknowledged() -> None:
    bench = Bench()
    bench.receive("0e001012aa")
    assert bench.request(TrInvokeRes(Handle(-1))) == []
    assert bench.tick() == ["188010"]
    assert bench.since_start() == 2_000
    assert bench.receive("0f001012aa") == ["198010"]
    assert bench.request(TrResultReq(Handle(-1), b"r")) == ["16801072"]
    assert bench.tick() == ["17801072"]
    assert bench.since_start() == 9_000
    assert bench.receive("1c0010") == []
    bench.told()
    assert bench.receive("9800100a6f6b") == []
    assert bench.told() == [TrResultCnf(Handle(-1), b"ok")]
    assert bench.endpoint.is_idle


def test_responder_gives_up_a_result_that_nobody_acknowledges() -> None:
    bench = Bench()
    bench.receive("0e001012aa")
    bench.told()
    bench.request(TrResultReq(Handle(-1), b"r"))
    for _ in range(8):
        assert bench.tick() == ["17801072"]
    assert bench.tick() == []
    assert bench.told() == [TrAbortInd(Handle(-1), 0, AbortReason.NORESPONSE)]


def test_responder_tells_its_user_that_the_initiator_aborted() -> None:
    bench = Bench()
    bench.receive("0e001012aa")
    bench.told()
    assert bench.receive("210010e8") == []
    assert bench.told() == [TrAbortInd(Handle(-1), 1, 0xE8, by_peer=True)]
    assert bench.request(TrResultReq(Handle(-1), b"late")) == []


@pytest.mark.parametrize(
    ("settings", "octets", "answer"),
    [
        ({}, "0e001051aa", "20801006"),
        ({"class_2_responder": False}, "0e001012aa", "20801003"),
        ({"segmentation": False}, "08001011aa", "20801004"),
        ({}, "0e001013aa", "20801001"),
        ({}, "400010", "20801001"),
    ],
)
def test_responder_says_why_it_refuses(settings: dict[str, bool], octets: str, answer: str) -> None:
    bench = Bench(dataclasses.replace(WtpSettings(), **settings))
    assert bench.receive(octets) == [answer]
    [dropped] = bench.told()
    assert isinstance(dropped, DatagramDropped)
    assert dropped.answered == int(answer[-2:], 16)


def test_responder_ignores_invokes_over_its_capacity_until_one_has_ended() -> None:
    bench = Bench(WtpSettings(maximum_transactions=1, maximum_remembered=1))
    bench.receive("0e001011aa")
    bench.told()
    assert bench.receive("0e001111aa") == []
    assert isinstance(bench.told()[0], DatagramDropped)
    bench.request(TrInvokeRes(Handle(-1)))
    bench.receive("0f001111aa")
    assert isinstance(bench.told()[0], DatagramDropped)
    bench.tick()
    bench.receive("0f001111aa")
    assert isinstance(bench.told()[0], TrInvokeInd)


def test_a_pdu_that_cannot_be_read_ends_the_transaction_it_is_of() -> None:
    bench = Bench()
    bench.request(confirmed_push())
    assert bench.receive("988010") == ["20001001"]
    dropped, ended = bench.told()
    assert dropped == DatagramDropped("1 octet wanted, 0 left", 3, AbortReason.PROTOERR)
    assert ended == TrAbortInd(ONE, 0, AbortReason.PROTOERR)
    bench.receive("0e001112aa")
    bench.told()
    assert bench.receive("a00011") == ["20801101"]
    assert TrAbortInd(Handle(-1), 0, AbortReason.PROTOERR) in bench.told()


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "0e",
        "00ff",
        "188010",
        "980010",
        "200010",
        "38801001",
        "168010aa",
        "30801001aa",
        "8e8010",
    ],
)
def test_what_belongs_to_nothing_is_dropped_without_an_answer(octets: str) -> None:
    bench = Bench()
    assert bench.receive(octets) == []
    [dropped] = bench.told()
    assert isinstance(dropped, DatagramDropped)
    assert dropped.answered is None
    assert bench.endpoint.is_idle


def test_a_concatenated_datagram_is_taken_apart() -> None:
    bench = Bench(first=1)
    bench.request(TrInvokeReq(ONE, 1, b"x"))
    bench.receive("00" + "03188001" + "070e00040005a434")
    assert bench.told() == [
        TrInvokeCnf(ONE),
        TrInvokeInd(Handle(-1), 0, bytes.fromhex("05a434"), user_acknowledgement=False),
    ]


def test_pdus_that_leave_together_share_a_datagram_as_far_as_it_reaches() -> None:
    bench = Bench(WtpSettings(concatenate=True, datagram_size=21))
    for handle in (1, 2, 3):
        bench.endpoint.request(TrInvokeReq(Handle(handle), 1, b"12345"), bench.now)
    sent = bench.sent()
    assert [len(octets) // 2 for octets in sent] == [21, 9]
    assert sum(octets.count(b"12345".hex()) for octets in sent) == 3


def test_tpis_not_understood_are_reported_with_the_next_ack() -> None:
    bench = Bench()
    bench.receive("8e001011" + "c8" + "19" + "ff" + "aa")  # TPI 9 of nothing, then PSN ff
    bench.request(TrInvokeRes(Handle(-1)))
    bench.receive("8f001211" + "4a0102" + "aa")
    [sent] = bench.request(TrInvokeRes(Handle(-2)))
    assert sent == "988012" + "0119"


def test_a_request_for_a_transaction_that_is_over_does_nothing() -> None:
    bench = Bench()
    for primitive in (TrInvokeRes(ONE), TrResultReq(ONE, b""), TrAbortReq(ONE, 0xE8)):
        assert bench.request(primitive) == []
    assert bench.told() == []

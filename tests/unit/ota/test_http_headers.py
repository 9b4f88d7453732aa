"""The small grammars of OTA-HTTP: versions, Push-Info, Push-Status, tags; and CPI with its tag."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, LimitError
from omapush.ota import push_headers
from omapush.ota.http import cpi, headers
from omapush.ota.http.status import outcome_of, push_status
from omapush.ota.interface import ClientCapabilities, OutcomeKind, PoConfirmedPushReq, PushFlag
from omapush.protocols.http import Response


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ("1.0", "1.0"),
        ("1.*", "1.0"),
        ("2.*,1.0", "1.0"),
        (" 2.0 , 1.0 ", "1.0"),
        ("1.3", "1.0"),  # a higher minor still talks to a lower one
        ("2.0", None),
        ("2.*", None),
        ("10.0", None),
        ("", None),
        ("1", None),
        ("x,1.x", None),
        ("0," * 40 + "1.0", None),  # nobody offers that many
    ],
)
def test_version_is_chosen_from_offer(offered: str, chosen: str | None) -> None:
    assert headers.choose_version(offered) == chosen


@pytest.mark.parametrize(
    ("flags", "response_allowed", "value"),
    [
        (PushFlag.NONE, False, None),
        (
            PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED,
            False,
            "authenticated,trusted",
        ),
        (PushFlag.LAST, True, "last,response"),
        (PushFlag.NONE, True, "response"),
    ],
)
def test_push_info_is_written_and_read(
    flags: PushFlag, response_allowed: bool, value: str | None
) -> None:
    assert push_headers.format_push_info(flags, response_allowed=response_allowed) == value
    assert push_headers.parse_push_info(value) == (flags, response_allowed)


def test_push_info_passes_over_unknown_tokens_and_case() -> None:
    assert push_headers.parse_push_info(" Last , ,new-thing,TRUSTED") == (
        PushFlag.LAST | PushFlag.CONTENT_TRUSTED,
        False,
    )


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("400", (400, "")),
        ("600 Version Not Supported", (600, "Version Not Supported")),
        (" 256\tCPITag ", (256, "CPITag")),
        ("40", None),
        ("4000", None),
        ("400x", None),
        ("٤٠٠", None),
        (None, None),
    ],
)
def test_push_status_is_read(value: str | None, read: tuple[int, str] | None) -> None:
    assert push_headers.parse_push_status(value) == read


def test_tag_is_opaque_but_of_reasonable_length() -> None:
    def response(tag: str) -> Response:
        return Response(204, (("x-wap-cpitag", tag),))

    assert headers.cpi_tag(response("5lEsUg==")) == "5lEsUg=="
    assert headers.cpi_tag(response("1a2b")) == "1a2b"
    assert headers.cpi_tag(response(" ")) is None
    assert headers.cpi_tag(response("x" * 65)) is None
    assert headers.cpi_tag(Response(204)) is None


def test_terminal_id_of_unreasonable_length_is_refused() -> None:
    assert headers.terminal_id(Response(204, ((headers.TERMINAL_ID, " 4123 "),))) == "4123"
    with pytest.raises(LimitError):
        headers.terminal_id(Response(204, ((headers.TERMINAL_ID, "4" * 256),)))


@pytest.mark.parametrize(("value", "read"), [("0b", "0B"), ("00", "00"), ("0", None), ("zz", None)])
def test_bearer_indication_is_two_hexadecimal_digits(value: str, read: str | None) -> None:
    response = Response(204, ((headers.BEARER_INDICATION, value),))
    assert headers.bearer_indication(response) == read


# -- CPI (WAP-235, 7.2.5) --

VECTOR = ClientCapabilities(
    accept=("application/vnd.wap.sia", "text/vnd.wap.si"),
    accept_encoding=("deflate",),
    accept_language=("en",),
    accept_app_id=("x-wap-application:wml.ua", "x-wap-application:mms.ua"),
    max_message_size=10_000,
    max_push_requests=4,
)


def test_tag_is_the_first_octets_of_sha1_over_the_values() -> None:
    assert cpi.tag(cpi.to_headers(VECTOR)) == "5lEsUg=="
    assert cpi.tag(()) == "2jmj7g=="


def test_tag_returns_with_the_setting() -> None:
    before = cpi.tag(cpi.to_headers(VECTOR))
    changed = ClientCapabilities(max_message_size=10_001)
    assert cpi.tag(cpi.to_headers(changed)) != before
    assert cpi.tag(cpi.to_headers(VECTOR)) == before


def test_cpi_is_written_and_read() -> None:
    assert cpi.to_capabilities(cpi.to_headers(VECTOR)) == VECTOR


def test_absent_cpi_headers_mean_their_defaults() -> None:
    assert cpi.to_capabilities(()) == ClientCapabilities(
        accept=("application/vnd.wap.sia", "text/vnd.wap.si"),
        accept_charset=("UTF-8",),
        accept_encoding=("identity",),
        accept_language=("*",),
        accept_app_id=("*",),
        max_message_size=1400,
        max_push_requests=1,
    )


def test_cpi_is_read_tolerantly() -> None:
    capabilities = cpi.to_capabilities(
        (
            ("X-WAP-PUSH-ACCEPT", "text/plain;q=0.5,, image/gif "),
            ("x-wap-push-accept", "audio/amr"),
            ("X-Wap-Push-MsgSize", "2000"),
            ("X-Wap-Push-Accept-MaxPushReq", "99999999999"),
        )
    )
    assert capabilities.accept == ("text/plain;q=0.5", "image/gif", "audio/amr")
    assert capabilities.max_message_size == 2000
    assert capabilities.max_push_requests == cpi.MAX_NUMBER


@pytest.mark.parametrize("value", ["", "many", "-1", "1.5", "١", "9" * 21])
def test_cpi_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(DecodeError) as caught:
        cpi.to_capabilities(((cpi.MAX_MSG_SIZE, value),))
    assert caught.value.position == cpi.MAX_MSG_SIZE


def test_profile_headers_are_kept_as_cpi_and_others_are_not() -> None:
    given = (
        ("Server", "x"),
        ("X-Wap-Profile", '"http://example.org/profile.xml"'),
        ("x-wap-profile-diff", "1;<rdf/>"),
        ("X-Wap-Push-Accept", "*/*"),
        ("X-Wap-Push-Status", "501"),
    )
    assert cpi.of_headers(given) == given[1:4]


# -- what an answer means (WAP-235, 7.4.2.1) --

PUSH = PoConfirmedPushReq("id", PushMessage((), b""))


@pytest.mark.parametrize(
    ("http", "told", "status", "kind"),
    [
        (204, "400 Accepted", 400, OutcomeKind.DONE),
        (200, "401", 401, OutcomeKind.DONE),
        (500, "400", 400, OutcomeKind.DONE),  # X-Wap-Push-Status counts first
        (204, "234", 234, OutcomeKind.LATER),
        (204, "235", 235, OutcomeKind.NEVER),
        (204, "236", 236, OutcomeKind.NEVER),
        (204, "237", 237, OutcomeKind.LATER),
        (413, "237", 237, OutcomeKind.NEVER),
        (204, "238", 238, OutcomeKind.NEVER),
        (204, "256", 256, OutcomeKind.NEVER),
        (204, "257", 257, OutcomeKind.NEVER),
        (204, "299", 299, OutcomeKind.NEVER),
        (204, "499", 499, OutcomeKind.DONE),
        (204, "600 Version Not Supported", 600, OutcomeKind.NEVER),
        (204, "500", None, OutcomeKind.NEVER),  # an answer to OPTIONS
        (204, "999", None, OutcomeKind.NEVER),
        (200, None, 400, OutcomeKind.DONE),
        (204, None, 400, OutcomeKind.DONE),
        (400, None, 235, OutcomeKind.NEVER),
        (401, None, None, OutcomeKind.NEVER),
        (412, None, 235, OutcomeKind.NEVER),
        (403, None, 235, OutcomeKind.NEVER),
        (404, None, 236, OutcomeKind.NEVER),
        (405, None, 236, OutcomeKind.NEVER),
        (410, None, 236, OutcomeKind.NEVER),
        (408, None, 234, OutcomeKind.LATER),
        (503, None, 234, OutcomeKind.LATER),
        (413, None, 237, OutcomeKind.NEVER),
        (415, None, 238, OutcomeKind.NEVER),
        (406, None, 238, OutcomeKind.NEVER),
        (505, None, 600, OutcomeKind.NEVER),
        (302, None, None, OutcomeKind.NEVER),
        (418, "nonsense", None, OutcomeKind.NEVER),
    ],
)
def test_answer_becomes_outcome(
    http: int, told: str | None, status: int | None, kind: OutcomeKind
) -> None:
    given = ((push_headers.PUSH_STATUS, told),) if told is not None else ()
    outcome = outcome_of(PUSH, Response(http, given))
    assert (outcome.delivery_id, outcome.status, outcome.kind) == ("id", status, kind)
    assert any(words in outcome.reason for words in (told or "-", f"HTTP {http}"))


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("3", 3_000),
        ("999999999", 86_400_000),
        ("Sat, 21 Nov 2026 06:00:00 GMT", None),
        ("-1", None),
        ("9" * 11, None),
        (None, None),
    ],
)
def test_retry_after_is_heeded_within_bounds(value: str | None, milliseconds: int | None) -> None:
    given = (("Retry-After", value),) if value is not None else ()
    assert outcome_of(PUSH, Response(503, given)).retry_after_ms == milliseconds


def test_words_of_terminal_reach_the_timeline() -> None:
    response = Response(204, ((push_headers.PUSH_STATUS, "236 no such application"),))
    assert push_status(response) == (236, "X-Wap-Push-Status 236 no such application")


def test_status_without_words_is_told_with_its_meaning() -> None:
    response = Response(204, ((push_headers.PUSH_STATUS, "236"),))
    assert push_status(response) == (236, "X-Wap-Push-Status 236 (no such application there)")
    unknown = Response(204, ((push_headers.PUSH_STATUS, "250"),))
    assert push_status(unknown) == (250, "X-Wap-Push-Status 250")


# -- the octets of a CPITag (digest 7) --


@pytest.mark.parametrize(
    ("tag", "octets"),
    [
        ("5lEsUg==", "e6512c52"),
        ("2jmj7g==", "da39a3ee"),
        ("abcdef==", "69b71d79"),  # four octets of base64, although it begins with digits
        ("e6512c52", "e6512c52"),  # as BlackBerry terminals write it
        ("E6512C52", "e6512c52"),
        ("1", "00000001"),
        ("abcd", "0000abcd"),  # three octets of base64, so a number
        ("abcdef", "00abcdef"),
        ("0", "00000000"),
        ("", None),
        ("123456789", None),
        ("5lEsUg", None),
        ("5lEs Ug==", None),
        ("-1", None),
        ("0x12", None),
        ("\u0661", None),
        ("t\u00e4g", None),
    ],
)
def test_tag_gives_the_octets_that_an_sir_has(tag: str, octets: str | None) -> None:
    found = cpi.tag_octets(tag)
    assert (found.hex() if found is not None else None) == octets


def test_tag_of_octets_is_the_inverse() -> None:
    assert cpi.tag_of_octets(bytes.fromhex("e6512c52")) == "5lEsUg=="


# -- references to profiles (digest 18) --


def test_profile_headers_name_profiles_and_differences_with_their_digest() -> None:
    document = '<rdf:RDF>\r\n\t<prf:x y="1"/>\n</rdf:RDF>'
    assert cpi.profile_headers(["http://a.example/p.xml"], [document, "<b/>"]) == (
        (
            "x-wap-profile",
            '"http://a.example/p.xml", "1-1D78lzyICENz18YI/THFsw==", "2-S+836cZgGNCiHMnRdzDl1w=="',
        ),
        ("x-wap-profile-diff", '1; <rdf:RDF> <prf:x y="1"/> </rdf:RDF>'),
        ("x-wap-profile-diff", "2; <b/>"),
    )
    assert cpi.profile_headers([]) == ()


def test_profile_headers_stand_in_the_order_of_the_tag() -> None:
    diffs = [("x-wap-profile-diff", f"{number}; <a/>") for number in (10, 2, 1)]
    mixed = (*diffs, ("X-Own", "1"), ("X-Wap-Profile", '"http://a.example/"'))
    ordered = cpi.in_tag_order(mixed)
    assert ordered == (mixed[4], diffs[2], diffs[1], diffs[0], mixed[3])
    assert cpi.in_tag_order(reversed(mixed)) == ordered

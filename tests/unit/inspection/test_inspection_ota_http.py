"""OTA-HTTP: what a connection and each message on it say, and that no password is shown."""

from __future__ import annotations

import json
import zlib
from itertools import pairwise

import pytest

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.inspection.guessing import NothingFitsError, guess
from omapush.inspection.http_messages import MAX_MESSAGES, without_secrets
from omapush.inspection.jsonable import inspection_object
from omapush.inspection.layers import explained_so_far, inspect
from omapush.inspection.model import Inspection, Kind
from omapush.inspection.ota_http_words import (
    STATUSES,
    bearer_words,
    client_id_words,
    status_words,
    words_for,
)
from omapush.inspection.rendering import render, render_refusal
from omapush.ota.http import cpi, entity
from omapush.ota.interface import ClientCapabilities, PushStatus

CAPABILITIES = ClientCapabilities(
    accept_encoding=("deflate",),
    accept_language=("en",),
    accept_app_id=("x-wap-application:wml.ua", "x-wap-application:mms.ua"),
    max_message_size=10_000,
    max_push_requests=4,
)
TAG = "5lEsUg=="
PROOF = "ee436b7d8ae57305a489d616dbd778579792a125"
OPTIONS = (
    b"OPTIONS /wappush HTTP/1.1\r\nHost: \r\nX-Wap-Push-OTA-Version: 1.0\r\n"
    b'X-Wap-Authenticate: Digest realm="ppg.example.com", nonce="dcd98b7102dd2f0e", '
    b'algorithm="SHA-1"\r\nAuthorization: Basic cHBnOnNlY3JldA==\r\n\r\n'
)
SI = bytes.fromhex("02056a0045c60c03696d672e6769660001034869000101")


def message(start: str, *headers: tuple[str, str], body: bytes = b"") -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + body


REGISTERED = message(
    "HTTP/1.1 204 No Content",
    ("X-Wap-Push-OTA-Version", "1.0"),
    ("X-Wap-Push-Status", "501"),
    ("X-Wap-Bearer-Indication", "0B"),
    (
        "X-Wap-Authorization",
        f'Digest username="4165012322222", realm="ppg.example.com", nonce="dcd98b7102dd2f0e", '
        f'uri="/wappush", response="{PROOF}", algorithm="SHA-1"',
    ),
    ("X-Wap-CPITag", TAG),
    *cpi.to_headers(CAPABILITIES),
)
DONE = message("HTTP/1.1 204 No Content", ("X-Wap-Push-Status", "400"))


def post(content: PushMessage) -> bytes:
    inner = entity.encode(content)
    return message(
        "POST /wappush HTTP/1.1",
        ("Host", ""),
        ("Content-Type", "application/http"),
        ("Content-Length", str(len(inner))),
        ("X-Wap-CPITag", TAG),
        ("X-Wap-Push-Info", "authenticated,trusted,response,later"),
        body=inner,
    )


PUSH = post(
    PushMessage((("Content-Type", "application/vnd.wap.sic"), ("X-Wap-Application-Id", "4")), SI)
)
CONNECTION = OPTIONS + REGISTERED + PUSH + DONE


def field_of(inspection: Inspection, name: str, layer: int = 0) -> tuple[object, str | None]:
    field = inspection.layers[layer].tree.named(name)
    assert field is not None, name
    return field.value, field.note


def messages_of(inspection: Inspection) -> list[dict[str, object]]:
    found = inspection.decoded["messages"]
    assert isinstance(found, list)
    return [each for each in found if isinstance(each, dict)]


def test_connection_is_taken_apart_down_to_the_content() -> None:
    inspection = guess(CONNECTION)
    assert inspection.kind is Kind.OTA_HTTP
    assert [layer.name for layer in inspection.layers] == ["ota-http", "push", "wbxml"]
    assert [layer.offset for layer in inspection.layers][1] == CONNECTION.index(b"HTTP/1.1 200 OK")
    assert inspection.warnings == ()
    told = messages_of(inspection)
    assert [each["message"] for each in told] == ["request", "response"] * 2
    assert told[1]["push_status"] == {"code": 501, "meaning": STATUSES[501]}
    assert told[1]["cpi_tag"] == told[1]["computed_cpi_tag"] == TAG
    capabilities = told[1]["capabilities"]
    assert isinstance(capabilities, dict)
    assert capabilities["max_message_size"] == 10_000


def test_every_octet_of_a_head_is_in_one_line() -> None:
    tree = inspect(Kind.OTA_HTTP, CONNECTION).layers[0].tree
    assert tree.octets == without_secrets(CONNECTION)
    for each in tree.children:
        lines = [child for child in each.children if child.octets and child.name != "body"]
        for one, following in pairwise(lines):
            assert one.offset + len(one.octets) == following.offset
            assert one.octets.endswith(b"\r\n")
    assert sum(len(each.octets) for each in tree.children) == len(CONNECTION)


def test_headers_are_explained() -> None:
    inspection = inspect(Kind.OTA_HTTP, CONNECTION)
    assert field_of(inspection, "X-Wap-Bearer-Indication") == ("0B", "GSM GPRS")
    assert field_of(inspection, "X-Wap-CPITag") == (TAG, "octets e6 51 2c 52")
    assert field_of(inspection, "CPITag of these values") == (TAG, "as the terminal says")
    _, info = field_of(inspection, "X-Wap-Push-Info")
    assert info == (
        "the initiator is authenticated; the content is trusted; the answer may have a body; "
        "later is passed over"
    )
    assert field_of(inspection, "X-Wap-Application-Id", 1) == ("4", "x-wap-application:mms.ua")


@pytest.mark.parametrize("secret", [b"cHBnOnNlY3JldA==", b"secret", PROOF.encode()])
def test_no_password_and_no_proof_is_shown(secret: bytes) -> None:
    inspection = guess(CONNECTION)
    said = json.dumps(inspection_object(inspection))
    printed = "\n".join(render(inspection))
    for shown in (said, printed):
        assert secret.decode() not in shown
        assert secret.hex() not in shown
        assert secret.hex(" ")[:23] not in shown
    assert "Digest SHA-1 of 4165012322222 at ppg.example.com" in said
    assert "Basic of ppg" in said


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"Authorization: Basic abc", b"Authorization: Basic ***"),
        (b"authorization:Bearer  abc", b"authorization:Bearer  ***"),
        (b"X-Wap-Authorization: abc", b"X-Wap-Authorization: ***"),
        (b"Proxy-Authorization: Basic ab c", b"Proxy-Authorization: Basic ****"),
        (b"Authorization: Digest a=b, response=abc", b"Authorization: Digest a=b, response=***"),
        (b"Authorization: Basic\r\n abc", b"Authorization: ***********"),
        (b'X-Wap-Authorization: Basic x-wap-auth-status="failed_retry"',) * 2,
        (b"X-Authorization: Basic abc",) * 2,
    ],
)
def test_only_what_proves_a_password_is_hidden(line: bytes, shown: bytes) -> None:
    before, after = b"GET / HTTP/1.1\r\n", b"\r\nHost: \r\n\r\n"
    hidden = without_secrets(before + line + after)
    assert len(hidden) == len(before + line + after)
    assert hidden == before + shown.ljust(len(line), b"*") + after


def test_answer_that_leaves_capabilities_out_has_their_defaults() -> None:
    answer = message(
        "HTTP/1.1 204 No Content",
        ("X-Wap-Push-Status", "501 here"),
        ("X-Wap-Push-MsgSize", "1400"),
    )
    inspection = inspect(Kind.OTA_HTTP, answer)
    note = "not sent: this is the default"
    assert field_of(inspection, "X-Wap-Push-Accept-Charset") == ("UTF-8", note)
    assert field_of(inspection, "X-Wap-Push-MsgSize")[1] == "another name of X-Wap-Push-MaxMsgSize"
    assert inspection.layers[0].tree.named("X-Wap-Push-MaxMsgSize") is None
    (told,) = messages_of(inspection)
    assert told["computed_cpi_tag"] == cpi.tag([("X-Wap-Push-MsgSize", "1400")])


def test_tag_of_a_blackberry_terminal_is_told_from_a_strange_one() -> None:
    values = (
        ("X-Wap-Push-Accept-Charset", "UTF-8"),
        ("X-Wap-Push-Accept-Language", "en"),
        ("X-Wap-Push-Accept-AppID", "*"),
        ("X-Wap-Push-MsgSize", "1400"),
        ("X-Wap-Push-Accept-MaxPushReq", "1"),
    )
    octets = cpi.tag_octets(cpi.tag(values))
    assert octets is not None
    for tag, note in (
        (f"{int.from_bytes(octets, 'big'):X}", "the terminal computes its own as BlackBerry does"),
        ("abc", "the terminal computes its own in another way, as it may"),
    ):
        answer = message(
            "HTTP/1.1 204 No Content",
            ("X-Wap-Push-Status", "501"),
            ("X-Wap-CPITag", tag),
            *values,
        )
        assert field_of(inspect(Kind.OTA_HTTP, answer), "CPITag of these values")[1] == note


def test_capabilities_that_cannot_be_read_are_a_warning() -> None:
    answer = message("HTTP/1.1 204 No Content", ("X-Wap-Push-MaxMsgSize", "large"))
    (warning,) = inspect(Kind.OTA_HTTP, answer).warnings
    assert "not a number" in warning


def test_compressed_content_is_read_without_its_coding() -> None:
    coded = PushMessage(
        (("Content-Type", "text/plain"), ("Content-Encoding", "deflate")), zlib.compress(b"hello")
    )
    inspection = inspect(Kind.OTA_HTTP, post(coded))
    assert [layer.name for layer in inspection.layers] == ["ota-http", "push", "text"]
    assert inspection.layers[2].offset is None
    assert field_of(inspection, "content", 1)[1] == "5 octets when decoded"
    assert field_of(inspection, "text", 2)[0] == "hello"


def test_push_that_is_compressed_as_a_whole_is_read() -> None:
    inner = zlib.compress(entity.encode(PushMessage((("Content-Type", "text/plain"),), b"hello")))
    body = message(
        "POST /wappush HTTP/1.1",
        ("Host", ""),
        ("Content-Type", "application/http"),
        ("Content-Encoding", "deflate"),
        ("Content-Length", str(len(inner))),
        body=inner,
    )
    names = [layer.name for layer in inspect(Kind.OTA_HTTP, body).layers]
    assert names == ["ota-http", "push", "text"]


def test_push_whose_headers_are_those_of_the_post_is_read_too() -> None:
    body = message(
        "POST /wappush HTTP/1.1",
        ("Host", ""),
        ("Content-Type", "application/vnd.wap.sic"),
        ("Content-Length", str(len(SI))),
        body=SI,
    )
    assert [layer.name for layer in inspect(Kind.OTA_HTTP, body).layers] == ["ota-http", "wbxml"]


def test_body_in_chunks_is_put_together() -> None:
    inner = entity.encode(PushMessage((("Content-Type", "text/plain"),), b"hello"))
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(inner), inner)
    body = message(
        "POST /wappush HTTP/1.1",
        ("Content-Type", "application/http"),
        ("Host", ""),
        ("Transfer-Encoding", "chunked"),
        body=chunks,
    )
    inspection = inspect(Kind.OTA_HTTP, body + DONE)
    assert [layer.name for layer in inspection.layers] == ["ota-http", "push", "text"]
    assert len(messages_of(inspection)) == 2


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_content_in_a_coding_that_is_none_is_a_warning(coding: str) -> None:
    inner = PushMessage((("Content-Type", "text/plain"), ("Content-Encoding", coding)), b"hello")
    (warning,) = inspect(Kind.OTA_HTTP, post(inner)).warnings
    assert "push" in warning
    plain = message(
        "POST /wappush HTTP/1.1",
        ("Host", ""),
        ("Content-Type", "text/plain"),
        ("Content-Encoding", coding),
        ("Content-Length", "5"),
        body=b"hello",
    )
    (warning,) = inspect(Kind.OTA_HTTP, plain).warnings
    assert "coding" in warning or "deflate" in warning


def test_push_message_alone_is_read_as_what_it_is() -> None:
    inner = entity.encode(
        PushMessage(
            (("Content-Type", "application/vnd.wap.sic"), ("X-Wap-Application-Id", "2")), SI
        )
    )
    inspection = guess(inner)
    assert inspection.kind is Kind.OTA_HTTP
    assert [layer.name for layer in inspection.layers] == ["ota-http", "wbxml"]


@pytest.mark.parametrize("cut", [20, 100, len(PUSH) - 3])
def test_last_message_that_is_cut_is_a_warning(cut: int) -> None:
    inspection = inspect(Kind.OTA_HTTP, OPTIONS + PUSH[:cut])
    assert inspection.warnings == (f"ota-http: the request is not complete: {cut} octets",)
    assert field_of(inspection, "not complete")[1] == "the request is not complete"


@pytest.mark.parametrize("cut", [10, len(REGISTERED) - 2])
def test_only_message_that_is_cut_is_refused(cut: int) -> None:
    with pytest.raises(DecodeError, match="not complete") as caught:
        inspect(Kind.OTA_HTTP, REGISTERED[:cut])
    assert (caught.value.position, caught.value.layer) == (0, "ota-http")


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\nHost: \n\n",
        b"POST /wappush HTTP/1.1\r\nHost: \r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        b"\r\n\r\n",
    ],
)
def test_message_that_readers_understand_differently_is_refused_where_it_begins(bad: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        inspect(Kind.OTA_HTTP, CONNECTION + bad if bad.strip() else bad)
    assert caught.value.position == (len(CONNECTION) if bad.strip() else 4)
    if bad.strip():
        fields = explained_so_far(Kind.OTA_HTTP, CONNECTION + bad)
        assert [field.name for field in fields][:2] == ["OPTIONS /wappush", "answer"]


def test_refusal_shows_no_password() -> None:
    bad = b"\x01" + OPTIONS
    for kind in Kind:
        with pytest.raises(DecodeError) as caught:
            inspect(kind, bad)
        assert "cHBn" not in "\n".join(render_refusal(kind, bad, caught.value))
    with pytest.raises(NothingFitsError):
        guess(b"OPTIONS /wappush HTTP/1.1\nAuthorization: Basic abc\n\n")


def test_so_many_messages_are_read_and_no_more() -> None:
    assert (
        len(messages_of(inspect(Kind.OTA_HTTP, DONE * MAX_MESSAGES, trees=False))) == MAX_MESSAGES
    )
    with pytest.raises(DecodeError, match="more than"):
        inspect(Kind.OTA_HTTP, DONE * (MAX_MESSAGES + 1), trees=False)


def test_interim_answers_belong_to_the_final_one() -> None:
    inspection = inspect(Kind.OTA_HTTP, b"HTTP/1.1 100 Continue\r\n\r\n" + DONE)
    assert [each["status"] for each in messages_of(inspection)] == [204]
    assert field_of(inspection, "Status-Line")[0] == "HTTP/1.1 204 No Content"


def test_other_http_is_not_taken_for_ota_http() -> None:
    pap = (
        b"POST /pap HTTP/1.1\r\nHost: ppg\r\nContent-Type: application/xml\r\n\r\n"
        b'<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" '
        b'"http://www.wapforum.org/DTD/pap_2.0.dtd"><pap><push-message push-id="1@x">'
        b'<address address-value="WAPPUSH=+4412/TYPE=PLMN@x"/></push-message></pap>'
    )
    assert guess(pap).kind is Kind.PAP


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4165012322222", "MSISDN 165012322222"),
        ("6123123002040", "IPv4 address 123.123.2.40"),
        ("6999123002040", "IPv4 address, not one"),
        ("772D::1234:1111", "IPv6 address 72d::1234:1111"),
        ("00123xdr3F_foo.com", "id assigned by an operator 123xdr3F_foo.com"),
        ("01joe_doe@foo.com", "network access identifier joe_doe@foo.com"),
        ("meter-7", "no Client ID: a name of its own"),
    ],
)
def test_terminal_id_is_told_by_its_type(text: str, words: str) -> None:
    assert client_id_words(text) == words
    assert words_for("x-wap-terminal-ID", f" {text} ") == words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (299, "push rejected, with a status of its own"),
        (499, "push accepted, with a status of its own"),
        (123, "not a status, with a status of its own"),
    ],
)
def test_status_that_nobody_knows_is_told_by_its_range(status: int, words: str) -> None:
    assert status_words(status) == words


def test_every_status_has_words_and_those_of_pushes_say_whether_to_repeat() -> None:
    assert {int(each) for each in PushStatus} <= STATUSES.keys()
    for each in PushStatus:
        assert ("it may be sent again" in STATUSES[each]) == each.may_retry


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("X-Wap-Push-OTA-Version", "2.0", "no version that goes with 1.0"),
        ("X-Wap-Push-OTA-Version", "2.*,1.*", None),
        ("X-Wap-Push-Status", "many", "not three digits and a text"),
        ("X-Wap-CPITag", "5lEsUg", "not four octets: no SIR can name it"),
        ("X-Wap-Application-Id", "x y", "not an absolute URI or a hexadecimal code: 'x y'"),
        ("WWW-Authenticate", "Basic", "no realm"),
        ("WWW-Authenticate", "Other a=b", "nothing that OTA-HTTP can answer"),
        ("WWW-Authenticate", 'Basic realm="4165"', "Basic wanted by 4165"),
        ("X-Wap-Authorization", 'Basic x-wap-auth-status="failed_noretry"',
         "refused, failed_noretry"),
        ("X-Wap-Authenticate", 'Digest realm="p", nonce="n", x-wap-auth-status=failed_retry',
         "Digest MD5 wanted by p (failed_retry: the answer before was wrong)"),
        ("X-Wap-Authenticate", 'Basic x-wap-auth-status="failed_noretry"',
         "refused, failed_noretry"),
        ("Authorization", "Other abc", "another authentication scheme than Basic or Digest"),
        ("Date", "today", None),
    ],
)  # fmt: skip
def test_words_for_headers(name: str, value: str, words: str | None) -> None:
    said = words_for(name, value)
    assert said == words or (said is not None and name == "X-Wap-Application-Id")


def test_bearers_are_named() -> None:
    assert bearer_words("00") == "any any, IPv4"
    for value in ("FF", "zz", "0", "+1"):
        assert bearer_words(value) == "no bearer of WDP"

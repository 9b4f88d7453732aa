"""``omapush preview``: what it shows is what is sent, octet for octet, and what decoders read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application, arguments
from omapush.cli.preview_options import LAYERS
from omapush.cli.production import EXAMPLE_NUMBER
from omapush.content.recipes import RECIPES
from omapush.initiator.client import PushInitiator
from omapush.inspection.model import Kind
from omapush.ota.wsp.unit_push import decode_unit_push
from omapush.pap import model, xml
from omapush.protocols.smpp.codec import decode_pdu
from omapush.protocols.smpp.pdu import DataSm, SubmitSm
from omapush.protocols.smpp.tlvs import Tag
from omapush.protocols.sms import reading
from omapush.protocols.sms.tpdu import Direction, SmsDeliver, SmsSubmit
from omapush.protocols.sms.user_data_header import split

DOCUMENT = (
    '<wap-provisioningdoc version="1.1"><characteristic type="BOOTSTRAP">'
    '<parm name="NAME" value="Test"/></characteristic></wap-provisioningdoc>'
)
LONG = "http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef0123456789abcdef"
GIVEN: dict[str, tuple[str, ...]] = {
    "mms-notification": ("--content-location", LONG, "--message-size", "30000", "--from", "+4412"),
    "si": ("--text", "Hello", "--href", "http://a.example/", "--si-id", "1@a.example"),
    "sl": ("--href", "http://a.example/"),
    "co": ("--object", "http://a.example/1", "--service", "http://a.example/"),
    "cp": ("--document", "DOCUMENT", "--security", "userpin"),
    "email-notification": ("--mailbox", "anna@example.com"),
    "wake-up": ("--application", "syncml.dm"),
    "session-initiation": ("--server", "192.0.2.1:4035"),
}
AT = ("--at", "2026-11-21T12:00:00Z")
SI = ("preview", "si", "--text", "Hello", "--to", "+358401234567", *AT)


def omapush(*given: str, text: str | None = None) -> Result:
    return CliRunner().invoke(application, given, input=text, env={"OMAPUSH_PIN": "1234"})


def hexadecimal(layer: str, *given: str) -> list[bytes]:
    shown = omapush(*given, "--hex", layer)
    assert shown.exit_code == 0, shown.output
    return [bytes.fromhex(line) for line in shown.output.splitlines()]


@pytest.fixture(params=GIVEN)
def command(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    document = tmp_path / "cp.xml"
    document.write_text(DOCUMENT)
    words = (str(document) if word == "DOCUMENT" else word for word in GIVEN[request.param])
    return ("preview", request.param, *words, "--to", "+358401234567", *AT)


def test_every_recipe_is_tried_here() -> None:
    assert GIVEN.keys() == RECIPES.keys()


def test_every_layer_of_a_recipe_is_read_by_decode(command: tuple[str, ...]) -> None:
    shown = json.loads(omapush(*command, "--json").output)
    seen = set()
    for layer in shown["layers"]:
        if layer["layer"] not in set(Kind):
            continue
        seen.add(layer["layer"])
        told = omapush("decode", "--as", layer["layer"], "--json", layer["hex"])
        assert told.exit_code == 0, told.output
        assert json.loads(told.output)["octets"] == layer["octets"]
    assert {"pap", "wsp", "sms-user-data", "sms-submit", "sms-deliver", "smpp"} <= seen


def test_what_is_shown_of_each_layer_is_what_json_and_hex_have(command: tuple[str, ...]) -> None:
    shown = json.loads(omapush(*command, "--json").output)
    names = list(dict.fromkeys(layer["layer"] for layer in shown["layers"]))
    assert set(names) <= set(LAYERS)
    for name in names:
        octets = [bytes.fromhex(each["hex"]) for each in shown["layers"] if each["layer"] == name]
        assert hexadecimal(name, *command) == octets


def test_short_messages_put_together_are_the_datagram(command: tuple[str, ...]) -> None:
    (datagram,) = hexadecimal("wsp", *command)
    user_data = hexadecimal("sms-user-data", *command)
    assert b"".join(split(each)[1] for each in user_data) == datagram
    assert hexadecimal("udp", *command) == [datagram]
    submits = [
        reading.decode(each, Direction.FROM_MOBILE) for each in hexadecimal("sms-submit", *command)
    ]
    delivers = [reading.decode(each) for each in hexadecimal("sms-deliver", *command)]
    requests = [decode_pdu(each) for each in hexadecimal("smpp", *command)]
    for number, each in enumerate(user_data):
        submit, deliver, request = submits[number], delivers[number], requests[number]
        assert isinstance(submit, SmsSubmit)
        assert isinstance(deliver, SmsDeliver)
        assert isinstance(request, SubmitSm)
        assert submit.user_data.octets == deliver.user_data.octets == request.short_message == each
        assert str(submit.destination_address) == "+358401234567"
        assert deliver.more_messages is (number + 1 < len(user_data))
        assert (request.destination_addr, request.sequence_number) == ("358401234567", number + 1)
    assert len(user_data) == len(requests)


def test_lines_are_fit_for_a_report(command: tuple[str, ...]) -> None:
    shown = omapush(*command)
    assert shown.exit_code == 0
    for line in shown.output.splitlines():
        assert len(line) < 100
        assert line == line.rstrip()
        assert line.isprintable()  # no colours when it is not a terminal
    assert "== smpp" in shown.output


def test_preview_shows_what_push_submits(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[bytes] = []

    def gateway(request: httpx2.Request) -> httpx2.Response:
        submitted.append(request.content)
        verdict = model.PushResponse("a@pi", model.ResponseResult(1001, "Accepted"))
        return httpx2.Response(202, content=xml.encode(model.Pap(verdict)))

    def initiator(ppg: str, **more: Any) -> PushInitiator:
        return PushInitiator(ppg, transport=httpx2.MockTransport(gateway), **more)

    monkeypatch.setattr(arguments, "PushInitiator", initiator)
    both = (*command[2:-2], "--push-id", "a@pi", "--priority", "high", "--username", "me")
    assert omapush("push", command[1], *both, "--password", "secret").exit_code == 0
    more = ("preview", command[1], *both, "--password", "secret")
    assert hexadecimal("pap", *more) == submitted
    assert "secret" not in omapush(*more).output


def test_summary_tells_sizes_of_all_steps_and_what_is_left() -> None:
    told = omapush(*SI).output.partition("\n\n")[0]
    sizes = {name: len(b"".join(hexadecimal(name, *SI))) for name in LAYERS}
    for name, size in sizes.items():
        assert any(line.split()[:2] == [name, str(size)] for line in told.splitlines()), name
    assert f"1 short message, {140 - sizes['sms-user-data']} octets free in it" in told


def test_several_short_messages_are_numbered() -> None:
    given = ("preview", "mms-notification", *GIVEN["mms-notification"], "--subject", "s" * 40, *AT)
    shown = omapush(*given).output
    assert "== sms-user-data 1 of 2" in shown
    assert "== smpp 2 of 2" in shown
    sizes = [len(each) for each in hexadecimal("sms-user-data", *given)]
    assert sizes[0] == 140
    assert f"2 short messages, {140 - sizes[1]} octets free in the last" in shown


def test_same_question_has_the_same_answer() -> None:
    assert omapush(*SI, "--json").output == omapush(*SI, "--json").output


def test_reference_and_transaction_id_follow_the_push_id() -> None:
    first, second = (hexadecimal("wsp", *SI, "--push-id", each)[0] for each in ("a@pi", "b@pi"))
    assert first[0] != second[0]
    assert first[1:] == second[1:]


def test_content_from_a_file_is_previewed(tmp_path: Path) -> None:
    file = tmp_path / "storm"
    file.write_text('<si><indication href="http://a.example/">Storm</indication></si>')
    given = ("preview", "--content", str(file), "--content-type", "text/vnd.wap.si", *AT)
    (datagram,) = hexadecimal("wsp", *given, "+358401234567")
    push = decode_unit_push(datagram)
    assert push.message.content_type == "application/vnd.wap.sic"
    assert hexadecimal("wbxml", *given) == [push.message.body]
    assert hexadecimal("content", *given) == [file.read_bytes()]


def test_without_recipient_it_is_shown_for_an_example() -> None:
    shown = omapush("preview", "si", "--text", "a", "--href", "http://a.example/", *AT)
    assert f"TP-DA: {EXAMPLE_NUMBER}" in shown.output
    assert "no recipient is a telephone number" not in shown.output


def test_recipient_without_telephone_is_said() -> None:
    shown = omapush("preview", "si", "--text", "a", "--to", "192.0.2.7", *AT)
    assert "no recipient is a telephone number" in shown.output


@pytest.mark.parametrize(
    ("given", "layer", "octets"),
    [
        (("--spell-out",), "wsp-headers", b"application/vnd.wap.sic\0\xaf\x82"),
        (("--push-flag", "3"), "wsp-headers", b"\xae\xaf\x82\xb4\x83"),
        ((), "wsp-headers", b"\xae\xaf\x82"),
    ],
)
def test_profile_changes_the_headers(given: tuple[str, ...], layer: str, octets: bytes) -> None:
    assert hexadecimal(layer, *SI, *given) == [octets]


def test_port_reference_and_coding_change_the_short_messages() -> None:
    text = ("preview", "si", "--text", "x" * 200, "--href", "http://a.example/", *AT)
    eight, sixteen = (
        hexadecimal("sms-user-data", *text, "--reference-bits", bits) for bits in ("8", "16")
    )
    assert (eight[0][:3], sixteen[0][:3]) == (b"\x0b\x00\x03", b"\x0c\x08\x04")
    (other,) = hexadecimal("sms-user-data", *SI, "--port", "9205")
    ports = split(other)[0].ports
    assert ports is not None
    assert (ports.destination, ports.source) == (9205, 9200)
    (submit,) = hexadecimal("sms-submit", *SI, "--data-coding", "0xF5")
    tpdu = reading.decode(submit, Direction.FROM_MOBILE)
    assert isinstance(tpdu, SmsSubmit)
    assert tpdu.user_data.coding.value == 0xF5


def test_style_of_smpp_changes_the_requests_only() -> None:
    given = ("preview", "mms-notification", *GIVEN["mms-notification"], "--subject", "s" * 40, *AT)
    (datagram,) = hexadecimal("wsp", *given)
    with_header, with_tlvs, whole, data = (
        [decode_pdu(each) for each in hexadecimal("smpp", *given, "--smpp-style", style)]
        for style in ("udh", "sar", "payload", "data_sm")
    )
    assert (len(with_header), len(with_tlvs), len(whole), len(data)) == (2, 2, 1, 1)
    assert with_tlvs[1].integer(Tag.SAR_SEGMENT_SEQNUM) == 2
    assert whole[0].octets(Tag.MESSAGE_PAYLOAD) == data[0].octets(Tag.MESSAGE_PAYLOAD) == datagram
    assert isinstance(data[0], DataSm)


def test_too_long_push_is_shown_as_far_as_it_gets_and_1() -> None:
    given = ("preview", "si", "--text", "x" * 300, "--href", "http://a.example/")
    shown = omapush(*given, "--max-segments", "2")
    assert shown.exit_code == 1
    assert "== udp" in shown.output
    assert "== smpp" not in shown.output
    assert "! it goes no further: by SMS:" in shown.output
    lacking = omapush(*given, "--max-segments", "2", "--hex", "smpp")
    assert (lacking.exit_code, lacking.stdout) == (1, "")
    assert "at most 2 are allowed" in lacking.stderr
    assert json.loads(omapush(*given, "--max-segments", "2", "--json").output)["failure"]


def test_content_that_cannot_be_compiled_is_1_with_the_reason() -> None:
    shown = omapush("preview", "--text", "<si>", "--content-type", "text/vnd.wap.si")
    assert shown.exit_code == 1
    assert "cannot be compiled: not well-formed" in " ".join(shown.output.split())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--hex", "gsm"), "--hex: 'gsm' is none of pap, content"),
        (("--encoding-version", "new"), "--encoding-version: 'new'"),
        (("--at", "now"), "--at: not a UTC time"),
        (("--reference-bits", "7"), "--reference-bits"),
        (("--smpp-style", "own"), "--smpp-style"),
        (("--port", "0"), "--port"),
        (("--to", "WAPPUSH=+44/TYPE=IPV4@ppg"), "WAPPUSH=+44/TYPE=IPV4@ppg"),
    ],
)
def test_wrong_option_is_2(more: tuple[str, ...], said: str) -> None:
    shown = omapush("preview", "si", "--text", "a", *more)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert said in shown.stderr

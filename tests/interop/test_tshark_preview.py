"""What ``omapush preview`` shows is what tshark reads: SMPP, short messages, UDP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from omapush.cli import application
from omapush.testing.tshark import Capture, Dissected

PHONE = "+358401234567"
LOCATION = "http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef"
COMMANDS = {
    "si": ("si", "--text", "You have mail", "--href", "http://www.xyz.com/email/"),
    "sl": ("sl", "--href", "http://www.xyz.com/email/"),
    "mms": (
        *("mms-notification", "--content-location", LOCATION, "--message-size", "30000"),
        *("--from", PHONE, "--subject", "Greetings from the push"),
    ),
}
CONTENT_TYPES = {
    "si": "application/vnd.wap.sic",
    "sl": "application/vnd.wap.slc",
    "mms": "application/vnd.wap.mms-message",
}
SMPP_PORT = 2775


def lines(name: str, layer: str) -> list[bytes]:
    """Return the octets that a preview prints for one layer."""
    given = ("preview", *COMMANDS[name], "--to", PHONE, "--push-id", name, "--hex", layer)
    shown = CliRunner().invoke(application, given)
    assert shown.exit_code == 0
    return [bytes.fromhex(line) for line in shown.output.splitlines()]


@pytest.fixture(scope="module")
def seen(dissect: Callable[[Capture], dict[str, Dissected]]) -> dict[str, Dissected]:
    capture = Capture()
    for name in COMMANDS:
        (datagram,) = lines(name, "udp")
        capture.datagram(f"{name} udp", datagram, source_port=9200, port=2948)
        for number, tpdu in enumerate(lines(name, "sms-deliver"), 1):
            capture.message(f"{name} deliver {number}", "gsm_sms", tpdu)
        for number, tpdu in enumerate(lines(name, "sms-submit"), 1):
            capture.message(f"{name} submit {number}", "gsm_sms", tpdu, from_mobile=True)
        for number, pdu in enumerate(lines(name, "smpp"), 1):
            capture.segment(f"{name} smpp {number}", pdu, source_port=40_000, port=SMPP_PORT)
    return dissect(capture)


@pytest.mark.parametrize("name", COMMANDS)
def test_tshark_reads_each_layer_of_a_preview_to_the_content(
    seen: dict[str, Dissected], name: str
) -> None:
    (datagram,) = lines(name, "wsp")
    packets = {each: packet for each, packet in seen.items() if each.startswith(name)}
    for packet in packets.values():
        assert packet.complaints == []
    segments = len(lines(name, "sms-user-data"))
    for way in ("udp", f"submit {segments}", f"deliver {segments}", f"smpp {segments}"):
        packet = packets[f"{name} {way}"]
        assert packet.value("wsp.TID") == f"0x{datagram[0]:02x}"
        assert packet.value("wsp.header.content_type") == CONTENT_TYPES[name]


def test_tshark_reads_the_numbers_of_the_preview(seen: dict[str, Dissected]) -> None:
    assert seen["si smpp 1"].value("smpp.destination_addr") == PHONE.removeprefix("+")
    assert seen["si submit 1"].value("gsm_sms.tp-da") == PHONE.removeprefix("+")
    assert seen["mms smpp 2"].value("mmse.content_location") == LOCATION

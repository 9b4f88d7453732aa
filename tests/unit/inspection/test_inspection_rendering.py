"""Inspections and refusals as text for people."""

from __future__ import annotations

from omapush.core.errors import DecodeError
from omapush.inspection.guessing import guess
from omapush.inspection.joining import inspect_joined
from omapush.inspection.jsonable import error_object, inspection_object
from omapush.inspection.layers import inspect
from omapush.inspection.model import Kind
from omapush.inspection.rendering import printable, render, render_refusal
from omapush.protocols.smpp.codec import encode_pdu
from omapush.protocols.smpp.pdu import BindTransceiver, SubmitSm
from omapush.protocols.sms.segmentation import segment
from omapush.protocols.wsp.pdu import Push
from omapush.protocols.wsp.pdu_codec import encode_unit_pdu

SI = bytes.fromhex("02056a0045c60c03696d672e6769660001034869000101")
PUSH = encode_unit_pdu(1, Push((("Content-Type", "application/vnd.wap.sic"),), SI))

USER_DATA_AS_TEXT = """\
sms-user-data, 34 octets
taken for sms-user-data; --as says what it is

sms: TP-UD, 34 octets
     0  06                       UDHL: 6
     1  05 04 0b 84 23 f0        Application port addressing scheme, 16 bit address: \
to port 2948 (push), from port 9200 (connectionless)
     7  (27 octets)              payload: see wsp below

wsp: Push, 27 octets, from octet 7 of sms
     0  01                       TID: 1
     1  06                       Type: 6  (Push)
     2  01                       HeadersLen: 1
     3  ae                       Content-Type: application/vnd.wap.sic
     4  (23 octets)              Data: see wbxml below

wbxml: WBXML, 23 octets, SI 1.0, from octet 4 of wsp
     0  02                       version: WBXML 1.2
     1  05                       publicid: -//WAPFORUM//DTD SI 1.0//EN
     2  6a                       charset: UTF-8
     3  00                       strtbl: empty
     4  (19 octets)              element: si
     4  45                         stag: si, content
     5  (17 octets)                element: indication
     5  c6                           stag: indication, attributes and content
     6  (10 octets)                  attribute: href="http://img.gif"
     6  0c                             attrStart: href="http://
     7  03 69 6d 67 2e 67 69 66        STR_I: img.gif
    15  00
    16  01                           END: attributes of indication
    17  03 48 69 00                  STR_I: Hi
    21  01                           END: indication
    22  01                         END: si"""

REFUSED = """\
wbxml, 9 octets, refused

     0  02                       version: WBXML 1.2
     1  05                       publicid: -//WAPFORUM//DTD SI 1.0//EN
     2  6a                       charset: UTF-8
     3  00                       strtbl: empty
     4  45                       stag: si, content
     5  c6                       stag: indication, attributes and content
! refused at octet 6: SI 1.0 has no attribute start FF on this page
     6  ff 03 aa"""


def text_of(kind: Kind, octets: bytes) -> str:
    return "\n".join(render(inspect(kind, octets)))


def refusal_of(kind: Kind, octets: bytes) -> str:
    try:
        inspect(kind, octets)
    except DecodeError as error:
        return "\n".join(render_refusal(kind, octets, error))
    return "not refused"


def test_every_octet_of_every_layer_has_its_line() -> None:
    (user_data,) = segment(PUSH, 2948, 9200, 1)
    assert "\n".join(render(guess(user_data))) == USER_DATA_AS_TEXT


def test_refusal_shows_what_was_read_and_where_it_ended() -> None:
    assert refusal_of(Kind.WBXML, bytes.fromhex("02056a0045c6ff03aa")) == REFUSED


def test_long_rest_behind_a_fault_is_counted_not_shown() -> None:
    text = refusal_of(Kind.WBXML, bytes.fromhex("02056a0045c6ff") + bytes(100))
    assert text.endswith("  and 37 octets more")
    assert text.count("00 00 00 00 00 00 00 00") == 7


def test_warnings_are_marked() -> None:
    text = text_of(Kind.SMS_USER_DATA, segment(PUSH * 8, 2948, 9200, 1)[0])
    (marked,) = [line for line in text.splitlines() if line.startswith("! ")]
    assert "segment 1 of 2" in marked


def test_joined_message_shows_segments_and_the_whole() -> None:
    text = "\n".join(render(inspect_joined(Kind.SMS_USER_DATA, segment(PUSH * 8, 2948, 9200, 1))))
    assert "segment 2 of 2" in text
    assert "sms: message, 216 octets" in text
    assert "octets: see wsp below" in text


def test_octets_without_meaning_are_shown_as_text_where_they_are_text() -> None:
    text = text_of(Kind.SMPP, encode_pdu(SubmitSm(short_message=b"hello there")))
    assert "  33  68 65 6c 6c 6f 20 74 68  short_message: 'hello there'\n    41  65 72 65" in text


def test_what_a_peer_wrote_cannot_steer_the_terminal() -> None:
    octets = encode_unit_pdu(1, Push((("Content-Type", "text/plain"),), b"\x1b[31mred\r\n"))
    text = text_of(Kind.WSP, octets)
    assert "\\x1b[31mred\\r\\n" in text
    assert text.replace("\n", "").isprintable()
    assert printable("a\udc80\u202e") == "a\\udc80\\u202e"


def test_password_is_shown_neither_in_text_nor_in_json() -> None:
    octets = encode_pdu(BindTransceiver(system_id="me", password="secret"))
    text = text_of(Kind.SMPP, octets)
    assert "password" in text
    assert "73 65 63" not in text
    assert "736563" not in str(inspection_object(inspect(Kind.SMPP, octets)))
    overlong = octets.replace(b"secret", b"secretsecret")
    overlong = len(overlong).to_bytes(4, "big") + overlong[4:]
    refusal = refusal_of(Kind.SMPP, overlong)
    assert "refused at octet 19" in refusal
    assert "73 65 63" not in refusal


def test_json_of_a_layer_says_where_it_begins_in_which() -> None:
    (user_data,) = segment(PUSH, 2948, 9200, 1)
    said = inspection_object(inspect(Kind.SMS_USER_DATA, user_data))
    layers = said["layers"]
    assert isinstance(layers, list)
    assert [
        (each["layer"], each["inside"], each["offset"], each["octets"])
        for each in layers
        if isinstance(each, dict)
    ] == [("sms", None, None, 34), ("wsp", 0, 7, 27), ("wbxml", 1, 4, 23)]
    (outermost, *_) = layers
    assert isinstance(outermost, dict)
    fields = outermost["fields"]
    assert isinstance(fields, list)
    assert fields[0] == {
        "name": "UDHL",
        "offset": 0,
        "octets": "06",
        "value": 6,
        "note": None,
    }


def test_json_of_an_error_names_the_layer_asked_for_when_the_error_does_not() -> None:
    said = error_object(DecodeError("bad"), "pap", 3)
    assert said == {"error": "bad", "layer": "pap", "position": None, "input": 3}

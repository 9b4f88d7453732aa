"""Every content type that has a text and a binary form, from one to the other and back."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.content.written_forms import content_type_parameters, in_other_form, other_form
from omapush.core.errors import EncodeError
from omapush.protocols.wbxml import BINARY_TO_TEXT, TEXT_TO_BINARY, read_xml

EXAMPLES = {
    "text/vnd.wap.si": "<si><indication href='http://a/' created='2026-01-02T03:04:05Z'>é"
    "</indication></si>",
    "text/vnd.wap.sl": "<sl href='http://a/é' action='cache'/>",
    "text/vnd.wap.co": "<co><invalidate-object uri='/é'/></co>",
    "text/vnd.wap.emn+xml": "<emn mailbox='mailat:é@a.example'/>",
    "text/vnd.wap.connectivity-xml": "<wap-provisioningdoc><characteristic type='NAPDEF'>"
    "<parm name='NAME' value='é'/></characteristic></wap-provisioningdoc>",
    "text/vnd.wap.wml": "<wml><card title='é'><p>é</p></card></wml>",
    "application/vnd.oma.drm.rights+xml": "<o-ex:rights xmlns:o-ex='http://odrl.net/1.1/ODRL-EX' "
    "xmlns:o-dd='http://odrl.net/1.1/ODRL-DD'><o-ex:context><o-dd:version>1.0</o-dd:version>"
    "</o-ex:context></o-ex:rights>",
}


def test_there_is_an_example_of_each_type() -> None:
    assert EXAMPLES.keys() == TEXT_TO_BINARY.keys()


@pytest.mark.parametrize("text_type", EXAMPLES)
def test_there_and_back_says_the_same(text_type: str) -> None:
    text = EXAMPLES[text_type].encode("iso-8859-1")
    content_type = f'{text_type}; a=b; Charset="iso-8859-1"'
    binary = in_other_form(PushMessage((("content-type", content_type), ("X", "1")), text))
    assert binary.media_type == TEXT_TO_BINARY[text_type]
    assert binary.headers == (("content-type", f"{TEXT_TO_BINARY[text_type]}; a=b"), ("X", "1"))
    back = in_other_form(binary)
    assert back.content_type == f"{text_type}; a=b; charset=utf-8"
    given = read_xml(text, text_type, charset="iso-8859-1")
    assert read_xml(back.body, text_type, charset="utf-8").root == given.root
    assert in_other_form(back).body == binary.body


def test_what_spoke_of_the_octets_before_is_left_out() -> None:
    about = ("Content-Length", "ETag", "content-md5", "Content-Range")
    headers = (("Content-Type", "text/vnd.wap.sl"), *((name, "1") for name in about))
    converted = in_other_form(PushMessage(headers, b"<sl href='http://a/'/>"))
    assert converted.headers == (("Content-Type", "application/vnd.wap.slc"),)


def test_other_form_of_each_is_told() -> None:
    assert other_form("text/vnd.wap.si") == "application/vnd.wap.sic"
    assert all(other_form(binary) == text for binary, text in BINARY_TO_TEXT.items())
    assert other_form("image/png") is None
    with pytest.raises(EncodeError, match="one form only"):
        in_other_form(PushMessage((("Content-Type", "image/png"),), b""))


def test_parameters_are_read_as_they_stand() -> None:
    parameters = content_type_parameters('a/b; SEC = 1;; x ;Charset="UTF-8"')
    assert parameters == [("sec", "1"), ("charset", '"UTF-8"')]

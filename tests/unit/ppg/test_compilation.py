"""Text content to its binary form, with the headers that speak of it (PPG 5.1.2.1.3)."""

from __future__ import annotations

import pytest

from omapush.content.message import PushMessage
from omapush.ota.interface import ClientCapabilities
from omapush.pap.codes import StatusCode
from omapush.ppg.compilation import CompilationError, binary_form_of, compiled, may_transform
from omapush.ppg.transform import Unfit, fit

# The example that the specification of SI prints, with its octets.
SI_TEXT = b"""<?xml version="1.0"?>
<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">
<si><indication href="http://www.xyz.com/email/123/abc.wml" created="1999-06-25T15:23:15Z"
 si-expires="1999-06-30T00:00:00Z">You have 4 new e-mails</indication></si>"""
SI_OCTETS = bytes.fromhex(
    "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999062515231510c3041999"
    "06300103596f7520686176652034206e657720652d6d61696c73000101"
)
SI = PushMessage(
    (
        ("Content-Type", "text/vnd.wap.si; charset=utf-8"),
        ("Content-Length", str(len(SI_TEXT))),
        ("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
        ("ETag", '"1"'),
        ("X-Wap-Application-Id", "2"),
    ),
    SI_TEXT,
)


def test_service_indication_becomes_the_published_octets() -> None:
    binary = compiled(SI)
    assert binary.body == SI_OCTETS
    assert binary.headers == (
        ("Content-Type", "application/vnd.wap.sic"),
        ("X-Wap-Application-Id", "2"),
    )


def test_date_with_an_offset_is_brought_to_utc() -> None:
    moved = SI_TEXT.replace(b"1999-06-25T15:23:15Z", b"1999-06-25T17:23:15+02:00")
    assert compiled(PushMessage(SI.headers, moved)).body == SI_OCTETS


def test_parameters_of_a_provisioning_document_stay() -> None:
    message = PushMessage(
        (("Content-Type", "text/vnd.wap.connectivity-xml; SEC=1; MAC=AB12; charset=UTF-8"),),
        b'<wap-provisioningdoc version="1.1"/>',
    )
    assert compiled(message).content_type == (
        "application/vnd.wap.connectivity-wbxml; sec=1; mac=AB12"
    )


@pytest.mark.parametrize(
    "body", [b"<si>", b"", b"<sl href='x'/>", b"\xff\xfe", b"<si><indication/></si>x"]
)
def test_content_that_is_not_what_it_says_is_refused(body: bytes) -> None:
    with pytest.raises(CompilationError) as caught:
        compiled(PushMessage(SI.headers, body))
    assert caught.value.reason


def test_only_types_with_a_binary_form_have_one() -> None:
    assert binary_form_of("text/vnd.wap.sl") == "application/vnd.wap.slc"
    assert binary_form_of("image/png") is None


@pytest.mark.parametrize(
    ("header", "may"),
    [
        (("Cache-Control", "no-cache, No-Transform"), False),
        (("Cache-Control", "no-cache"), True),
        (("Content-Encoding", "deflate"), False),
        (("Content-Encoding", "identity"), True),
    ],
)
def test_initiator_may_forbid_it(header: tuple[str, str], may: bool) -> None:
    assert may_transform(PushMessage((*SI.headers, header), SI_TEXT)) is may


BINARY_ONLY = ClientCapabilities(accept=("application/vnd.wap.sic",))
TEXT_TOO = ClientCapabilities(accept=("application/vnd.wap.sic", "text/vnd.wap.si"))


def test_client_that_takes_the_binary_form_only_gets_it() -> None:
    fitted = fit(SI, BINARY_ONLY)
    assert isinstance(fitted, PushMessage)
    assert fitted.body == SI_OCTETS


def test_client_that_takes_the_text_gets_the_text() -> None:
    assert fit(SI, TEXT_TOO) == SI


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (PushMessage(SI.headers, b"<si>"), "cannot be compiled"),
        (PushMessage((*SI.headers, ("Cache-Control", "no-transform")), SI_TEXT), "transformed"),
    ],
)
def test_what_cannot_be_transformed_is_3006(message: PushMessage, reason: str) -> None:
    unfit = fit(message, BINARY_ONLY)
    assert isinstance(unfit, Unfit)
    assert unfit.code is StatusCode.TRANSFORMATION_FAILURE
    assert reason in unfit.reason


def test_other_content_that_the_client_does_not_take_is_2006() -> None:
    unfit = fit(PushMessage((("Content-Type", "image/png"),), b"x"), BINARY_ONLY)
    assert isinstance(unfit, Unfit)
    assert unfit.code is StatusCode.REQUIRED_CAPABILITIES_NOT_SUPPORTED

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.content.email_notification import EmailNotification
from omapush.content.indication import (
    CacheOperation,
    InfoItem,
    LoadingAction,
    ServiceIndication,
    ServiceLoading,
    SignalAction,
)
from omapush.content.indication.document import PushDocument
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import parse_utc

PUBLISHED = ServiceIndication(
    "You have 4 new e-mails",
    href="http://www.xyz.com/email/123/abc.wml",
    created=parse_utc("1999-06-25T15:23:15Z"),
    si_expires=parse_utc("1999-06-30T00:00:00Z"),
)
FULL = ServiceIndication(
    "Sale & more é",
    "https://www.shop.example.net/x",
    "a1",
    parse_utc("2011-11-22T12:00:00Z"),
    parse_utc("2012-11-22T12:00:00Z"),
    SignalAction.SIGNAL_HIGH,
    (InfoItem("vnd.x", "42"), InfoItem("vnd.y", "")),
)
VALUES: list[PushDocument] = [
    PUBLISHED,
    FULL,
    ServiceIndication(),
    ServiceIndication(si_id="123@siid.example.org", action=SignalAction.DELETE),
    ServiceLoading("https://example.com/a", LoadingAction.CACHE),
    ServiceLoading("http://www.xyz.com/ppaid/123/abc.wml"),
    CacheOperation(("foo.wml",), ("/bar",)),
    CacheOperation(services=("http://www.xyz.com/mail/", "x")),
    EmailNotification("mailat:user@wapforum.org", parse_utc("2002-04-16T06:40:00Z")),
    EmailNotification("imap://joe@imap.example.com/inbox"),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_both_written_forms_read_as_the_value(value: PushDocument) -> None:
    assert type(value).from_xml(value.to_xml()) == value
    assert type(value).from_wbxml(value.to_wbxml()) == value


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (
            PUBLISHED,
            "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac30719990625152315"
            "10c304199906300103596f7520686176652034206e657720652d6d61696c73000101",
        ),
        (
            ServiceIndication(si_id="123@siid.example.org", action=SignalAction.DELETE),
            "02056a004586110331323340736969642e6578616d706c652e6f726700090101",
        ),
        (
            replace(FULL, si_expires=None, info=()),
            "02056a0045c60f0373686f702e6578616d706c65008703780011036131000ac305201111221208010353"
            "616c652026206d6f726520c3a9000101",
        ),
        (
            ServiceIndication(
                "t",
                "http://wap.example.org/n",
                action=SignalAction.SIGNAL_NONE,
                info=(InfoItem("vnd.x", "42"),),
            ),
            "02056a0045c60c037761702e6578616d706c650088036e0005010374000147c81203766e642e78000103"
            "343200010101",
        ),
        (
            ServiceLoading("http://www.xyz.com/ppaid/123/abc.wml"),
            "02066a00850a0378797a00850370706169642f3132332f6162632e776d6c0001",
        ),
        (
            CacheOperation(("foo.wml",), ("/bar",)),
            "02076a0045860503666f6f2e776d6c00018705032f626172000101",
        ),
    ],
)
def test_binary_form_is_the_vector(value: PushDocument, octets: str) -> None:
    assert value.to_wbxml().hex() == octets


def test_service_indication_reads_the_text_as_authors_lay_it_out() -> None:
    text = b"""
      <?xml version="1.0"?>
      <!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">
      <si>
        <indication href=" http://www.xyz.com/email/123/abc.wml"
                    created="1999-06-25T15:23:15Z"
                    si-expires="1999-06-30T02:00:00+02:00">
          You have
          4 new e-mails
        </indication>
      </si>"""
    assert ServiceIndication.from_xml(text) == PUBLISHED


def test_service_indication_reads_the_character_set_that_the_content_type_says() -> None:
    text = "<si><indication>é</indication></si>".encode("iso-8859-1")
    assert ServiceIndication.from_xml(text, charset="iso-8859-1").text == "é"


def test_service_indication_has_the_default_action() -> None:
    assert ServiceIndication.from_xml(b"<si><indication/></si>").action == "signal-medium"
    explicit = ServiceIndication.from_wbxml(bytes.fromhex("02056a004586070101"))
    assert explicit.action is SignalAction.SIGNAL_MEDIUM
    assert b"action" not in explicit.to_xml()


@pytest.mark.parametrize(
    ("si_id", "href", "key"),
    [("a", "b", "a"), (None, "b", "b"), ("", "b", "b"), ("a", None, "a"), (None, "", None)],
)
def test_comparison_key_is_si_id_or_else_href(
    si_id: str | None, href: str | None, key: str | None
) -> None:
    assert ServiceIndication("t", href, si_id).comparison_key == key


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("<sl/>", "the document element is sl", None),
        ("<si/>", "without indication", "si"),
        ("<si><indication/><indication/></si>", "2 times", "si"),
        ("<si><indication action='loud'/></si>", "'loud' is none of", "indication/@action"),
        ("<si><indication created='now'/></si>", "not a UTC time", "indication/@created"),
        (
            "<si><indication si-expires='2011-02-30T00:00:00Z'/></si>",
            "no such date",
            "indication/@si-expires",
        ),
        ("<si><indication action='delete' href='a'/></si>", "si-id", "indication/@si-id"),
        ("<si><indication/><info/></si>", "info without item", "si/info"),
        ("<si><indication/><info><item>x</item></info></si>", "class", "info/item/@class"),
    ],
)
def test_service_indication_that_is_none_is_refused(
    text: str, reason: str, position: str | None
) -> None:
    with pytest.raises(DecodeError, match=reason) as caught:
        ServiceIndication.from_xml(text.encode())
    assert (caught.value.layer, caught.value.position) == ("si", position)


@pytest.mark.parametrize(
    ("kind", "text", "layer"),
    [
        (ServiceLoading, b"<sl/>", "sl"),
        (ServiceLoading, b"<sl href=' '/>", "sl"),
        (ServiceLoading, b"<sl href='a' action='delete'/>", "sl"),
        (CacheOperation, b"<co/>", "co"),
        (CacheOperation, b"<co><invalidate-object/></co>", "co"),
        (EmailNotification, b"<emn timestamp='2002-04-16T06:40:00Z'/>", "emn"),
        (EmailNotification, b"<emn mailbox='a' timestamp='x'/>", "emn"),
    ],
)
def test_other_documents_that_are_none_are_refused(
    kind: type[PushDocument], text: bytes, layer: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        kind.from_xml(text)
    assert caught.value.layer == layer


@pytest.mark.parametrize(
    "value",
    [
        ServiceIndication(action=SignalAction.DELETE, href="a"),
        ServiceIndication(info=(InfoItem("two words", ""),)),
        ServiceLoading(""),
        CacheOperation(),
        CacheOperation(("",)),
        EmailNotification(""),
    ],
    ids=repr,
)
def test_value_that_the_type_forbids_is_not_written(value: PushDocument) -> None:
    with pytest.raises(EncodeError):
        value.to_xml()
    with pytest.raises(EncodeError):
        value.to_wbxml()


def test_binary_form_is_read_under_any_public_identifier() -> None:
    assert ServiceLoading.from_wbxml(bytes.fromhex("02016a00850803780001")).href == "x"


def test_octets_that_are_no_wbxml_are_refused_by_that_layer() -> None:
    with pytest.raises(DecodeError) as caught:
        ServiceIndication.from_wbxml(b"<si>")
    assert caught.value.layer == "wbxml"

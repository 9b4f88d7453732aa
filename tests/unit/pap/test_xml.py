"""PAP documents: decoding by the tables, encoding as known parsers want it."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import Instant, parse_utc
from omapush.pap import model, xml
from omapush.pap.bad_message import MAX_FRAGMENT, BadMessage
from omapush.pap.codes import MessageState, StatusCode
from omapush.pap.elements import ELEMENTS, MESSAGES, Kind
from omapush.pap.tolerance import Tolerance
from omapush.pap.versions import PapVersion, VersionRange

V2 = PapVersion(2, 0)
LISTED = (VersionRange(2, 0), VersionRange(1, None))
PROLOGUE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "http://www.wapforum.org/DTD/pap_2.0.dtd"'
    ' [<?wap-pap-ver supported-versions="2.0,1.*"?>]>\n'
)
PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
USER = "WAPPUSH=anna%40example.net/TYPE=USER@ppg.example.net"
LENIENT = Tolerance(strict_dtd=False)

# Documents as initiators and gateways exchange them (PAP 8), with what they say.
VECTORS: dict[str, tuple[str, model.Message]] = {
    "submission": (
        f'<pap><push-message push-id="mail-77@pi.example.net">'
        f'<address address-value="{PLMN}"/></push-message></pap>',
        model.PushMessage("mail-77@pi.example.net", (model.Address(PLMN),)),
    ),
    "everything": (
        '<pap><push-message push-id="news-1@pi" deliver-after-timestamp="2011-11-22T10:00:00Z" '
        'deliver-before-timestamp="2011-11-22T18:00:00Z" source-reference="Example News" '
        'ppg-notify-requested-to="https://pi.example.net/r" progress-notes-requested="true">'
        f'<address address-value="{PLMN}"/><address address-value="{USER}"/>'
        '<quality-of-service priority="high" delivery-method="confirmed" network="GSM" '
        'bearer="GPRS" bearer-required="true"/></push-message></pap>',
        model.PushMessage(
            "news-1@pi",
            (model.Address(PLMN), model.Address(USER)),
            model.QualityOfService(
                model.Priority.HIGH, model.DeliveryMethod.CONFIRMED, "GSM", False, "GPRS", True
            ),
            deliver_before_timestamp=parse_utc("2011-11-22T18:00:00Z"),
            deliver_after_timestamp=parse_utc("2011-11-22T10:00:00Z"),
            source_reference="Example News",
            ppg_notify_requested_to="https://pi.example.net/r",
            progress_notes_requested=True,
        ),
    ),
    "replacement": (
        '<pap><push-message push-id="b@pi" replace-push-id="a@pi" replace-method="pending-only">'
        f'<address address-value="{PLMN}"/>'
        '<quality-of-service delivery-method="unconfirmed"/></push-message></pap>',
        model.PushMessage(
            "b@pi",
            (model.Address(PLMN),),
            model.QualityOfService(delivery_method=model.DeliveryMethod.UNCONFIRMED),
            "a@pi",
            model.ReplaceMethod.PENDING_ONLY,
        ),
    ),
    "response": (
        '<pap><push-response push-id="a@pi" sender-address="http://ppg/wappush" '
        'sender-name="PPG" reply-time="2011-11-22T09:00:01Z">'
        '<progress-note stage="queued" note="soon" time="2011-11-22T09:00:00Z"/>'
        '<response-result code="1001" desc="Accepted for processing"/></push-response></pap>',
        model.PushResponse(
            "a@pi",
            model.ResponseResult(1001, "Accepted for processing"),
            (model.ProgressNote("queued", "soon", parse_utc("2011-11-22T09:00:00Z")),),
            "http://ppg/wappush",
            "PPG",
            parse_utc("2011-11-22T09:00:01Z"),
        ),
    ),
    "cancellation": (
        f'<pap><cancel-message push-id="a@pi"><address address-value="{PLMN}"/>'
        "</cancel-message></pap>",
        model.CancelMessage("a@pi", (model.Address(PLMN),)),
    ),
    "cancelled": (
        '<pap><cancel-response push-id="a@pi"><cancel-result code="1000" desc="Cancelled">'
        f'<address address-value="{PLMN}"/></cancel-result>'
        '<cancel-result code="2008" desc="Waiting"/></cancel-response></pap>',
        model.CancelResponse(
            "a@pi",
            (
                model.CancelResult(1000, "Cancelled", (model.Address(PLMN),)),
                model.CancelResult(2008, "Waiting"),
            ),
        ),
    ),
    "notification": (
        '<pap><resultnotification-message push-id="a@pi" sender-name="PPG" '
        'received-time="2011-11-22T09:00:01Z" event-time="2011-11-22T10:00:07Z" '
        'message-state="aborted" code="5238" desc="USERDCU">'
        f'<address address-value="{USER}"/><quality-of-service delivery-method="confirmed"/>'
        "</resultnotification-message></pap>",
        model.ResultNotificationMessage(
            "a@pi",
            MessageState.ABORTED,
            5238,
            model.Address(USER),
            model.QualityOfService(delivery_method=model.DeliveryMethod.CONFIRMED),
            sender_name="PPG",
            received_time=parse_utc("2011-11-22T09:00:01Z"),
            event_time=parse_utc("2011-11-22T10:00:07Z"),
            desc="USERDCU",
        ),
    ),
    "notified": (
        '<pap><resultnotification-response push-id="a@pi" code="1000" desc="OK">'
        f'<address address-value="{USER}"/></resultnotification-response></pap>',
        model.ResultNotificationResponse("a@pi", 1000, model.Address(USER), "OK"),
    ),
    "status query": (
        '<pap><statusquery-message push-id="a@pi"/></pap>',
        model.StatusQueryMessage("a@pi"),
    ),
    "status": (
        '<pap><statusquery-response push-id="a@pi"><statusquery-result message-state="unknown" '
        'code="2004" desc="Push ID not found"/></statusquery-response></pap>',
        model.StatusQueryResponse(
            "a@pi", (model.StatusQueryResult(MessageState.UNKNOWN, 2004, desc="Push ID not found"),)
        ),
    ),
    "capabilities query": (
        '<pap><ccq-message query-id="q-15" app-id="x-wap-application:wml.ua">'
        f'<address address-value="{PLMN}"/></ccq-message></pap>',
        model.CcqMessage(model.Address(PLMN), "q-15", "x-wap-application:wml.ua"),
    ),
    "capabilities": (
        '<pap><ccq-response query-id="q-15" code="3008" desc="none known">'
        f'<address address-value="{PLMN}"/></ccq-response></pap>',
        model.CcqResponse(3008, model.Address(PLMN), "q-15", "none known"),
    ),
    "bad message": (
        '<pap><badmessage-response code="2000" desc="Mismatched tag" '
        'bad-message-fragment="&lt;push-message push-id=&quot;x@pi&quot;&gt;"/></pap>',
        model.BadMessageResponse(2000, "Mismatched tag", '<push-message push-id="x@pi">'),
    ),
}


def document(body: str) -> bytes:
    return (PROLOGUE + body).encode()


@pytest.mark.parametrize("name", VECTORS)
def test_vector_is_decoded_and_encoded_to_the_octet(name: str) -> None:
    body, message = VECTORS[name]
    decoded = xml.decode(document(body))
    assert decoded == model.Pap(message, V2, "WAPFORUM", LISTED)
    assert xml.encode(decoded) == document(body)


def test_product_name_is_read_and_written() -> None:
    body = VECTORS["status query"][0].replace("<pap>", '<pap product-name="Example 1">')
    decoded = xml.decode(document(body))
    assert decoded.product_name == "Example 1"
    assert xml.encode(decoded) == document(body)


def test_every_message_of_the_tables_has_a_vector() -> None:
    built = {type(message) for _, message in VECTORS.values()}
    assert built == {element.build for element in MESSAGES.values()}


def test_tables_name_the_fields_of_the_model() -> None:
    for name, element in ELEMENTS.items():
        fields = {field.name for field in dataclasses.fields(element.build)}
        told = {one.field for one in element.attributes} | {one.field for one in element.children}
        assert told == fields, name


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE pap [<!ENTITY a "b">]>',
        '<!DOCTYPE pap [<!ENTITY % a "b">%a;]>',
        '<!DOCTYPE pap [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE pap [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declared_entity_is_refused_in_any_encoding(prologue: str, encoding: str) -> None:
    text = prologue + '<pap><statusquery-message push-id="&a;"/></pap>'
    with pytest.raises(BadMessage, match="declares an entity"):
        xml.decode(text.encode(encoding))


def test_undeclared_entity_is_no_document() -> None:
    with pytest.raises(BadMessage, match="not well-formed"):
        xml.decode(document('<pap><statusquery-message push-id="&unknown;"/></pap>'))


@pytest.mark.parametrize(
    ("declared", "encoding", "charset"),
    [
        ("UTF-8", "utf-8-sig", None),
        ("UTF-16", "utf-16", None),
        ("ISO-8859-1", "latin-1", None),
        ("windows-1252", "cp1252", None),
        ("UTF-8", "latin-1", "ISO-8859-1"),
    ],
)
def test_encodings_by_mark_transport_and_declaration(
    declared: str, encoding: str, charset: str | None
) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>' + (
        '<pap><statusquery-message push-id="jürgen@pi"/></pap>'
    )
    decoded = xml.decode(text.encode(encoding), charset=charset)
    assert decoded.message == model.StatusQueryMessage("jürgen@pi")


def test_octets_that_are_not_what_they_say_are_read_as_windows_1252_unless_strict() -> None:
    octets = '<pap><statusquery-message push-id="jürgen@pi"/></pap>'.encode("latin-1")
    decoded = xml.decode(octets)
    assert decoded.message == model.StatusQueryMessage("jürgen@pi")
    assert any("windows-1252" in repair for repair in decoded.repairs)
    with pytest.raises(BadMessage):
        xml.decode(octets, tolerance=Tolerance(strict_charset=True))


def test_unknown_character_set_is_refused() -> None:
    with pytest.raises(BadMessage, match="character set"):
        xml.decode(b'<?xml version="1.0" encoding="EBCDIC-US"?><pap/>')


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("<pap/>", "exactly one message"),
        ("<wap/>", "document element"),
        ("<pap><unheard-of/></pap>", "exactly one message"),
        ('<pap><statusquery-message push-id="a"/><statusquery-message push-id="b"/></pap>', "one"),
        ("<pap>text</pap>", "cannot hold text"),
        ("<pap><push-message/></pap>", "needs the attribute push-id"),
        ('<pap><push-message push-id="a"/></pap>', "needs address"),
        ('<pap><push-message push-id="a"><address/></push-message></pap>', "address-value"),
        (
            f'<pap><push-message push-id="a"><address address-value="{PLMN}"/><x/>'
            "</push-message></pap>",
            "cannot hold",
        ),
        (
            f'<pap><push-message push-id="a" deliver-before-timestamp="2011-09-31T00:00:00Z">'
            f'<address address-value="{PLMN}"/></push-message></pap>',
            "no such date",
        ),
        (
            f'<pap><push-message push-id="a"><address address-value="{PLMN}"/>'
            '<quality-of-service delivery-method="pigeon"/></push-message></pap>',
            "none of",
        ),
        ('<pap><badmessage-response code="OK"/></pap>', "not a status code"),
        ("", "not well-formed"),
        ("<pap>", "not well-formed"),
    ],
)
def test_what_the_tables_do_not_allow_is_refused(body: str, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason) as caught:
        xml.decode(document(body), tolerance=LENIENT)
    assert caught.value.code is StatusCode.BAD_REQUEST


def test_refusal_carries_what_an_answer_in_kind_needs() -> None:
    with pytest.raises(BadMessage) as caught:
        xml.decode(document('<pap><push-message push-id="x@pi"/></pap>'))
    assert caught.value.operation == "push-message"
    assert caught.value.message_id == "x@pi"
    assert caught.value.version == V2


def test_fragment_shows_the_fault_and_is_short() -> None:
    with pytest.raises(BadMessage) as caught:
        xml.decode(document("<pap>" + "<a>" * 200 + "<adress"))
    assert caught.value.fragment is not None
    assert "<adress" in caught.value.fragment
    assert len(caught.value.fragment) <= MAX_FRAGMENT


FORGIVABLE = {
    "order": (
        '<pap><push-message push-id="a"><quality-of-service priority="high"/>'
        f'<address address-value="{PLMN}"/></push-message></pap>'
    ),
    "unknown attribute": (
        f'<pap><push-message push-id="a" ppg-notifiy-requested-to="x">'
        f'<address address-value="{PLMN}"/></push-message></pap>'
    ),
    "case": (
        f'<pap><push-message push-id="a"><address address-value="{PLMN}"/>'
        '<quality-of-service delivery-method="UNCONFIRMED"/></push-message></pap>'
    ),
}


@pytest.mark.parametrize("name", FORGIVABLE)
def test_faults_of_known_senders_are_refused_by_the_letter_and_forgiven_by_switch(
    name: str,
) -> None:
    with pytest.raises(BadMessage):
        xml.decode(document(FORGIVABLE[name]))  # PPG 5.1.1: invalid is rejected
    decoded = xml.decode(document(FORGIVABLE[name]), tolerance=LENIENT)
    assert isinstance(decoded.message, model.PushMessage)
    assert decoded.repairs


@pytest.mark.parametrize(
    ("doctype", "version"),
    [
        ("", "1.0"),
        ('<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP//EN" "x">', "1.0"),
        ('<!DOCTYPE pap PUBLIC "-//WAPFORUM/DTD PAP 2.0//EN" "x">', "2.0"),
        ('<!DOCTYPE pap PUBLIC "-//OMA//DTD PAP 2.1//EN" "x">', "2.1"),
        ('<!DOCTYPE pap PUBLIC "nonsense" "http://a/pap_2.2.dtd">', "2.2"),
    ],
)
def test_version_is_found_in_the_doctypes_of_the_field(doctype: str, version: str) -> None:
    octets = (doctype + '<pap><statusquery-message push-id="a"/></pap>').encode()
    assert str(xml.decode(octets).version) == version


def test_white_space_before_the_document_is_forgiven_unless_strict() -> None:
    octets = b"\r\n  " + document('<pap><statusquery-message push-id="a"/></pap>')
    assert xml.decode(octets).repairs == ("white space before the document",)
    with pytest.raises(BadMessage, match="white space before"):
        xml.decode(octets, tolerance=Tolerance(strict_doctype=True))


def test_white_space_in_an_empty_element_is_forgiven_unless_strict() -> None:
    # The samples of Kannel have it, and nothing can be misread.
    octets = document(
        f'<pap><push-message push-id="a"><address address-value="{PLMN}">\n </address>'
        "</push-message></pap>"
    )
    decoded = xml.decode(octets)
    assert isinstance(decoded.message, model.PushMessage)
    assert decoded.repairs == ("white space in the empty element address",)
    with pytest.raises(BadMessage, match="white space"):
        xml.decode(octets, tolerance=Tolerance(strict_empty=True))
    text = octets.replace(b"\n </address>", b"x</address>")
    with pytest.raises(BadMessage, match="text"):
        xml.decode(text)


@pytest.mark.parametrize("text", ["2011-11-22T18:00:00z", "2011-11-22T18:00:00.25Z"])
def test_time_of_another_form_is_converted_and_named_unless_strict(text: str) -> None:
    octets = document(
        f'<pap><push-message push-id="a" deliver-before-timestamp="{text}">'
        f'<address address-value="{PLMN}"/></push-message></pap>'
    )
    (repair,) = xml.decode(octets).repairs
    assert text in repair
    with pytest.raises(BadMessage, match="deliver-before-timestamp"):
        xml.decode(octets, tolerance=Tolerance(strict_times=True))


def test_version_list_outside_the_doctype_is_read_unless_strict() -> None:
    octets = (
        b'<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" "pap_2.0.dtd">'
        b'<?wap-pap-ver supported-versions="2.0,1.*"?>'
        b'<pap><statusquery-message push-id="a"/></pap>'
    )
    assert xml.decode(octets).supported_versions == LISTED
    with pytest.raises(BadMessage, match="outside"):
        xml.decode(octets, tolerance=Tolerance(strict_doctype=True))


def test_text_that_xml_cannot_hold_is_replaced_when_written() -> None:
    message = model.BadMessageResponse(2000, "a\x00b\x0b<&>\"\n'")
    decoded = xml.decode(xml.encode(model.Pap(message)))
    assert decoded.message == model.BadMessageResponse(2000, "a?b?<&>\"\n'")


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
INSTANTS = st.integers(0, 4_000_000_000).map(lambda seconds: Instant(seconds * 1000))


def values(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    return {
        Kind.CDATA: TEXT,
        Kind.DATETIME: INSTANTS,
        Kind.BOOLEAN: st.booleans(),
        Kind.CODE: st.integers(1000, 99_999),
    }[kind]


def elements(name: str) -> st.SearchStrategy[Any]:
    rule = ELEMENTS[name]
    fields: dict[str, st.SearchStrategy[Any]] = {}
    for one in rule.attributes:
        optional = not one.required and one.default is None
        fields[one.field] = values(one.kind) | st.none() if optional else values(one.kind)
    for child in rule.children:
        strategy = elements(child.name)
        if child.many:
            some = st.lists(strategy, min_size=int(child.required), max_size=3)
            fields[child.field] = some.map(tuple)
        else:
            fields[child.field] = strategy if child.required else strategy | st.none()
    return st.builds(rule.build, **fields)


@settings(max_examples=150, deadline=None)
@given(message=st.one_of([elements(name) for name in MESSAGES]), product=TEXT | st.none())
def test_any_message_survives_writing_and_reading(message: Any, product: str | None) -> None:
    written = model.Pap(message, V2, supported_versions=LISTED, product_name=product)
    assert xml.decode(xml.encode(written)) == written


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_documents_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    octets = bytearray(document(data.draw(st.sampled_from(list(VECTORS.values())))[0]))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(octets) - 1))
        octets[position : position + data.draw(st.integers(0, 12))] = data.draw(
            st.binary(max_size=8)
        )
    tolerance = data.draw(st.sampled_from([Tolerance(), LENIENT]))
    try:
        decoded = xml.decode(bytes(octets), tolerance=tolerance)
    except BadMessage as error:
        assert error.reason  # noqa: PT017 - either outcome is right, and nothing else
    else:
        assert isinstance(decoded, model.Pap)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_refused_or_read(octets: bytes) -> None:
    try:
        xml.decode(octets)
    except BadMessage as error:
        assert error.code == 2000  # noqa: PT017 - see above

"""Whole push messages from a few words."""

from __future__ import annotations

import pytest

from omapush.content import mms_notification, recipes, session_initiation
from omapush.content.email_notification import EmailNotification
from omapush.content.indication import (
    CacheOperation,
    LoadingAction,
    ServiceIndication,
    ServiceLoading,
    SignalAction,
)
from omapush.content.message import PushMessage
from omapush.content.provisioning import builder, documents
from omapush.content.provisioning.bootstrap_security import (
    SecurityMethod,
    Verification,
    gsm_network_secret,
    security_parameters,
    user_pin_mac,
    verify,
)
from omapush.content.recipes import RECIPES
from omapush.core.errors import EncodeError
from omapush.core.instants import Instant

V9 = bytes.fromhex(
    "8c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e009647726565"
    "74696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f480"
    "83687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f3031323334353637383961626364656630"
    "31323334353637383961626364656600"
)
W12_XML = (
    b'<wap-provisioningdoc version="1.0"><characteristic type="BOOTSTRAP"><parm name="NAME"'
    b' value="Example"/></characteristic><characteristic type="NAPDEF"><parm name="NAPID"'
    b' value="N1"/><parm name="BEARER" value="GSM-GPRS"/><parm name="NAME" value="Ex"/><parm'
    b' name="NAP-ADDRESS" value="apn.example"/><parm name="NAP-ADDRTYPE" value="APN"/>'
    b"</characteristic></wap-provisioningdoc>"
)
APPLICATION_ID = "X-Wap-Application-Id"
BROWSER = "x-wap-application:wml.ua"


def application(message: PushMessage) -> str | None:
    return message.get(APPLICATION_ID)


def test_mms_notification_of_words_is_the_published_one() -> None:
    message = RECIPES["mms-notification"].message(
        {
            "content-location": ["http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef"],
            "message-size": ["30720"],
            "from": ["+358401234567"],
            "subject": ["Greetings from the push test suite"],
            "transaction-id": ["T1234567"],
        }
    )
    assert message.body == V9
    assert message.headers == (
        ("Content-Type", "application/vnd.wap.mms-message"),
        ("X-Wap-Application-Id", "x-wap-application:mms.ua"),
    )


def test_mms_notification_names_its_transaction_after_the_message() -> None:
    def transaction(location: str) -> str:
        body = recipes.mms_notification(location, 1).body
        return mms_notification.decode(body).transaction_id

    assert transaction("http://a/1") == transaction("http://a/1") != transaction("http://a/2")


@pytest.mark.parametrize("address", ["jo@example.com", "10086/TYPE=PLMN", "Anna"])
def test_mms_notification_leaves_other_addresses_as_they_are(address: str) -> None:
    body = recipes.mms_notification("http://a/1", 1, from_=address).body
    assert mms_notification.decode(body).from_ == address


def test_service_indication_of_words_has_a_text_and_a_binary_form() -> None:
    words = {
        "text": ["Café"],
        "href": ["http://a/"],
        "si-id": ["x"],
        "created": ["1970-01-01T00:00:01Z"],
        "expires": ["1970-01-01T00:00:02Z"],
        "action": ["signal-high"],
    }
    expected = ServiceIndication(
        "Café", "http://a/", "x", Instant(1_000), Instant(2_000), SignalAction.SIGNAL_HIGH
    )
    text = RECIPES["si"].message(words)
    assert text.content_type == "text/vnd.wap.si; charset=utf-8"
    assert ServiceIndication.from_xml(text.body) == expected
    binary = RECIPES["si"].message({**words, "binary": ["true"]})
    assert binary.content_type == "application/vnd.wap.sic"
    assert ServiceIndication.from_wbxml(binary.body) == expected
    assert application(text) == application(binary) == BROWSER


def test_service_loading_of_words() -> None:
    message = RECIPES["sl"].message({"href": ["http://a/"], "action": ["cache"]})
    assert message.media_type == "text/vnd.wap.sl"
    assert ServiceLoading.from_xml(message.body) == ServiceLoading("http://a/", LoadingAction.CACHE)


def test_cache_operation_of_words_says_what_its_addresses_are_relative_to() -> None:
    message = RECIPES["co"].message(
        {"object": ["a.wml", "b.wml"], "service": ["/c"], "content-uri": ["http://a/"]}
    )
    assert message.get("X-Wap-Content-URI") == "http://a/"
    assert CacheOperation.from_xml(message.body) == CacheOperation(("a.wml", "b.wml"), ("/c",))


@pytest.mark.parametrize(
    ("mailbox", "uri"),
    [("jo@example.com", "mailat:jo@example.com"), ("imap://jo@a/inbox", "imap://jo@a/inbox")],
)
def test_email_notification_of_words(mailbox: str, uri: str) -> None:
    message = RECIPES["email-notification"].message(
        {"mailbox": [mailbox], "timestamp": ["1970-01-01T00:00:01Z"], "binary": ["true"]}
    )
    assert message.content_type == "application/vnd.wap.emn+wbxml"
    assert application(message) == "x-wap-application:emn.ua"
    assert EmailNotification.from_wbxml(message.body) == EmailNotification(uri, Instant(1_000))


def test_provisioning_of_words_has_the_published_mac() -> None:
    message = RECIPES["cp"].message(
        {"document": [W12_XML], "security": ["userpin"], "pin": ["1234"]}
    )
    mac = "BCEE13B76B20488DF008DCF70FCD32B81DF78B2A"
    assert message.content_type == f"application/vnd.wap.connectivity-wbxml; sec=1; mac={mac}"
    assert application(message) == BROWSER
    assert len(message.body) == 72


@pytest.mark.parametrize("method", ["netwpin", "usernetwpin"])
def test_provisioning_with_the_secret_of_the_network_is_authentic(method: str) -> None:
    words = {"document": [W12_XML], "security": [method], "imsi": ["310150123456789"]}
    message = RECIPES["cp"].message({**words, "pin": ["0042"]})
    parameters = security_parameters(message.content_type or "")
    secret = gsm_network_secret("310150123456789")
    found = verify(parameters, message.body, pin="0042", network_secret=secret)
    assert found is Verification.AUTHENTIC


def test_provisioning_out_of_band_leaves_the_pin_to_be_made_of_the_body() -> None:
    document = builder.document(builder.bootstrap("Example"))
    message = recipes.provisioning(document, method=SecurityMethod.USERPINMAC)
    assert message.content_type == "application/vnd.wap.connectivity-wbxml; sec=3"
    pin = user_pin_mac("987654", message.body)
    parameters = security_parameters(message.content_type or "")
    assert verify(parameters, message.body, pin=pin) is Verification.AUTHENTIC


def test_provisioning_without_security_says_none() -> None:
    message = RECIPES["cp"].message({"document": [W12_XML]})
    assert message.content_type == "application/vnd.wap.connectivity-wbxml"
    assert documents.read_wbxml(message.body) == documents.read_text(W12_XML)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, "x-wap-application:lwm2m.dm"),
        ("syncml.dm", "x-wap-application:syncml.dm"),
        ("ulp.ua", "x-oma-application:ulp.ua"),
        ("7", "7"),
        ("x-acme:app", "x-acme:app"),
    ],
)
def test_wake_up_is_for_any_application(name: str | None, expected: str) -> None:
    message = RECIPES["wake-up"].message({} if name is None else {"application": [name]})
    assert application(message) == expected
    assert (message.content_type, message.body) == ("application/octet-stream", b"")


def test_wake_up_takes_a_body() -> None:
    given = {"body": [b"\x01\x02"], "content-type": ["application/vnd.syncml.notification"]}
    message = RECIPES["wake-up"].message(given)
    assert (message.media_type, message.body) == (
        "application/vnd.syncml.notification",
        b"\x01\x02",
    )


def test_session_initiation_of_words() -> None:
    message = RECIPES["session-initiation"].message(
        {
            "server": ["192.0.2.1:4035", "[2001:db8::1]:4036", "192.0.2.2"],
            "wsp-server": ["192.0.2.3"],
            "application": ["mms.ua"],
            "provisioning-url": ["http://prov.example/"],
        }
    )
    assert message.content_type == "application/vnd.wap.sia"
    assert application(message) == "x-wap-application:push.sia"
    request = session_initiation.decode(message.body)
    assert [str(wanted) for wanted in request.application_ids] == ["x-wap-application:mms.ua"]
    servers = [
        (point.address.text, point.address.port) for point in request.ota_http_contact_points()
    ]
    assert servers == [("192.0.2.1", 4035), ("2001:db8::1", 4036), ("192.0.2.2", None)]
    assert [point.text for point in request.wsp_contact_points] == ["192.0.2.3"]
    assert request.means_provisioning_url("http://prov.example/")


def test_session_initiation_is_for_any_application_unless_said() -> None:
    body = recipes.session_initiation(("2001:db8::1",)).body
    request = session_initiation.decode(body)
    assert [wanted.code for wanted in request.application_ids] == [0]


@pytest.mark.parametrize(
    ("recipe", "given", "position"),
    [
        ("mms-notification", {"message-size": ["1"]}, "content-location"),
        ("mms-notification", {"content-location": ["u"], "message-size": ["x"]}, "message-size"),
        ("mms-notification", {"content-location": ["u"], "message-size": ["²"]}, "message-size"),
        (
            "mms-notification",
            {"content-location": ["u"], "message-size": ["1"], "message-class": ["odd"]},
            "message-class",
        ),
        ("si", {"text": ["a", "b"]}, "text"),
        ("si", {"created": ["today"]}, "created"),
        ("si", {"action": ["loud"]}, "action"),
        ("si", {"binary": ["maybe"]}, "binary"),
        ("si", {"text": [b"octets"]}, "text"),
        ("si", {"colour": ["red"]}, None),
        ("si", {"action": ["delete"]}, "indication/@si-id"),
        ("sl", {}, "href"),
        ("sl", {"href": [""]}, "sl/@href"),
        ("co", {}, "co"),
        ("cp", {"document": ["words"]}, "document"),
        ("cp", {"document": [b"<wrong/>"]}, "document"),
        ("cp", {"document": [W12_XML], "security": ["userpin"]}, None),
        ("email-notification", {"mailbox": [""]}, "emn/@mailbox"),
        ("wake-up", {"application": ["no such thing"]}, APPLICATION_ID),
        ("session-initiation", {}, None),
        ("session-initiation", {"server": ["example.com:80"]}, None),
        ("session-initiation", {"server": ["192.0.2.1:70000"]}, None),
        ("session-initiation", {"server": ["192.0.2.1"], "application": ["a b"]}, APPLICATION_ID),
    ],
)
def test_recipe_refuses_wrong_words_and_says_which(
    recipe: str, given: dict[str, list[str | bytes]], position: str | None
) -> None:
    with pytest.raises(EncodeError) as caught:
        RECIPES[recipe].message(given)
    assert caught.value.position == position


def test_recipes_are_the_ones_a_command_line_offers() -> None:
    names = ["mms-notification", "si", "sl", "co", "cp", "email-notification", "wake-up"]
    assert list(RECIPES) == [*names, "session-initiation"]
    for recipe in RECIPES.values():
        assert recipe.summary.endswith(".")
        assert all(parameter.help.endswith(".") for parameter in recipe.parameters)
        assert len({parameter.name for parameter in recipe.parameters}) == len(recipe.parameters)
    secret = {parameter.name for parameter in RECIPES["cp"].parameters if parameter.secret}
    assert secret == {"pin", "imsi"}

"""Push application ids and application instances as media feature tags."""

from __future__ import annotations

import pytest

from omapush.content.application_id import REGISTRY, ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.sip import iari, push_resource_identifier
from omapush.ota.sip.push_features import PushFeatures, accept_contact, asked_for

ACME = "urn:urn-7:3gpp-application.ims.iari.com.acme.news"


@pytest.mark.parametrize(
    ("application", "value"),
    [
        ("x-wap-application:mms.ua", "mms.ua"),
        ("4", "mms.ua"),
        ("x-oma-application:ulp.ua", "ulp.ua"),
        ("10", "ulp.ua"),
        ("x-acme:news.ua", "x-acme%3Anews.ua"),
        ("x-wap-docomo:imode.mail.ua", "x-wap-docomo%3Aimode.mail.ua"),
        ("8002", "x-wap-docomo%3Aimode.mail.ua"),
        ("x-wap-application:*", "TRUE"),
        ("x-wap-application:sms.ua", "sms.ua"),
        ("x-oma-application:cafe", "x-oma-application%3Acafe"),
        ("x-wap-application:TRUE", "x-wap-application%3Atrue"),
        ("7FFF", "7FFF"),
        ("x-acme:50%ua", "x-acme%3A50%25ua"),
    ],
)
def test_application_is_written_as_value(application: str, value: str) -> None:
    assert push_resource_identifier.value_of(application) == value
    back = push_resource_identifier.application_of(value, known=(application,))
    assert back.same_application(ApplicationId.parse(application))


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_registered_application_is_read_back_from_its_value(code: int) -> None:
    value = push_resource_identifier.value_of(f"{code:X}")
    assert push_resource_identifier.application_of(value).canonical == REGISTRY[code]


def test_unregistered_name_is_of_oma_unless_client_knows_better() -> None:
    read = push_resource_identifier.application_of
    assert str(read("sms.ua")) == "x-oma-application:sms.ua"
    assert str(read("SMS.UA", known=["2", "x-wap-application:sms.ua"])) == (
        "x-wap-application:sms.ua"
    )


@pytest.mark.parametrize("value", ["", "a b", "x-acme:news", "<urn:x>", "a" * 1025, "a%3", "x%20y"])
def test_value_that_is_no_application_is_refused(value: str) -> None:
    with pytest.raises(DecodeError):
        push_resource_identifier.application_of(value)


@pytest.mark.parametrize(
    ("application_id", "value"),
    [
        (ACME, "urn%3Aurn-7%3A3gpp-application.ims.iari.com.acme.news"),
        (
            "urn:acme:news",
            "urn%3Aurn-7%3A3gpp-application.ims.iari.urn%253Aacme%253Anews",
        ),
        (
            "https://a.example/b c",
            "urn%3Aurn-7%3A3gpp-application.ims.iari.https%253A%252F%252Fa.example%252Fb%2520c",
        ),
    ],
)
def test_instance_is_written_as_iari_and_read_back(application_id: str, value: str) -> None:
    assert iari.value_of(application_id) == value
    assert iari.application_id_of(value) == application_id
    assert iari.application_id_of(iari.iari_of(application_id)) == application_id


@pytest.mark.parametrize("value", ["", "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel", iari.PREFIX])
def test_value_that_is_no_iari_is_refused(value: str) -> None:
    with pytest.raises(DecodeError):
        iari.application_id_of(value)


def test_contact_declares_every_application_once() -> None:
    features = PushFeatures.declared(["4", "x-wap-application:mms.ua", "10"], [ACME, ACME])
    assert features.parameters() == (
        '+g.oma.pusheventapp="mms.ua,ulp.ua"',
        '+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.com.acme.news"',
    )
    assert PushFeatures.read(";".join(("<sip:a@b;x=1>", *features.parameters()))) == features
    assert features.has("4")
    assert not features.has("2")
    assert not features.takes_any


def test_hidden_applications_are_tag_without_value() -> None:
    features = PushFeatures.declared(["4", "10"], [ACME], hidden=True)
    assert features.parameters() == ("+g.oma.pusheventapp",)
    read = PushFeatures.read("+g.oma.pusheventapp")
    assert read == features
    assert read.has("2")
    assert accept_contact("4", contact=read) == "*;+g.oma.pusheventapp;require;explicit"


def test_any_application_stands_beside_others() -> None:
    features = PushFeatures.declared(["x-wap-application:*", "4"])
    assert features.parameters() == ('+g.oma.pusheventapp="TRUE,mms.ua"',)
    assert features.has("2")
    assert accept_contact("2", contact=features) == "*;+g.oma.pusheventapp;require;explicit"
    assert 'pusheventapp="mms.ua"' in accept_contact("4", contact=features)


def test_client_without_applications_declares_nothing() -> None:
    assert PushFeatures.declared([], hidden=True).parameters() == ()
    assert not PushFeatures().is_for_push
    assert not PushFeatures().has("x-wap-application:*")


def test_push_asks_for_application() -> None:
    assert accept_contact("4") == '*;+g.oma.pusheventapp="mms.ua";require;explicit'


def test_push_asks_for_application_and_instance_in_one_value() -> None:
    value = accept_contact("4", ACME)
    assert value == (
        '*;+g.oma.pusheventapp="mms.ua"'
        ';+g.3gpp.iari-ref="urn%3Aurn-7%3A3gpp-application.ims.iari.com.acme.news"'
        ";require;explicit"
    )
    assert asked_for([value]) == PushFeatures(("mms.ua",), (ACME,))


def test_several_values_are_read_together_and_malformed_ones_passed_over() -> None:
    values = [
        '*;+G.OMA.pusheventapp="mms.ua,!wml.ua,<x>,a b";require, *;+g.oma.pusheventapp=ulp.ua',
        '*;+g.3gpp.iari-ref="no%20iari";q=1',
    ]
    assert asked_for(values) == PushFeatures(("mms.ua", "ulp.ua"))


def test_push_to_plain_devices_asks_only_those_that_declare_something() -> None:
    """RFC 3841 7.2.4: without explicit, a contact that declares nothing matches."""
    assert accept_contact("4", explicit=False) == '*;+g.oma.pusheventapp="mms.ua";require'

"""Third-party REGISTER: what the core tells of a user's registration."""

from __future__ import annotations

import pytest

from omapush.ota.sip.push_features import PushFeatures
from omapush.ota.sip.third_party import RegistrationNews, read_third_party
from omapush.protocols.sip.bad_message import BadSipMessage
from omapush.protocols.sip.message import SipHeaders, SipRequest

INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
CONTACT = (
    f'<sip:alice@127.0.0.1:5081>;+sip.instance="<{INSTANCE}>";+g.oma.pusheventapp="mms.ua,ulp.ua"'
)
EMBEDDED = (
    "REGISTER sip:push.test SIP/2.0\r\n"
    "To: <sip:alice@push.test>\r\n"
    f"Contact: {CONTACT}\r\n"
    "Expires: 60\r\n"
    "\r\n"
)
GRANTED = (
    "SIP/2.0 200 OK\r\n"
    f'm: <sip:alice@127.0.0.1:5081>;expires=50;+sip.instance="<{INSTANCE}>"'
    ';pub-gruu="sip:Alice@push.test;gr=urn:x"\r\n'
    "\r\n"
)


def told(
    body: str = "", content_type: str = "message/sip", expires: str | None = "60", **more: str
) -> RegistrationNews:
    fields = [
        ("From", "<sip:scscf@push.test>;tag=1"),
        ("To", more.get("to", "<sip:Alice@PUSH.test;x=1>")),
        ("Contact", "<sip:scscf@127.0.0.1:5060>"),
        ("Content-Type", content_type),
    ]
    if expires is not None:
        fields.append(("Expires", expires))
    headers = SipHeaders(tuple(fields))
    return read_third_party(SipRequest("REGISTER", "sip:ppg@push.test", headers, body.encode()))


def test_core_tells_only_that_user_is_registered() -> None:
    news = told()
    assert news == RegistrationNews("sip:Alice@push.test", 60)
    assert news.is_registered


def test_core_tells_what_client_declared() -> None:
    news = told(EMBEDDED)
    (contact,) = news.contacts
    assert contact.uri == "sip:alice@127.0.0.1:5081"
    assert contact.instance == INSTANCE
    assert contact.gruu == f"sip:Alice@push.test;gr={INSTANCE}"
    assert contact.features == PushFeatures(("mms.ua", "ulp.ua"))
    assert contact.expires_s == 60


@pytest.mark.parametrize(
    "gruu",
    [
        "sip:eve@push.test;gr=urn:x",
        "sip:Alice@elsewhere.test;gr=urn:x",
        "sip:Alice@push.test;maddr=192.0.2.66",
        f"sip:Alice@push.test;maddr=192.0.2.66;gr={INSTANCE}",
        "not an address",
    ],
)
def test_user_cannot_have_pushes_led_elsewhere_by_what_he_registers(gruu: str) -> None:
    (contact,) = told(EMBEDDED.replace(CONTACT, f'{CONTACT};pub-gruu="{gruu}"')).contacts
    assert contact.gruu == f"sip:Alice@push.test;gr={INSTANCE}"


def test_registration_lasts_no_longer_than_core_says() -> None:
    (contact,) = told(EMBEDDED, expires="20").contacts
    assert contact.expires_s == 20


def test_answer_of_registrar_completes_what_client_declared() -> None:
    body = (
        f"preamble\r\n--b1\r\nContent-Type: message/sip\r\n\r\n{EMBEDDED}\r\n"
        f"--b1\r\nContent-Type: message/sip\r\n\r\n{GRANTED}\r\n"
        "--b1\r\nContent-Type: application/3gpp-ims+xml\r\n\r\n<ims-3gpp/>\r\n--b1--\r\n"
    )
    (contact,) = told(body, 'multipart/mixed; boundary="b1"').contacts
    assert contact.features == PushFeatures(("mms.ua", "ulp.ua"))
    assert contact.gruu == "sip:Alice@push.test;gr=urn:x"
    assert contact.expires_s == 50


def test_answer_of_registrar_is_enough() -> None:
    (contact,) = told(GRANTED).contacts
    assert not contact.features.is_for_push
    assert contact.expires_s == 50


def test_end_of_registration_is_of_all_devices_unless_one_is_named() -> None:
    assert told(expires="0") == RegistrationNews("sip:Alice@push.test", 0, is_all=True)
    news = told(EMBEDDED.replace("Expires: 60", "Expires: 0"), expires="0")
    assert not news.is_registered
    assert not news.is_all
    assert news.contacts[0].expires_s == 0
    news = told("REGISTER sip:x SIP/2.0\r\nContact: *\r\nExpires: 0\r\n\r\n", expires="0")
    assert news.is_all


def test_expiry_may_stand_in_contact_or_nowhere() -> None:
    assert told(expires=None).expires_s == 3_600


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("nonsense", "message/sip"),
        ("MESSAGE sip:a@b SIP/2.0\r\nContact: <sip:x@y>\r\n\r\n", "message/sip"),
        ("REGISTER sip:a@b SIP/2.0\r\nbroken\r\n\r\n", "message/sip"),
        ("REGISTER sip:a@b SIP/2.0\r\nContact: <<<\r\n\r\n", "message/sip"),
        (EMBEDDED, "application/3gpp-ims+xml"),
        (EMBEDDED, "multipart/mixed"),
        (EMBEDDED, "multipart/mixed;boundary=none"),
        ("REGISTER sip:a@b SIP/2.0\r\nX: " + "x" * 20_000 + "\r\n\r\n", "message/sip"),
        (EMBEDDED, ""),
    ],
)
def test_body_that_cannot_be_read_is_passed_over(body: str, content_type: str) -> None:
    assert told(body, content_type) == RegistrationNews("sip:Alice@push.test", 60)


@pytest.mark.parametrize(("to", "status"), [("<tel:+1>", 416), ("<sip:>", 400)])
def test_news_of_no_user_is_refused(to: str, status: int) -> None:
    with pytest.raises(BadSipMessage) as caught:
        told(to=to)
    assert caught.value.status == status

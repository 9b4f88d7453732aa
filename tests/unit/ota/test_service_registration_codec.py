"""Push Service Registration on the wire: what is asked, what is answered, and what is refused."""

from __future__ import annotations

import pytest

from omapush.core.errors import DecodeError, EncodeError, LimitError
from omapush.ota import service_registration as psr
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import (
    RegisteredProfile,
    ServiceRegistration,
    ServiceRegistrationRequest,
)

ANSWER = """<push-registration xmlns="urn:x-push:service-registration:1" id="r42" expires="86400">
  <profile priority="2">
    <cb-message-id>0xA0A0</cb-message-id><bearer-type>CBS</bearer-type>
    <protocol>OTA-PTM</protocol>
  </profile>
  <app-id>x-oma-application:dpe.ua</app-id>
  <profile priority="1">
    <protocol>OTA-HTTP</protocol><bearer-type>GPRS</bearer-type>
    <port>4035</port><contact-point>ppg.example.com</contact-point>
    <future xmlns="urn:other"/>
  </profile>
</push-registration>"""


def answer(inside: str, attributes: str = "") -> bytes:
    return f"<push-registration {attributes}>{inside}</push-registration>".encode()


def test_client_reads_profiles_in_any_order_best_first() -> None:
    assert psr.decode(ANSWER.encode()) == ServiceRegistration(
        "r42",
        86_400,
        ("x-oma-application:dpe.ua",),
        (
            RegisteredProfile("OTA-HTTP", "GPRS", 4035, "ppg.example.com", priority=1),
            RegisteredProfile("OTA-PTM", "CBS", cb_message_id="0xA0A0", priority=2),
        ),
    )


def test_client_reads_profiles_without_priority_last_and_without_namespace() -> None:
    read = psr.decode(
        answer(
            "<profile><protocol>C</protocol></profile>"
            "<profile priority='7'><protocol>B</protocol></profile>"
            "<profile priority='0'><protocol>A</protocol></profile>"
            "<profile><protocol>D</protocol><port></port></profile>"
        )
    )
    assert [one.protocol for one in read.profiles] == ["A", "B", "C", "D"]
    assert (read.registration_id, read.expires_seconds) == (None, None)


def test_client_keeps_foreign_xml_whole_and_gives_it_back() -> None:
    read = psr.decode(
        b'<p:push-registration xmlns:p="urn:x-push:service-registration:1" xmlns:u="urn:u">'
        b"<p:profile><p:mbms-user-service-description>\n"
        b'<u:usd a="1"><u:inner>text</u:inner><plain/></u:usd>\n'
        b"</p:mbms-user-service-description>"
        b"<p:bcast-access-info>https://bcast.example.net/esg</p:bcast-access-info>"
        b"</p:profile></p:push-registration>"
    )
    (profile,) = read.profiles
    assert profile.mbms_user_service_description == (
        '<u:usd xmlns:u="urn:u" a="1"><u:inner>text</u:inner><plain/></u:usd>'
    )
    assert profile.bcast_access_info == "https://bcast.example.net/esg"
    assert psr.decode(psr.encode(read)) == read


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "XML"),
        (b"<push-registration>", "well-formed"),
        (b"<registration/>", "no push-registration"),
        (b'<push-registration xmlns="urn:other"/>', "no push-registration"),
        (b"<!DOCTYPE push-registration><push-registration/>", "document type"),
        (b'<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><push-registration/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]><push-registration id="&e;"/>', "declares an entity"),
        (answer("", "expires='0'"), "no time"),
        (answer("", "expires='soon'"), "not a number"),
        (answer("<profile priority='-1'/>"), "not a number"),
        (answer("<profile><port>65536</port></profile>"), "not a port"),
        (answer("<profile><port>http</port></profile>"), "not a number"),
        (answer("<profile><port>1</port><port>1</port></profile>"), "twice"),
        (answer("<profile><protocol><b/></protocol></profile>"), "instead of text"),
        (
            answer("<profile><bcast-access-info><a/><b/></bcast-access-info></profile>"),
            "more than one",
        ),
        (answer("<profile/>" * 65), "more than 64 profiles"),
        (answer("<app-id>x</app-id>" * 1_025), "more than 1024 applications"),
        (answer(f"<app-id>{'x' * 4_097}</app-id>"), "more than 4096 characters"),
        (b'<?xml version="1.0" encoding="EBCDIC"?><push-registration/>', "character set"),
        (b"<push-registration>\xff</push-registration>", "character set"),
    ],
)
def test_client_refuses_what_is_no_answer(octets: bytes, says: str) -> None:
    with pytest.raises(DecodeError, match=says):
        psr.decode(octets)


def test_client_refuses_an_answer_over_64_kib() -> None:
    padding = " " * (psr.MAX_OCTETS - len(answer("")))
    assert psr.decode(answer(padding)) == ServiceRegistration()
    with pytest.raises(LimitError):
        psr.decode(answer(padding + " "))


def test_lifetime_of_more_than_a_year_is_read_as_a_year() -> None:
    read = psr.decode(answer("", "expires='999999999'"))
    assert read.expires_seconds == psr.MAX_EXPIRES_SECONDS


@pytest.mark.parametrize(
    "wrong",
    [
        ServiceRegistration("\x00"),
        ServiceRegistration(expires_seconds=0),
        ServiceRegistration(profiles=(RegisteredProfile(port=0),)),
        ServiceRegistration(profiles=(RegisteredProfile(bcast_access_info="<a>"),)),
        ServiceRegistration(profiles=(RegisteredProfile(bcast_access_info="<a>&e;</a>"),)),
        ServiceRegistration(profiles=(RegisteredProfile(contact_point="x" * 5_000),)),
    ],
)
def test_service_does_not_write_what_clients_would_refuse(wrong: ServiceRegistration) -> None:
    with pytest.raises(EncodeError):
        psr.encode(wrong)


def test_request_names_terminal_applications_and_variants() -> None:
    request = ServiceRegistrationRequest(
        ClientCapabilities(accept=("text/plain",), accept_app_id=("x-oma-application:dpe.ua",)),
        ("OTA-HTTP", "OTA-SIP", "OTA-PTM"),
        "4165012322222",
    )
    headers = psr.to_headers(request)
    assert {
        ("Accept", "application/xml"),
        ("X-Wap-Push-OTA-Version", "1.0"),
        ("X-Wap-Terminal-Id", "4165012322222"),
        ("X-Wap-Push-Accept-AppID", "x-oma-application:dpe.ua"),
        ("X-Wap-Push-Accept", "text/plain"),
        ("X-Push-Protocols", "OTA-HTTP, OTA-SIP, OTA-PTM"),
    } <= set(headers)
    assert psr.read_headers((name.lower(), value) for name, value in headers) == request


def test_request_of_a_stranger_has_defaults() -> None:
    assert psr.read_headers([("Host", "x")]) == ServiceRegistrationRequest(ClientCapabilities())


@pytest.mark.parametrize(
    "header",
    [
        ("X-Wap-Push-OTA-Version", "2.0"),
        ("X-Wap-Terminal-Id", "4" * 256),
        ("X-Push-Protocols", "OTA HTTP"),
        ("X-Push-Protocols", ",".join("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg")),
        ("X-Wap-Push-MaxMsgSize", "large"),
    ],
)
def test_service_refuses_a_request_that_has_not_its_form(header: tuple[str, str]) -> None:
    with pytest.raises(DecodeError):
        psr.read_headers([header])

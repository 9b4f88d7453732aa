"""Application ids: the OMNA registry, the header forms, and what the PPG makes of them."""

from __future__ import annotations

import pytest

from omapush.content.application_id import (
    HEADER,
    MAX_LENGTH,
    REGISTRY,
    ApplicationId,
    outgoing_value,
)
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError


@pytest.mark.parametrize(("code", "urn"), REGISTRY.items())
def test_registry_leads_from_urn_to_code_and_back(code: int, urn: str) -> None:
    assert ApplicationId.parse(urn).registered_code == code
    assert ApplicationId.parse(f"{code:x}").canonical == urn


@pytest.mark.parametrize(
    ("value", "uri", "code"),
    [
        ("x-wap-application:wml.ua", "x-wap-application:wml.ua", None),
        ("  2 ", None, 2),
        ("0002", None, 2),
        ("904a", None, 0x904A),
        ("FFFFFFFF", None, 0xFFFFFFFF),
        ("http://example.org/app;app-encoding=8ABC", "http://example.org/app", 0x8ABC),
        ('x-org:app ; APP-Encoding = "1F"', "x-org:app", 0x1F),
        ("urn:oma:drms:org-LGE:L650V", "urn:oma:drms:org-LGE:L650V", None),
        ("x-wap-application:*", "x-wap-application:*", None),
    ],
)
def test_application_id_is_read(value: str, uri: str | None, code: int | None) -> None:
    assert ApplicationId.parse(value) == ApplicationId(uri, code)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "wml.ua",
        "123456789",
        "0x02",
        "x-app:",
        ":x",
        "x-app:a;app-encoding=",
        "x-app:a;app-encoding=123456789",
        "x-app:a;q=1",
        "x-app:a b",
        "x-app:\u00fc",
        "x-app:a\r\nX: y",
        "x:" + "a" * MAX_LENGTH,
    ],
)
def test_application_id_of_other_form_is_refused(value: str) -> None:
    with pytest.raises(DecodeError) as caught:
        ApplicationId.parse(value)
    assert caught.value.position == HEADER


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("X-WAP-Application:MMS.ua", "x-wap-application:mms.ua"),
        ("X-OMA-Application:ulp.ua", "x-oma-application:ulp.ua"),
        ("x-oma-application:ULP.ua", "x-oma-application:ULP.ua"),  # only the scheme is folded
        ("x-oma-application:cpm:ua", "x-oma-application:cpm.ua"),
        ("904B", "x-wap-application:push.sia"),
        ("x-wap-openvawe:iota.ua", "x-wap-openwave:iota.ua"),
        ("x-wap-3gpp:gba.andsf", "x-3gpp.gba.andsf.ua"),
        ("HTTP://example.org/App", "http://example.org/App"),
        ("x-org:app;app-encoding=8abc", "x-org:app"),
        ("8abc", "8ABC"),
    ],
)
def test_application_id_has_one_canonical_spelling(value: str, canonical: str) -> None:
    assert ApplicationId.parse(value).canonical == str(ApplicationId.parse(value)) == canonical


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2", "x-wap-application:wml.ua", True),
        ("x-wap-application:WML.UA", "0002", True),
        ("x-wap-application:*", "x-org:app", True),
        ("4", "0", True),
        ("8ABC", "x-org:app;app-encoding=8abc", True),
        ("x-org:app;app-encoding=8abc", "x-org:app", True),
        ("x-org:app", "x-org:other", False),
        ("2", "4", False),
        ("8abd", "x-org:app;app-encoding=8abc", False),
    ],
)
def test_application_ids_compare_by_what_they_name(one: str, other: str, same: bool) -> None:
    assert ApplicationId.parse(one).same_application(ApplicationId.parse(other)) is same
    assert ApplicationId.parse(other).same_application(ApplicationId.parse(one)) is same


@pytest.mark.parametrize(
    ("incoming", "outgoing"),
    [
        # PPG 5.1.2.1.2, row by row
        ("x-wap-application:mms.ua", "4"),
        ("x-wap-application:mms.ua;app-encoding=9999", "4"),
        ("x-oma-docomo:imode.agent.ua", "904A"),
        ("x-org:app;app-encoding=8abc", "8ABC"),
        ("x-org:app", "x-org:app"),
        ("X-Org:App", "X-Org:App"),
        ("0004", "0004"),
        ("904b", "904b"),
        (None, "2"),
    ],
)
def test_ppg_sends_application_id(incoming: str | None, outgoing: str) -> None:
    assert outgoing_value(incoming) == outgoing


def test_ppg_refuses_application_id_without_legal_form() -> None:
    with pytest.raises(DecodeError):
        outgoing_value("not an id")


def test_push_without_application_id_is_for_the_wml_user_agent() -> None:
    application = ApplicationId.of(PushMessage((("Content-Type", "text/plain"),), b""))
    assert application.canonical == "x-wap-application:wml.ua"


def test_push_names_its_application_in_any_case_of_the_header() -> None:
    application = ApplicationId.of(PushMessage((("x-wap-APPLICATION-id", "4"),), b""))
    assert application.canonical == "x-wap-application:mms.ua"

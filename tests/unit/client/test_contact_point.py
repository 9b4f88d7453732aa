"""Contact points as they are written."""

from __future__ import annotations

import pytest

from omapush.cai.model import ConnectionProfile, Reason, RegistrationRejected
from omapush.client.binding.contact_point import ContactPoint, contact_point_of


@pytest.mark.parametrize(
    ("text", "port", "expected"),
    [
        ("192.0.2.10", None, ContactPoint("192.0.2.10", None, False)),
        ("192.0.2.10", 4035, ContactPoint("192.0.2.10", 4035, False)),
        ("192.0.2.10", 4036, ContactPoint("192.0.2.10", 4036, True)),
        ("2001:db8::1", 4035, ContactPoint("2001:db8::1", 4035, False)),
        ("[2001:db8::1]", 4035, ContactPoint("2001:db8::1", 4035, False)),
        ("ppg.example.com", 4035, ContactPoint("ppg.example.com", 4035, False)),
        ("ppg", 4035, ContactPoint("ppg", 4035, False)),
        ("https://ppg.example.com/", 443, ContactPoint("ppg.example.com", 443, True)),
        ("http://ppg.example.com:4035", None, ContactPoint("ppg.example.com", 4035, False)),
        ("http://[2001:db8::1]:4035", 4035, ContactPoint("2001:db8::1", 4035, False)),
    ],
)
def test_contact_point_is_an_address_a_name_or_a_uri(
    text: str, port: int | None, expected: ContactPoint
) -> None:
    assert contact_point_of(ConnectionProfile(port=port, contact_point=text), "p") == expected


def test_profile_without_contact_point_has_none() -> None:
    assert contact_point_of(ConnectionProfile(port=4035), "p") is None


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", Reason.INVALID_PARAMETER),
        ("ppg.example.com:4035", Reason.INVALID_PARAMETER),
        ("a b", Reason.INVALID_PARAMETER),
        ("ppg..example.com", Reason.INVALID_PARAMETER),
        ("a" * 300, Reason.INVALID_PARAMETER),
        ("a." * 126 + "a" * 30, Reason.INVALID_PARAMETER),
        ("http://", Reason.INVALID_PARAMETER),
        ("http://[::1", Reason.INVALID_PARAMETER),
        ("http://ppg.example.com:99999", Reason.INVALID_PARAMETER),
        ("http://user:secret@ppg.example.com", Reason.INVALID_PARAMETER),
        ("http://ppg.example.com/?x", Reason.INVALID_PARAMETER),
        ("http://ppg.example.com:4036", Reason.INVALID_PARAMETER),
        ("sip:ppg@example.com", Reason.INVALID_PARAMETER),
        ("sip://ppg.example.com", Reason.UNSUPPORTED_OPTION),
    ],
)
def test_what_is_no_contact_point_is_refused_by_name(text: str, cause: Reason) -> None:
    profile = ConnectionProfile(port=4035, contact_point=text)
    with pytest.raises(RegistrationRejected) as rejected:
        contact_point_of(profile, "profiles[2]")
    assert rejected.value.cause is cause
    assert rejected.value.parameter == "profiles[2].contact_point"
    assert "secret" not in rejected.value.detail


@pytest.mark.parametrize(
    ("contact", "written"),
    [
        (ContactPoint("::1", 4035, False), "[::1]:4035"),
        (ContactPoint("ppg", None, False), "ppg"),
    ],
)
def test_contact_point_is_shown_to_people(contact: ContactPoint, written: str) -> None:
    assert str(contact) == written

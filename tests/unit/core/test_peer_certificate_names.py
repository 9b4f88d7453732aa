"""Whose a certificate is, by its subject alternative names."""

from __future__ import annotations

import pytest

from omapush.core.peer_certificate import PeerCertificate

CERTIFICATE = PeerCertificate(
    "00" * 32,
    ("ppg.example.com", "*.push.example.com", "*.com", "192.0.2.9"),
    ("urn:example:ppg",),
    ("192.0.2.1", "2001:DB8:0:0:0:0:0:1"),
)


@pytest.mark.parametrize(
    "name",
    [
        "ppg.example.com",
        "PPG.example.com.",
        "a.push.example.com",
        "192.0.2.1",
        "2001:db8::1",
    ],
)
def test_certificate_is_of_the_hosts_that_it_names(name: str) -> None:
    assert CERTIFICATE.is_of(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "example.com",
        "a.b.push.example.com",
        "push.example.com",
        ".push.example.com",
        "other.com",  # a star for a whole domain below the root is nobody's
        "192.0.2.9",  # an address as a DNS name is none
        "192.0.2.2",
        "urn:example:ppg",
    ],
)
def test_certificate_is_of_no_other(name: str) -> None:
    assert not CERTIFICATE.is_of(name)


def test_certificate_without_alternative_names_is_of_nobody() -> None:
    described = {"subject": ((("commonName", "ppg.example.com"),),)}
    assert not PeerCertificate.read(b"der", described).is_of("ppg.example.com")

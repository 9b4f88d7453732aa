"""What is read out of a TLS connection about its client."""

from __future__ import annotations

import hashlib
from typing import Any, cast

import pytest

from omapush.ppg.credentials import ClientCertificate
from omapush.ppg.peer_certificate import peer_certificate

DER = b"not looked into"


class Connection:
    """A TLS connection with this certificate."""

    def __init__(self, octets: bytes | None, described: dict[str, Any] | None) -> None:
        self._octets, self._described = octets, described

    def getpeercert(self, *, binary_form: bool = False) -> Any:
        return self._octets if binary_form else self._described


def test_fingerprint_and_names_are_read_each_by_its_kind() -> None:
    described = {
        "subject": ((("commonName", "common.example.net"),),),
        "subjectAltName": (
            ("DNS", "PI.example.net"),
            ("URI", "urn:example:Pi"),
            ("IP Address", "192.0.2.1"),
            ("email", "pi@example.net"),
            ("DNS", "two.example.net"),
        ),
    }
    assert peer_certificate(cast("Any", Connection(DER, described))) == ClientCertificate(
        hashlib.sha256(DER).hexdigest(),
        ("pi.example.net", "two.example.net"),
        ("urn:example:Pi",),
        ("192.0.2.1",),
    )


@pytest.mark.parametrize(
    "connection",
    [None, Connection(None, None), Connection(DER, {}), Connection(None, {"subject": ()})],
)
def test_no_or_no_verified_certificate_is_none(connection: Connection | None) -> None:
    assert peer_certificate(cast("Any", connection)) is None


def test_certificate_without_names_has_its_fingerprint() -> None:
    certificate = peer_certificate(cast("Any", Connection(DER, {"subject": ()})))
    assert certificate == ClientCertificate(hashlib.sha256(DER).hexdigest())

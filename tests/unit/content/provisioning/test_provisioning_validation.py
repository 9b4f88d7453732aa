"""What the specification asks of a document, and what it only remarks on."""

from __future__ import annotations

import pytest

from omapush.content.provisioning.builder import characteristic, document, napdef, pxlogical
from omapush.content.provisioning.model import (
    Characteristic,
    ProvisioningDocument,
    ProvisioningError,
)
from omapush.content.provisioning.validation import Severity, findings, require_valid

NAPDEF = napdef("N", "Name", "apn")


def remarks(*roots: Characteristic) -> list[str]:
    return [str(finding) for finding in findings(document(*roots))]


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (characteristic("NAPDEF", {"NAPID": "N"}), "error: /NAPDEF[1]/NAME: is missing"),
        (
            characteristic("CLIENTIDENTITY", {"CLIENT-ID": ("a", "b")}),
            "error: /CLIENTIDENTITY[1]/CLIENT-ID: stands 2 times, 1 allowed",
        ),
        (
            pxlogical("P", "Name", (), domains=tuple("abcde")),
            "error: /PXLOGICAL[1]/PXPHYSICAL: is missing",
        ),
        (
            pxlogical("P", "Name", (), domains=tuple("abcde")),
            "error: /PXLOGICAL[1]/DOMAIN: more than 4 times",
        ),
        (characteristic("PORT", {"PORTNBR": 1}), "error: /PORT: does not stand here"),
        (characteristic("FUTURE", {}), "warning: /FUTURE: is not known"),
        (
            characteristic("BOOTSTRAP", {"FUTURE": "1"}),
            "warning: /BOOTSTRAP[1]/FUTURE: is not known in BOOTSTRAP",
        ),
        (
            characteristic("ACCESS", {"PORTNBR": 65_536}),
            "error: /ACCESS[1]/PORTNBR: '65536' is not a number from 1 to 65535",
        ),
        (
            characteristic("ACCESS", {"PORTNBR": "٣"}),
            "error: /ACCESS[1]/PORTNBR: '٣' is not a number from 1 to 65535",
        ),
        (
            characteristic("ACCESS", {"TO-NAPID": "X"}),
            "warning: /ACCESS[1]/TO-NAPID: no NAPDEF here is called 'X'; the client must know it",
        ),
        (
            napdef("N", "Name", "apn", bearers=("PIGEON",)),
            "warning: /NAPDEF[1]/BEARER: 'PIGEON' is not one of the known values",
        ),
        (
            napdef("N", "ü" * 9, "apn"),
            "warning: /NAPDEF[1]/NAME: 18 octets, a client need not keep more than 16",
        ),
        (napdef("", "Name", "apn"), "warning: /NAPDEF[1]/NAPID: has no value"),
    ],
)
def test_finding_says_where_and_what(root: Characteristic, expected: str) -> None:
    assert expected in remarks(root)


def test_vendor_and_application_may_add_parms_of_their_own() -> None:
    assert remarks(characteristic("VENDORCONFIG", {"NAME": "acme", "COLOUR": "red"})) == []
    assert remarks(characteristic("APPLICATION", {"APPID": "ap0004", "COLOUR": "red"})) == []


def test_client_identity_stands_once_at_most() -> None:
    identity = characteristic("CLIENTIDENTITY", {"CLIENT-ID": "a"})
    assert remarks(identity, identity) == ["error: /CLIENTIDENTITY: stands 2 times, 1 allowed"]


def test_version_is_used_when_its_major_number_is_known() -> None:
    def usable(version: str | None) -> bool:
        return ProvisioningDocument((NAPDEF,), version).usable

    assert [usable(version) for version in (None, "1.0", "1.9", "1", "2.0", "", "x")] == [
        True,
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    [finding] = findings(ProvisioningDocument((NAPDEF,), "2.0"))
    assert (finding.severity, finding.path) == (Severity.ERROR, "/")


def test_first_error_is_raised_and_warnings_are_not() -> None:
    require_valid(document(NAPDEF, characteristic("FUTURE", {})))
    with pytest.raises(ProvisioningError, match="is missing") as caught:
        require_valid(document(characteristic("NAPDEF", {})))
    assert caught.value.position == "/NAPDEF[1]/NAPID"

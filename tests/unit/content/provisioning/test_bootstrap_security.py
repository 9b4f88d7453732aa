"""MACs and PINs of provisioning documents, and that no secret shows."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from omapush.content.provisioning.bootstrap_security import (
    SecurityMethod,
    SecurityParameters,
    Verification,
    cdma_network_secret,
    content_type,
    gsm_network_secret,
    mac_of,
    may_bootstrap,
    security_parameters,
    user_pin_mac,
    verify,
)
from omapush.core.errors import DecodeError, EncodeError

# The document and the MAC of vector V30.
DOCUMENT = bytes.fromhex(
    "030b6a00c54601c65601870706034578616d706c65000101c65501871106034e310001871006ab018707060345780001"
    "8708060361706e2e6578616d706c65000187090689010101"
)
MAC = "BCEE13B76B20488DF008DCF70FCD32B81DF78B2A"
IMSI = "310150123456789"
NETWORK = gsm_network_secret(IMSI)


def test_sender_computes_the_published_mac() -> None:
    assert mac_of(SecurityMethod.USERPIN, DOCUMENT, pin="1234") == MAC


def test_sender_writes_method_and_mac_into_the_content_type() -> None:
    assert content_type(SecurityMethod.USERPIN, MAC.lower()) == (
        f"application/vnd.wap.connectivity-wbxml; sec=1; mac={MAC}"
    )
    assert content_type(SecurityMethod.USERPINMAC) == (
        "application/vnd.wap.connectivity-wbxml; sec=3"
    )


@pytest.mark.parametrize(
    ("method", "mac"),
    [
        (SecurityMethod.USERPINMAC, MAC),
        (SecurityMethod.USERPIN, None),
        (SecurityMethod.USERPIN, "ABC"),
        (SecurityMethod.USERPIN, "xy"),
    ],
)
def test_sender_cannot_write_a_content_type_without_meaning(
    method: SecurityMethod, mac: str | None
) -> None:
    with pytest.raises(EncodeError):
        content_type(method, mac)


@pytest.mark.parametrize(
    ("imsi", "expected"),
    [
        (IMSI, "3901511032547698"),
        ("24405123456789", "21445021436587F9"),
        ("310150", "310151F0"),
    ],
)
def test_imsi_is_written_in_semi_octets(imsi: str, expected: str) -> None:
    assert gsm_network_secret(imsi).hex().upper() == expected


def test_cdma_secret_is_esn_then_spc() -> None:
    assert cdma_network_secret(0x8012_3456, "987654").hex() == "80123456987654"


@pytest.mark.parametrize("imsi", ["", "12345", "1234567890123456", "31015012345678x", "３10150"])
def test_malformed_imsi_is_refused_without_quoting_it(imsi: str) -> None:
    with pytest.raises(EncodeError) as caught:
        gsm_network_secret(imsi)
    assert not imsi or imsi not in str(caught.value)


@pytest.mark.parametrize(("esn", "spc"), [(-1, "000000"), (1 << 32, "000000"), (1, "00000")])
def test_malformed_esn_and_spc_are_refused(esn: int, spc: str) -> None:
    with pytest.raises(EncodeError):
        cdma_network_secret(esn, spc)


@pytest.mark.parametrize(
    ("method", "pin", "network_secret", "key"),
    [
        (SecurityMethod.NETWPIN, None, NETWORK, NETWORK),
        (SecurityMethod.USERPIN, "0042", None, b"0042"),
        (SecurityMethod.USERNETWPIN, "0042", NETWORK, NETWORK + b"0042"),
    ],
)
def test_device_verifies_what_the_sender_computed(
    method: SecurityMethod, pin: str | None, network_secret: bytes | None, key: bytes
) -> None:
    mac = mac_of(method, DOCUMENT, pin=pin, network_secret=network_secret)
    assert mac == hmac.new(key, DOCUMENT, hashlib.sha1).hexdigest().upper()
    parameters = security_parameters(content_type(method, mac))
    assert parameters == SecurityParameters(method, mac)

    def judge(document: bytes) -> Verification:
        return verify(parameters, document, pin=pin, network_secret=network_secret)

    assert judge(DOCUMENT) is Verification.AUTHENTIC
    assert judge(DOCUMENT + b"\0") is Verification.MISMATCH


def test_device_says_which_secret_it_wants() -> None:
    user = SecurityParameters(SecurityMethod.USERPIN, MAC)
    both = SecurityParameters(SecurityMethod.USERNETWPIN, MAC)
    network = SecurityParameters(SecurityMethod.NETWPIN, MAC)
    out_of_band = SecurityParameters(SecurityMethod.USERPINMAC)
    assert verify(user, DOCUMENT) is Verification.PIN_WANTED
    assert verify(both, DOCUMENT, network_secret=NETWORK) is Verification.PIN_WANTED
    assert verify(out_of_band, DOCUMENT) is Verification.PIN_WANTED
    assert verify(both, DOCUMENT, pin="1234") is Verification.NETWORK_KEY_WANTED
    assert verify(network, DOCUMENT) is Verification.NETWORK_KEY_WANTED
    assert verify(SecurityParameters(), DOCUMENT, pin="1234") is Verification.NOT_SECURED


@pytest.mark.parametrize("mac", [None, "", MAC[:-2], MAC[:-1] + "B", "00"])
def test_device_refuses_a_mac_that_is_missing_short_or_wrong(mac: str | None) -> None:
    parameters = SecurityParameters(SecurityMethod.USERPIN, mac)
    assert verify(parameters, DOCUMENT, pin="1234") is Verification.MISMATCH


@pytest.mark.parametrize("pin", ["12a4", "", "１２３４", "1235", " 1234"])
def test_device_refuses_a_wrong_pin_without_raising(pin: str) -> None:
    parameters = SecurityParameters(SecurityMethod.USERPIN, MAC)
    assert verify(parameters, DOCUMENT, pin=pin) is Verification.MISMATCH


@pytest.mark.parametrize("random_digits", ["12345", "98765432", "0" * 20])
def test_pin_that_holds_its_mac_is_verified_by_its_halves(random_digits: str) -> None:
    pin = user_pin_mac(random_digits, DOCUMENT)
    mac = hmac.new(random_digits.encode(), DOCUMENT, hashlib.sha1).digest()
    assert pin == random_digits + "".join(
        chr(mac[index] % 10 + 48) for index in range(len(random_digits))
    )
    parameters = security_parameters(content_type(SecurityMethod.USERPINMAC))
    assert verify(parameters, DOCUMENT, pin=pin) is Verification.AUTHENTIC
    assert verify(parameters, DOCUMENT + b"x", pin=pin) is Verification.MISMATCH
    for wrong in (pin[:-1], pin + "0", pin[:-1] + str((int(pin[-1]) + 1) % 10), "12345678"):
        assert verify(parameters, DOCUMENT, pin=wrong) is Verification.MISMATCH


@pytest.mark.parametrize("random_digits", ["1234", "1" * 21, "12a45", ""])
def test_random_digits_are_bounded(random_digits: str) -> None:
    with pytest.raises(EncodeError):
        user_pin_mac(random_digits, DOCUMENT)


def test_sender_needs_the_secrets_of_the_method() -> None:
    with pytest.raises(EncodeError, match="USERNETWPIN"):
        mac_of(SecurityMethod.USERNETWPIN, DOCUMENT, pin="1234")
    with pytest.raises(EncodeError, match="USERPINMAC"):
        mac_of(SecurityMethod.USERPINMAC, DOCUMENT, pin="1234")
    with pytest.raises(EncodeError) as caught:
        mac_of(SecurityMethod.USERPIN, DOCUMENT, pin="hunter2")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("application/vnd.wap.connectivity-wbxml", SecurityParameters()),
        (
            "application/vnd.wap.connectivity-wbxml;SEC=USERPIN;MAC=ab01",
            SecurityParameters(SecurityMethod.USERPIN, "AB01"),
        ),
        (
            'application/vnd.wap.connectivity-wbxml; charset=utf-8; sec="0"; mac="AB01"',
            SecurityParameters(SecurityMethod.NETWPIN, "AB01"),
        ),
        ("a/b; sec=3; odd", SecurityParameters(SecurityMethod.USERPINMAC)),
    ],
)
def test_device_reads_parameters_in_the_forms_in_use(
    text: str, expected: SecurityParameters
) -> None:
    assert security_parameters(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a/b; sec=4; mac=00",
        "a/b; sec=; mac=00",
        "a/b; mac=00",
        "a/b; sec=1; mac=0",
        "a/b; sec=1; mac=zz",
        "a/b; sec=1; sec=1",
        "a/b; sec=1; mac=00; MAC=00",
    ],
)
def test_device_refuses_parameters_without_meaning(text: str) -> None:
    with pytest.raises(DecodeError):
        security_parameters(text)


@pytest.mark.parametrize(
    ("method", "bearer_protects", "privileged", "enough"),
    [
        (None, True, False, True),
        (None, False, False, False),
        (SecurityMethod.USERPIN, False, False, True),
        (SecurityMethod.USERPINMAC, False, True, False),
        (SecurityMethod.NETWPIN, False, True, False),
        (SecurityMethod.USERNETWPIN, False, True, True),
    ],
)
def test_context_wants_a_method_that_is_enough(
    method: SecurityMethod | None, bearer_protects: bool, privileged: bool, enough: bool
) -> None:
    found = may_bootstrap(method, bearer_protects=bearer_protects, privileged=privileged)
    assert found is enough

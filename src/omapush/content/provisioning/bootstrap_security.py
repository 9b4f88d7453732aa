"""Who may configure a device: the MAC of a provisioning document (Provisioning Bootstrap, WAP-184).

A sender computes the MAC over the WBXML octets exactly as they travel and names the method in the
Content-Type: :func:`content_type`. A device that knows the shared secret asks :func:`verify`. How
often a user may mistype a PIN is the caller's to count.

Secrets are arguments only: nothing here keeps one, and no error quotes one.
"""

from __future__ import annotations

import enum
import hmac
import re
from dataclasses import dataclass

from omapush.core.errors import DecodeError, EncodeError

MEDIA_TYPE = "application/vnd.wap.connectivity-wbxml"

MIN_RANDOM_DIGITS = 5
"""USERPINMAC: the random half of the PIN is longer than four digits."""
MAX_RANDOM_DIGITS = 20
"""USERPINMAC: each digit of the second half comes from one octet of the HMAC."""

_DIGITS = re.compile("[0-9]+")
_MAC = re.compile("(?:[0-9A-Fa-f]{2})+")


class SecurityMethod(enum.IntEnum):
    """What the shared secret is; the numbers are the values of the parameter SEC."""

    NETWPIN = 0
    """The network knows it: the IMSI, or ESN and SPC."""
    USERPIN = 1
    """The user knows it: digits told out of band."""
    USERNETWPIN = 2
    """Both: the network's secret, then the user's digits."""
    USERPINMAC = 3
    """The digits told to the user hold the MAC themselves; none travels with the document."""


class Verification(enum.Enum):
    """What :func:`verify` found."""

    AUTHENTIC = "authentic"
    NOT_SECURED = "not secured"
    """No method is named; such a document must not be used unless the bearer protects it."""
    PIN_WANTED = "PIN wanted"
    NETWORK_KEY_WANTED = "network key wanted"
    MISMATCH = "MAC mismatch"
    """The secret is wrong or the document was changed; which of them cannot be told."""


@dataclass(frozen=True, slots=True)
class SecurityParameters:
    """What the Content-Type says of bootstrap security; ``mac`` in upper-case hexadecimal."""

    method: SecurityMethod | None = None
    mac: str | None = None


# ---- secrets ------------------------------------------------------------------------------------


def gsm_network_secret(imsi: str) -> bytes:
    """Return the NETWPIN key of a GSM subscriber: the IMSI in semi-octets as the SIM holds it.

    The length octet and unused octets are left out; the low half of the first octet says whether
    the digits are odd (9) or even (1) in number (GSM 11.11, 10.3.2).

    :raises EncodeError: not 6 to 15 decimal digits.
    """
    if not _DIGITS.fullmatch(imsi) or not 6 <= len(imsi) <= 15:
        raise EncodeError("an IMSI has 6 to 15 decimal digits")
    parity = "9" if len(imsi) % 2 else "1"
    nibbles = parity + imsi + ("" if len(imsi) % 2 else "F")
    swapped = "".join(late + early for early, late in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes.fromhex(swapped)


def cdma_network_secret(esn: int, spc: str) -> bytes:
    """Return the NETWPIN key of a CDMA device: the ESN (32 bits), then the SPC (24 bits).

    :param spc: the service programming code, six decimal digits, one to each half octet.
    :raises EncodeError: either is not of that size.
    """
    if not 0 <= esn < 1 << 32:
        raise EncodeError("an ESN has 32 bits")
    if not _DIGITS.fullmatch(spc) or len(spc) != 6:
        raise EncodeError("an SPC has six decimal digits")
    return esn.to_bytes(4, "big") + bytes.fromhex(spc)


def _pin_octets(pin: str) -> bytes:
    if not _DIGITS.fullmatch(pin):
        raise EncodeError("a PIN has decimal digits only")
    return pin.encode("ascii")


# ---- sending ------------------------------------------------------------------------------------


def mac_of(
    method: SecurityMethod,
    document: bytes,
    *,
    pin: str | None = None,
    network_secret: bytes | None = None,
) -> str:
    """Return the MAC, 40 upper-case hexadecimal digits, of ``document`` in WBXML.

    :raises EncodeError: the secret of ``method`` is missing or malformed, or the method is
        USERPINMAC, where no MAC travels: see :func:`user_pin_mac`.
    """
    key = _key(method, pin, network_secret)
    if key is None:
        raise EncodeError(f"{method.name} has no MAC, or its secret was not given")
    return _hmac(key, document).hex().upper()


def user_pin_mac(random_digits: str, document: bytes) -> str:
    """Return the PIN that a user is told for a document sent with USERPINMAC.

    :param random_digits: 5 to 20 decimal digits from a good source of chance, new each time; the
        PIN is twice as long.
    :raises EncodeError: they are not.
    """
    if not MIN_RANDOM_DIGITS <= len(random_digits) <= MAX_RANDOM_DIGITS:
        raise EncodeError(f"{MIN_RANDOM_DIGITS} to {MAX_RANDOM_DIGITS} random digits are needed")
    return random_digits + _mac_digits(_pin_octets(random_digits), document)


def content_type(method: SecurityMethod, mac: str | None = None) -> str:
    """Return the Content-Type of a secured document, e.g. ``...; sec=1; mac=BCEE...``.

    :raises EncodeError: a MAC with USERPINMAC, none with another method, or not hexadecimal.
    """
    if (mac is None) is not (method is SecurityMethod.USERPINMAC):
        raise EncodeError(f"{method.name} {'needs a' if mac is None else 'takes no'} MAC")
    if mac is None:
        return f"{MEDIA_TYPE}; sec={int(method)}"
    if not _MAC.fullmatch(mac):
        raise EncodeError("a MAC is an even number of hexadecimal digits")
    return f"{MEDIA_TYPE}; sec={int(method)}; mac={mac.upper()}"


def may_bootstrap(
    method: SecurityMethod | None, *, bearer_protects: bool, privileged: bool = False
) -> bool:
    """Whether a method is enough to set up a configuration context (WAP-184).

    :param bearer_protects: the bearer itself keeps others from sending documents; SMS does not.
    :param privileged: whether the context may override what the user configured: over a bearer
        that protects nothing it wants the secrets of the network and of the user together.
    """
    if bearer_protects:
        return True
    return method is SecurityMethod.USERNETWPIN if privileged else method is not None


# ---- receiving ----------------------------------------------------------------------------------


def security_parameters(content_type: str) -> SecurityParameters:
    """Read SEC and MAC from a Content-Type; other parameters are passed over.

    Names count in any case. SEC is taken as its number or, as some gateways write it, by name; a
    MAC in lower-case digits is taken too.

    :raises DecodeError: an unknown method, a MAC that is not hexadecimal or without a method, or
        either of them twice.
    """
    found: dict[str, str] = {}
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if name not in ("sec", "mac"):
            continue
        if name in found:
            raise DecodeError(f"the parameter {name} is given twice", "Content-Type")
        found[name] = value.strip().removeprefix('"').removesuffix('"')
    mac = found.get("mac")
    if "sec" not in found:
        if mac is not None:
            raise DecodeError("MAC without SEC", "Content-Type")
        return SecurityParameters()
    if mac is not None and not _MAC.fullmatch(mac):
        raise DecodeError("MAC is not an even number of hexadecimal digits", "Content-Type")
    return SecurityParameters(_method(found["sec"]), None if mac is None else mac.upper())


def verify(
    parameters: SecurityParameters,
    document: bytes,
    *,
    pin: str | None = None,
    network_secret: bytes | None = None,
) -> Verification:
    """Judge whether ``document``, the WBXML octets as they came, was made with the secret.

    :param pin: what the user typed; anything but decimal digits is a mismatch.
    :param network_secret: see :func:`gsm_network_secret`.
    """
    method = parameters.method
    if method is None:
        return Verification.NOT_SECURED
    if pin is None and method is not SecurityMethod.NETWPIN:
        return Verification.PIN_WANTED
    if pin is not None and not _DIGITS.fullmatch(pin):
        return Verification.MISMATCH
    if method is SecurityMethod.USERPINMAC:
        return _verified_pin(pin or "", document)
    key = _key(method, pin, network_secret)
    if key is None:
        return Verification.NETWORK_KEY_WANTED
    expected = _hmac(key, document).hex().upper().encode("ascii")
    return _result(hmac.compare_digest(expected, (parameters.mac or "").encode("ascii")))


def _verified_pin(pin: str, document: bytes) -> Verification:
    half, odd = divmod(len(pin), 2)
    if odd or not MIN_RANDOM_DIGITS <= half <= MAX_RANDOM_DIGITS:
        return Verification.MISMATCH
    expected = _mac_digits(pin[:half].encode("ascii"), document)
    return _result(hmac.compare_digest(expected, pin[half:]))


def _result(equal: bool) -> Verification:  # noqa: FBT001 - the outcome itself, not a switch
    return Verification.AUTHENTIC if equal else Verification.MISMATCH


def _method(value: str) -> SecurityMethod:
    if value.upper() in SecurityMethod.__members__:
        return SecurityMethod[value.upper()]
    for method in SecurityMethod:
        if value == str(int(method)):
            return method
    raise DecodeError(f"unknown security method {value[:20]!r}", "Content-Type")


def _key(method: SecurityMethod, pin: str | None, network_secret: bytes | None) -> bytes | None:
    """Return the HMAC key of a method that has one, or ``None`` where a part of it is missing."""
    if method is SecurityMethod.NETWPIN:
        return network_secret
    if pin is None or method is SecurityMethod.USERPINMAC:
        return None
    if method is SecurityMethod.USERPIN:
        return _pin_octets(pin)
    return None if network_secret is None else network_secret + _pin_octets(pin)


def _mac_digits(random_digits: bytes, document: bytes) -> str:
    """Return the second half of a USERPINMAC PIN: one digit for each octet of the HMAC."""
    mac = _hmac(random_digits, document)[: len(random_digits)]
    return "".join(str(octet % 10) for octet in mac)


def _hmac(key: bytes, document: bytes) -> bytes:
    return hmac.digest(key, document, "sha1")

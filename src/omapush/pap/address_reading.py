"""Addresses as initiators send them and an operator lets them pass: :mod:`address` with switches.

What an address lacks, such as the country code of a bare number, only the operator can say. It is
completed here, and then read like any other.
"""

from __future__ import annotations

import dataclasses
import re

from omapush.pap import address as addressing
from omapush.pap.tolerance import Tolerance

_NUMBER = r"[0-9][0-9.\-]*"
# A number of PPG 6.1's form but for the plus sign, with a type that says so or with none.
_BARE_NUMBER = re.compile(
    rf"(?P<before>(?:/?WAPPUSH=)?)(?P<value>{_NUMBER})(?P<after>(?:/TYPE=PLMN)?/?(?:@.*)?)",
    re.IGNORECASE,
)
_DOTTED_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_PIN = re.compile(r"[0-9A-Fa-f]{8}")


def read_address(text: str, tolerance: Tolerance) -> addressing.Address:
    """Read an address as far as ``tolerance`` goes; ``original`` is ``text`` in any case.

    :raises AddressError: not an address.
    """
    if tolerance.strict_address:
        return addressing.parse(text, tolerant=False)
    completed = _completed(text, tolerance)
    found = addressing.parse(completed, tolerant=True)
    return found if completed is text else dataclasses.replace(found, original=text)


def _completed(text: str, tolerance: Tolerance) -> str:
    if len(text) > addressing.MAX_LENGTH:
        return text
    stripped = text.strip(" \t\r\n")
    number = _BARE_NUMBER.fullmatch(stripped) if tolerance.bare_msisdn_prefix else None
    if number is not None and _is_phone_number(number):
        return f"{number['before']}{tolerance.bare_msisdn_prefix}{number['value']}{number['after']}"
    if tolerance.pin_addresses and _PIN.fullmatch(stripped):
        # Hexadecimal digits are the same in either case.
        return f"WAPPUSH={stripped.upper()}/TYPE=USER"
    return text


def _is_phone_number(found: re.Match[str]) -> bool:
    if _DOTTED_QUAD.fullmatch(found["value"]):
        return False
    # Digits with nothing but an @ behind them are somebody's e-mail address.
    return bool(found["before"]) or not found["after"].removeprefix("/").startswith("@")

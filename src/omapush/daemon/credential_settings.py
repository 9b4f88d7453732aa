"""The written forms of what initiators prove themselves by, each checked and brought to one form.

No fault repeats the value: it may be a secret.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

from omapush.ppg.passwords import is_password_hash


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _password_hash(value: SecretStr) -> SecretStr:
    if not is_password_hash(value.get_secret_value()):
        raise ValueError("not an Argon2id hash as `omapush hash-password` prints it")
    return value


def _digits(text: str, count: int) -> str:
    plain = text.replace(":", "").lower()  # openssl prints fingerprints with colons
    if not re.fullmatch(f"[0-9a-f]{{{count}}}", plain):
        raise ValueError(f"not {count} hexadecimal digits")
    return plain


def _ha1_sha256(value: SecretStr) -> SecretStr:
    return SecretStr(_digits(value.get_secret_value(), 64))


def _ha1_md5(value: SecretStr) -> SecretStr:
    return SecretStr(_digits(value.get_secret_value(), 32))


def _sha256(value: str) -> str:
    return _digits(value, 64)


def _certificate_name(value: str) -> str:
    if ":" in value:
        return value
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*", value):
        raise ValueError("neither a URI nor a DNS name (wildcards are not taken)")
    return value.lower()


PasswordHash = Annotated[SecretStr, AfterValidator(_password_hash)]
DigestHa1Sha256 = Annotated[SecretStr, AfterValidator(_ha1_sha256)]
DigestHa1Md5 = Annotated[SecretStr, AfterValidator(_ha1_md5)]
Sha256List = Annotated[list[Annotated[str, AfterValidator(_sha256)]], BeforeValidator(_one_or_more)]
CertificateNames = Annotated[
    list[Annotated[str, AfterValidator(_certificate_name)]], BeforeValidator(_one_or_more)
]

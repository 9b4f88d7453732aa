"""What proves knowledge of a secret without saying it: the computation of Digest (RFC 7616 3.4).

Also with the algorithms that RFC 8760 brings to SIP, and with AKA's secret (RFC 3310), where only
the secret is another.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field


class QualityOfProtection(enum.Enum):
    """What the proof covers (RFC 7616 3.4)."""

    NONE = ""
    """What RFC 2069 has: neither a count nor anything of our own."""
    AUTH = "auth"
    """Method and URI."""
    AUTH_INT = "auth-int"
    """The body as well."""


class Algorithm(enum.Enum):
    """An algorithm by the name that a challenge gives it."""

    MD5 = "MD5"
    MD5_SESS = "MD5-sess"
    SHA_256 = "SHA-256"
    SHA_256_SESS = "SHA-256-sess"
    SHA_512_256 = "SHA-512-256"
    SHA_512_256_SESS = "SHA-512-256-sess"
    AKA_V1_MD5 = "AKAv1-MD5"

    @classmethod
    def named(cls, name: str) -> Algorithm | None:
        """Return the algorithm of this name, in whatever letters; ``None``: not one of ours."""
        return next((one for one in cls if one.value.lower() == name.lower()), None)

    @property
    def is_of_session(self) -> bool:
        """Whether the secret is hashed with both ends' nonces once more."""
        return self.value.endswith("-sess")

    def hexdigest(self, octets: bytes) -> str:
        """Return the hash in lower-case hexadecimal digits."""
        name = self.value.removesuffix("-sess")
        if name == "SHA-256":
            return hashlib.sha256(octets).hexdigest()
        if name == "SHA-512-256":
            return hashlib.new("sha512_256", octets).hexdigest()
        return hashlib.md5(octets, usedforsecurity=False).hexdigest()  # what RFC 7616 has


@dataclass(frozen=True, slots=True)
class Secret:
    """Who proves himself, for what, and with what; octets, as they are hashed.

    :ivar password: or, with AKA, the RES of the SIM (RFC 3310 3.3).
    """

    username: bytes
    realm: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """What is proven by one response.

    :ivar nonce_count: eight hexadecimal digits.
    """

    method: bytes
    uri: bytes
    nonce: bytes
    nonce_count: bytes = b"00000001"
    cnonce: bytes = b""
    qop: QualityOfProtection = QualityOfProtection.AUTH
    body: bytes = b""


def digest_response(algorithm: Algorithm, secret: Secret, proven: Proven) -> str:
    """Return the response in hexadecimal digits (RFC 7616 3.4.1)."""

    def hashed(*parts: bytes) -> bytes:
        return algorithm.hexdigest(b":".join(parts)).encode()

    first = hashed(secret.username, secret.realm, secret.password)
    if algorithm.is_of_session:
        first = hashed(first, proven.nonce, proven.cnonce)
    second: tuple[bytes, ...] = (proven.method, proven.uri)
    if proven.qop is QualityOfProtection.AUTH_INT:
        second = (*second, hashed(proven.body))
    middle: tuple[bytes, ...] = (proven.nonce,)
    if proven.qop is not QualityOfProtection.NONE:
        qop = proven.qop.value.encode()
        middle = (*middle, proven.nonce_count, proven.cnonce, qop)
    return hashed(first, *middle, hashed(*second)).decode()


def hashed_username(algorithm: Algorithm, username: bytes, realm: bytes) -> str:
    """Return what stands for a user name that is not to be read by others (RFC 7616 3.4.4)."""
    return algorithm.hexdigest(username + b":" + realm)

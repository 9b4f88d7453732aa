"""The passwords of initiators, kept in clear or as Argon2 hashes (RFC 9106).

Verifying a hash costs tens of milliseconds on purpose. So it is not done here: :meth:`judge` hands
out a :class:`Verification`, whose :meth:`~Verification.verify` belongs in a thread, and
:meth:`settle` remembers a good one by a keyed digest, so that the next request costs one HMAC.

Nobody can tell by the time which user names exist: as soon as one password is kept as a hash, each
wrong password costs a verification, whoever it is said to be of.
"""

from __future__ import annotations

import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import argon2

_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=[0-9]{1,8},t=[0-9]{1,4},p=[0-9]{1,3}"
    r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{6,}",
    re.ASCII,
)


def is_password_hash(text: str) -> bool:
    """Return whether ``text`` has the form of what ``omapush hash-password`` prints."""
    return _ARGON2ID.fullmatch(text) is not None


def hash_password(password: str) -> str:
    """Return the Argon2id hash of ``password``, with a salt of its own each time."""
    return argon2.PasswordHasher().hash(password)


@dataclass(frozen=True, slots=True)
class Verification:
    """A password that has yet to be compared with a hash.

    :ivar key: the same for the same password of the same user name; tells nothing about either.
    :ivar genuine: the hash is the initiator's own; otherwise it only takes the time.
    """

    key: bytes = field(repr=False)
    genuine: bool = field(repr=False)
    password_hash: str = field(repr=False)
    password: bytes = field(repr=False)

    def verify(self) -> bool:
        """Compare. Takes tens of milliseconds and as much memory as the hash says: in a thread."""
        try:
            argon2.PasswordHasher().verify(self.password_hash, self.password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return self.genuine


class Passwords:
    """Passwords by user name.

    :param stored: each in clear, or as an Argon2id hash.
    :param secret: random octets of this process; what is remembered is worthless without them.
    :param capacity: verified passwords remembered at a time.
    """

    def __init__(self, stored: Mapping[bytes, str], secret: bytes, capacity: int = 1_024) -> None:
        self._secret = secret
        self._capacity = capacity
        self._hashes = {name: text for name, text in stored.items() if is_password_hash(text)}
        self._clear = {
            name: self._key(name, "", text.encode())
            for name, text in stored.items()
            if name not in self._hashes
        }
        self._stand_in = next(iter(self._hashes.values()), None)
        self._verified: OrderedDict[bytes, None] = OrderedDict()

    def judge(self, username: bytes, password: bytes, *, known: bool = True) -> bool | Verification:
        """Compare at once, or hand out the work. If not ``known`` no password is right."""
        own_hash = self._hashes.get(username) if known else None
        # The user name counts even if there is none such: each is work of its own.
        key = self._key(username, own_hash or "", password)
        # Comparing keyed digests does not tell how long or how similar the password is.
        if hmac.compare_digest(self._clear.get(username, b"") if known else b"", key):
            return True
        if key in self._verified:
            self._verified.move_to_end(key)
            return True
        verify_with = own_hash or self._stand_in
        if verify_with is None:
            return False
        return Verification(key, own_hash is not None, verify_with, password)

    def settle(self, verification: Verification) -> None:
        """Remember a verification that came out well. Failures are not remembered."""
        self._verified[verification.key] = None
        self._verified.move_to_end(verification.key)
        if len(self._verified) > self._capacity:
            self._verified.popitem(last=False)

    def _key(self, username: bytes, password_hash: str, password: bytes) -> bytes:
        parts = (b"password", username, password_hash.encode(), password)
        joined = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._secret, joined, "sha256")

"""HTTP Digest, the server's side (RFC 7616): SHA-256 and MD5, ``qop=auth``, no user name hash.

Nonces are not kept: each holds the time of its making and a message authentication code. What is
kept, bounded, is which nonce counts were used with a nonce, so that nothing is taken twice.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import itertools
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from omapush.core.errors import DecodeError
from omapush.core.instants import MINUTE_MS, Instant
from omapush.protocols.http_authentication import parse_parameters

REALM = "PAP"
"""What Push Initiators prove themselves for. Other realms have no quotation marks either."""

_EXTENDED_USERNAME = re.compile(r"UTF-8'[A-Za-z0-9-]*'([!#$&+.^_`|~0-9A-Za-z%-]+)", re.IGNORECASE)


class Algorithm(enum.Enum):
    """A hash function by the name that RFC 7616 gives it."""

    SHA_256 = "SHA-256"
    MD5 = "MD5"

    def hexdigest(self, octets: bytes) -> str:
        """Return the hash in lower-case hexadecimal digits."""
        if self is Algorithm.SHA_256:
            return hashlib.sha256(octets).hexdigest()
        return hashlib.md5(octets, usedforsecurity=False).hexdigest()  # what RFC 7616 has


@dataclass(frozen=True, slots=True)
class DigestCredentials:
    """What an ``Authorization: Digest`` header holds; text of the peer's is kept as octets."""

    username: bytes
    realm: bytes
    uri: bytes
    algorithm: Algorithm
    nonce: bytes
    nc: bytes
    cnonce: bytes
    response: bytes = field(repr=False)

    @property
    def nonce_count(self) -> int:
        """How often the initiator says it has used the nonce, this time included."""
        return int(self.nc, 16)


def parse_credentials(text: str) -> DigestCredentials:
    """Read what follows ``Digest`` in the header (RFC 7616 3.4).

    :raises DecodeError: not parameters, or not those of ``qop=auth``.
    """
    given = parse_parameters(text)
    try:
        algorithm = Algorithm(given.get("algorithm", "MD5").upper())
    except ValueError as error:
        raise DecodeError("another algorithm than SHA-256 or MD5") from error
    if given.get("qop") != "auth":
        raise DecodeError("another quality of protection than auth")
    if given.get("userhash", "false").lower() != "false":
        raise DecodeError("a hashed user name was not asked for")
    digits = 64 if algorithm is Algorithm.SHA_256 else 32
    if not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", given.get("response", "")):
        raise DecodeError("no response, or not one of this algorithm")
    if not re.fullmatch(r"[0-9a-fA-F]{8}", given.get("nc", "")):
        raise DecodeError("nc is not eight hexadecimal digits")
    for name in ("realm", "uri", "nonce", "cnonce"):
        if name not in given:
            raise DecodeError(f"no {name}")
    # Header octets were decoded as Latin-1: this gives back what was sent.
    octets = {name: value.encode("latin-1") for name, value in given.items()}
    return DigestCredentials(
        _username(given), octets["realm"], octets["uri"], algorithm, octets["nonce"],
        octets["nc"], octets["cnonce"], octets["response"].lower(),
    )  # fmt: skip


def ha1(algorithm: Algorithm, username: str, password: str, realm: str = REALM) -> str:
    """Return what stands for user name and password: worth as much as the password itself."""
    return algorithm.hexdigest(f"{username}:{realm}:{password}".encode())


def response(secret: str, method: str, given: DigestCredentials) -> bytes:
    """Return the response that proves knowledge of ``secret``, an :func:`ha1` (RFC 7616 3.4.1)."""
    request = given.algorithm.hexdigest(method.encode() + b":" + given.uri)
    parts = (secret.encode(), given.nonce, given.nc, given.cnonce, b"auth", request.encode())
    return given.algorithm.hexdigest(b":".join(parts)).encode()


def challenge(algorithm: Algorithm, nonce: str, *, stale: bool, realm: str = REALM) -> str:
    """Return the value of a WWW-Authenticate header (RFC 7616 3.3)."""
    text = (
        f'Digest realm="{realm}", qop="auth", algorithm={algorithm.value}, '
        f'nonce="{nonce}", charset=UTF-8'
    )
    return f"{text}, stale=true" if stale else text


class Nonces:
    """Makes nonces, and takes each nonce count once.

    :param secret: random octets of this process.
    :param life_ms: a nonce is good for so long.
    :param capacity: nonces in use at a time. When it is reached the oldest use is forgotten, and
        with it every nonce as old or older stops being good: forgetting never allows a replay.
    """

    WINDOW = 256
    """Nonce counts may arrive in another order, but not so far behind the highest."""

    def __init__(self, secret: bytes, life_ms: int = 5 * MINUTE_MS, capacity: int = 32_768) -> None:
        self._secret = secret
        self._life_ms = life_ms
        self._capacity = capacity
        self._serial = itertools.count()
        self._used: OrderedDict[tuple[str, bytes], _Use] = OrderedDict()
        self._forgotten_until = -1

    def make(self, now: Instant) -> str:
        """Return a nonce that nobody else gets."""
        content = now.to_bytes(8, "big") + next(self._serial).to_bytes(8, "big")
        return base64.urlsafe_b64encode(content + self._code(content)).decode()

    def take(self, user: str, nonce: bytes, count: int, now: Instant) -> bool:
        """Use up ``count`` of ``nonce`` for ``user``.

        To be called only when the response was right: strangers must not fill the table.

        :returns: ``False`` if the nonce is not ours or too old, or the count was used before.
        """
        made = self._made(nonce)
        if made is None or not made <= now < made + self._life_ms:
            return False
        use = self._used.get((user, nonce))
        if use is None:
            self._make_room(now)
            if made <= self._forgotten_until:  # it may have been used and forgotten
                return False
            use = self._used[user, nonce] = _Use(made)
        return use.take(count, self.WINDOW)

    def _made(self, nonce: bytes) -> int | None:
        try:
            octets = base64.b64decode(nonce, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content, code = octets[:16], octets[16:]
        if not hmac.compare_digest(self._code(content), code):
            return None
        return int.from_bytes(content[:8], "big")

    def _code(self, content: bytes) -> bytes:
        return hmac.digest(self._secret, b"nonce" + content, "sha256")

    def _make_room(self, now: Instant) -> None:
        while self._used:
            use = next(iter(self._used.values()))
            if use.made + self._life_ms > now and len(self._used) < self._capacity:
                return
            self._used.popitem(last=False)
            self._forgotten_until = max(self._forgotten_until, use.made)


@dataclass(slots=True)
class _Use:
    """Which counts of a nonce were used: the highest, and those shortly before it as bits."""

    made: int
    highest: int = 0
    below: int = 0

    def take(self, count: int, window: int) -> bool:
        if count > self.highest:
            step = count - self.highest
            shifted = self.below << step | 1 << (step - 1) if step <= window else 0
            self.below = shifted & ((1 << window) - 1)
            self.highest = count
            return True
        behind = self.highest - count
        if not 0 < behind <= window or count < 1 or self.below >> (behind - 1) & 1:
            return False
        self.below |= 1 << (behind - 1)
        return True


def _username(given: dict[str, str]) -> bytes:
    plain, extended = given.get("username"), given.get("username*")
    if (plain is None) == (extended is None):
        raise DecodeError("needs either username or username*")
    if plain is not None:
        return plain.encode("latin-1")
    match = _EXTENDED_USERNAME.fullmatch(extended or "")
    if match is None:
        raise DecodeError("username* is not UTF-8 in the form of RFC 8187")
    return unquote_to_bytes(match.group(1))

"""What Push Initiators can prove themselves by, and what a request has to show for it."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from omapush.core.networks import Network
from omapush.core.peer_certificate import PeerCertificate
from omapush.ppg import digest
from omapush.ppg.digest import Algorithm
from omapush.ppg.passwords import is_password_hash

Mark = tuple[str, str]
"""Something that a certificate is told by: ``sha256``, ``dns`` or ``uri``, and its value."""


class Scheme(enum.Enum):
    """An HTTP authentication scheme, in the order in which they are offered."""

    DIGEST_SHA_256 = "digest-sha-256"
    DIGEST_MD5 = "digest-md5"
    BASIC = "basic"
    BEARER = "bearer"


class Means(enum.Enum):
    """What an initiator was identified by."""

    PASSWORD = "password"  # noqa: S105 - the name of the means
    DIGEST = "digest"
    API_KEY = "api_key"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Initiator:
    """A Push Initiator that the operator knows, and what it can prove itself by.

    :ivar password: in clear, or as an Argon2id hash.
    :ivar networks: where it may submit from; empty means anywhere.
    :ivar digest_ha1_sha256: RFC 7616's H(A1) in hexadecimal; made from a clear ``password`` if
        ``None``. The same holds for ``digest_ha1_md5``.
    :ivar api_keys_sha256: SHA-256 hashes, in lower-case hexadecimal, of API keys.
    :ivar certificates_sha256: fingerprints, in the same form, of client certificates.
    :ivar certificate_names: DNS names (in lower case) and URIs, any of which in a client
        certificate makes it this initiator's.
    :ivar require_all: it needs a certificate as well as HTTP credentials.
    """

    initiator_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    networks: tuple[Network, ...] = ()
    idempotent_resubmission: bool = False
    digest_ha1_sha256: str | None = field(default=None, repr=False)
    digest_ha1_md5: str | None = field(default=None, repr=False)
    api_keys_sha256: tuple[str, ...] = field(default=(), repr=False)
    certificates_sha256: tuple[str, ...] = ()
    certificate_names: tuple[str, ...] = ()
    require_all: bool = False

    def certificate_marks(self) -> Iterator[Mark]:
        """Yield what its certificates can be told by."""
        yield from (("sha256", fingerprint) for fingerprint in self.certificates_sha256)
        for name in self.certificate_names:  # a host has no colon, a URI has one at least
            yield ("uri" if ":" in name else "dns", name)

    def digest_secrets(self, realm: str = digest.REALM) -> Iterator[tuple[Algorithm, str]]:
        """Yield what it can prove itself with by Digest, for each algorithm.

        :param realm: of a clear password; what is kept instead of one is for one realm.
        """
        stored = {
            Algorithm.SHA_256: self.digest_ha1_sha256,
            Algorithm.MD5: self.digest_ha1_md5,
        }
        in_clear = self.password is not None and not is_password_hash(self.password)
        for algorithm, ha1 in stored.items():
            if ha1 is not None:
                yield algorithm, ha1
            elif self.username is not None and self.password is not None and in_clear:
                yield algorithm, digest.ha1(algorithm, self.username, self.password, realm)


class ClientCertificate(PeerCertificate):
    """A Push Initiator's certificate."""

    __slots__ = ()

    def marks(self) -> Iterator[Mark]:
        """Yield what an initiator can be told by."""
        yield "sha256", self.sha256
        yield from (("dns", name) for name in self.dns_names)
        yield from (("uri", uri) for uri in self.uris)


@dataclass(frozen=True, slots=True)
class RequestCredentials:
    """What a request says about its sender.

    :ivar source: IP address of the peer.
    :ivar authorization: the header of that name, its octets decoded as Latin-1.
    :ivar target: the request target as it was sent, with its query, decoded likewise.
    """

    source: str
    authorization: str | None = field(default=None, repr=False)
    method: str = "POST"
    target: str = "/"
    certificate: ClientCertificate | None = None

"""What a verified certificate says about the other end of a TLS connection."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from omapush.core.networks import ip_address


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A certificate that the transport has verified. The subject's common name counts nowhere.

    :ivar sha256: fingerprint of the whole certificate in lower-case hexadecimal.
    :ivar dns_names: those among its subject alternative names, in lower case.
    :ivar uris: those among its subject alternative names.
    :ivar ip_addresses: those among its subject alternative names.
    """

    sha256: str
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()

    @classmethod
    def shown(cls, getpeercert: Callable[..., Any]) -> Self | None:
        """Return the peer's verified certificate; ``None`` if it showed none, or nobody verified.

        One whose names are no text counts as none.

        :param getpeercert: of ``ssl``, after the handshake.
        """
        octets: bytes | None = getpeercert(binary_form=True)
        try:
            described: Mapping[str, Any] | None = getpeercert()
        except ValueError:
            return None
        return cls.read(octets, described) if octets and described else None

    @classmethod
    def read(cls, octets: bytes, described: Mapping[str, Any]) -> Self:
        """Return what stands in a certificate.

        :param octets: the certificate in DER.
        :param described: the same as ``ssl`` describes verified certificates.
        """
        alternatives: Any = described.get("subjectAltName", ())  # pairs of kind and text
        return cls(
            hashlib.sha256(octets).hexdigest(),
            tuple(text.lower() for kind, text in alternatives if kind == "DNS"),
            tuple(text for kind, text in alternatives if kind == "URI"),
            tuple(text.strip() for kind, text in alternatives if kind == "IP Address"),
        )

    def is_of(self, name: str) -> bool:
        """Whether it was given to this host: a name, or an IP address (RFC 2818 3.1, RFC 9525 6).

        A certificate's ``*`` stands for the whole first label of a name, and never for more.
        """
        address = ip_address(name)
        if address is not None:
            return any(ip_address(each) == address for each in self.ip_addresses)
        wanted = name.lower().removesuffix(".")
        first, _, parent = wanted.partition(".")
        if not first:
            return False
        return wanted in self.dns_names or ("." in parent and f"*.{parent}" in self.dns_names)

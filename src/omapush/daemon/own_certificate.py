"""What peers will see of a certificate of ours: its names, and until when it counts.

Python reads a certificate only for whoever has verified it. So a handshake is made here, in memory,
by a client that believes this one certificate; what it objects to others would object to as well.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from omapush.core.instants import SECOND_MS, Instant
from omapush.core.peer_certificate import PeerCertificate

_TURNS = 10
"""A handshake takes two or three."""


class CertificateObjectedTo(Exception):
    """A client would refuse the certificate, whoever it believes; says why."""


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """What stands in it.

    :ivar until: it counts no longer after this.
    """

    names: PeerCertificate
    until: Instant


def own_certificate(serving: ssl.SSLContext, certificate: Path) -> OwnCertificate:
    """Return what peers will see.

    :param serving: shows the certificate. :param certificate: the file that it came from.
    :raises CertificateObjectedTo: it has run out, or does not count yet, for example.
    """
    believing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believing.check_hostname = False
    believing.load_verify_locations(certificate)
    # The authority above it is not known here.
    believing.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = believing.wrap_bio(to_client, to_server)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    octets = _shown(client, server)
    described = client.getpeercert() or {}
    until = ssl.cert_time_to_seconds(str(described["notAfter"]))
    return OwnCertificate(PeerCertificate.read(octets, described), Instant(until * SECOND_MS))


def _shown(client: ssl.SSLObject, server: ssl.SSLObject) -> bytes:
    for _ in range(_TURNS):
        try:
            client.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            raise CertificateObjectedTo(error.verify_message) from error
        except ssl.SSLError as error:
            raise CertificateObjectedTo(error.reason) from error
        else:
            return client.getpeercert(binary_form=True) or b""
        try:
            server.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise CertificateObjectedTo(error.reason) from error
    raise CertificateObjectedTo("the handshake does not end")

"""TLS of an initiator: towards the gateway, and where it takes notifications itself."""

from __future__ import annotations

import ssl
from pathlib import Path

from omapush.core.errors import OmapushError


class TlsFilesError(OmapushError):
    """A certificate, key or CA file cannot be used."""


def towards_gateway(
    ca_file: Path | None, certificate: Path | None, key: Path | None
) -> ssl.SSLContext:
    """Return what connections to a gateway are made with.

    :param ca_file: PEM; who may have signed the gateway's certificate; ``None``: whom the system
        trusts.
    :param certificate: PEM, ours, with its chain; ``key`` belongs to it and may be in it.
    :raises TlsFilesError: a file cannot be used.
    """
    if certificate is None and key is not None:
        raise TlsFilesError("a key needs its certificate")
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise TlsFilesError(f"{ca_file}: {_said(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1
    if certificate is not None:
        _load(context, certificate, key)
    return context


def of_listener(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """Return what a listener for notifications serves with.

    :raises TlsFilesError: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1
    _load(context, certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # An empty password, so that nobody is asked for one on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        files = f"{certificate} and {key}" if key is not None else str(certificate)
        raise TlsFilesError(f"{files}: {_said(error)}") from error


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):  # its own words are "PEM lib" and the like
        return "not in PEM, or encrypted, or not of the same key"
    return str(getattr(error, "strerror", None) or error)

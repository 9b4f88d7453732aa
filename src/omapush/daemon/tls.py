"""TLS for what a daemon serves, and for what it calls."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from omapush.daemon.settings import PapTable
from omapush.daemon.settings_table import SettingsError


def tls_options(table: PapTable) -> dict[str, Any]:
    """Return uvicorn's options for TLS as ``table`` wants it; none without a certificate.

    :raises SettingsError: a file cannot be read, or is not what it should be.
    """
    if table.tls_certificate is None or table.tls_key is None:
        return {}
    context = _serving_context(table.tls_certificate, table.tls_key, "pap")
    if table.tls_client_ca is not None:
        try:
            context.load_verify_locations(table.tls_client_ca)
        except (OSError, ValueError) as error:
            raise SettingsError(f"pap.tls_client_ca: {_said(error)}") from error
        # Whether an initiator needs one is asked later: others have passwords.
        context.verify_mode = ssl.CERT_OPTIONAL
    return {"ssl_context_factory": lambda _config, _default: context}


def server_options(certificate: Path | None, key: Path | None, table: str) -> dict[str, Any]:
    """Return uvicorn's options for TLS that asks for no client certificate; none without files.

    :param table: the table of the settings that has them as ``tls_certificate`` and ``tls_key``.
    :raises SettingsError: a file cannot be read, or is not what it should be.
    """
    if certificate is None or key is None:
        return {}
    context = _serving_context(certificate, key, table)
    return {"ssl_context_factory": lambda _config, _default: context}


def _serving_context(certificate: Path, key: Path, table: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1
    try:
        # An empty password, so that nobody is asked for one on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        files = f"{table}.tls_certificate and {table}.tls_key"
        raise SettingsError(f"{files}: {_said(error)}") from error
    return context


def verifying_context(ca_file: Path | None, key: str) -> ssl.SSLContext:
    """Return TLS towards servers: the system's authorities, and those of a file.

    :param key: what the file is in the settings.
    :raises SettingsError: the file cannot be read or holds no certificates.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ValueError) as error:
            raise SettingsError(f"{key}: {_said(error)}") from error
    return context


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):  # its own words are "PEM lib" and the like
        return "not in PEM, or encrypted, or not of the same key"
    return str(getattr(error, "strerror", None) or error)

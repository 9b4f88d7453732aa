"""TLS for what a daemon serves, and for what it calls.

A private key that is encrypted is refused: a daemon has nobody to ask for its passphrase.

Sessions that a server of ours may have resumed live for two hours, which is OpenSSL's and cannot be
set from Python; twelve are advised (WAP-219). After that, or after a restart of the server, the
next handshake is a whole one.
"""

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
    # Whether an initiator needs a certificate is asked later: others have passwords.
    context = serving_context(table.tls_certificate, table.tls_key, table.tls_client_ca, "pap")
    return {"ssl_context_factory": lambda _config, _default: context}


def server_options(certificate: Path | None, key: Path | None, table: str) -> dict[str, Any]:
    """Return uvicorn's options for TLS that asks for no client certificate; none without files.

    :param table: the table of the settings that has them as ``tls_certificate`` and ``tls_key``.
    :raises SettingsError: a file cannot be read, or is not what it should be.
    """
    if certificate is None or key is None:
        return {}
    context = serving_context(certificate, key, None, table)
    return {"ssl_context_factory": lambda _config, _default: context}


def serving_context(
    certificate: Path,
    key: Path,
    client_ca: Path | None,
    table: str,
    *,
    require_certificate: bool = False,
) -> ssl.SSLContext:
    """Return TLS towards clients.

    :param certificate: chain in PEM, the server's own first; ``key``: its private key in PEM.
    :param client_ca: authorities whose client certificates are believed; ``None``: none are asked.
    :param table: of the settings, where ``tls_certificate`` and so on stand.
    :param require_certificate: a client without a certificate is refused in the handshake.
    :raises SettingsError: a file cannot be read, or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    _show(context, certificate, key, f"{table}.tls_certificate and {table}.tls_key")
    if client_ca is not None:
        _believe(context, client_ca, f"{table}.tls_client_ca")
        context.verify_mode = ssl.CERT_REQUIRED if require_certificate else ssl.CERT_OPTIONAL
    return context


def verifying_context(
    ca_file: Path | None,
    key: str,
    *,
    own: tuple[Path, Path, str] | None = None,
    check_names: bool = True,
) -> ssl.SSLContext:
    """Return TLS towards servers: the system's authorities, and those of a file.

    :param key: what the file is in the settings.
    :param own: certificate and private key to be shown to servers that ask for them, and what the
        two are in the settings.
    :param check_names: ``False`` only where names are compared with the certificate later.
    :raises SettingsError: a file cannot be read, or is not what it should be.
    """
    context = ssl.create_default_context()
    _harden(context)
    context.check_hostname = check_names
    if ca_file is not None:
        _believe(context, ca_file, key)
    if own is not None:
        _show(context, *own)
    return context


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 9325 3.1.1
    context.options |= ssl.OP_NO_RENEGOTIATION  # or a peer could have us compute without end


def _believe(context: ssl.SSLContext, authorities: Path, setting: str) -> None:
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:  # its own words are "PEM lib" and the like
        raise SettingsError(f"{setting}: {authorities} holds no certificate in PEM") from error
    except (OSError, ValueError) as error:
        raise SettingsError(f"{setting}: {authorities}: {_said(error)}") from error


def _show(context: ssl.SSLContext, certificate: Path, key: Path, settings: str) -> None:
    try:
        fault = _fault(certificate.read_bytes(), key.read_bytes(), certificate, key)
        if fault is None:
            # An empty password, so that nobody is asked for one on the terminal.
            context.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        fault = (
            f"{key} is of another certificate" if mismatch else f"{certificate} or {key} is damaged"
        )
    except (OSError, ValueError) as error:
        fault = f"{getattr(error, 'filename', None) or certificate}: {_said(error)}"
    if fault is not None:
        raise SettingsError(f"{settings}: {fault}")


def _fault(chain: bytes, private: bytes, certificate: Path, key: Path) -> str | None:
    """Return what is wrong with the files at first sight."""
    if b"-----BEGIN CERTIFICATE-----" not in chain:
        return f"{certificate} holds no certificate in PEM"
    if b"ENCRYPTED" in private:  # in both forms, of PKCS #8 and of OpenSSL's own
        return f"{key} is encrypted; a daemon has nobody to ask for a passphrase"
    if b"PRIVATE KEY-----" not in private:
        return f"{key} holds no private key in PEM"
    return None


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)

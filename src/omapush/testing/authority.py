"""Certificates for tests of TLS, made by the program ``openssl``, which has to be there."""

from __future__ import annotations

import subprocess
from pathlib import Path


class Authority:
    """A folder of certificates that one authority of its own has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "openssl.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
        self._make("ca", "-addext", "basicConstraints=critical,CA:TRUE")

    def sign(self, name: str, alternative: str) -> None:
        """Make ``name.pem`` and ``name.key`` for a subject alternative name."""
        ca = ("-CA", str(self.folder / "ca.pem"), "-CAkey", str(self.folder / "ca.key"))
        self._make(name, "-addext", f"subjectAltName={alternative}", *ca)

    def fingerprint(self, name: str) -> str:
        """Return what openssl prints."""
        printed = self._openssl(
            "x509", "-noout", "-fingerprint", "-sha256", "-in", str(self.folder / f"{name}.pem")
        )
        return printed.strip().partition("=")[2]

    def _make(self, name: str, *more: str) -> None:
        self._openssl(
            "req", "-config", str(self.folder / "openssl.cnf"), "-x509", "-nodes", "-days", "2",
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}",
            "-keyout", str(self.folder / f"{name}.key"), "-out", str(self.folder / f"{name}.pem"),
            *more,
        )  # fmt: skip

    @staticmethod
    def _openssl(*arguments: str) -> str:
        command = ["openssl", *arguments]
        done = subprocess.run(  # noqa: S603 # our own program and arguments
            command, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout

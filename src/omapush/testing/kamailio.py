"""Kamailio as the SIP core and as the MSRP relay, with the configurations that examples ship.

Each runs in a directory of its own, with ports of its own, on loopback, and forgets everything when
it ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from omapush.core.errors import OmapushError
from omapush.testing.authority import Authority
from omapush.testing.daemons import free_port

HOST = "127.0.0.1"
DOMAIN = "push.test"
GATEWAY = f"sip:ppg@{DOMAIN}"
"""The gateway's address in the core's domain."""
USERS = {"alice": "alice-secret", "bob": "bob-secret"}
"""Passwords; beside them there are u0, u1, u2 and so on, all with :data:`LOAD_PASSWORD`."""
LOAD_PASSWORD = "load"  # noqa: S105 - of a peer that lives for one test

CONFIGURATIONS = Path(__file__).parents[3] / "examples" / "sip-core"

_PATIENCE_SECONDS = 30.0


class KamailioMissing(OmapushError):
    """Kamailio is not installed."""


class KamailioError(OmapushError):
    """Kamailio did not do what it was started for; the message holds its log."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of a user, as the registrar knows it.

    :ivar user: the part before the ``@``.
    :ivar expires: seconds that are left.
    :ivar received: where its requests go when that is not the contact, else ``""``.
    :ivar path: URIs of edge proxies on the way, else ``""``.
    :ivar instance: its ``+sip.instance`` in angle brackets, else ``""``.
    """

    user: str
    contact: str
    expires: int
    received: str
    path: str
    instance: str


def free_sip_port() -> int:
    """Return a port of 127.0.0.1 that is free for UDP and for TCP."""
    return free_port()  # of both, see ``ports``


def bracketed(host: str) -> str:
    """Return an address as a URI has it."""
    return f"[{host}]" if ":" in host else host


class _Instance:
    """One running Kamailio, as a context manager."""

    def __init__(
        self,
        configuration: str,
        values: Mapping[str, str],
        switches: Sequence[str],
        memory_mib: int = 64,
    ) -> None:
        self._configuration = CONFIGURATIONS / configuration
        self._values = dict(values)
        self._switches = tuple(switches)
        self._memory_mib = memory_mib
        self._directory = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Not below pytest's own temporary directories: a socket's path may have 107 octets.
        self._directory = Path(tempfile.mkdtemp(prefix="omapush-kamailio-"))
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    @property
    def log(self) -> str:
        """What it wrote since it was started first."""
        log = self._directory / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self) -> None:
        """Start it, and wait until it answers.

        :raises KamailioMissing: it is not installed.
        :raises KamailioError: it does not come up.
        """
        command = [
            find_kamailio(), "-DD", "-E", "-f", str(self._configuration),
            "-Y", str(self._directory), "-P", str(self._directory / "pid"),
            "-m", str(self._memory_mib),
        ]  # fmt: skip
        for switch in self._switches:
            command += ["-A", switch]
        for name, value in {**self._values, "CTL_SOCKET": self._control}.items():
            command += ["--substdef", f"!{name}!{value}!g"]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 # of the Debian package
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory,
                start_new_session=True,
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop it; what it knows is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Its children are in its session; none is to stay on a port.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def restart(self) -> None:
        """Stop and start it on the same ports: all bindings and connections are lost."""
        self.stop()
        self.start()

    def ask(self, *command: str) -> str:
        """Return what ``kamcmd`` prints for a command. :raises KamailioError: it fails."""
        done = subprocess.run(  # noqa: S603 # of the Debian package
            [_program("kamcmd"), "-s", self._control, *command],
            check=False, capture_output=True, text=True, timeout=_PATIENCE_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise KamailioError(f"kamcmd {' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    @property
    def _control(self) -> str:
        return f"unixs:{self._directory}/control"

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS  # noqa: TID251 # another program's start
        while True:
            with contextlib.suppress(KamailioError):
                self.ask("core.uptime")
                return
            late = time.monotonic() > deadline  # noqa: TID251 # as above
            if process.poll() is not None or late:
                said = self.log
                self.stop()
                raise KamailioError(f"Kamailio does not come up:\n{said}")
            time.sleep(0.05)

    def _remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)


class Kamailio(_Instance):
    """A SIP core: registrar and proxy of the domain ``push.test``; a context manager.

    :param ppg: where it reaches the gateway, a SIP URI, with ``;transport=`` if not UDP; ``None``:
        ``ppg_port``, a free port, over UDP.
    :param auth: users authenticate with a password of :data:`USERS`.
    :param sha256: by SHA-256 and not by MD5.
    :param outbound: it says that it does outbound (RFC 5626); it heeds ``reg-id`` in any case.
    :param tls: it also listens with TLS, with a certificate that this authority signs.
    :param host: its address, one of 127.0.0.0/8 or ``::1``.
    :param answer_within: seconds until it answers for a device that does not.
    :param memory_mib: memory for transactions, which stay for five seconds after their end: 512 MiB
        are enough for about five thousand a second.
    :param values: more values of the configuration, by their names there.

    :ivar port: where users reach it, UDP and TCP; ``tls_port``: with TLS.
    :ivar isc_port: where gateways reach it and are trusted, UDP and TCP; ``isc_tls_port``: with
        TLS. From ``ppg_port`` over UDP they are trusted at ``port`` too.
    """

    def __init__(
        self,
        *,
        ppg: str | None = None,
        auth: bool = False,
        sha256: bool = False,
        outbound: bool = False,
        tls: Authority | None = None,
        host: str = HOST,
        domain: str = DOMAIN,
        answer_within: float = 15.0,
        memory_mib: int = 512,
        values: Mapping[str, str] | None = None,
    ) -> None:
        self.host = host
        self.domain = domain
        self.port, self.tls_port, self.isc_port, self.isc_tls_port, self.ppg_port = (
            free_sip_port() for _ in range(5)
        )
        defaults = {
            "SIP_HOST": bracketed(host),
            "PUSH_DOMAIN": domain,
            "SIP_PORT": str(self.port),
            "ISC_PORT": str(self.isc_port),
            "AS_ADDRESS": host,
            "AS_FIRST_PORT": str(self.ppg_port),
            "AS_LAST_PORT": str(self.ppg_port),
            "PPG_DST": ppg or f"sip:{bracketed(host)}:{self.ppg_port}",
            "FR_TIMER": str(round(answer_within * 1_000)),
        }
        switches = ["WITH_AUTH"] if auth or sha256 else []
        switches += ["WITH_SHA256"] if sha256 else []
        switches += ["WITH_OUTBOUND"] if outbound else []
        if tls is not None:
            switches.append("WITH_TLS")
            defaults |= {"TLS_PORT": str(self.tls_port), "ISC_TLS_PORT": str(self.isc_tls_port)}
            defaults |= _certificate(tls, f"IP:{host},DNS:{domain},URI:sip:{domain}")
        super().__init__("kamailio-push.cfg", {**defaults, **(values or {})}, switches, memory_mib)

    def bindings(self) -> list[Binding]:
        """Return all contacts that it knows now."""
        bindings: list[Binding] = []
        user = ""
        fields: dict[str, str] = {}
        for line in self.ask("ul.dump").splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name == "AoR":
                user = value
            elif name == "Address":
                fields = {"Address": value}
            elif name == "Instance" and fields:
                bindings.append(_binding(user, {**fields, name: value}))
                fields = {}
            elif fields:
                fields[name] = value
        return bindings

    def add_user(self, name: str, password: str) -> None:
        """Let another user authenticate; a restart forgets it."""
        self.ask("htable.sets", "users", name, f"s:{password}")


class EdgeProxy(_Instance):
    """An entry proxy on ``port``, UDP and TCP, before a core: registrations get a Path through it.

    A context manager.
    """

    def __init__(self, core: Kamailio) -> None:
        self.port = free_sip_port()
        values = {
            "EDGE_HOST": bracketed(core.host),
            "EDGE_PORT": str(self.port),
            "CORE": f"sip:{bracketed(core.host)}:{core.port}",
        }
        super().__init__("kamailio-edge.cfg", values, ())


class MsrpRelay(_Instance):
    """An MSRP relay on ``port``, as a context manager; with ``tls`` it speaks MSRP over TLS."""

    def __init__(self, *, tls: Authority | None = None, host: str = HOST) -> None:
        self.host = host
        self.port = free_port()
        values = {"MSRP_HOST": host, "MSRP_PORT": str(self.port)}
        if tls is not None:
            values |= _certificate(tls, f"IP:{host}")
        switches = () if tls is None else ("WITH_TLS",)
        super().__init__("kamailio-msrp-relay.cfg", values, switches)


def _certificate(authority: Authority, alternative: str) -> dict[str, str]:
    authority.sign("core", alternative)
    return {
        "TLS_CERTIFICATE": str(authority.folder / "core.pem"),
        "TLS_KEY": str(authority.folder / "core.key"),
        "TLS_AUTHORITY": str(authority.folder / "ca.pem"),
    }


def _binding(user: str, fields: Mapping[str, str]) -> Binding:
    def text(name: str) -> str:
        value = fields.get(name, "")
        return "" if value in {"[not set]", "<null>"} else value

    left = text("Expires")
    return Binding(
        user, text("Address"), int(left) if left.isdecimal() else 0,
        text("Received"), text("Path"), text("Instance"),
    )  # fmt: skip


def find_kamailio() -> str:
    """Return the program. :raises KamailioMissing: it is not installed."""
    return _program("kamailio")


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        raise KamailioMissing(f"{name} is missing; scripts/install_peers.sh installs it")
    return found

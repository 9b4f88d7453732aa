"""sipp as a foreign client, gateway or application server: it plays a scenario, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from omapush.core.errors import OmapushError
from omapush.testing.kamailio import DOMAIN, GATEWAY, HOST, USERS, bracketed, free_sip_port

SCENARIOS = Path(__file__).parents[3] / "tests" / "interop" / "sipp"

INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
PUSH_TYPE = "application/vnd.oma.push"
ENVELOPE = (
    "Content-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: x-wap-application:mms.ua\r\n\r\n<si/>"
)
REQUIRED = '*;+g.oma.pusheventapp="mms.ua";require;explicit'
"""An Accept-Contact for the devices with this application and no others."""

_PATIENCE_SECONDS = 30.0
_TRANSPORTS = {"udp": "u1", "tcp": "t1"}  # Debian's sipp has no TLS
_HEADING = re.compile(r"^-{20,} \d.*\n(?:.*\n)?\w+ message (sent|received).*\n\n", re.MULTILINE)


class SippMissing(OmapushError):
    """sipp is not installed."""


class SippError(OmapushError):
    """sipp does not come up; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class SippMessage:
    """A SIP message that sipp sent or received, with LF for CRLF."""

    sent: bool
    text: str

    @property
    def first_line(self) -> str:
        """The request line or the status line."""
        return self.text.partition("\n")[0]

    @property
    def status(self) -> int | None:
        """The status code of an answer; ``None``: a request."""
        version, _, rest = self.first_line.partition(" ")
        return int(rest[:3]) if version == "SIP/2.0" else None

    @property
    def body(self) -> str:
        """What comes after the empty line."""
        return self.text.partition("\n\n")[2]

    def header(self, name: str) -> str | None:
        """Return the value of the first header field of this name, ``None``: there is none."""
        for line in self.text.partition("\n\n")[0].splitlines()[1:]:
            found, _, value = line.partition(":")
            if found.strip().lower() == name.lower():
                return value.strip()
        return None


@dataclass(frozen=True, slots=True)
class SippRun:
    """How a scenario ended.

    :ivar status: 0: everything went as the scenario says.
    :ivar errors: what sipp complained of.
    """

    status: int
    messages: tuple[SippMessage, ...]
    errors: str

    @property
    def received(self) -> list[SippMessage]:
        """What came from the other side."""
        return [each for each in self.messages if not each.sent]

    @property
    def answers(self) -> list[int]:
        """Status codes of the answers that came, without provisional ones."""
        codes = [each.status for each in self.received]
        return [code for code in codes if code is not None and code >= 200]

    @property
    def requests(self) -> list[SippMessage]:
        """The requests that came."""
        return [each for each in self.received if each.status is None]


class Sipp:
    """One sipp at a scenario.

    :param scenario: the name of a file in ``tests/interop/sipp``, without ``.xml``, or a path.
    :param core: port where its requests go.
    :param transport: ``udp`` or ``tcp``.
    :param host: where it is, and the core: an address of loopback, also ``::1``.
    :param user: whom it authenticates as, and ``[service]`` of the scenario.
    :param keys: values for the scenario beside those of :data:`KEYS`. The user and ``target`` may
        hold keywords of sipp: ``u[call_number]`` is another user every time.
    :param calls: after how many runs of the scenario it ends.
    :param timeout: seconds after which it gives up.
    :param trace: keep the messages; a load test has too many.
    :param options: more words for its command line, for example ``("-r", "100")``.

    :ivar port: where it listens, and sends from.
    """

    def __init__(
        self,
        scenario: str | Path,
        core: int,
        *,
        port: int | None = None,
        user: str = "alice",
        password: str | None = None,
        keys: Mapping[str, str] | None = None,
        transport: str = "udp",
        host: str = HOST,
        calls: int = 1,
        timeout: float = 20.0,
        trace: bool = True,
        options: Sequence[str] = (),
    ) -> None:
        self.port = free_sip_port() if port is None else port
        file = SCENARIOS / f"{scenario}.xml" if isinstance(scenario, str) else scenario
        values = {**KEYS, "contact_port": str(self.port), **(keys or {})}
        self._scenario = _filled_in(file.read_text(), {"service": user, **values})
        self._directory = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._host = host
        self._timeout = timeout
        self._trace = trace
        self._arguments = [
            "-i", host, "-p", str(self.port), "-m", str(calls),
            "-timeout", str(round(timeout)), "-timeout_error", "-nostdin",
            "-t", _TRANSPORTS[transport], "-au", user,
            "-ap", USERS.get(user, "load") if password is None else password,
        ]  # fmt: skip
        if ":" not in host:
            # It opens ports for media too, and knows few: each has them at an address of its own.
            media = f"127.1.{self.port >> 8}.{self.port & 0xFF}"
            self._arguments += ["-mi", media]
        for name, value in values.items():
            self._arguments += ["-key", name, value]
        self._arguments += [*options, f"{bracketed(host)}:{core}"]

    @property
    def messages(self) -> tuple[SippMessage, ...]:
        """What it sent and received until now."""
        written = _read(self._directory / "messages").replace("\r\n", "\n")
        _, *parts = _HEADING.split(written)
        return tuple(
            SippMessage(direction == "sent", text.removesuffix("\n"))
            for direction, text in zip(parts[::2], parts[1::2], strict=True)
        )

    async def run(self) -> SippRun:
        """Start it and wait for its end. :raises SippError: it does not come up."""
        async with self:
            return await self.finished()

    async def finished(self) -> SippRun:
        """Wait for its end, of itself or by its time limit."""
        if self._process is None:
            raise SippError("sipp was not started")
        async with asyncio.timeout(self._timeout + _PATIENCE_SECONDS):
            status = await self._process.wait()
        said = _read(self._directory / "errors") + _read(self._directory / "output")
        return SippRun(status, self.messages, said)

    async def __aenter__(self) -> Self:
        """Start it, and wait until its port is taken."""
        program = find_sipp()
        self._directory = Path(tempfile.mkdtemp(prefix="omapush-sipp-"))
        file = self._directory / "scenario.xml"
        file.write_text(self._scenario)
        logs = ["-sf", str(file), "-trace_err", "-error_file", str(self._directory / "errors")]
        if self._trace:
            logs += ["-trace_msg", "-message_file", str(self._directory / "messages")]
        with (self._directory / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                program, *self._arguments[:-1], *logs, self._arguments[-1],
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                cwd=self._directory,
            )  # fmt: skip
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while self._process.returncode is None and _is_free(self._host, self.port):  # noqa: ASYNC110 # its port
                await asyncio.sleep(0.01)
        if self._process.returncode and not self.messages:
            run = await self.finished()
            await self.__aexit__()
            raise SippError(f"sipp ended with {run.status}:\n{run.errors}")
        return self

    async def __aexit__(self, *reason: object) -> None:
        """End it, wherever it is."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)


KEYS = {
    "domain": DOMAIN,
    "status": "200 OK",
    "invite_status": "488 Not Acceptable Here",
    "options_status": "200 OK",
    "allow": "MESSAGE, INVITE, ACK, BYE, CANCEL, OPTIONS",
    "header": "User-Agent: sipp",
    "tags": ';+g.oma.pusheventapp="mms.ua,ulp.ua"',
    "applications": "mms.ua,ulp.ua",
    "instance": INSTANCE,
    "contact_parameters": "",
    "expires": "60",
    "target": f"sip:alice@{DOMAIN}",
    "sender": GATEWAY,
    "accept": PUSH_TYPE,
    "accept_contact": REQUIRED,
    "content_type": PUSH_TYPE,
    "body": ENVELOPE,
    "msrp_port": "2855",
    "msrp_path": f"msrp://{HOST}:2855/k9sWh2Lq;tcp",
    "setup": "passive",
}
"""What the scenarios leave open, and what it is unless a test says otherwise.

``contact_port`` is sipp's own port unless a test says otherwise: a scenario that only registers
names the port of the one that listens.
"""


def _filled_in(scenario: str, values: Mapping[str, str]) -> str:
    """Write into a scenario what sipp does not take as a key, as it reads it too early."""
    for name in ("status", "invite_status", "options_status", "service", "target"):
        scenario = scenario.replace(f"[{name}]", values[name])
    return scenario


def find_sipp() -> str:
    """Return the program. :raises SippMissing: it is not installed."""
    found = shutil.which("sipp", path="/usr/bin")
    if found is None:
        raise SippMissing("sipp is missing; scripts/install_peers.sh installs it")
    return found


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""

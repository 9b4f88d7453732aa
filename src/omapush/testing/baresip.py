"""baresip as a foreign user agent without a screen: it registers, and takes messages of plain text.

It knows nothing of push: it shows no tags, and wants ``text/plain`` and no envelope.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import Self

from omapush.core.errors import OmapushError
from omapush.testing.kamailio import DOMAIN, HOST, USERS, free_sip_port

_PATIENCE_SECONDS = 30.0
_MODULES = Path("/usr/lib/baresip/modules")
_REFUSED = "\x1b[31mreg: sip:"  # what it says in red when the core does not want it
# Each message of its trace: a line with both addresses, the message, and an escape sequence.
_TRACED = re.compile(r"\w+ \S+ -> (\S+)\n(.*?)\x1b\[;m\n", re.DOTALL)


class BaresipMissing(OmapushError):
    """baresip is not installed."""


class BaresipError(OmapushError):
    """baresip did not register; the message holds its log."""


class Baresip:
    """One user agent, as an asynchronous context manager: registered inside it.

    :param core: port of 127.0.0.1 where the SIP core is.
    :param transport: ``udp`` or ``tcp``.

    :ivar port: where it listens.
    """

    def __init__(self, core: int, *, user: str = "bob", transport: str = "udp") -> None:
        self.port = free_sip_port()
        self._core = core
        self._user = user
        self._transport = transport
        self._directory = Path()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What it wrote, with every SIP message, with LF for CRLF."""
        log = self._directory / "log"
        written = log.read_text(errors="replace") if log.exists() else ""
        return written.replace("\r\n", "\n")

    @property
    def requests(self) -> list[str]:
        """The requests that it was sent, whole, repetitions too."""
        core = f"{HOST}:{self._core}"
        traced = [text for to, text in _TRACED.findall(self.log) if to != core]
        return [text for text in traced if not text.startswith("SIP/2.0 ")]

    @property
    def texts(self) -> list[str]:
        """The bodies of the messages that it was sent."""
        messages = [each for each in self.requests if each.startswith("MESSAGE ")]
        return [each.partition("\n\n")[2] for each in messages]

    async def __aenter__(self) -> Self:
        """Start it, and wait until it is registered.

        :raises BaresipMissing: it is not installed.
        :raises BaresipError: it does not register.
        """
        program = find_baresip()
        self._directory = Path(tempfile.mkdtemp(prefix="omapush-baresip-"))
        try:
            self._configure()
            with (self._directory / "log").open("wb") as log:
                self._process = await asyncio.create_subprocess_exec(
                    program, "-4", "-s", "-f", str(self._directory),
                    stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._directory,
                )  # fmt: skip
            await self._registered(self._process)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *reason: object) -> None:
        """End it; it leaves the core."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _configure(self) -> None:
        modules = "".join(f"module {name}.so\n" for name in ("account", "contact", "menu"))
        (self._directory / "config").write_text(
            f"sip_listen {HOST}:{self.port}\nnet_interface {HOST}\n"
            f"module_path {_MODULES}\n{modules}"
        )
        (self._directory / "contacts").write_text("")
        (self._directory / "accounts").write_text(
            f"<sip:{self._user}@{DOMAIN};transport={self._transport}>;"
            f"auth_user={self._user};auth_pass={USERS.get(self._user, 'load')};"
            f'outbound="sip:{HOST}:{self._core};transport={self._transport}";regint=60\n'
        )

    async def _registered(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while "[1 binding]" not in self.log:
                    if process.returncode is not None or _REFUSED in self.log:
                        raise BaresipError(f"baresip does not register:\n{self.log}")
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise BaresipError(f"baresip does not register:\n{self.log}") from error


def find_baresip() -> str:
    """Return the program. :raises BaresipMissing: it is not installed."""
    found = shutil.which("baresip", path="/usr/bin")
    if found is None:
        raise BaresipMissing("baresip is missing; scripts/install_peers.sh installs it")
    return found

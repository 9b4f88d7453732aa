"""A throw-away PostgreSQL cluster, for tests and benchmarks that need a real one.

It runs as an unprivileged user in a directory of its own, listens on a Unix socket there and
nowhere else, and leaves nothing behind.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

from omapush.core.errors import OmapushError

USER = "omapush"
START_TIMEOUT_S = 30.0
_WITHOUT_DURABILITY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresqlMissing(OmapushError):
    """No PostgreSQL server programs are installed, or they do not start."""


def find_programs() -> Path:
    """Return the directory of ``initdb`` and ``postgres``, the newest version first.

    :raises PostgresqlMissing: there is none.
    """
    on_path = shutil.which("initdb")
    places = [Path(on_path).resolve().parent] if on_path else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(debian, key=lambda place: float(place.parent.name), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise PostgresqlMissing("PostgreSQL 15 is not installed; scripts/install_peers.sh installs it")


class PostgresqlCluster:
    """A running cluster, as a context manager.

    :param durable: whether commits wait for the disk, as benchmarks and crash tests need.
    :raises PostgresqlMissing: on entering, when it cannot be started.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._programs = Path()
        self._directory = Path()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._programs = find_programs()
        # Not below pytest's own temporary directories: a socket's path may have 107 octets.
        self._directory = Path(tempfile.mkdtemp(prefix="omapush-pg-"))
        try:
            user = _runs_as()
            if user is not None:
                os.chown(self._directory, user.pw_uid, user.pw_gid)
            self._initialise()
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

    def start(self) -> None:
        """Start the server, after :meth:`kill` again on the same data."""
        settings = ["listen_addresses=", f"unix_socket_directories={self._directory}"]
        settings += ["max_connections=200", "log_min_messages=fatal"]
        settings += () if self._durable else _WITHOUT_DURABILITY
        options = [word for setting in settings for word in ("-c", setting)]
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603 # our own program and arguments
                [self._programs / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                start_new_session=True,
                **_identity(),
            )
        self._wait_until_ready()

    def kill(self) -> None:
        """Kill the server and all its processes without warning; a crash."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop the server; clients are disconnected."""
        self._end(signal.SIGINT)

    def create_database(self, name: str) -> str:
        """Create an empty database; return its URL for ``open_store``."""
        self._run("createdb", "-h", str(self._directory), "-U", USER, name)
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the URL of a database for ``open_store``."""
        return f"postgresql://{USER}@/{name}?host={self._directory}"

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _log(self) -> Path:
        return self._directory / "log"

    def _initialise(self) -> None:
        self._run(
            "initdb",
            *("-D", str(self._data), "-U", USER, "--auth=trust", "--encoding=UTF8"),
            *("--locale=C", "--no-sync", "--no-instructions"),
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S  # noqa: TID251 # waits for a process outside
        check = [str(self._programs / "pg_isready"), "-q", "-h", str(self._directory)]
        while subprocess.run(check, check=False).returncode:  # noqa: S603 # as above
            server = self._server
            late = time.monotonic() > deadline  # noqa: TID251 # as above
            if server is None or server.poll() is not None or late:
                said = self._log.read_text(errors="replace")[-500:]
                raise PostgresqlMissing(f"PostgreSQL does not start: {said}")
            time.sleep(0.02)

    def _end(self, signal_number: signal.Signals) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        if signal_number == signal.SIGKILL:
            os.killpg(server.pid, signal_number)
        else:
            server.send_signal(signal_number)
        server.wait(START_TIMEOUT_S)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 # our own program and arguments
            [self._programs / program, *arguments],
            check=False,
            capture_output=True,
            cwd=self._directory,
            **_identity(),
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise PostgresqlMissing(f"{program} failed: {said}")

    def _remove(self) -> None:
        self._end(signal.SIGQUIT)  # at once, and nothing is written for a start that never comes
        shutil.rmtree(self._directory, ignore_errors=True)


def _runs_as() -> pwd.struct_passwd | None:
    """Return whom to become; PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresqlMissing("PostgreSQL does not run as root, and there is no other user")


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _identity() -> _Identity:
    """Return the arguments that make a subprocess unprivileged."""
    user = _runs_as()
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

"""Tokens of applications that people register from the command line: one private file.

The token of a registration is what makes its holder its owner, so nobody else may read the file. It
is written anew each time, and takes the place of the old one as a whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from omapush.core.errors import OmapushError

MAX_OCTETS = 1 << 20


class TokenFileError(OmapushError):
    """The file cannot be used."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The token of one registration.

    :ivar socket: of the client that gave it. :ivar push_application_id: in canonical form.
    """

    socket: str
    push_application_id: str
    instance: str | None
    registration: str
    token: str

    def is_of(self, socket: Path, push_application_id: str, instance: str | None) -> bool:
        """Whether it is the token of that application at that client."""
        named = (str(socket.absolute()), push_application_id, instance)
        return (self.socket, self.push_application_id, self.instance) == named


def default_path() -> Path:
    """Return where tokens are kept unless the caller says: below ``XDG_STATE_HOME``."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path there is to be ignored, says the XDG base directory specification.
    base = Path(state) if state.startswith("/") else Path.home() / ".local/state"
    return base / "omapush" / "client-tokens.json"


class TokenFile:
    """The file; every call reads it anew. Raises :class:`TokenFileError` where it cannot."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def find(self, socket: Path, push_application_id: str, instance: str | None) -> Kept | None:
        """Return what is kept for an application, if anything is."""
        found = (one for one in self._read() if one.is_of(socket, push_application_id, instance))
        return next(found, None)

    def keep(self, kept: Kept) -> None:
        """Keep a token in place of the one that the application had."""
        with self._changing():
            self._write([*self._others(kept), kept])

    def forget(self, kept: Kept) -> None:
        """Forget the token of a registration that is no more."""
        with self._changing():
            self._write([one for one in self._read() if one != kept])

    def _others(self, kept: Kept) -> list[Kept]:
        socket = Path(kept.socket)
        return [
            one
            for one in self._read()
            if not one.is_of(socket, kept.push_application_id, kept.instance)
        ]

    def _read(self) -> list[Kept]:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    reason = f"others may read it; make it yours with chmod 600 {self.path}"
                    raise TokenFileError(f"tokens in {self.path} are not used: {reason}")
                octets = file.read(MAX_OCTETS + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._failed("read", error) from error
        try:
            return [Kept(**members) for members in json.loads(octets)["tokens"]]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise TokenFileError(f"{self.path} holds no tokens of this omapush") from error

    def _write(self, tokens: list[Kept]) -> None:
        text = json.dumps({"tokens": [asdict(one) for one in tokens]}, indent=1)
        try:
            # It is made with mode 0600.
            descriptor, written = tempfile.mkstemp(prefix=".tokens-", dir=self.path.parent)
            try:
                with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - no path
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                Path(written).replace(self.path)
            except BaseException:
                Path(written).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise self._failed("written", error) from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Let nobody else change the file meanwhile."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise self._failed("written", error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _failed(self, what: str, error: OSError) -> TokenFileError:
        return TokenFileError(f"{self.path} cannot be {what}: {error.strerror or error}")

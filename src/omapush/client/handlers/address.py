"""The Event Handler of a registration (CAI-8) as a value. Pure.

::

    none                                  the application asks for its events
    exec:["/usr/bin/player", "-"]         a program and its arguments, as a JSON array
    unix:/run/app.sock:/push              a Unix socket, and the path of the HTTP request
    http://127.0.0.1:8000/push            the same on this host; never another
    dbus:org.example.App/org/example/App  bus name and object path
    python:package.module:function        a coroutine function in the client's own process
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NoReturn
from urllib.parse import urlsplit

from omapush.cai.model import Reason, RegistrationRejected
from omapush.core.networks import host_and_port

PARAMETER = "event_handler"
MAX_ARGUMENTS = 64
MAX_SOCKET_PATH = 107
"""Octets of the longest name of a Unix socket (unix(7))."""
MAX_BUS_NAME = 255
"""Characters of the longest bus name (D-Bus specification, "Valid Names")."""
NONE = "none"

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}", re.ASCII)
_REQUEST_PATH = re.compile(r"/[!-~]*", re.ASCII)
_BUS_NAME = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*(\.[A-Za-z_-][A-Za-z0-9_-]*)+", re.ASCII)
_UNIQUE_NAME = re.compile(r":[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+", re.ASCII)
_OBJECT_PATH = re.compile(r"/|(/[A-Za-z0-9_]+)+", re.ASCII)
_LOCALHOST = "localhost"


@dataclass(frozen=True, slots=True)
class ProgramAddress:
    """A program that is started for each push; ``argv[0]`` is an absolute path."""

    scheme: ClassVar[str] = "exec"
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SocketAddress:
    """A Unix socket that takes HTTP requests for ``path``."""

    scheme: ClassVar[str] = "unix"
    socket: str
    path: str = "/"


@dataclass(frozen=True, slots=True)
class LoopbackAddress:
    """An HTTP server on this host. ``host`` is a literal address, without brackets."""

    scheme: ClassVar[str] = "http"
    host: str
    port: int
    path: str = "/"

    @property
    def url(self) -> str:
        """What is requested."""
        return f"http://{host_and_port(self.host, self.port)}{self.path}"


@dataclass(frozen=True, slots=True)
class BusAddress:
    """An object of an application on D-Bus."""

    scheme: ClassVar[str] = "dbus"
    bus_name: str
    object_path: str

    @property
    def is_of_connection(self) -> bool:
        """Whether the bus gave the name to one connection, and will never give it again."""
        return self.bus_name.startswith(":")


@dataclass(frozen=True, slots=True)
class FunctionAddress:
    """A coroutine function."""

    scheme: ClassVar[str] = "python"
    module: str
    function: str


HandlerAddress = ProgramAddress | SocketAddress | LoopbackAddress | BusAddress | FunctionAddress


def scheme_of(text: str | None) -> str:
    """Return the kind of handler, ``none`` for none; of whatever follows nothing is said."""
    return (text or NONE).partition(":")[0]


def parse_address(text: str | None) -> HandlerAddress | None:
    """Read an Event Handler; ``None`` when the application asks for its events itself.

    :raises RegistrationRejected: ``unsupported_option``: no kind that is known (T-06), or not on
        this host; ``invalid_parameter``: not of the form of its kind.
    """
    if text in (None, "", NONE):
        return None
    scheme, _, rest = text.partition(":")
    read = _READERS.get(scheme)
    if read is None:
        shown = (
            f"kind {scheme!r}" if _SCHEME.fullmatch(scheme) and len(scheme) < 32 else "that kind"
        )
        detail = f"event handlers of {shown} are not supported"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, PARAMETER)
    return read(rest)


def _program(text: str) -> ProgramAddress:
    try:
        argv = json.loads(text)
    except (ValueError, RecursionError):
        _malformed("exec: is followed by a JSON array of texts")
    if not isinstance(argv, list) or not argv or not all(isinstance(one, str) for one in argv):
        _malformed("exec: is followed by a JSON array of texts")
    if len(argv) > MAX_ARGUMENTS:
        _malformed(f"has more than {MAX_ARGUMENTS} arguments")
    if not argv[0].startswith("/"):
        # Which program it is must not depend on where the client was started.
        _malformed("names no program by its absolute path")
    if not all(_is_argument(one) for one in argv):
        _malformed("has an argument that no program can be given")
    return ProgramAddress(tuple(argv))


def _is_argument(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _socket(text: str) -> SocketAddress:
    # The first ":/" ends the name of the socket, so that name cannot hold one.
    name, separator, path = text.partition(":/")
    path = f"/{path}" if separator else "/"
    if not name.startswith("/") or name.endswith("/") or not name.isprintable():
        _malformed("unix: is followed by the absolute path of a socket")
    if len(name.encode("utf-8", "replace")) > MAX_SOCKET_PATH:
        _malformed(f"names a socket by more than {MAX_SOCKET_PATH} octets")
    return SocketAddress(name, _request_path(path))


def _loopback(text: str) -> LoopbackAddress:
    try:
        parts = urlsplit(f"http:{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        _malformed("is no URL")
    if not text.startswith("//") or not host or port == 0 or "@" in parts.netloc:
        _malformed("is no URL of the form http://127.0.0.1:port/path")
    path = text[2 + len(parts.netloc) :]
    path = path if path.startswith("/") else f"/{path}"
    return LoopbackAddress(_this_host(host), 80 if port is None else port, _request_path(path))


def _this_host(host: str) -> str:
    """Return the literal address: a name could come to mean another host."""
    if host == _LOCALHOST:
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        detail = "event handlers on other hosts are not supported: 127.0.0.1, [::1] or localhost"
        raise RegistrationRejected(Reason.UNSUPPORTED_OPTION, detail, PARAMETER)
    return str(address)


def _request_path(path: str) -> str:
    if not _REQUEST_PATH.fullmatch(path) or "#" in path:
        _malformed("has a path that no HTTP request can have")
    return path


def _bus(text: str) -> BusAddress:
    name, slash, path = text.partition("/")
    path = slash + path
    is_name = _BUS_NAME.fullmatch(name) or _UNIQUE_NAME.fullmatch(name)
    if not is_name or len(name) > MAX_BUS_NAME:
        _malformed("dbus: is followed by a bus name")
    if not _OBJECT_PATH.fullmatch(path):
        _malformed("has no D-Bus object path behind the bus name")
    return BusAddress(name, path)


def _function(text: str) -> FunctionAddress:
    module, _, function = text.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        _malformed("python: is followed by module:function")
    return FunctionAddress(module, function)


_READERS: dict[str, Callable[[str], HandlerAddress]] = {
    ProgramAddress.scheme: _program,
    SocketAddress.scheme: _socket,
    LoopbackAddress.scheme: _loopback,
    BusAddress.scheme: _bus,
    FunctionAddress.scheme: _function,
}


def _malformed(what: str) -> NoReturn:
    raise RegistrationRejected(Reason.INVALID_PARAMETER, f"{PARAMETER} {what}", PARAMETER)

"""Session descriptions (RFC 4566, offer and answer of RFC 3264), as far as MSRP sessions need them.

Lines that are not understood are kept out of the way: RFC 4566 has an answerer ignore them.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace

from omapush.core.errors import DecodeError, EncodeError

MAX_OCTETS = 65_536
MAX_MEDIA = 16
MSRP_PLAIN, MSRP_TLS = "TCP/MSRP", "TCP/TLS/MSRP"
_MEDIA = re.compile(r"([!-~]{1,32}) ([0-9]{1,5})(?:/[0-9]{1,5})? ([!-~]{1,64}) ([ -~]{1,1024})")
_LINE_END = re.compile(r"\r\n|\n|\r")
_CONNECTION = re.compile(r"IN (IP[46]) ([!-~]{1,255})")


class BadDescription(DecodeError):
    """Octets are no session description, or not one that can be answered."""


class Setup(enum.Enum):
    """Who opens the connection (RFC 4145, RFC 6135)."""

    ACTIVE = "active"
    PASSIVE = "passive"
    ACTPASS = "actpass"


class Direction(enum.Enum):
    """Who sends (RFC 3264 5.1)."""

    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    SENDRECV = "sendrecv"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Media:
    """One media line with its attributes.

    :ivar port: 0: the medium is refused, or not used.
    :ivar path: what ``a=path`` says, MSRP URIs with spaces between them; empty: it is not there.
    :ivar accept_types: content types that are taken; ``*``: all.
    :ivar accept_wrapped_types: the same, of what stands within others.
    :ivar max_size: octets of the longest message.
    :ivar fingerprint: of the certificate, as it is written, for TLS without a common root.
    :ivar host: of its own ``c=`` line, or of the session's.
    """

    kind: str = "message"
    port: int = 0
    protocol: str = MSRP_PLAIN
    formats: str = "*"
    path: str = ""
    accept_types: tuple[str, ...] = ()
    accept_wrapped_types: tuple[str, ...] = ()
    max_size: int | None = None
    setup: Setup | None = None
    direction: Direction = Direction.SENDRECV
    fingerprint: str | None = None
    host: str | None = None

    @property
    def is_msrp(self) -> bool:
        """Whether it offers an MSRP session."""
        return self.protocol in (MSRP_PLAIN, MSRP_TLS) and self.port != 0 and self.path != ""

    @property
    def is_secure(self) -> bool:
        """Whether the session is by TLS."""
        return self.protocol == MSRP_TLS

    def accepts(self, content_type: str) -> bool:
        """Whether messages of this type are taken (RFC 4975 8.6: with wildcards)."""
        wanted = content_type.partition(";")[0].strip().lower()
        family = wanted.partition("/")[0] + "/*"
        return any(each.lower() in ("*", wanted, family) for each in self.accept_types)


@dataclass(frozen=True, slots=True)
class Description:
    """A session description.

    :ivar host: the address in ``o=`` and ``c=``. :ivar session_id: and ``version``: of ``o=``.
    """

    host: str
    media: tuple[Media, ...]
    session_id: int = 0
    version: int = 1

    @property
    def msrp(self) -> Media | None:
        """The first MSRP session that is offered."""
        return next((each for each in self.media if each.is_msrp), None)

    def answered_by(self, answer: Media, host: str) -> Description:
        """Return the answer that takes the first MSRP session and refuses all else (RFC 3264 6)."""
        chosen = self.msrp
        lines = (answer if each is chosen else replace(_REFUSED, kind=each.kind,
                 protocol=each.protocol, formats=each.formats) for each in self.media)  # fmt: skip
        return Description(host, tuple(lines), self.session_id, self.version)


_REFUSED = Media()


def parse_description(octets: bytes) -> Description:
    """Read a session description. :raises BadDescription: it is none."""
    if len(octets) > MAX_OCTETS:
        raise BadDescription(f"{len(octets)} octets, and at most {MAX_OCTETS} are read")
    # A line ends where RFC 4566 says, and not where Unicode has separators as well.
    lines = [one for one in _LINE_END.split(octets.decode("utf-8", "replace")) if one.strip()]
    if not lines or lines[0].rstrip() != "v=0":
        raise BadDescription("it does not begin with v=0", "line 1")
    reading = _Reading()
    for number, line in enumerate(lines, 1):
        if len(line) < 2 or line[1] != "=":
            raise BadDescription("not a line of a session description", f"line {number}")
        reading.line(line[0], line[2:].rstrip(), number)
    return reading.description()


class _Reading:
    def __init__(self) -> None:
        self._host: str | None = None
        self._session_id, self._version = 0, 1
        self._media: list[Media] = []
        self._of_all = Media()  # what the session says of all its media

    def line(self, letter: str, value: str, number: int) -> None:
        match letter:
            case "o":
                self._origin(value, number)
            case "c":
                self._connection(value, number)
            case "m":
                self._medium(value, number)
            case "a":
                self._attribute(value, number)

    def _attribute(self, value: str, number: int) -> None:
        name, _, text = value.partition(":")
        if self._media:
            self._media[-1] = _with_attribute(self._media[-1], name, text.strip(), number)
        elif name in _OF_SESSIONS:
            self._of_all = _with_attribute(self._of_all, name, text.strip(), number)

    def _origin(self, value: str, number: int) -> None:
        parts = value.split(" ")
        if len(parts) != 6 or not all(_is_number(one) for one in parts[1:3]):
            raise BadDescription("not an origin", f"line {number}")
        self._session_id, self._version = int(parts[1]), int(parts[2])
        self._host = self._host or parts[5]

    def _connection(self, value: str, number: int) -> None:
        match = _CONNECTION.fullmatch(value)
        if match is None:
            raise BadDescription("not a connection address", f"line {number}")
        if self._media:
            self._media[-1] = replace(self._media[-1], host=match[2])
        else:
            self._host = match[2]

    def _medium(self, value: str, number: int) -> None:
        match = _MEDIA.fullmatch(value)
        if match is None or int(match[2]) > 65_535:
            raise BadDescription("not a media line", f"line {number}")
        if len(self._media) >= MAX_MEDIA:
            raise BadDescription(f"more than {MAX_MEDIA} media", f"line {number}")
        kind, port, protocol, formats = match.groups()
        self._media.append(
            replace(
                self._of_all,
                kind=kind,
                port=int(port),
                protocol=protocol.upper(),
                formats=formats,
                host=self._host,
            )
        )

    def description(self) -> Description:
        if self._host is None:
            raise BadDescription("neither an origin nor a connection address")
        return Description(self._host, tuple(self._media), self._session_id, self._version)


def _with_attribute(media: Media, name: str, text: str, number: int) -> Media:
    if name in _DIRECTIONS:
        return replace(media, direction=Direction(name))
    match name:
        case "path" | "fingerprint":
            return replace(media, **{name: text})  # type: ignore[arg-type]
        case "accept-types" | "accept-wrapped-types":
            return replace(media, **{name.replace("-", "_"): tuple(text.split())})  # type: ignore[arg-type]
        case "max-size" if _is_number(text):
            return replace(media, max_size=int(text))
        case "setup" if text.lower() in _SETUPS:
            return replace(media, setup=Setup(text.lower()))
        case "max-size" | "setup":
            raise BadDescription(f"not what {name} may say", f"line {number}")
    return media


_DIRECTIONS = {each.value for each in Direction}
_SETUPS = {each.value for each in Setup}
# These may stand above all media and hold for those that do not say otherwise (RFC 3264 5.1, RFC
# 4145 4, RFC 4572 5).
_OF_SESSIONS = _DIRECTIONS | {"setup", "fingerprint"}


def encode_description(description: Description) -> bytes:
    """Return a session description with its lines in the order of RFC 4566 5.

    :raises EncodeError: a line end within a value, so that lines could be smuggled in.
    """
    family = "IP6" if ":" in description.host else "IP4"
    where = f"IN {family} {description.host}"
    lines = [
        "v=0",
        f"o=- {description.session_id} {description.version} {where}",
        "s=-",
        f"c={where}",
        "t=0 0",
    ]
    for one in description.media:
        lines.append(f"m={one.kind} {one.port} {one.protocol} {one.formats}")
        lines.extend(_attributes(one) if one.port else ())
    if any("\r" in line or "\n" in line for line in lines):
        raise EncodeError("a line end within a line of a session description")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _attributes(media: Media) -> list[str]:
    lines = []
    if media.accept_types:
        lines.append(f"a=accept-types:{' '.join(media.accept_types)}")
    if media.accept_wrapped_types:
        lines.append(f"a=accept-wrapped-types:{' '.join(media.accept_wrapped_types)}")
    if media.max_size is not None:
        lines.append(f"a=max-size:{media.max_size}")
    lines.append(f"a=path:{media.path}")
    if media.setup is not None:
        lines.append(f"a=setup:{media.setup.value}")
    if media.fingerprint is not None:
        lines.append(f"a=fingerprint:{media.fingerprint}")
    lines.append(f"a={media.direction.value}")
    return lines


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20

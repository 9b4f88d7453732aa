"""The client's cache, and what a cache operation does to it (CO, WAP-175).

``CachePort`` is all that a cache must offer; :class:`MemoryCache` is a bounded one. Judging is
pure: :func:`matches_object` and :func:`matches_service` compare addresses, :func:`may_operate` says
whether a pushed operation is taken from this sender, :func:`apply` does it all. Content that is
pushed to be cached is :func:`pushed_object`.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from omapush.content.indication import CacheOperation
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, from_datetime
from omapush.ota.interface import PushFlag

MAX_URI = 2_048
"""Characters of an address that is compared; a longer one matches nothing."""

MAX_PARTS = 1_024
"""Parts of one operation that are carried out."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPED = re.compile("%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class CachedObject:
    """What a cache knows of one object.

    :ivar uri: absolute, as it was fetched or pushed.
    :ivar dated: its Date or Last-Modified, whichever is later; ``None``: neither.
    """

    uri: str
    body: bytes
    content_type: str = ""
    dated: Instant | None = None


class CachePort(Protocol):
    """What the client asks of a cache. Calls do not fail; what cannot be kept is not kept."""

    def keep(self, cached: CachedObject) -> None:
        """Store an object, replacing one with the same address."""

    def get(self, uri: str) -> CachedObject | None:
        """Return the object at ``uri``, or ``None``."""

    def objects(self) -> Iterable[CachedObject]:
        """Return all objects, as they are at this moment."""

    def invalidate(self, uri: str) -> None:
        """Never use the object kept under ``uri`` again in any way (WAP-175)."""


class MemoryCache:
    """A cache in memory that forgets what was used longest ago when it is full."""

    def __init__(self, *, max_objects: int = 256, max_octets: int = 1 << 20) -> None:
        self._objects: OrderedDict[str, CachedObject] = OrderedDict()
        self._max_objects = max_objects
        self._max_octets = max_octets
        self._octets = 0

    def keep(self, cached: CachedObject) -> None:
        """Store an object, replacing one with the same address; too large a one is not kept."""
        self.invalidate(cached.uri)
        if _size(cached) > self._max_octets:
            return
        self._objects[cached.uri] = cached
        self._octets += _size(cached)
        while len(self._objects) > self._max_objects or self._octets > self._max_octets:
            _, oldest = self._objects.popitem(last=False)
            self._octets -= _size(oldest)

    def get(self, uri: str) -> CachedObject | None:
        """Return the object at ``uri``, which counts as a use of it, or ``None``."""
        cached = self._objects.get(uri)
        if cached is not None:
            self._objects.move_to_end(uri)
        return cached

    def objects(self) -> Iterable[CachedObject]:
        """Return all objects, the one used longest ago first."""
        return tuple(self._objects.values())

    def invalidate(self, uri: str) -> None:
        """Forget the object kept under ``uri``."""
        forgotten = self._objects.pop(uri, None)
        if forgotten is not None:
            self._octets -= _size(forgotten)


def _size(cached: CachedObject) -> int:
    return len(cached.uri) + len(cached.content_type) + len(cached.body)


# ---- one cache operation ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a cache operation came from.

    :ivar base: what its relative addresses are relative to, or ``None``: see :func:`base_of`.
    :ivar dated: its Date, or ``None``.
    :ivar flags: what the gateway said of the push; nothing, when the operation was fetched.
    :ivar authority_of: X-Wap-Initiator-URI of a push, or the address that it was fetched from.
    """

    base: str | None = None
    dated: Instant | None = None
    flags: PushFlag = PushFlag.NONE
    authority_of: str | None = None
    pulled: bool = False


def origin_of_push(message: PushMessage, flags: PushFlag) -> Origin:
    """Return where a pushed cache operation came from."""
    # WAP-251 5.2: without the header X-Wap-Content-URI stands for it, else Content-Location.
    named = (message.get(name) for name in ("X-Wap-Initiator-URI", "X-Wap-Content-URI"))
    initiator = next((uri for uri in named if uri), message.get("Content-Location"))
    return Origin(base_of(message), _http_date(message.get("Date")), flags, initiator)


def pushed_object(message: PushMessage) -> CachedObject | None:
    """Return what a cache keeps of pushed content, or ``None`` if it is for no cache.

    X-Wap-Content-URI stands for the address of a request, as if the content had been fetched
    (WAP-251 5.2); without it Content-Location does, if it is absolute.
    """
    uri = message.get("X-Wap-Content-URI") or message.get("Content-Location") or ""
    directives = ",".join(message.get_all("Cache-Control")).lower().split(",")
    if _address(uri) is None or "no-store" in (each.strip() for each in directives):
        return None
    dates = (_http_date(message.get(name)) for name in ("Date", "Last-Modified"))
    dated = max((date for date in dates if date is not None), default=None)
    return CachedObject(uri, message.body, message.content_type or "", dated)


def base_of(message: PushMessage) -> str | None:
    """Return the base of relative addresses in ``message``, or ``None`` (WAP-175).

    It is Content-Location, itself relative to X-Wap-Content-URI, else X-Wap-Content-URI.
    """
    content_uri = message.get("X-Wap-Content-URI")
    location = message.get("Content-Location")
    if not location:
        return content_uri
    return resolved(location, content_uri)


def resolved(uri: str, base: str | None) -> str | None:
    """Return ``uri`` as an absolute address, or ``None`` if there is no base or no such address."""
    if len(uri) > MAX_URI or len(base or "") > MAX_URI:
        return None
    try:
        absolute = uri if urlsplit(uri).scheme else urljoin(base or "", uri)
        return absolute if urlsplit(absolute).scheme else None
    except ValueError:
        return None


def may_operate(uri: str, origin: Origin) -> bool:
    """Whether an operation on the absolute ``uri`` is taken from ``origin`` (WAP-175).

    The gateway trusts the content, or it authenticated the initiator and both have one authority;
    fetched operations may touch only what has the authority they were fetched from.
    """
    if not origin.pulled:
        if PushFlag.CONTENT_TRUSTED in origin.flags:
            return True
        if PushFlag.INITIATOR_AUTHENTICATED not in origin.flags:
            return False
    own, other = _address(uri), _address(origin.authority_of or "")
    if own is None or other is None or own.authority is None:
        return False
    return own.authority == other.authority


def apply(
    operation: CacheOperation, origin: Origin, cache: CachePort, *, trust_everyone: bool = False
) -> tuple[str, ...]:
    """Invalidate what ``operation`` names and return the addresses of those objects.

    Parts that are relative without a base, or not taken from ``origin``, do nothing; so does an
    operation that matches nothing. An object dated after the operation stays (WAP-175). Of a very
    long operation the first :data:`MAX_PARTS` parts count.

    :param trust_everyone: switch the filter of :func:`may_operate` off.
    """
    parts: list[tuple[str, Callable[[_Address, _Address], bool]]] = [
        *((uri, _is_object) for uri in operation.objects),
        *((uri, _is_below) for uri in operation.services),
    ]
    meant = []
    for relative, matches in parts[:MAX_PARTS]:
        uri = resolved(relative, origin.base)
        address = _address(uri) if uri is not None else None
        if uri is None or address is None or not (trust_everyone or may_operate(uri, origin)):
            continue
        meant.append((address, matches))
    invalidated = []
    for cached in cache.objects():
        known = _address(cached.uri)
        if known is None or _is_later(cached, origin):
            continue
        if any(matches(address, known) for address, matches in meant):
            cache.invalidate(cached.uri)
            invalidated.append(cached.uri)
    return tuple(invalidated)


def _is_later(cached: CachedObject, origin: Origin) -> bool:
    return origin.dated is not None and cached.dated is not None and cached.dated > origin.dated


def _http_date(value: str | None) -> Instant | None:
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value[:60])
        return from_datetime(moment)
    except (ValueError, OverflowError, DecodeError):
        return None  # as good as none


# ---- addresses ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Address:
    """An absolute address in the form in which addresses are compared (RFC 2616, 3.2.3).

    :ivar authority: user, host and port; an absent authority equals only an absent one.
    """

    scheme: str
    authority: tuple[str, str, int | None] | None
    path: str
    query: str

    @property
    def is_opaque(self) -> bool:
        """Whether it has no hierarchy, like ``urn:a:b``."""
        return self.authority is None and not self.path.startswith("/")


def matches_object(uri: str, cached: str) -> bool:
    """Whether both absolute addresses are one by the rules of HTTP/1.1 (RFC 2616, 3.2.3)."""
    one, other = _address(uri), _address(cached)
    return one is not None and other is not None and _is_object(one, other)


def matches_service(service: str, cached: str) -> bool:
    """Whether ``cached`` lies below ``service``, whose query does not count (WAP-175).

    Leading segments of the path match as wholes: ``/abc/ef`` matches ``/abc/ef/gh`` but not
    ``/abc/efz``; of opaque addresses such as ``urn:...`` all must match.
    """
    prefix, whole = _address(service), _address(cached)
    return prefix is not None and whole is not None and _is_below(prefix, whole)


def _is_object(meant: _Address, known: _Address) -> bool:
    return meant == known


def _is_below(service: _Address, known: _Address) -> bool:
    if (service.scheme, service.authority) != (known.scheme, known.authority):
        return False
    if service.is_opaque or service.path == known.path:
        return service.path == known.path
    return known.path.startswith(service.path if service.path[-1:] == "/" else service.path + "/")


def _address(uri: str) -> _Address | None:
    """Return the form in which ``uri`` is compared; a fragment is no part of it.

    ``None``: it is longer than :data:`MAX_URI`, relative, or has no such form.
    """
    if len(uri) > MAX_URI:
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme:
        return None
    authority = None
    if parts.netloc:
        user = parts.netloc.rpartition("@")[0]
        default = _DEFAULT_PORTS.get(parts.scheme)
        authority = user, (parts.hostname or "").lower(), default if port is None else port
    path = _unescaped(parts.path) or ("/" if parts.netloc else "")
    return _Address(parts.scheme, authority, path, _unescaped(parts.query))


def _unescaped(text: str) -> str:
    """Write every character that needs no escape without one, and other escapes in one case."""

    def plain(escape: re.Match[str]) -> str:
        sign = chr(int(escape[1], 16))
        return sign if sign in _UNRESERVED else escape[0].upper()

    return _ESCAPED.sub(plain, text)

"""Push Resource Identifiers: push application ids as values of a media feature tag (RFC 3840).

A client registers ``+g.oma.pusheventapp="mms.ua,ulp.ua"``, and a push asks for a contact that has
its value. Ids under ``x-wap-application:`` and ``x-oma-application:`` are written without that
beginning, as deployed handsets do; every other id is written whole, with what a tag cannot hold
percent-encoded [design]. A tag without value, or the value ``TRUE`` beside others, stands for any
application [design].
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.sip.tag_values import MAX_LENGTH, encoded, is_token

TAG = "g.oma.pusheventapp"

ANY = "TRUE"
"""The value for any application: that of a tag that has none (RFC 3840, 9)."""

# In this order an id is looked for that is written without its beginning.
_PREFIXES = ("x-oma-application:", "x-wap-application:")
_REGISTERED = frozenset(REGISTRY.values())
_ANYBODY = REGISTRY[ANY_APPLICATION]


def value_of(application: ApplicationId | str) -> str:
    """Return the value for a push application id; :data:`ANY` for the one that means any.

    :param application: in words or as its number.
    :raises DecodeError: a text that is no push application id.
    """
    if isinstance(application, str):
        application = ApplicationId.parse(application)
    name = application.canonical
    if name == _ANYBODY:
        return ANY
    for prefix in _PREFIXES:
        rest = name.removeprefix(prefix)
        if rest != name and is_token(rest) and not _means_something_else(rest):
            return rest
    return encoded(name)


def application_of(value: str, known: Iterable[str] = ()) -> ApplicationId:
    """Return the push application id that a value stands for.

    :param known: ids that are looked through first; the value does not tell ``x-wap-application:``
        from ``x-oma-application:`` where neither name is registered with OMNA.
    :raises DecodeError: no value of that tag.
    """
    if len(value) > MAX_LENGTH or not is_token(value):
        raise DecodeError(f"not a Push Resource Identifier: {value[:60]!r}", TAG)
    if value.upper() == ANY:
        return ApplicationId(None, ANY_APPLICATION)
    for one in known:
        if same_value(value_of(one), value):
            return ApplicationId.parse(one)
    if "%" in value or value in _REGISTERED:
        return ApplicationId.parse(unquote(value, errors="replace"))
    names = (prefix + value for prefix in _PREFIXES)
    found = next((name for name in names if _is_registered(name)), None)
    if found is None and _is_code(value):
        return ApplicationId.parse(value)
    return ApplicationId.parse(found or _PREFIXES[0] + value)


def same_value(one: str, other: str) -> bool:
    """Whether two values are the same: their case does not count (RFC 3840, 9)."""
    return one.lower() == other.lower()


def values_of(applications: Iterable[ApplicationId | str]) -> tuple[str, ...]:
    """Return the values for all of these applications, each once, in their order.

    :raises DecodeError: one is no push application id.
    """
    found: dict[str, str] = {}
    for one in applications:
        value = value_of(one)
        found.setdefault(value.lower(), value)
    return tuple(found.values())


def _is_registered(name: str) -> bool:
    return ApplicationId(name, None).registered_code is not None


def _is_code(value: str) -> bool:
    try:
        return ApplicationId.parse(value).uri is None
    except DecodeError:
        return False


def _means_something_else(rest: str) -> bool:
    """Whether a name without its beginning would be read as another thing."""
    return "%" in rest or rest.upper() in (ANY, "FALSE") or _is_code(rest) or rest in _REGISTERED

"""PAP: a control document alone or a MIME entity, with or without what HTTP put before it."""

from __future__ import annotations

import re
from functools import partial

from omapush.core.explanation import Field, Scalar
from omapush.core.instants import Instant, format_utc
from omapush.inspection.bodies import carried_body
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.plain import Json, plain
from omapush.pap import entity, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.entity import Entity
from omapush.pap.model import Pap

_HEAD = re.compile(
    rb"\A(?:[^\r\n:]*HTTP/[^\r\n]*\r?\n)?((?:[!-9;-~]+:[^\r\n]*\r?\n|[ \t][^\r\n]*\r?\n)+)\r?\n"
)
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(rb"\r?\n[ \t]+")
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_MAX_HEAD = 16_384
_TIMES = ("time", "timestamp")


def read_pap(octets: bytes) -> Reading:
    """Read a PAP entity. :raises DecodeError: it is none."""
    found, document = _read(octets)
    values: Values = {
        "operation": _operation(document),
        "version": str(document.version),
        "owner": document.owner,
        "product_name": document.product_name,
        "supported_versions": [str(each) for each in document.supported_versions],
        "attributes": _attributes(document.message),
    }
    content = found.content
    carried: tuple[Carried, ...] = ()
    if content is not None:
        values["content"] = {
            "headers": [list(header) for header in content.headers],
            "body": content.body.hex(),
        }
        carried = carried_body(content.get("Content-Type"), content.body)
    if found.capabilities is not None:
        values["capabilities"] = found.capabilities.decode("utf-8", "replace")
    warnings = tuple(f"pap: tolerated: {each}" for each in (*found.repairs, *document.repairs))
    return Reading("pap", values, partial(explain_pap, octets), carried, warnings, 100)


def _read(octets: bytes) -> tuple[Entity, Pap]:
    content_type, body = _split(octets)
    found = entity.split(content_type, body)
    return found, xml.decode(found.control, charset=found.control_charset)


def _split(octets: bytes) -> tuple[str, bytes]:
    """Return the entity's media type and its octets, by what it begins with."""
    head = _HEAD.match(octets[:_MAX_HEAD])
    if head is not None:
        named = _CONTENT_TYPE.search(_FOLD.sub(b" ", head[1]))
        if named is None:
            raise BadMessage("the headers name no Content-Type")
        return named[1].decode("latin-1").strip(), octets[head.end() :]
    if octets.startswith(b"--"):
        boundary = octets[2:80].partition(b"\n")[0].strip().decode("latin-1")
        return f'multipart/related; boundary="{boundary}"; type="application/xml"', octets
    return "application/xml", octets


def _operation(document: Pap) -> str:
    return _WORD.sub("-", type(document.message).__name__).lower()


def _attributes(message: object) -> dict[str, Json]:
    said = plain(message)
    assert isinstance(said, dict)  # noqa: S101 - every message is a dataclass
    return {name.replace("_", "-"): _with_times(name, value) for name, value in said.items()}


def _with_times(name: str, value: Json) -> Json:
    """Return ``value`` with instants as PAP writes them."""
    if isinstance(value, dict):
        return {key.replace("_", "-"): _with_times(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_times(name, each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and name.endswith(_TIMES):
        return format_utc(Instant(value))
    return value


def explain_pap(octets: bytes) -> Field:
    """Return the tree of an entity: its parts, and what the control document says.

    An attribute has no octets of its own: XML may write it in more than one way.

    :raises DecodeError: it is none.
    """
    found, document = _read(octets)
    at = max(octets.find(found.control), 0)
    children = [
        Field("version", at, b"", str(document.version)),
        *_fields(_attributes(document.message), at),
    ]
    parts = [Field(_operation(document), at, found.control, None, tuple(children))]
    if found.content is not None:
        parts.append(_content(octets, found.content.headers, found.content.body, at))
    if found.capabilities is not None:
        start = max(octets.rfind(found.capabilities), 0)
        parts.append(Field("capabilities", start, found.capabilities))
    return Field("PAP entity", 0, octets, None, tuple(parts), "; ".join(found.repairs) or None)


def _content(octets: bytes, headers: tuple[tuple[str, str], ...], body: bytes, after: int) -> Field:
    at = max(octets.find(body, after), 0)
    said = tuple(Field(name, at, b"", value) for name, value in headers)
    return Field("content", at, b"", None, (*said, Field("body", at, body)))


def _fields(said: dict[str, Json], at: int) -> list[Field]:
    fields = []
    for name, value in said.items():
        if value is None:
            continue
        if isinstance(value, dict):
            fields.append(Field(name, at, b"", None, tuple(_fields(value, at))))
        elif isinstance(value, list):
            fields += _fields_of_list(name, value, at)
        else:
            fields.append(Field(name, at, b"", _scalar(value)))
    return fields


def _fields_of_list(name: str, values: list[Json], at: int) -> list[Field]:
    return [
        Field(name, at, b"", None, tuple(_fields(each, at)))
        if isinstance(each, dict)
        else Field(name, at, b"", _scalar(each))
        for each in values
    ]


def _scalar(value: Json) -> Scalar:
    return value if isinstance(value, str | bool | int) else str(value)

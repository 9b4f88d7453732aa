"""Writes the tables of docs/settings.md from the settings models, so that they are said once.

``python scripts/settings_reference.py`` rewrites what follows the mark; with ``--check`` it only
compares, and ends with 1 if the page is not what would be written.
"""

from __future__ import annotations

import enum
import json
import sys
import types
import typing
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from omapush.daemon.cai_settings import HandlersTable, RuleTable
from omapush.daemon.client_settings import ContactTable
from omapush.daemon.permission_settings import ToleranceTable
from omapush.daemon.ppg_service_registration_settings import PushProfileTable, PushServiceTable
from omapush.daemon.service_registration_settings import ServiceCredentialsTable
from omapush.daemon.settings import ClientSettings, PpgSettings
from omapush.daemon.settings_table import Endpoint
from omapush.daemon.sip_settings import SipRegistrationTable

PAGE = Path(__file__).parent.parent / "docs/settings.md"
MARK = "<!-- From here on written by scripts/settings_reference.py -->"


def main() -> int:
    """Write or compare the page; return the exit status."""
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
    wanted = "\n".join(
        [
            head,
            "",
            MARK,
            "",
            *_kind("The gateway: `omapush ppg`", PpgSettings),
            *_keys("`tolerance`, within other tables", ToleranceTable),
            *_keys("`[[clients.contacts]]`", ContactTable),
            *_keys("`[[service_registration.services]]`", PushServiceTable),
            *_keys("`[[service_registration.services.profiles]]`", PushProfileTable),
            *_keys("`[[sip.registrations]]`", SipRegistrationTable),
            *_kind("The client: `omapush client`", ClientSettings),
            *_keys("`[[service_registration.credentials]]`", ServiceCredentialsTable),
            *_keys("`[[cai.rules]]`", RuleTable),
            *_keys("`[cai.handlers]`", HandlersTable),
        ]
    )
    wanted = wanted.rstrip() + "\n"
    if "--check" in sys.argv[1:]:
        if PAGE.read_text(encoding="utf-8") != wanted:
            print(f"{PAGE.name} is out of date: run {Path(__file__).name}")
            return 1
        return 0
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


def _kind(title: str, kind: type[BaseModel]) -> list[str]:
    lines = [f"## {title}", ""]
    for name, field in kind.model_fields.items():
        table = _table(field.annotation)
        heading = f"[[{name}]]" if typing.get_origin(field.annotation) is list else f"[{name}]"
        lines += _keys(f"`{heading}`", table)
    return lines


def _keys(heading: str, table: type[BaseModel]) -> list[str]:
    # A table's own keys come before those that it shares with others.
    own = table.__annotations__
    entries = sorted(table.model_fields.items(), key=lambda entry: entry[0] not in own)
    return [
        f"### {heading}",
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
        *[_row(key, entry) for key, entry in entries],
        "",
    ]


def _table(annotation: object) -> type[BaseModel]:
    parts = typing.get_args(annotation) or (annotation,)
    return next(part for part in parts if isinstance(part, type) and issubclass(part, BaseModel))


def _row(key: str, field: FieldInfo) -> str:
    default = "required" if field.default is PydanticUndefined else _default(field.default)
    meaning = (field.description or "").replace("|", "\\|")
    return f"| `{key}` | {_value(field.annotation)} | {default} | {meaning} |"


def _default(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case ToleranceTable() | HandlersTable():
            return "`{}`"
        case str() | Endpoint() | Path():
            return f'`"{value}"`'
        case list():
            return f"`{json.dumps([_plain(entry) for entry in value])}`"
        case _:
            return f"`{value}`"


def _plain(entry: object) -> object:
    return entry.value if isinstance(entry, enum.Enum) else entry


def _value(annotation: object) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _value(parts[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_value(part) for part in parts if part is not types.NoneType)
    if origin is typing.Literal:
        return " or ".join(
            f'`"{part}"`' if isinstance(part, str) else f"`{part}`" for part in parts
        )
    if origin is list:
        return f"list of {_value(parts[0])}"
    if isinstance(annotation, type):
        return _type_name(annotation)
    return str(annotation)


def _type_name(kind: type) -> str:
    if kind is Endpoint:
        return "`host:port`"
    if kind in (ToleranceTable, ContactTable, ServiceCredentialsTable, RuleTable, HandlersTable):
        return "table, see below"
    names = {str: "text", int: "number", float: "number", bool: "true or false", SecretStr: "text"}
    if kind in names:
        return names[kind]
    if issubclass(kind, enum.Enum):
        return " or ".join(f'`"{member.value}"`' for member in kind)
    return "path" if issubclass(kind, Path) else kind.__name__


if __name__ == "__main__":
    sys.exit(main())

"""Reading settings: a TOML file, overridden by the environment.

A key that is not known is refused, and the nearest known one named: a typing error stops the start
instead of being shrugged at. ``OMAPUSH_PPG_STORE__URL`` overrides ``[store] url`` of a gateway,
``OMAPUSH_CLIENT_CAI__SOCKET`` overrides ``[cai] socket`` of a client: the prefix, then table and
key in capitals with two underscores between them. Lists are given as JSON.
"""

from __future__ import annotations

import difflib
import os
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_settings.exceptions import SettingsError as EnvironmentSettingsError

from omapush.daemon.settings import ClientSettings, FileSettings, PpgSettings
from omapush.daemon.settings_table import SettingsError, Table

Settings = TypeVar("Settings", PpgSettings, ClientSettings)
Tables = TypeVar("Tables", bound=Table)


def load_settings(kind: type[Settings], path: Path | None) -> Settings:
    """Read ``path`` (or only defaults and environment) as settings of ``kind``.

    :raises SettingsError: not readable, not TOML, or not these settings.
    """
    content = read_toml(path) if path is not None else {}
    _refuse_unknown_environment(kind)
    try:
        return kind(**content)  # type: ignore[arg-type]  # judging them is what pydantic does
    except ValidationError as error:
        raise _faults(kind, path, error) from error
    except EnvironmentSettingsError as error:
        # Its text names the table but not the value, which may be a secret.
        raise SettingsError(f"environment: {error}") from error


def load_tables(kind: type[Tables], path: Path) -> Tables:
    """Read a file that is not the settings of a daemon; the environment says nothing of it.

    :raises SettingsError: not readable, not TOML, or not these tables.
    """
    try:
        return kind(**read_toml(path))
    except ValidationError as error:
        raise _faults(kind, path, error) from error


def read_toml(path: Path) -> dict[str, object]:
    """Return the content of a TOML file. :raises SettingsError: not readable or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not TOML: {error}") from error


def kind_of(content: Mapping[str, object]) -> type[PpgSettings | ClientSettings]:
    """Tell by its tables whether a file holds settings of a gateway or of a client."""
    strange = {kind: _strange_keys(kind, content) for kind in (PpgSettings, ClientSettings)}
    return ClientSettings if strange[ClientSettings] < strange[PpgSettings] else PpgSettings


def _strange_keys(kind: type[BaseModel], content: Mapping[str, object]) -> tuple[int, int]:
    """Count the tables that ``kind`` does not have, and the strange keys in those that it has."""
    tables = keys = 0
    for name, table in content.items():
        if name not in kind.model_fields:
            tables += 1
        elif isinstance(table, dict):
            keys += len(set(table) - _keys_at(kind, [name]))
    return tables, keys


def _faults(kind: type[BaseModel], path: Path | None, error: ValidationError) -> SettingsError:
    lines = [_fault(kind, dict(fault)) for fault in error.errors()]
    where = f"{path}: " if path is not None else ""
    return SettingsError("\n".join(f"{where}{line}" for line in lines))


def _fault(kind: type[BaseModel], fault: dict[str, object]) -> str:
    location = typing.cast("tuple[int | str, ...]", fault["loc"])
    key = _dotted(location)
    if fault["type"] != "extra_forbidden":
        # The input itself is not shown: it may be a secret.
        return f"{key}: {fault['msg']}"
    known = sorted(_keys_at(kind, location[:-1]))
    nearest = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.0)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return f"{key}: unknown key{hint}"


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def _keys_at(kind: type[BaseModel], path: Sequence[int | str]) -> set[str]:
    for step in path:
        if isinstance(step, int):
            continue
        field = kind.model_fields.get(step)
        table = next(_tables(field.annotation), None) if field else None
        if table is None:
            return set()
        kind = table
    return set(kind.model_fields)


def _tables(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the tables that an annotation names, looking into lists and unions."""
    parts = typing.get_args(annotation)
    if not parts and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in parts:
        yield from _tables(part)


def _refuse_unknown_environment(kind: type[FileSettings]) -> None:
    prefix = str(kind.model_config.get("env_prefix"))
    known = [
        f"{prefix}{table}__{key}".upper() if key else f"{prefix}{table}".upper()
        for table, field in kind.model_fields.items()
        for key in ["", *_keys_at(kind, (table,))]
    ]
    for name in os.environ:
        if name.upper().startswith(prefix) and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            raise SettingsError(f"environment: unknown {name}; did you mean {nearest[0]!r}?")

"""The object as JSON, both ways: for people and tests, and for what the client keeps of entries."""

from __future__ import annotations

import json
from typing import Any

from omapush.client.push_mo.model import (
    DefaultProfile,
    Finding,
    PushMO,
    Reading,
    TrustedApplication,
    TrustedKind,
    TrustedSource,
)
from omapush.client.push_mo.node import Format, Node, interior, is_name
from omapush.client.push_mo.node_form import (
    PROFILE_FIELDS,
    named_apart,
    root_extensions,
    source_fault,
)
from omapush.client.push_mo.schema import ANYTHING, PROFILE_LEAVES, Rule, faults, rule_at
from omapush.core.errors import DecodeError, LimitError

MEDIA_TYPE = "application/json"
VERSION = "1.1"

MAX_OCTETS = 1 << 18
MAX_DEPTH = 10
"""Nodes below ``Ext`` within each other."""

_RENAMED = {
    "bearer_type": "bearer",
    "mbms_user_service_description": "mbms_usd",
}
_PROFILE_MEMBERS = {_RENAMED.get(name, name): leaf for leaf, name in PROFILE_FIELDS.items()}
_ENTRY_MEMBERS = ("kind", "addr", "type", "apps", "ext")


def read(octets: bytes) -> Reading:
    """Read a document as far as it can be taken.

    :raises DecodeError: not JSON, no object, or of another version.
    :raises LimitError: larger or deeper than the bounds.
    """
    if len(octets) > MAX_OCTETS:
        raise LimitError(f"a document of {len(octets)} octets, {MAX_OCTETS} are taken")
    try:
        value = json.loads(octets)
    except RecursionError as error:
        raise LimitError("JSON that is too deep") from error
    except ValueError as error:
        raise DecodeError("not JSON") from error
    if not isinstance(value, dict) or value.get("push_mo") not in ("1.0", VERSION):
        raise DecodeError(f'no JSON object with "push_mo": "{VERSION}"')
    return _Reader().read(value)


def write(mo: PushMO) -> bytes:
    """Return the document of an object, in UTF-8; secrets are left out."""
    members: dict[str, Any] = {"push_mo": VERSION}
    if mo.whitelist is not None:
        members["whitelist"] = {
            kind.value: [
                _without(source_members(one), "kind") for one in mo.whitelist if one.kind is kind
            ]
            for kind in TrustedKind
        }
    if mo.profiles:
        members["profiles"] = [profile_members(one) for one in mo.profiles]
    if mo.extensions:
        members["ext"] = [_node_members(one) for one in mo.extensions]
    return json.dumps(members, indent=2, ensure_ascii=False).encode("utf-8")


def source_members(source: TrustedSource) -> dict[str, Any]:
    """Return an entry of the whitelist as JSON-able members."""
    members: dict[str, Any] = {"kind": source.kind.value, "addr": source.addr}
    if source.addr_type is not None:
        members["type"] = source.addr_type
    if source.applications:
        members["apps"] = [_application_members(one) for one in source.applications]
    if source.extensions:
        members["ext"] = [_node_members(one) for one in source.extensions]
    return members


def read_source(members: dict[str, Any]) -> TrustedSource:
    """Read what :func:`source_members` wrote, or somebody else in its form.

    :raises DecodeError: not an entry; the position says which member.
    """
    kind = members.get("kind", TrustedKind.PPG.value)
    if kind not in list(TrustedKind):
        raise DecodeError("neither ppg nor smsc", "kind")
    reader = _Reader()
    found = reader.source(members, TrustedKind(kind), "")
    if reader.findings or found is None:
        fault = reader.findings[0]
        raise DecodeError(fault.reason, fault.path.removeprefix(".") or "entry")
    return found


def profile_members(profile: DefaultProfile) -> dict[str, Any]:
    """Return a connection profile as JSON-able members, without its secret."""
    members: dict[str, Any] = {}
    for member, leaf in _PROFILE_MEMBERS.items():
        value = getattr(profile, PROFILE_FIELDS[leaf])
        if value is not None and member != PROFILE_FIELDS["AuthSecret"]:
            members[member] = value
    if profile.applications:
        members["apps"] = list(profile.applications)
    if profile.extensions:
        members["ext"] = [_node_members(one) for one in profile.extensions]
    return members


class _Wrong(Exception):
    """An entry has a wrong value."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.finding = Finding(path, reason)


class _Reader:
    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def read(self, value: dict[str, Any]) -> Reading:
        extensions = self._extensions(value.get("ext"), "ext")
        whitelist = (
            self._whitelist(value["whitelist"], extensions) if "whitelist" in value else None
        )
        profiles: list[DefaultProfile] = []
        for number, one in enumerate(self._list(value.get("profiles"), "profiles")):
            try:
                profiles.append(self._profile(one, f"profiles[{number}]"))
            except _Wrong as wrong:
                self.findings.append(wrong.finding)
        known = ("push_mo", "whitelist", "profiles", "ext")
        extensions += self._unknown(value, known, "")
        return Reading(
            PushMO(whitelist, tuple(profiles), root_extensions(extensions)), tuple(self.findings)
        )

    def _whitelist(self, value: object, extensions: list[Node]) -> tuple[TrustedSource, ...]:
        if not isinstance(value, dict):
            # Whoever wrote it meant a list: it is in force, and names nobody.
            self.findings.append(Finding("whitelist", "not an object"))
            return ()
        sources: list[TrustedSource] = []
        for kind in TrustedKind:
            where = f"whitelist.{kind.value}"
            for number, one in enumerate(self._list(value.get(kind.value), where)):
                source = self.source(one, kind, f"{where}[{number}]")
                sources += [] if source is None else [source]
        extensions += self._unknown(value, tuple(TrustedKind), "whitelist")
        return tuple(sources)

    def source(self, value: object, kind: TrustedKind, where: str) -> TrustedSource | None:
        """Return an entry, or ``None`` after noting what is wrong with it."""
        try:
            return self._source(value, kind, where)
        except _Wrong as wrong:
            self.findings.append(wrong.finding)
            return None

    def _source(self, value: object, kind: TrustedKind, where: str) -> TrustedSource:
        members = _object(value, where)
        type_ = _text(members, "type", where)
        if kind is TrustedKind.SMSC and type_ is not None and type_.upper() not in ("E164", "SMSC"):
            raise _Wrong(f"{where}.type", "a service centre has a number")
        addr = _text(members, "addr", where)
        if addr is None:
            raise _Wrong(f"{where}.addr", "is missing")
        source = TrustedSource(
            kind=kind,
            addr=addr.strip(),
            addr_type=None if kind is TrustedKind.SMSC or type_ is None else type_.strip().upper(),
            applications=tuple(
                _application(one, f"{where}.apps[{number}]")
                for number, one in enumerate(_strict_list(members, "apps", where))
            ),
            extensions=self._all_extensions(members, _ENTRY_MEMBERS, where),
        )
        fault = source_fault(source)
        if fault is not None:
            raise _Wrong(f"{where}.addr", fault)
        return source

    def _profile(self, value: object, where: str) -> DefaultProfile:
        members = _object(value, where)
        rule = rule_at(("Ext", "ConnProfile", ""))
        values: dict[str, Any] = {}
        for member, leaf in _PROFILE_MEMBERS.items():
            given = members.get(member)
            if given is not None:
                values[PROFILE_FIELDS[leaf]] = _leaf_value(
                    given, PROFILE_LEAVES[leaf], f"{where}.{member}"
                )
        users = _texts(members, "apps", where)
        id_rule = None if rule is None else rule.below("AppId")
        for number, user in enumerate(users):
            _checked(user, id_rule, ("", "Id"), f"{where}.apps[{number}]")
        known = (*_PROFILE_MEMBERS, "apps", "ext")
        return DefaultProfile(
            **values,
            applications=tuple(user.strip() for user in users),
            extensions=self._all_extensions(members, known, where),
        )

    def _list(self, value: object, where: str) -> list[Any]:
        if value is None or isinstance(value, list):
            return value or []
        self.findings.append(Finding(where, "not a list"))
        return []

    def _all_extensions(
        self, members: dict[str, Any], known: tuple[str, ...], where: str
    ) -> tuple[Node, ...]:
        given = self._extensions(members.get("ext"), f"{where}.ext")
        return named_apart((*given, *self._unknown(members, known, where)))

    def _extensions(self, value: object, where: str) -> list[Node]:
        nodes: list[Node] = []
        for number, one in enumerate(self._list(value, where)):
            here = f"{where}[{number}]"
            try:
                node = _node(one, here, 0)
            except _Wrong as wrong:
                self.findings.append(wrong.finding)
                continue
            nodes += self._sound(node, here, kept=None)
        return nodes

    def _unknown(self, members: dict[str, Any], known: tuple[str, ...], where: str) -> list[Node]:
        """Return members that are not known as nodes, where that can be done; note each."""
        nodes: list[Node] = []
        for name, value in members.items():
            if name in known:
                continue
            shown = name if is_name(name) else ascii(name[:40])
            here = f"{where}.{shown}".removeprefix(".")
            node = _node_of_member(name, value, 0)
            if node is None:
                self.findings.append(Finding(here, "not known"))
            else:
                nodes += self._sound(node, here, kept="not known")
        return nodes

    def _sound(self, node: Node, where: str, *, kept: str | None) -> list[Node]:
        fault = next(faults(interior("", node), (), ANYTHING), None)
        if fault is not None:
            self.findings.append(Finding(where, fault[1]))
            return []
        if kept is not None:
            self.findings.append(Finding(where, kept, kept=True))
        return [node]


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(where, "not an object")
    return value


def _text(members: dict[str, Any], name: str, where: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise _Wrong(f"{where}.{name}", "not text")
    return value


def _strict_list(members: dict[str, Any], name: str, where: str) -> list[Any]:
    value = members.get(name)
    if value is not None and not isinstance(value, list):
        raise _Wrong(f"{where}.{name}", "not a list")
    return value or []


def _texts(members: dict[str, Any], name: str, where: str) -> tuple[str, ...]:
    values = _strict_list(members, name, where)
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise _Wrong(f"{where}.{name}[{number}]", "not text")
    return tuple(values)


def _application(value: object, where: str) -> TrustedApplication:
    members = _object(value, where)
    for name in members:
        if name not in ("id", "content_types"):
            # It may be a restriction, written wrong.
            raise _Wrong(f"{where}.{name[:40]!a}", "not known")
    rule = rule_at(("PushWL", "TrustedPPG", "", ""))
    identifier = _text(members, "id", where)
    _checked(identifier or "", rule, ("AppId",), f"{where}.id")
    types = _texts(members, "content_types", where)
    for number, one in enumerate(types):
        _checked(one, rule, ("", "ContentType"), f"{where}.content_types[{number}]")
    return TrustedApplication((identifier or "").strip(), tuple(one.strip() for one in types))


def _application_members(application: TrustedApplication) -> dict[str, Any]:
    members: dict[str, Any] = {"id": application.application_id}
    if application.content_types:
        members["content_types"] = list(application.content_types)
    return members


def _checked(value: str, rule: Rule | None, path: tuple[str, ...], where: str) -> None:
    for name in path:
        rule = None if rule is None else rule.below(name)
    fault = None if rule is None else rule.fault(Node("", Format.CHR, value))
    if fault is not None:
        raise _Wrong(where, fault)


def _leaf_value(given: object, rule: Rule, where: str) -> object:
    wanted = {Format.INT: int, Format.BOOL: bool}.get(rule.format or Format.CHR, str)
    if type(given) is not wanted:
        raise _Wrong(where, f"not of the format {rule.format}")
    text = str(given).lower() if isinstance(given, bool) else str(given)
    fault = rule.fault(Node("", rule.format or Format.CHR, text))
    if fault is not None:
        raise _Wrong(where, fault)
    return given


# ---- nodes below Ext ----------------------------------------------------------------------------


def _node_members(node: Node) -> dict[str, Any]:
    if node.is_leaf:
        return {"name": node.name, "format": node.format.value, "value": node.value}
    return {"name": node.name, "nodes": [_node_members(child) for child in node.children]}


def _node(value: object, where: str, depth: int) -> Node:
    members = _object(value, where)
    name = _text(members, "name", where) or ""
    if depth > MAX_DEPTH:
        raise _Wrong(where, "too deep")
    if "value" not in members:
        below = _strict_list(members, "nodes", where)
        return interior(name, *(_node(one, where, depth + 1) for one in below))
    format_ = _text(members, "format", where) or Format.CHR.value
    if format_ not in list(Format) or format_ == Format.NODE.value:
        raise _Wrong(f"{where}.format", "no format of a leaf")
    return Node(name, Format(format_), _text(members, "value", where) or "")


def _node_of_member(name: str, value: object, depth: int) -> Node | None:
    if not is_name(name) or depth > MAX_DEPTH:
        return None
    match value:
        case bool():
            return Node(name, Format.BOOL, str(value).lower())
        case int():
            return Node(name, Format.INT, str(value)) if abs(value) < 1 << 31 else None
        case str():
            return Node(name, Format.CHR, value)
        case dict():
            below = [_node_of_member(str(key), one, depth + 1) for key, one in value.items()]
            return None if None in below else interior(name, *below)
        case _:
            return None


def _without(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in members.items() if key != name}

"""The object as a tree of nodes, both ways; other forms go through here or make the model alone.

Reading is lenient: an entry with a wrong value is left out and reported, what is not known is kept
below ``Ext`` and reported. A wrong restriction makes the whole entry wrong: without it, the entry
would trust more than was meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from omapush.cai.model import RegistrationRejected
from omapush.client.push_mo.model import (
    DefaultProfile,
    Finding,
    PushMO,
    Reading,
    TrustedApplication,
    TrustedKind,
    TrustedSource,
)
from omapush.client.push_mo.node import (
    Format,
    Node,
    Path,
    interior,
    is_name,
    leaf,
)
from omapush.client.push_mo.schema import ANYTHING, PROFILE_LEAVES, SCHEMA, Rule, faults, rule_at

ROOT = "Push"
"""What the root of an object is called where nobody says."""

PROFILE_FIELDS = {
    "Protocol": "protocol",
    "BearerType": "bearer_type",
    "Port": "port",
    "ContactPoint": "contact_point",
    "Method": "method",
    "Secure": "secure",
    "CBMessageId": "cb_message_id",
    "MBMSUSD": "mbms_user_service_description",
    "BCASTAccessInfo": "bcast_access_info",
    "RegistrationURI": "registration_uri",
    "ProxyId": "proxy_id",
    "AuthType": "auth_type",
    "AuthName": "auth_name",
    "AuthSecret": "auth_secret",
    "Priority": "priority",
    "SIRLockout": "sir_lockout",
    "MaxMsgSize": "max_message_size",
    "MaxPushReq": "max_push_requests",
    "Enable": "enable",
}
"""The members of :class:`DefaultProfile` by the leaves that hold them."""

_LISTS = {"TrustedPPG": TrustedKind.PPG, "TrustedSMSC": TrustedKind.SMSC}
_PROFILES = ("Ext", "ConnProfile")


def model_of(root: Node, *, document: bool = True) -> Reading:
    """Return the object below ``root``.

    :param document: ``root`` came in a document: nodes that are not known are kept below ``Ext``.
        Otherwise it is a management tree: what looks unknown in an entry is one that a server has
        not completed yet, and the entry does not count until it is.
    """
    return _Reader(document=document).read(root)


def node_of(mo: PushMO, name: str = ROOT) -> Node:
    """Return the tree of an object; nodes keep their names where they had one."""
    whitelist = None
    if mo.whitelist is not None:
        lists = (_list_node(list_name, kind, mo.whitelist) for list_name, kind in _LISTS.items())
        whitelist = interior("PushWL", *lists)
    profiles = _named(((one.name, _profile_node(one)) for one in mo.profiles), "profile")
    profile_node = interior(_PROFILES[1], *profiles) if profiles else None
    extensions = root_extensions(mo.extensions)
    extension = interior("Ext", profile_node, *extensions) if profiles or extensions else None
    return interior(name, whitelist, extension)


def named_apart(extensions: Iterable[Node], taken: Iterable[str] = ()) -> tuple[Node, ...]:
    """Return nodes for ``Ext``, renamed where two have one name or one that is ``taken``."""
    return _named(((one.name, one) for one in extensions), "x", taken)


def root_extensions(extensions: Iterable[Node]) -> tuple[Node, ...]:
    """Return the same for the ``Ext`` below the root, where the connection profiles are."""
    return named_apart(extensions, _PROFILES[1:])


def source_node(source: TrustedSource) -> Node:
    """Return the node of one entry, under its name."""
    allowed = _named(
        ((one.name, _application_node(one)) for one in source.applications),
        "a",
        {"Addr", "AddrType", "Ext"},
    )
    kind = leaf("AddrType", source.addr_type) if source.kind is TrustedKind.PPG else None
    node = interior(source.name, leaf("Addr", source.addr), kind, *allowed)
    return replace(node, children=(*node.children, *_extension(source.extensions)))


def source_fault(source: TrustedSource) -> str | None:
    """Return why an entry cannot be compared with any push, or ``None``."""
    try:
        source.source()
    except RegistrationRejected as error:
        return error.detail
    fault = next(faults(source_node(source), (), _entry_rule(source.kind)), None)
    return None if fault is None else f"{'/'.join(fault[0])}: {fault[1]}"


# ---- writing ------------------------------------------------------------------------------------


def _list_node(name: str, kind: TrustedKind, whitelist: Iterable[TrustedSource]) -> Node | None:
    entries = _named(
        ((one.name, source_node(one)) for one in whitelist if one.kind is kind), kind.value, {"Ext"}
    )
    return interior(name, *entries) if entries else None


def _application_node(application: TrustedApplication) -> Node:
    types = _named(
        (("", interior("", leaf("ContentType", one))) for one in application.content_types), "c"
    )
    return interior("", leaf("AppId", application.application_id), *types)


def _profile_node(profile: DefaultProfile) -> Node:
    leaves = []
    for name, member in PROFILE_FIELDS.items():
        value = getattr(profile, member)
        text = str(value).lower() if isinstance(value, bool) else value
        text = None if text is None else str(text)
        leaves.append(leaf(name, text, PROFILE_LEAVES[name].format or Format.CHR))
    users = _named((("", interior("", leaf("Id", one))) for one in profile.applications), "a")
    node = interior("", *leaves, interior("AppId", *users) if users else None)
    return replace(node, children=(*node.children, *_extension(profile.extensions)))


def _extension(extensions: tuple[Node, ...]) -> tuple[Node, ...]:
    return (interior("Ext", *named_apart(extensions)),) if extensions else ()


def _named(
    nodes: Iterable[tuple[str, Node]], prefix: str, taken: Iterable[str] = ()
) -> tuple[Node, ...]:
    """Return the nodes under the names wanted, or others where those cannot be used."""
    used, named, numbers = set(taken), [], count(1)
    for wanted, node in nodes:
        name = wanted
        while not is_name(name) or name in used:
            name = f"{prefix}{next(numbers)}"
        used.add(name)
        named.append(replace(node, name=name))
    return tuple(named)


# ---- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A node's children: what the schema knows, and what is kept below ``Ext``."""

    known: Node
    extensions: tuple[Node, ...]


class _Reader:
    def __init__(self, *, document: bool) -> None:
        self._document = document
        self._findings: list[Finding] = []

    def read(self, root: Node) -> Reading:
        whitelist: tuple[TrustedSource, ...] | None = None
        profiles: tuple[DefaultProfile, ...] = ()
        extensions: list[Node] = []
        for child in root.children:
            if child.name == "PushWL" and not child.is_leaf:
                whitelist = (*(whitelist or ()), *self._whitelist(child, extensions))
            elif child.name == "Ext" and not child.is_leaf:
                for node in child.children:
                    if node.name == _PROFILES[1] and not node.is_leaf:
                        profiles = (*profiles, *self._profiles(node, extensions))
                    else:
                        self._extend(extensions, node, ("Ext",), known=True)
            else:
                self._extend(extensions, child, ())
        if whitelist is not None:  # gateways first
            whitelist = tuple(sorted(whitelist, key=lambda one: one.kind is TrustedKind.SMSC))
        return Reading(
            PushMO(whitelist, profiles, root_extensions(extensions)), tuple(self._findings)
        )

    def _whitelist(self, node: Node, extensions: list[Node]) -> tuple[TrustedSource, ...]:
        entries: list[TrustedSource] = []
        for listed in node.children:
            kind = _LISTS.get(listed.name)
            if kind is None or listed.is_leaf:
                self._extend(extensions, listed, ("PushWL",))
                continue
            where = ("PushWL", listed.name)
            for child in listed.children:
                if child.name == "Ext" and not child.is_leaf:
                    for one in child.children:
                        self._extend(extensions, one, (*where, "Ext"), known=not self._document)
                elif child.is_leaf:
                    self._extend(extensions, child, where)
                else:
                    entries += self._entry(child, kind, (*where, child.name))
        return tuple(entries)

    def _entry(self, node: Node, kind: TrustedKind, path: Path) -> list[TrustedSource]:
        found = self._sorted(node, _entry_rule(kind), path)
        if found is None or not self._sound(found.known, path, _entry_rule(kind)):
            return []
        addr = _text(found.known, "Addr")
        applications = tuple(
            _application(child) for child in found.known.children if not child.is_leaf
        )
        source = TrustedSource(
            kind=kind,
            addr=(addr or "").strip(),
            addr_type=_upper(_text(found.known, "AddrType")),
            applications=applications,
            extensions=found.extensions,
            name=node.name,
        )
        fault = "no Addr" if addr is None else source_fault(source)
        if fault is not None:
            self._findings.append(Finding("/".join((*path, "Addr")), fault))
            return []
        return [source]

    def _profiles(self, node: Node, extensions: list[Node]) -> tuple[DefaultProfile, ...]:
        profiles: list[DefaultProfile] = []
        for child in node.children:
            path = (*_PROFILES, child.name)
            rule = rule_at(path)
            if child.is_leaf or rule is None:
                self._extend(extensions, child, _PROFILES)
                continue
            found = self._sorted(child, rule, path)
            if found is not None and self._sound(found.known, path, rule):
                profiles.append(_profile(found.known, found.extensions, child.name))
        return tuple(profiles)

    def _sound(self, node: Node, path: Path, rule: Rule) -> bool:
        fault = next(faults(node, path, rule), None)
        if fault is not None:
            self._findings.append(Finding("/".join(fault[0]), fault[1]))
        return fault is None

    def _sorted(self, node: Node, rule: Rule, path: Path) -> _Sorted | None:
        """Tell what is known from what is not; ``None``: the node is not complete."""
        extensions: list[Node] = []
        known = self._known(node, rule, path, extensions)
        return None if known is None else _Sorted(known, named_apart(extensions))

    def _known(self, node: Node, rule: Rule, path: Path, extensions: list[Node]) -> Node | None:
        children: list[Node] = []
        for child in node.children:
            below, where = rule.below(child.name), (*path, child.name)
            if child.name == "Ext" and not child.is_leaf:
                for one in child.children:
                    self._extend(extensions, one, where, known=below is not None)
            elif below is None or child.is_leaf is not (below.check is not None):
                self._extend(extensions, child, path)
            elif child.is_leaf:
                children.append(child)
            elif _is_complete(child, below):
                inner = self._known(child, below, where, extensions)
                if inner is None:
                    return None
                children.append(inner)
            elif self._document:
                self._extend(extensions, child, path)
            else:
                self._findings.append(Finding("/".join(where), "not complete"))
                return None
        return replace(node, children=tuple(children))

    def _extend(
        self, extensions: list[Node], node: Node, parent: Path, *, known: bool = False
    ) -> None:
        where = (*parent, node.name)
        fault = next(faults(interior("", node), parent, ANYTHING), None)
        if fault is not None:
            self._findings.append(Finding("/".join(fault[0]), fault[1]))
            return
        if not known:
            self._findings.append(Finding("/".join(where), "not known", kept=True))
        extensions.append(node)


def _entry_rule(kind: TrustedKind) -> Rule:
    name = next(name for name, one in _LISTS.items() if one is kind)
    rule = SCHEMA.below("PushWL")
    rule = None if rule is None else rule.below(name)
    found = None if rule is None else rule.below("")
    assert found is not None  # noqa: S101 - the schema is ours
    return found


def _is_complete(node: Node, rule: Rule) -> bool:
    """Whether it has the leaf that makes it what it is: AppId, ContentType, Id."""
    required = [one.name for one in rule.children if one.occurrence == "One"]
    return all((found := node.child(name or "")) and found.is_leaf for name in required)


def _application(node: Node) -> TrustedApplication:
    types = (_text(child, "ContentType") for child in node.children if not child.is_leaf)
    return TrustedApplication(
        (_text(node, "AppId") or "").strip(),
        tuple(one.strip() for one in types if one is not None),
        node.name,
    )


def _profile(node: Node, extensions: tuple[Node, ...], name: str) -> DefaultProfile:
    values: dict[str, Any] = {}
    for leaf_name, member in PROFILE_FIELDS.items():
        text = _text(node, leaf_name)
        if text is not None:
            values[member] = _value(text, PROFILE_LEAVES[leaf_name].format)
    users = node.child("AppId") or interior("")
    ids = (_text(user, "Id") for user in users.children)
    return DefaultProfile(
        **values,
        applications=tuple(one.strip() for one in ids if one is not None),
        extensions=extensions,
        name=name,
    )


def _value(text: str, format_: Format | None) -> object:
    if format_ is Format.INT:
        return int(text)
    return text == "true" if format_ is Format.BOOL else text


def _text(node: Node, name: str) -> str | None:
    found = node.child(name)
    return found.value if found is not None and found.is_leaf else None


def _upper(text: str | None) -> str | None:
    return None if text is None else text.strip().upper()

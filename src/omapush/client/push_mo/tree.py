"""The object in a management tree, with the commands and statuses of OMA DM 1.2.

There is no DM session here: whoever has one (a DM client of the device, a person's tool) calls
:class:`ManagementTree` and puts the statuses into its own protocol. A command never raises for what
a server sent. The tree is a value inside: a command that fails changes nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from omapush.client.push_mo import tnds
from omapush.client.push_mo.node import Format, Node, Path, interior, is_name
from omapush.client.push_mo.node_form import ROOT
from omapush.client.push_mo.schema import (
    OBJECT_ID,
    Access,
    Rule,
    faults,
    fits,
    in_its_format,
    rule_at,
)
from omapush.core.errors import DecodeError, LimitError

MAX_URI = 1_024
"""Characters of the longest address of a node."""


class Status(enum.IntEnum):
    """What became of a command (OMA DM)."""

    OK = 200
    NOT_EXECUTED = 215
    """Another command of the same Atomic failed before."""
    ROLLED_BACK = 216
    """It was done and undone, because another command of the same Atomic failed."""
    BAD_REQUEST = 400
    NOT_FOUND = 404
    NOT_ALLOWED = 405
    NOT_SUPPORTED = 406
    URI_TOO_LONG = 414
    WRONG_FORMAT = 415
    ALREADY_EXISTS = 418
    DEVICE_FULL = 420
    ATOMIC_FAILED = 507


@dataclass(frozen=True, slots=True)
class Item:
    """A node in an answer.

    :ivar type: of its value, and of the root the object's id.
    """

    uri: str
    format: Format
    value: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command.

    :ivar items: what Get found: one node, or those of a list.
    :ivar document: what Get with ``list=TNDS`` found.
    :ivar detail: why not, for people.
    """

    status: Status
    items: tuple[Item, ...] = ()
    document: bytes = b""
    detail: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the command did what it says."""
        return self.status is Status.OK


@dataclass(frozen=True, slots=True)
class Get:
    """Read a node; with ``?list=Struct``, ``StructData``, ``TNDS`` a subtree; with ``?prop=`` a
    property.
    """

    uri: str


@dataclass(frozen=True, slots=True)
class Add:
    """Make a node.

    :ivar value: of a leaf; ``None``: an interior node.
    :ivar format: ``None``: the one that the node has.
    :ivar subtree: TNDS, a whole subtree at once, in place of a value.
    """

    uri: str
    value: str | None = field(default=None, repr=False)
    format: str | None = None
    subtree: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Replace:
    """Change the value of a leaf."""

    uri: str
    value: str = field(repr=False)
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a node and all below it away."""

    uri: str


@dataclass(frozen=True, slots=True)
class Exec:
    """Execute a node; none of ours can be."""

    uri: str


Command = Get | Add | Replace | Delete | Exec


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """How large the tree may be; ``octets`` counts the characters of names and values."""

    nodes: int = 4_096
    depth: int = 16
    octets: int = 262_144


class _Refused(Exception):
    def __init__(self, status: Status, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class ManagementTree:
    """A Push Management Object in a tree.

    :ivar root: its nodes as they are now.
    :param location: where in the device's tree the object hangs.
    """

    def __init__(
        self,
        root: Node | None = None,
        location: str = "./Push",
        limits: TreeLimits | None = None,
    ) -> None:
        self.root = root or interior(ROOT)
        self._location = tuple(step for step in location.split("/") if step not in ("", "."))
        self._limits = limits or TreeLimits()

    # -- commands --

    def get(self, uri: str) -> Result:
        """Carry out :class:`Get`."""
        return self.perform(Get(uri))

    def add(
        self,
        uri: str,
        value: str | None = None,
        format_: str | None = None,
        subtree: bytes | None = None,
    ) -> Result:
        """Carry out :class:`Add`. Interior nodes above that are missing are made as well."""
        return self.perform(Add(uri, value, format_, subtree))

    def replace(self, uri: str, value: str, format_: str | None = None) -> Result:
        """Carry out :class:`Replace`."""
        return self.perform(Replace(uri, value, format_))

    def delete(self, uri: str) -> Result:
        """Carry out :class:`Delete`."""
        return self.perform(Delete(uri))

    def execute(self, uri: str) -> Result:
        """Carry out :class:`Exec`: nothing of the object can be executed."""
        return self.perform(Exec(uri))

    def perform(self, command: Command) -> Result:
        """Carry out a command."""
        try:
            path, query = self._path(command.uri)
            if query and not isinstance(command, Get):
                raise _Refused(Status.BAD_REQUEST, "only Get has a query")
            match command:
                case Get():
                    return self._get(path, query)
                case Add():
                    self._add(path, command)
                case Replace():
                    self._replace(path, command)
                case Delete():
                    self._delete(path)
                case Exec():
                    self._existing(path)
                    raise _Refused(Status.NOT_ALLOWED, "no node can be executed")
        except _Refused as refused:
            return Result(refused.status, detail=refused.detail)
        return Result(Status.OK)

    def sequence(self, commands: Sequence[Command]) -> tuple[Result, ...]:
        """Carry out commands one after the other; each has its own result."""
        return tuple(self.perform(command) for command in commands)

    def atomic(self, commands: Sequence[Command]) -> tuple[Status, tuple[Result, ...]]:
        """Carry out all commands or none; return the status of the whole, and of each."""
        before, results = self.root, list[Result]()
        for command in commands:
            result = self.perform(command)
            if not result.is_done:
                self.root = before
                undone = [Result(Status.ROLLED_BACK) for _ in results]
                left = len(commands) - len(results) - 1
                rest = [Result(Status.NOT_EXECUTED) for _ in range(left)]
                return Status.ATOMIC_FAILED, (*undone, result, *rest)
            results.append(result)
        return Status.OK, tuple(results)

    def fault(self) -> str | None:
        """Return by what the tree is larger than it may be, or ``None``."""
        nodes = octets = 0
        for path, node in self.root.walk():
            nodes += 1
            octets += len(node.name) + len(node.value)
            if len(path) > self._limits.depth:
                return f"more than {self._limits.depth} nodes deep"
        if nodes > self._limits.nodes:
            return f"more than {self._limits.nodes} nodes"
        return None if octets <= self._limits.octets else f"more than {self._limits.octets} octets"

    # -- each --

    def _get(self, path: Path, query: str) -> Result:
        node, rule = self._existing(path)
        if Access.GET not in rule.access:
            raise _Refused(Status.NOT_ALLOWED, "the node is never read")
        asked, _, wanted = query.partition("=")
        if not query:
            return Result(Status.OK, (self._item(path, node, value=True),))
        if asked == "prop":
            return Result(Status.OK, (self._property(path, node, wanted),))
        if asked != "list" or wanted not in ("Struct", "StructData", "TNDS"):
            raise _Refused(Status.NOT_SUPPORTED, f"no query {query[:40]}")
        seen = node.only(lambda where, _node: _is_readable((*path, *where)))
        if wanted == "TNDS":
            document = tnds.write(seen, object_id=None if path else OBJECT_ID)
            return Result(Status.OK, document=document)
        items = (
            self._item((*path, *where), below, value=wanted == "StructData" and below.is_leaf)
            for where, below in seen.walk()
        )
        return Result(Status.OK, tuple(items))

    def _add(self, path: Path, command: Add) -> None:
        if not path or self.root.find(path) is not None:
            raise _Refused(Status.ALREADY_EXISTS, "the node is there already")
        rule = self._allowed(path, Access.ADD)
        if not all(is_name(name) for name in path):
            raise _Refused(Status.BAD_REQUEST, "no name for a node")
        for length in range(1, len(path)):
            above = self.root.find(path[:length])
            if above is not None and above.is_leaf:
                raise _Refused(Status.NOT_ALLOWED, "a leaf has no children")
            self._allowed(path[:length], Access.ADD if above is None else None)
        self._put(path, self._new_node(path, rule, command))

    def _new_node(self, path: Path, rule: Rule, command: Add) -> Node:
        if command.subtree is not None:
            try:
                node = replace(tnds.read_subtree(command.subtree), name=path[-1])
            except LimitError as error:
                raise _Refused(Status.DEVICE_FULL, error.reason) from error
            except DecodeError as error:
                raise _Refused(Status.WRONG_FORMAT, error.reason) from error
        elif command.value is None or command.format == Format.NODE.value:
            node = interior(path[-1])
        else:
            node = Node(path[-1], _format(command.format, rule), command.value)
        return self._sound(node, path, rule)

    def _replace(self, path: Path, command: Replace) -> None:
        node, rule = self._existing(path)
        if not node.is_leaf:
            raise _Refused(Status.NOT_ALLOWED, "an interior node has no value")
        self._allowed(path, Access.REPLACE)
        given = _format(command.format, rule) if command.format or rule.format else node.format
        self._put(path, self._sound(Node(node.name, given, command.value), path, rule))

    def _delete(self, path: Path) -> None:
        _, rule = self._existing(path)
        if not path or Access.DELETE not in rule.access:
            raise _Refused(Status.NOT_ALLOWED, "the node is permanent while its parent is there")
        self._put(path, None)

    # -- nodes --

    def _path(self, uri: str) -> tuple[Path, str]:
        if len(uri) > MAX_URI:
            raise _Refused(Status.URI_TOO_LONG, f"more than {MAX_URI} characters")
        address, _, query = uri.partition("?")
        steps = tuple(address.removeprefix("./").strip("/").split("/"))
        if steps[: len(self._location)] != self._location:
            raise _Refused(Status.NOT_FOUND, f"the object is at ./{'/'.join(self._location)}")
        return steps[len(self._location) :], query

    def _existing(self, path: Path) -> tuple[Node, Rule]:
        node, rule = self.root.find(path), rule_at(path)
        if node is None or rule is None:
            raise _Refused(Status.NOT_FOUND, "there is no such node")
        return node, rule

    def _allowed(self, path: Path, access: Access | None) -> Rule:
        rule = rule_at(path)
        if rule is None or (access is not None and access not in rule.access):
            raise _Refused(Status.NOT_ALLOWED, "that cannot be done with this node")
        return rule

    def _sound(self, node: Node, path: Path, rule: Rule) -> Node:
        fault = next(faults(node, path, rule), None)
        if fault is not None:
            raise _Refused(Status.WRONG_FORMAT, f"{'/'.join(fault[0])}: {fault[1]}")
        return in_its_format(node, rule)

    def _put(self, path: Path, node: Node | None) -> None:
        before = self.root
        self.root = _with(self.root, path, node)
        fault = self.fault()
        if fault is not None and node is not None:
            self.root = before
            raise _Refused(Status.DEVICE_FULL, fault)

    def _item(self, path: Path, node: Node, *, value: bool) -> Item:
        uri = "/".join((".", *self._location, *path))
        if node.is_leaf:
            return Item(uri, node.format, node.value if value else "", "text/plain")
        names = "/".join(
            child.name for child in node.children if value and _is_readable((*path, child.name))
        )
        return Item(uri, Format.NODE, names, "" if path else OBJECT_ID)

    def _property(self, path: Path, node: Node, name: str) -> Item:
        item = self._item(path, node, value=False)
        known = {
            "Format": item.format.value,
            "Type": item.type,
            "Name": item.uri.rpartition("/")[2],
        }
        if name not in known:
            raise _Refused(Status.NOT_SUPPORTED, f"no property {name[:40]}")
        return Item(f"{item.uri}?prop={name}", Format.CHR, known[name], "text/plain")


def _is_readable(path: Path) -> bool:
    rule = rule_at(path)
    return rule is not None and Access.GET in rule.access


def readable(root: Node) -> Node:
    """Return an object's tree without the nodes that are never told."""
    return root.only(lambda path, _node: _is_readable(path))


def _format(given: str | None, rule: Rule) -> Format:
    wanted = rule.format or Format.CHR
    if given is None:
        return Format.CHR if wanted is Format.NODE else wanted
    if given not in list(Format):
        raise _Refused(Status.WRONG_FORMAT, f"no format {given[:20]}")
    format_ = Format(given)
    if rule.format is not None and not fits(format_, rule.format):
        raise _Refused(Status.WRONG_FORMAT, f"not of the format {rule.format}")
    return format_


def _with(root: Node, path: Path, node: Node | None) -> Node:
    """Return the tree with ``node`` at ``path``, interior nodes above made where missing."""
    name, rest = path[0], path[1:]
    if rest:
        node = _with(root.child(name) or interior(name), rest, node)
    children: list[Node] = list(_replaced(root.children, name, node))
    return replace(root, children=tuple(children))


def _replaced(children: tuple[Node, ...], name: str, node: Node | None) -> Iterator[Node]:
    there = False
    for child in children:
        if child.name != name:
            yield child
            continue
        there = True
        if node is not None:
            yield node
    if not there and node is not None:
        yield node

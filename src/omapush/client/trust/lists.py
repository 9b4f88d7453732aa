"""Whose pushes this device takes, and what it believes of them (Architecture 6.2, CAI-9, CAI-43).

The device's lists, each by its origin:

* ``mo``: the Push Management Object, a tree that servers and people change command by command;
* ``cp``: what client provisioning documents brought;
* ``config``: the settings, which only their file changes;
* ``user``: what people added.

A list of the settings, and the whitelist of the object, are in force when they are there, even
empty; the others while they have entries. Tree and lists are on disk before a change is answered,
and the next push is judged by them.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from omapush.cai.model import (
    CaiError,
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    Trust,
    WhitelistEntry,
)
from omapush.client.dispatch import Refusal
from omapush.client.push_mo import ddf, documents, json_form, provisioning, tnds
from omapush.client.push_mo.model import (
    DefaultProfile,
    Finding,
    PushMO,
    Reading,
    TrustedKind,
    TrustedSource,
)
from omapush.client.push_mo.node import Format, Node, interior
from omapush.client.push_mo.node_form import ROOT, model_of, node_of, source_fault
from omapush.client.push_mo.tree import (
    Command,
    Get,
    ManagementTree,
    Result,
    Status,
    readable,
)
from omapush.client.sqlite_file import SqliteFile
from omapush.client.trust.host_names import HostNames, Resolve
from omapush.client.trust.whitelist import (
    EVERY_APPLICATION,
    Source,
    admits,
    contact_point,
    contact_points_of,
    names_to_know,
    sources_of,
)
from omapush.content.application_id import ApplicationId
from omapush.content.provisioning.model import ProvisioningDocument
from omapush.core.errors import DecodeError, OmapushError
from omapush.core.instants import Instant
from omapush.ota.interface import PoConfirmedPushInd, PushFlag, PushSource, PushStatus

log = structlog.get_logger(__name__)

MAX_ENTRIES = 512
"""Entries of one origin."""


class Origin(StrEnum):
    """Where an entry of the device's whitelist comes from."""

    MO = "mo"
    CP = "cp"
    CONFIG = "config"
    USER = "user"


_KEPT = (Origin.CP, Origin.USER)
_EVERYBODY = ApplicationId.parse(EVERY_APPLICATION)


class Form(StrEnum):
    """In which the object is exported."""

    TNDS = "tnds"
    JSON = "json"
    DDF = "ddf"


EXPORT_MEDIA_TYPES = {
    Form.TNDS: tnds.MEDIA_TYPE,
    Form.JSON: json_form.MEDIA_TYPE,
    Form.DDF: ddf.MEDIA_TYPE,
}


class TrustError(OmapushError):
    """What is stored of the device's lists cannot be read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the device's whitelist.

    :ivar number: by which it is removed; those of ``mo`` count its entries from 1.
    """

    origin: Origin
    number: int
    entry: TrustedSource


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a document brought.

    :ivar entries: of the whitelist that were taken, also those that were there already.
    :ivar findings: what was not taken as it stood, and why.
    """

    origin: Origin
    entries: int
    profiles: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _DeviceList:
    """Ready for comparisons; ``sources`` is ``None`` while no list is in force."""

    sources: tuple[Source, ...] | None
    mo: PushMO
    findings: tuple[Finding, ...]


class SourceTrust:
    """The device's lists. Call :meth:`load` first, when the file is open, and :meth:`close` last.

    :param file: the client's file, with the tables ``trusted_source`` and ``management_object``.
    :param config: the list of the settings; ``None``: they have none.
    :param gateways: those that the settings have the device dial: on the list of the settings, but
        no reason for a list to be in force.
    :param resolve: looks host names up; ``None``: the system does.
    :param believe_gateways: where no list at all is in force, believe what a gateway says of the
        initiator and of the content.
    :param country_code: of the device, for numbers in their national form.
    :raises RegistrationRejected: the settings' list has an entry that cannot be compared.
    """

    def __init__(
        self,
        file: SqliteFile,
        clock: Callable[[], Instant],
        *,
        config: Iterable[WhitelistEntry] | None = None,
        gateways: Iterable[WhitelistEntry] = (),
        resolve: Resolve | None = None,
        believe_gateways: bool = True,
        country_code: str | None = None,
    ) -> None:
        self._file = file
        self._names = HostNames(clock, resolve)
        self._believe_gateways = believe_gateways
        self._country_code = country_code
        self._config = None if config is None else _config_entries(config)
        self._gateways = _config_entries(gateways)
        self._kept: dict[Origin, dict[int, TrustedSource]] = {origin: {} for origin in _KEPT}
        self._tree = ManagementTree()
        self._changing = asyncio.Lock()
        self._device = self._device_list(self._tree, self._kept)

    # -- life --

    async def load(self) -> None:
        """Read lists and tree from the file. :raises OmapushError: they cannot be read."""
        sources, nodes = await self._file.run(_read)
        kept: dict[Origin, dict[int, TrustedSource]] = {origin: {} for origin in _KEPT}
        try:
            for origin, number, members in sources:
                kept[Origin(origin)][number] = json_form.read_source(json.loads(members))
            tree = ManagementTree(_tree(nodes))
        except (ValueError, KeyError, DecodeError) as error:
            raise TrustError(f"the stored whitelist cannot be read: {error}") from error
        self._take(tree, kept)

    async def close(self) -> None:
        """Stop looking names up."""
        await self._names.close()

    # -- judgement --

    async def judge(
        self,
        push: PoConfirmedPushInd,
        application: ApplicationId,
        found: Registration | None,
        granted: Sequence[str] = (),
    ) -> Trust | Refusal:
        """Return what is known of a push's origin, or why it is not taken (Architecture 6.2).

        :param application: whom it is for.
        :param found: the registration that would get it; where there is none the device's list
            counts as well: a stranger does not learn which applications there are.
        :param granted: contact points that a registration server named to that registration; they
            count like its own whitelist.
        """
        source, media_type = push.source, push.message.media_type
        named = tuple(_granted(granted))
        own = (*(sources_of(found.request) if found is not None else ()), *named)
        expected = contact_points_of(found.request) if found is not None else ()
        expected = (*expected, *named) if expected else ()
        if found is not None and application.canonical == EVERY_APPLICATION:
            # A push to every application is for the one that gets it.
            application = ApplicationId.parse(found.push_application_id)
        device = self._device.sources

        async def is_on(listed: tuple[Source, ...] | None, more: tuple[Source, ...]) -> bool | None:
            return await self._is_on(listed, more, source, media_type, application)

        admitted = await is_on(device, own)
        if not admitted:
            return _refusal(admitted, "the source is not on the whitelist")
        awaited = await is_on(None, expected)
        if not awaited:
            return _refusal(awaited, "the source is not the contact point")
        # Whoever is let through where a list is in force is on it.
        listed = device is not None or bool(own)
        believed = listed or self._believe_gateways
        return Trust(
            whitelisted=listed,
            authenticated=believed and PushFlag.INITIATOR_AUTHENTICATED in push.flags,
            trusted=believed and PushFlag.CONTENT_TRUSTED in push.flags,
        )

    async def may_dial(self, host: str) -> bool:
        """Whether a gateway that a push asks the client to dial is one that may push anything.

        :param host: IP address or name of the contact point.
        """
        device = self._device.sources
        parties = None if device is None else tuple(Source(one.party) for one in device)
        # Nobody has proved the name yet; whoever answers there still has its pushes judged.
        dialled = PushSource("", "", host, identity=host)
        return await self._is_on(parties, (), dialled, "", _EVERYBODY) is True

    async def _is_on(
        self,
        device: tuple[Source, ...] | None,
        own: tuple[Source, ...],
        source: PushSource,
        media_type: str,
        application: ApplicationId,
    ) -> bool | None:
        """Whether a list names the source; ``None``: that cannot be known now."""
        if admits(device, own, source, media_type, application, self._names.known()):
            return True
        names = names_to_know((*(device or ()), *own), source, media_type, application)
        if not names:
            return False
        all_known = await self._names.learn(names)
        if admits(device, own, source, media_type, application, self._names.known()):
            return True
        return False if all_known else None

    # -- the lists --

    def entries(self) -> list[Listed]:
        """Return every entry of the device's whitelist."""
        counted = {
            Origin.MO: dict(enumerate(self._device.mo.whitelist or (), 1)),
            **self._kept,
            Origin.CONFIG: dict(enumerate(self._settings_list() if self.in_force else (), 1)),
        }
        return [
            Listed(origin, number, entry)
            for origin in Origin
            for number, entry in counted[origin].items()
        ]

    @property
    def in_force(self) -> bool:
        """Whether the device has any list: then whoever is on none may not push."""
        return self._device.sources is not None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What of the object does not count, such as entries that a server has not completed."""
        return self._device.findings

    async def add(self, origin: Origin, entry: TrustedSource) -> Listed:
        """Add an entry; one that is there already is returned.

        :raises CaiError: it cannot be compared, there are too many, or the origin is ``config``.
        :raises OmapushError: it cannot be written; nothing is changed.
        """
        fault = source_fault(entry)
        if fault is not None:
            raise CaiError(Reason.INVALID_PARAMETER, fault, "addr")
        async with self._changing:
            await self._extend(origin, (entry,))
        return next(one for one in self.entries() if one.origin is origin and one.entry == entry)

    async def remove(self, origin: Origin, number: int) -> bool:
        """Remove an entry; return whether it was there.

        :raises CaiError: the origin is ``config``.
        :raises OmapushError: it cannot be written; nothing is changed.
        """
        _check_changeable(origin)
        async with self._changing:
            if origin is Origin.MO:
                mo = self._mo_as_written()
                whitelist = mo.whitelist or ()
                if not 0 < number <= len(whitelist):
                    return False
                left = (*whitelist[: number - 1], *whitelist[number:])
                await self._keep(self._changed_tree(replace(mo, whitelist=left)), self._kept)
                return True
            if number not in self._kept[origin]:
                return False
            left_there = {key: one for key, one in self._kept[origin].items() if key != number}
            await self._keep(self._tree, {**self._kept, origin: left_there})
            return True

    # -- the object --

    @property
    def mo(self) -> PushMO:
        """The Push Management Object as it stands."""
        return self._device.mo

    def profiles(self, application: ApplicationId | None = None) -> list[ConnectionProfile]:
        """Return the connection profiles for registrations that leave the choice to the client.

        :param application: only those that it uses by default; ``None``: all that are enabled.
        """
        return [one.connection_profile for one in self.default_profiles(application)]

    def default_profiles(self, application: ApplicationId | None = None) -> list[DefaultProfile]:
        """Return the same with all that the object has of them: credentials, the address of a
        registration server, limits.
        """
        serving = [one for one in self._device.mo.profiles if one.serves(application)]
        return sorted(serving, key=lambda one: (one.priority is None, one.priority or 0))

    async def perform(self, command: Command) -> Result:
        """Carry out a command of OMA DM on the tree.

        :raises OmapushError: it cannot be written; nothing is changed.
        """
        if isinstance(command, Get):
            return self._tree.perform(command)
        async with self._changing:
            tree = ManagementTree(self._tree.root)
            result = tree.perform(command)
            if result.is_done:
                await self._keep(tree, self._kept)
        return result

    async def atomic(self, commands: Sequence[Command]) -> tuple[Status, tuple[Result, ...]]:
        """Carry out all commands or none. :raises OmapushError: see :meth:`perform`."""
        async with self._changing:
            tree = ManagementTree(self._tree.root)
            status, results = tree.atomic(commands)
            if status is Status.OK:
                await self._keep(tree, self._kept)
        return status, results

    async def import_mo(
        self, octets: bytes, media_type: str, origin: Origin | None = None
    ) -> ImportReport:
        """Take a document: TNDS, JSON, or client provisioning as text or WBXML.

        TNDS and JSON say all that there is, client provisioning adds to what there is.

        :param origin: which list it is for; ``None``: ``cp`` for client provisioning, else ``mo``.
        :raises DecodeError: no such document at all; nothing is changed.
        :raises CaiError: too many entries, or the origin is ``config``.
        :raises OmapushError: it cannot be written; nothing is changed.
        """
        reading = documents.read(octets, media_type)
        adds = documents.base_type(media_type) in documents.ADDITIONS
        origin = origin or (Origin.CP if adds else Origin.MO)
        return await self._import(reading, origin, adds=adds)

    async def import_provisioning(self, document: ProvisioningDocument) -> ImportReport:
        """Take a client provisioning document that the device has accepted, for ``cp``.

        :raises CaiError: too many entries.
        :raises OmapushError: it cannot be written; nothing is changed.
        """
        return await self._import(provisioning.read(document), Origin.CP, adds=True)

    def export(self, form: Form) -> bytes:
        """Return the object, or the description of its tree; secrets are left out."""
        match form:
            case Form.TNDS:
                return tnds.write(readable(self._tree.root))
            case Form.JSON:
                return json_form.write(self._device.mo)
            case Form.DDF:
                return ddf.document()

    # -- inside --

    async def _import(self, reading: Reading, origin: Origin, *, adds: bool) -> ImportReport:
        _check_changeable(origin)
        entries = reading.mo.whitelist or ()
        async with self._changing:
            if adds:
                await self._extend(origin, entries)
            elif origin is Origin.MO:
                await self._keep(self._changed_tree(reading.mo), self._kept)
            else:
                listed = dict(enumerate(_once(entries), 1))
                _check_number(listed)
                await self._keep(self._tree, {**self._kept, origin: listed})
                reading = _only_whitelist(reading)
        report = ImportReport(origin, len(entries), len(reading.mo.profiles), reading.findings)
        log.info(
            "push_mo_imported",
            origin=origin.value,
            entries=report.entries,
            findings=len(report.findings),
        )
        return report

    async def _extend(self, origin: Origin, entries: Sequence[TrustedSource]) -> None:
        """Add the entries that are not there yet. Call with the lock held."""
        _check_changeable(origin)
        if origin is Origin.MO:
            mo = self._mo_as_written()
            whitelist = tuple(_once((*(mo.whitelist or ()), *entries)))
            if entries:
                await self._keep(self._changed_tree(replace(mo, whitelist=whitelist)), self._kept)
            return
        listed = dict(self._kept[origin])
        for entry in entries:
            if entry not in listed.values():
                listed[max(listed, default=0) + 1] = entry
        _check_number(listed)
        await self._keep(self._tree, {**self._kept, origin: listed})

    def _settings_list(self) -> tuple[TrustedSource, ...]:
        return tuple(_once((*(self._config or ()), *self._gateways)))

    def _mo_as_written(self) -> PushMO:
        lost = next((one for one in self._device.findings if not one.kept), None)
        if lost is not None:  # written from the model, what does not count would be gone
            detail = f"the object is not complete: {lost.path}"
            raise CaiError(Reason.UNAVAILABLE, detail)
        return self._device.mo

    def _changed_tree(self, mo: PushMO) -> ManagementTree:
        tree = ManagementTree(node_of(mo))
        fault = tree.fault()
        if fault is not None:
            raise CaiError(Reason.LIMIT_EXCEEDED, f"the object has {fault}")
        _check_number(mo.whitelist or ())
        return tree

    async def _keep(
        self, tree: ManagementTree, kept: dict[Origin, dict[int, TrustedSource]]
    ) -> None:
        """Write tree and lists, then judge by them."""
        rows = [
            (origin.value, number, json.dumps(json_form.source_members(entry)))
            for origin, entries in kept.items()
            for number, entry in entries.items()
        ]
        nodes = [
            (number, "/".join(path), node.format.value, node.value)
            for number, (path, node) in enumerate(tree.root.walk())
            if path  # the root is there always
        ]

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM trusted_source")
            connection.executemany("INSERT INTO trusted_source VALUES (?, ?, ?)", rows)
            connection.execute("DELETE FROM management_object")
            connection.executemany("INSERT INTO management_object VALUES (?, ?, ?, ?)", nodes)

        # What was begun is ended, also when whoever asked for it has gone: memory follows disk.
        await asyncio.shield(self._written(write, tree, kept))

    async def _written(
        self,
        write: Callable[[sqlite3.Connection], None],
        tree: ManagementTree,
        kept: dict[Origin, dict[int, TrustedSource]],
    ) -> None:
        await self._file.transaction(write)
        self._take(tree, kept)

    def _take(self, tree: ManagementTree, kept: dict[Origin, dict[int, TrustedSource]]) -> None:
        self._device = self._device_list(tree, kept)
        self._tree, self._kept = tree, kept

    def _device_list(
        self, tree: ManagementTree, kept: dict[Origin, dict[int, TrustedSource]]
    ) -> _DeviceList:
        reading = model_of(tree.root, document=False)
        in_force = (
            self._config is not None
            or reading.mo.whitelist is not None
            or any(kept[origin] for origin in _KEPT)
        )
        entries = [*self._settings_list(), *(reading.mo.whitelist or ())]
        for origin in _KEPT:
            entries += kept[origin].values()
        sources = tuple(entry.source(self._country_code) for entry in _once(entries))
        return _DeviceList(sources if in_force else None, reading.mo, reading.findings)


def _config_entries(config: Iterable[WhitelistEntry]) -> tuple[TrustedSource, ...]:
    entries = tuple(TrustedSource.of(entry) for entry in config)
    for number, entry in enumerate(entries):
        fault = source_fault(entry)
        if fault is not None:
            where = f"whitelist[{number}]"
            raise RegistrationRejected(Reason.INVALID_PARAMETER, f"{where}: {fault}", where)
    return entries


def _granted(contact_points: Sequence[str]) -> Iterator[Source]:
    for number, text in enumerate(contact_points):
        try:
            yield contact_point(text, f"granted[{number}]")
        except RegistrationRejected as error:
            # A server's slip: it names nobody, and nobody gains by it.
            log.warning("granted_contact_point_not_understood", reason=error.detail)


def _refusal(judged: bool | None, reason: str) -> Refusal:  # noqa: FBT001 - an answer, not a switch
    if judged is None:
        return Refusal(PushStatus.USERREQ, "the names of the whitelist cannot be looked up now")
    return Refusal(PushStatus.USERRFS, reason)


def _once(entries: Iterable[TrustedSource]) -> list[TrustedSource]:
    """Return the entries without repetitions, in order, gateways first."""
    by_kind = sorted(entries, key=lambda one: one.kind is TrustedKind.SMSC)
    return list(dict.fromkeys(by_kind))


def _only_whitelist(reading: Reading) -> Reading:
    mo, findings = reading.mo, list(reading.findings)
    if mo.profiles or mo.extensions:
        findings.append(Finding("Ext", "only an import for the origin mo takes it"))
    return Reading(PushMO(mo.whitelist), tuple(findings))


def _check_changeable(origin: Origin) -> None:
    if origin is Origin.CONFIG:
        raise CaiError(Reason.PERMISSION_DENIED, "the settings' list is changed in their file")


def _check_number(entries: Iterable[object]) -> None:
    if sum(1 for _ in entries) > MAX_ENTRIES:
        raise CaiError(Reason.LIMIT_EXCEEDED, f"at most {MAX_ENTRIES} entries of one origin")


def _read(
    connection: sqlite3.Connection,
) -> tuple[list[tuple[str, int, str]], list[tuple[str, str, str]]]:
    sources = connection.execute("SELECT * FROM trusted_source ORDER BY origin, position")
    nodes = connection.execute("SELECT path, format, value FROM management_object ORDER BY number")
    return sources.fetchall(), nodes.fetchall()


def _tree(rows: list[tuple[str, str, str]]) -> Node:
    """Return the tree whose nodes are written in its order, parents first."""
    children: dict[str, list[Node]] = {}
    for path, format_, value in reversed(rows):
        below = tuple(reversed(children.pop(path, [])))
        parent, _, name = path.rpartition("/")
        node = Node(name, Format(format_), value, below)
        children.setdefault(parent, []).append(node)
    found = children.get("", [])
    return interior(ROOT, *reversed(found))

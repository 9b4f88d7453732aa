"""What ``omapush client doctor`` sees without the client: settings, files, ports, the bus.

Nothing is changed, and nothing that the client has is opened.
"""

from __future__ import annotations

import errno
import grp
import importlib.util
import os
import pwd
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from omapush.cli.client_access import obstacle
from omapush.cli.doctor_finding import Finding, fault, ok, warning
from omapush.client.handlers.address import scheme_of
from omapush.client.static_registrations import (
    StaticRegistrationError,
    read_directory,
)
from omapush.daemon.cai_settings import CaiTable
from omapush.daemon.dbus_settings import DbusTable
from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import Endpoint, SettingsError
from omapush.daemon.system_users import SystemUsers

LITTLE_SPACE = 100 << 20
NO_SPACE = 10 << 20
_SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"


def settings_findings(path: Path | None) -> tuple[ClientSettings | None, list[Finding]]:
    """Read the settings; return them if they can be used."""
    try:
        settings = load_settings(ClientSettings, path)
    except SettingsError as error:
        advice = "mend the file; docs/settings.md has every key"
        return None, [fault("settings", str(error), advice)]
    if path is None:
        advice = "give the client's own file by --config, if it has one"
        return settings, [warning("settings", "no file is given: the defaults hold", advice)]
    return settings, [ok("settings", f"{path} can be read and is valid")]


def host_findings(settings: ClientSettings, *, runs: bool) -> Iterator[Finding]:
    """Yield what can be seen of the host.

    :param runs: a client with these settings runs.
    """
    yield from port_findings(settings, runs=runs)
    yield from policy_findings(settings.cai)
    yield from store_findings(settings.store.path)
    yield from bus_findings(settings.dbus)
    yield from static_findings(settings.cai)


# ---- ports --------------------------------------------------------------------------------------


def port_findings(settings: ClientSettings, *, runs: bool) -> Iterator[Finding]:
    """Yield whether the ports of the settings are listened on, or could be."""
    http, udp = settings.ota_http.listen, settings.ota_wsp.udp_listen
    places = [
        *(
            ("OTA-HTTP", Endpoint(host, http.port), socket.SOCK_STREAM)
            for host in (http.host, *(one.address for one in settings.bearers))
            if settings.ota_http.po_tcp
        ),
        *([("OTA-WSP over UDP", udp, socket.SOCK_DGRAM)] if udp is not None else []),
    ]
    for what, endpoint, kind in places:
        if endpoint.port:
            yield _port_finding(what, endpoint, kind, runs=runs)


def _port_finding(what: str, endpoint: Endpoint, kind: socket.SocketKind, *, runs: bool) -> Finding:
    taken, reason = _is_taken(endpoint, kind)
    where = f"{what} on {endpoint}"
    if taken is None:
        advice = "the address in the settings has to be one of this host"
        return fault("ports", f"{where}: {reason}", advice)
    if taken and runs:
        return ok("ports", f"{where}: somebody listens, which should be the client")
    if taken:
        advice = "find who does with: ss -lntup; or set another port"
        return fault("ports", f"{where}: somebody else listens there", advice)
    if runs:
        advice = "see the client's log; were the settings changed since its start?"
        return fault("ports", f"{where}: nobody listens there", advice)
    return ok("ports", f"{where}: the port is free")


def _is_taken(endpoint: Endpoint, kind: socket.SocketKind) -> tuple[bool | None, str]:
    """Return whether an endpoint has its owner; ``None``: that cannot be known, and why."""
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            # Connections of earlier times do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(endpoint)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True, ""
            return None, error.strerror or str(error)
    return False, ""


# ---- who may register ---------------------------------------------------------------------------


def policy_findings(table: CaiTable) -> Iterator[Finding]:
    """Yield whether the caller may register, and whether groups and users of rules exist."""
    if table.policy == "trusted":
        yield ok("policy", "trusted: every local application may register anything")
    elif table.policy == "strict":
        yield _strict_finding(table.group)
    else:
        groups = sorted({name for rule in table.rules for name in rule.groups})
        unknown = [name for name in groups if not _is_group(name)]
        users = sorted({str(name) for rule in table.rules for name in rule.users})
        named = [name for name in users if not name.isdecimal()]
        unknown += [name for name in named if not _is_user(name)]
        if unknown:
            advice = "a rule about nobody never fits: correct the name in [[cai.rules]]"
            yield warning("policy", f"rules name who is not there: {', '.join(unknown)}", advice)
        else:
            yield ok("policy", f"rules: {len(table.rules)}, the first that fits decides")


def _strict_finding(group: str) -> Finding:
    if not _is_group(group):
        advice = f"make it with: sudo groupadd {group}; or set [cai] group"
        return fault("policy", f"strict: there is no group {group}: nobody may register", advice)
    users, uid = SystemUsers(), os.getuid()
    name = users.name(uid) or str(uid)
    if uid != 0 and group not in users.groups(uid):
        advice = f"sudo usermod --append --groups {group} {name}, and log in anew"
        return warning("policy", f"strict: {name} is not in group {group}", advice)
    return ok("policy", f"strict: {name} may register what is known, or bears that name")


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


# ---- the client's file --------------------------------------------------------------------------


def store_findings(path: Path) -> Iterator[Finding]:
    """Yield whether the file is private, and whether there is room beside it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        folder = path.parent
        if not folder.is_dir():
            yield fault("store", f"{folder} is no directory", f"make it: mkdir -p {folder}")
            return
        said = "the client makes it at its start"
        if not path.is_absolute():
            said += ", where it is started: the path is relative"
        yield ok("store", f"{path} is not there yet; {said}")
    except OSError as error:
        advice = "ask as the user whom the client runs as"
        yield warning("store", f"{path} cannot be seen: {error.strerror}", advice)
        return
    else:
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            advice = f"chmod 600 {path}"
            yield fault("store", f"{path} is not private: it holds pushes and tokens", advice)
        else:
            yield ok("store", f"{path} is private")
    yield _space_finding(path.parent)


def _space_finding(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        said = f"how much room there is in {folder} cannot be seen: {error.strerror}"
        return warning("store", said, "ask as the user whom the client runs as")
    said = f"{free // (1 << 20)} MiB are free beside it"
    if free < NO_SPACE:
        return fault("store", said, "make room: pushes that cannot be kept are refused")
    if free < LITTLE_SPACE:
        return warning("store", said, "make room, before pushes are refused")
    return ok("store", said)


# ---- D-Bus --------------------------------------------------------------------------------------


def bus_findings(table: DbusTable) -> Iterator[Finding]:
    """Yield whether the bus of the settings can be reached."""
    if table.bus == "off":
        return
    if importlib.util.find_spec("dbus_fast") is None:
        yield fault("D-Bus", "the extra is not installed", "pip install omapush[dbus]")
        return
    address = _bus_address(table.bus)
    if address is None:
        advice = "run the client in a session that has a bus, or name another one in [dbus] bus"
        yield fault("D-Bus", "DBUS_SESSION_BUS_ADDRESS is not set", advice)
        return
    kind, _, named = address.partition(":")
    members = dict(part.partition("=")[::2] for part in named.split(","))
    if kind != "unix" or "path" not in members:
        yield ok("D-Bus", f"{address}: cannot be looked at from here")
        return
    reason = obstacle(Path(members["path"]))
    if reason is not None:
        advice = "start the bus, or name another one in [dbus] bus"
        yield fault("D-Bus", f"{members['path']}: {reason}", advice)
    else:
        yield ok("D-Bus", f"{members['path']} answers")


def _bus_address(bus: str) -> str | None:
    match bus:
        case "session":
            address = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
        case "system":
            address = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", _SYSTEM_BUS)
        case _:
            address = bus
    # There may be several, to be tried in turn.
    return address.partition(";")[0] if address else None


# ---- registrations in files ---------------------------------------------------------------------


def static_findings(table: CaiTable) -> Iterator[Finding]:
    """Yield what is wrong with registrations that stand in files."""
    directory = table.static_registrations
    if directory is None:
        return
    try:
        files = read_directory(directory.absolute())
    except StaticRegistrationError as error:
        advice = "make it readable, or correct [cai] static_registrations"
        yield fault("static registrations", error.reason, advice)
        return
    good = 0
    for path, file in files.items():
        if isinstance(file, StaticRegistrationError):
            advice = "mend the file, then send the client SIGHUP"
            yield fault("static registrations", f"{path}: {file.reason}", advice)
            continue
        scheme = scheme_of(file.request.event_handler)
        if scheme not in table.handlers.schemes:
            advice = f'add "{scheme}" to [cai.handlers] schemes, or use another handler'
            said = f"{path}: event handlers of kind {scheme} are not allowed"
            yield fault("static registrations", said, advice)
            continue
        good += 1
    yield ok("static registrations", f"{good} in {directory} can be taken")

"""Kannel's gateway as a peer: its configuration for loopback, with a simulated SMSC and UDP.

Over UDP it uses the ports that WAP reserves and no others: it listens on 9200 and 9201, and sends
connectionless pushes to 2948. So every run gets addresses of its own in 127.0.0.0/8, see
:func:`wdp_addresses`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from omapush.protocols.wdp import Port

USERNAME = "test"
PASSWORD = "secret"  # noqa: S105 - of a peer that lives for one test

_CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = {password}
smsbox-port = {smsbox}
wapbox-port = {wapbox}
box-allow-ip = "127.0.0.1"
log-file = "{folder}/bearerbox.log"
log-level = {level}
{wdp}
group = smsc
smsc = fake
smsc-id = sink
port = {smsc}
connect-allow-ip = 127.0.0.1

group = wapbox
bearerbox-host = {address}
log-file = "{folder}/wapbox.log"
log-level = {level}

group = ppg
ppg-url = /wappush
ppg-port = {ppg}
concurrent-pushes = 1000
users = 1024
ppg-allow-ip = 127.0.0.1
global-sender = 12345
service-name = ppg
default-smsc = sink

group = wap-push-user
wap-push-user = {username}
ppg-username = {username}
ppg-password = {password}
allow-ip = 127.0.0.1

# Never started, but bearerbox wants to know it.
group = smsbox
bearerbox-host = 127.0.0.1
global-sender = 12345

group = sms-service
keyword = default
text = "none"
"""


PUSH_PORT = Port.PUSH.value
"""Where Kannel thinks that clients take connectionless pushes."""
WSP_PORT = Port.CONNECTIONLESS.value
SESSION_PORT = Port.SESSION.value

# A Connect without capabilities and headers in an Invoke of class 2, the type of its answer, and
# the Ack of that (WAP-224, 9.2; WSP 8.2.2).
_CONNECT = bytes.fromhex("0e0001120110 0000")
_ACK = bytes.fromhex("180001")
_RESULT = 2 << 3

_PATIENCE_SECONDS = 30.0
_WARNING, _DEBUG = 2, 0


class KannelMissing(Exception):
    """Kannel is not installed."""


class KannelError(Exception):
    """Kannel did not do what it was started for; the message holds its log."""


@dataclass(frozen=True, slots=True)
class Kannel:
    """How to run it: two commands, the second when ``wapbox_port`` answers; PAP on ``ppg_port``.

    Whoever connects to ``smsc_port`` is the SMSC, and gets what Kannel sends.

    :ivar folder: where it runs and writes its logs.
    :ivar address: its own for UDP; ``None``: it has no UDP.
    """

    commands: tuple[list[str], list[str]]
    wapbox_port: int
    smsc_port: int
    ppg_port: int
    folder: Path
    address: str | None

    @property
    def log(self) -> str:
        """What its wapbox wrote: with an address for UDP everything, without one warnings."""
        return _read(self.folder / "wapbox.log")


def prepare(folder: Path, ports: list[int], address: str | None = None) -> Kannel:
    """Write the configuration into ``folder``, with five free ``ports``.

    :param address: its own for UDP, one of :func:`wdp_addresses`.
    :raises KannelMissing: it is not installed.
    """
    bearerbox, wapbox = (_program(name) for name in ("bearerbox", "wapbox"))
    admin, smsbox, wapbox_port, smsc, ppg = ports
    path = folder / "kannel.conf"
    path.write_text(
        _CONFIGURATION.format(
            admin=admin,
            smsbox=smsbox,
            wapbox=wapbox_port,
            smsc=smsc,
            ppg=ppg,
            folder=folder,
            username=USERNAME,
            password=PASSWORD,
            level=_WARNING if address is None else _DEBUG,
            wdp="" if address is None else f'wdp-interface-name = "{address}"\n',
            # Where its session requests tell clients to connect to.
            address=address or "127.0.0.1",
        )
    )
    commands = ([bearerbox, str(path)], [wapbox, str(path)])
    return Kannel(commands, wapbox_port, smsc, ppg, folder, address)


@contextlib.contextmanager
def running_kannel(kannel: Kannel) -> Iterator[Kannel]:
    """Start both programs and wait until PAP is served; stop them at the end.

    :raises KannelError: it does not come up.
    """
    processes: list[subprocess.Popen[bytes]] = []
    ready = (kannel.wapbox_port, kannel.ppg_port)
    try:
        for command, port in zip(kannel.commands, ready, strict=True):
            log = kannel.folder / f"{port}.log"
            processes.append(_start(command, log))
            _wait_for(functools.partial(_answers, port), processes[-1], log)
        if kannel.address is not None:
            opens = functools.partial(_opens_session, kannel.address)
            _wait_for(opens, processes[-1], kannel.folder / "wapbox.log")
            _accept_before_pushing(kannel, processes[-1])
        yield kannel
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as told:
        return subprocess.Popen(  # noqa: S603 # of the Debian package, see prepare
            command, stdout=told, stderr=told, cwd=log.parent
        )


def wdp_addresses(number: int) -> tuple[str, ...]:
    """Return loopback addresses, up to 200, on which nobody uses the ports of WAP.

    They are drawn by lot: others may do the same between this look and the use.
    """
    lot = random.SystemRandom()
    while True:
        network = f"127.{lot.randrange(64, 128)}.{lot.randrange(256)}"
        found = tuple(f"{network}.{host}" for host in range(1, number + 1))
        ports = (PUSH_PORT, WSP_PORT, SESSION_PORT)
        if all(_is_free(host, port) for host in found for port in ports):
            return found


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        raise KannelMissing(f"{name} is missing: install Debian's package kannel")
    return found


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _accept_before_pushing(kannel: Kannel, wapbox: subprocess.Popen[bytes]) -> None:
    """Have wapbox accept sessions before it pushes in them, nearly always.

    It leaves both to threads of their own. When the pushing one is first, wapbox drops the push.
    So that one gives way to the others.
    """
    found = re.search(r"Started thread (\d+) \(gw/wap_push_ota.c:main_thread\)", kannel.log)
    if found is not None:
        # The system lists them in the order of their start.
        threads = [int(each.name) for each in Path(f"/proc/{wapbox.pid}/task").iterdir()]
        pushing = threads[int(found[1])]
        os.sched_setscheduler(pushing, os.SCHED_BATCH, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, pushing, 10)


def _opens_session(address: str) -> bool:
    """Ask for a session, and return whether there is one.

    It shows that the two programs have met, and takes the first session's id, 0: by that id go
    also, for Kannel's PPG, all clients that have no session yet, and it mistakes them.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.settimeout(0.5)
        port.connect((address, SESSION_PORT))
        try:
            port.send(_CONNECT)
            answer = port.recv(1_500)
            port.send(_ACK)
        except OSError:
            return False
    return answer[0] & 0x78 == _RESULT


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS  # noqa: TID251 - another program's start-up
    while not condition():
        if process.poll() is not None:
            raise KannelError(f"Kannel ended with {process.returncode}:\n{_read(log)}")
        if time.monotonic() > deadline:  # noqa: TID251
            raise KannelError(f"Kannel does not come up:\n{_read(log)}")
        time.sleep(0.05)


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""

"""Kannel's gateway as a peer: its configuration for loopback, with a simulated SMSC."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

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
log-level = 2

group = smsc
smsc = fake
smsc-id = sink
port = {smsc}
connect-allow-ip = 127.0.0.1

group = wapbox
bearerbox-host = 127.0.0.1
log-file = "{folder}/wapbox.log"
log-level = 2

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


class KannelMissing(Exception):
    """Kannel is not installed."""


@dataclass(frozen=True, slots=True)
class Kannel:
    """How to run it: two commands, the second when ``wapbox_port`` answers; PAP on ``ppg_port``.

    Whoever connects to ``smsc_port`` is the SMSC, and gets what Kannel sends.
    """

    commands: tuple[list[str], list[str]]
    wapbox_port: int
    smsc_port: int
    ppg_port: int


def prepare(folder: Path, ports: list[int]) -> Kannel:
    """Write the configuration into ``folder``, with five free ``ports``.

    :raises KannelMissing: it is not installed.
    """
    programs = []
    for name in ("bearerbox", "wapbox"):
        found = shutil.which(name, path="/usr/sbin:/usr/bin")
        if found is None:
            raise KannelMissing(f"{name} is missing: install Debian's package kannel")
        programs.append(found)
    admin, smsbox, wapbox, smsc, ppg = ports
    path = folder / "kannel.conf"
    path.write_text(
        _CONFIGURATION.format(
            admin=admin,
            smsbox=smsbox,
            wapbox=wapbox,
            smsc=smsc,
            ppg=ppg,
            folder=folder,
            username=USERNAME,
            password=PASSWORD,
        )
    )
    bearerbox, wapbox_program = programs
    commands = ([bearerbox, str(path)], [wapbox_program, str(path)])
    return Kannel(commands, wapbox, smsc, ppg)

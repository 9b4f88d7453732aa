"""Kannel's PPG as the reference: bearerbox, wapbox and a simulated SMSC that swallows everything."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from pathlib import Path

from processes import free_ports

CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = bench
smsbox-port = {smsbox}
wapbox-port = {wapbox}
wdp-interface-name = "127.0.0.1"
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
wap-push-user = bench
ppg-username = bench
ppg-password = bench
allow-ip = 127.0.0.1

# Never started, but bearerbox wants to know it.
group = smsbox
bearerbox-host = 127.0.0.1
global-sender = 12345

group = sms-service
keyword = default
text = "none"
"""


def commands(folder: Path) -> tuple[list[list[str]], int, int]:
    """Write the configuration; return the commands, PAP's port and the simulated SMSC's port."""
    bearerbox = shutil.which("bearerbox", path="/usr/sbin:/usr/bin")
    wapbox = shutil.which("wapbox", path="/usr/sbin:/usr/bin")
    if bearerbox is None or wapbox is None:
        sys.exit("the benchmark needs Kannel as its reference (apt-get install kannel)")
    admin, smsbox, wap, smsc, ppg = free_ports(5)
    configuration = folder / "kannel.conf"
    text = CONFIGURATION.format(
        admin=admin, smsbox=smsbox, wapbox=wap, smsc=smsc, ppg=ppg, folder=folder
    )
    configuration.write_text(text)
    return [[bearerbox, str(configuration)], [wapbox, str(configuration)]], ppg, smsc


class Sink:
    """The far end of Kannel's simulated SMSC: reads and forgets."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._swallow, daemon=True)
        self._thread.start()

    def _swallow(self) -> None:
        try:
            while self._socket.recv(1 << 20):
                pass
        except OSError:
            pass

    def close(self) -> None:
        self._socket.close()

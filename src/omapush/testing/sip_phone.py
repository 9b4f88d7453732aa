"""A push client at a SIP core, as a process, for tests of it alone.

No gateway is started::

    async with sip_phone(folder, core=f"{HOST}:{core.port}", transport="udp") as alice:
        browser = await alice.application("x-wap-application:wml.ua", "text/vnd.wap.si")
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from omapush.testing.daemons import Daemon, DaemonError
from omapush.testing.kamailio import DOMAIN, USERS
from omapush.testing.sip_stage import Phone


@contextlib.asynccontextmanager
async def sip_phone(
    folder: Path, name: str = "alice", *, lines: str = "", **ota_sip: object
) -> AsyncIterator[Phone]:
    """Switch on a phone; at the end it is off.

    :param folder: for its files.
    :param lines: of its settings, before the table ``[ota_sip]``.
    :param ota_sip: of that table; its user has the password that the core knows.
    :raises DaemonError: it did not start, did not end well, or its log has a traceback or the
        password.
    """
    socket = folder / "cai.sock"
    password = USERS.get(name, "load")
    table = {"aor": f"sip:{name}@{DOMAIN}", "password": password, **ota_sip}
    settings = folder / "client.toml"
    settings.write_text(
        f'cai.socket = "{socket}"\nstore.path = "{folder}/client.db"\n'
        'log = {level = "debug"}\nota_http.po_tcp = false\nbuilt_in.enabled = false\n'
        f"{lines}[ota_sip]\n"
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
    )
    daemon = Daemon("client", settings, path=socket)
    phone = Phone(name, daemon, socket)
    await daemon.start()
    try:
        yield phone
    finally:
        await phone.clients.aclose()
        status = await daemon.stop()
    secret = str(table["password"])
    if status or any(words in daemon.log for words in ("Traceback", secret)):
        raise DaemonError(f"ended with {status}:\n{daemon.log}")

"""A push initiator that we did not write, against our gateway: Kannel's ``test_ppg``."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from omapush.pap import model, xml
from omapush.testing.daemons import Daemon, free_port, running
from omapush.testing.plain_terminal import Terminal

PROGRAM = Path("/usr/lib/kannel/test/test_ppg")
SAMPLES = PROGRAM.parent
PATIENCE_SECONDS = 30

pytestmark = pytest.mark.asyncio(loop_scope="module")

SI = (
    '<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    '"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://a.example.net/">'
    "hello</indication></si>\n"
)
CONTROL = """<?xml version="1.0"?>
<!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP//EN" "http://www.wapforum.org/DTD/pap_1.0.dtd">
<pap>
  <push-message push-id="{push_id}" deliver-after-timestamp="2002-03-04T05:06:07Z">
    <address address-value="{address}">
    </address>
    <quality-of-service delivery-method="unconfirmed" network="GSM" network-required="true"
      bearer="{bearer}" bearer-required="true">
    </quality-of-service>
  </push-message>
</pap>
"""
PHONE = "WAPPUSH=+358408201681/TYPE=PLMN@ppg.carrier.com"
PLACE = "WAPPUSH=213.243.140.102/TYPE=IPv4@ppg.carrier.com"
STRANGER = "WAPPUSH=+447700900123/TYPE=PLMN@ppg.carrier.com"


class Ground:
    """A gateway with two clients, and the program that submits to it."""

    def __init__(self, folder: Path, pap: int, terminal: Terminal, daemon: Daemon) -> None:
        self.folder = folder
        self.pap = pap
        self.terminal = terminal
        self.daemon = daemon

    async def submit(
        self, control: str, *options: str, credentials: tuple[str, str] | None = None
    ) -> str:
        """Run the program once; return what it says of our answer, as it understood it."""
        document, content = self.folder / "control.xml", self.folder / "content.xml"
        content.write_text(SI)
        document.write_text(control)
        url = f"http://127.0.0.1:{self.pap}/pap"
        arguments = [url, str(content), str(document)]
        if credentials is not None:
            settings = self.folder / "test_ppg.conf"
            settings.write_text(configuration(url, content, document, *credentials))
            arguments = ["-b", str(settings)]
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *options, *arguments, cwd=self.folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                told, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return told.decode(errors="replace")

    async def delivered(self, number: int) -> list[bytes]:
        """Return what the terminal was sent, as soon as that is ``number`` pushes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if len(self.terminal.pushes) >= number:
                    return self.terminal.pushes
                await asyncio.sleep(0.02)


def configuration(url: str, content: Path, control: Path, username: str, password: str) -> str:
    return (
        f"group = test-ppg\nretries = 1\npi-ssl = no\n\ngroup = configuration\n"
        f'push-url = "{url}"\npap-file = "{control}"\ncontent-file = "{content}"\n'
        f'username = "{username}"\npassword = "{password}"\n'
    )


@pytest.fixture(scope="module")
def peer() -> None:
    if not PROGRAM.exists():
        reason = "test_ppg is missing: install Debian's package kannel-extras"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(f"{reason} (make setup does)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(peer: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    tmp_path = tmp_path_factory.mktemp("test-ppg")
    terminal = Terminal()
    await terminal.start()
    pap, admin = free_port(), free_port()
    clients = "".join(
        f'[[clients]]\nid = "{name}"\naddresses = ["{address}"]\n'
        f'network = "GSM"\nbearer = "{bearer}"\nota_http = "127.0.0.1:{terminal.port}"\n'
        for name, address, bearer in (("phone", PHONE, "SMS"), ("place", PLACE, "CSD"))
    )
    settings = tmp_path / "ppg.toml"
    settings.write_text(
        f'[pap]\nlisten = "127.0.0.1:{pap}"\nanonymous_from = ["127.0.0.1/32"]\n'
        f'[admin]\nlisten = "127.0.0.1:{admin}"\n'
        f'[store]\nurl = "sqlite:///{tmp_path}/omapush.db"\n'
        '[[initiators]]\nid = "kannel"\nusername = "kannel"\npassword = "of-kannel"\n'
        f"{clients}"
    )
    async with running(Daemon("ppg", settings, port=pap)) as daemon:
        yield Ground(tmp_path, pap, terminal, daemon)
        assert "Traceback" not in daemon.log
    await terminal.stop()


@pytest.fixture
def ground(shared: Ground) -> Ground:
    """The one gateway of this module, with a terminal that has seen nothing yet."""
    shared.terminal.pushes.clear()
    return shared


def answer_in(told: str) -> tuple[int, str]:
    """Return code and description of the answer that the program says it got."""
    _, _, dump = told.partition("reply body was")
    dump = dump.partition("dump ends")[0]
    lines = re.findall(r"data: ((?:[0-9a-f]{2} )+)", dump)
    message = xml.decode(bytes.fromhex("".join(lines))).message
    result = message.response_result if isinstance(message, model.PushResponse) else message
    assert isinstance(result, model.ResponseResult | model.BadMessageResponse)
    return result.code, result.desc or ""


def control(push_id: str, address: str = PHONE, bearer: str = "SMS") -> str:
    return CONTROL.format(push_id=push_id, address=address, bearer=bearer)


async def test_test_ppg_submits_is_answered_1001_and_its_content_is_delivered(
    ground: Ground,
) -> None:
    told = await ground.submit(control("a@pi"))
    code, desc = answer_in(told)
    assert code == 1001
    for repair in (
        "public identifier '-//WAPFORUM//DTD PAP//EN', read as PAP 1.0",
        "white space in the empty element address",
    ):
        assert repair in desc
        assert repair in ground.daemon.log
    assert "and type push response" in told
    assert "1 succeeded, 0 failed" in told
    (pushed,) = await ground.delivered(1)
    assert pushed.endswith(SI.encode())


@pytest.mark.parametrize("name", ["smstestppg.txt", "iptestppg.txt"])
async def test_control_documents_that_kannel_ships_are_accepted(ground: Ground, name: str) -> None:
    sample = (SAMPLES / name).read_text()
    # All samples have the same push-id.
    document = re.sub('push-id="[^"]*"', f'push-id="{name}"', sample)
    assert answer_in(await ground.submit(document))[0] == 1001
    await ground.delivered(1)
    assert answer_in(await ground.submit(document))[0] == 2007


@pytest.mark.parametrize(
    ("options", "code", "content"),
    [
        (("-c", "wml"), 1001, b"Content-Type: text/vnd.wap.wml"),
        (("-c", "sl"), 1001, b"Content-Type: text/vnd.wap.sl"),
        (("-c", "multipart"), 1001, b"Content-Type: multipart/related"),
        (("-c", "nil"), 2000, b""),
        (("-c", "scrap"), 2000, b""),
        (("-a", "any"), 1001, b"Application-Id: http://www.wiral.com:*"),
        (("-a", "mms"), 1001, b"Application-Id: 4\r\n"),
        (("-a", "nil"), 1001, b"Content-Type: text/vnd.wap.si"),
        (("-e", "base64"), 1001, SI.encode()),
        (("-S", "Content-Language: en"), 1001, b"Content-Language: en"),
        (("-k", "close"), 1001, b""),
        (("-k", "keep-alive"), 1001, b""),
    ],
)
async def test_options_of_test_ppg_have_their_effect(
    ground: Ground, options: tuple[str, ...], code: int, content: bytes
) -> None:
    told = await ground.submit(control(f"options {options}"), *options)
    assert answer_in(told)[0] == code, answer_in(told)
    if code == 1001:
        (pushed,) = await ground.delivered(1)
        assert content in pushed


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (control("a@pi", bearer="GPRS"), 3010),
        (control("a@pi", address=PLACE), 3010),
        (control("a@pi", address=STRANGER), 2002),
        (control("a@pi", address="WAPPUSH=/TYPE=@"), 2002),
        (control("a@pi").replace("<pap>", "<pop>"), 2000),
        (control("a@pi").replace("push-id", "push-it"), 2000),
        (
            control("a@pi").replace(
                'deliver-after-timestamp="2002-03', 'deliver-after-timestamp="2002-13'
            ),
            2000,
        ),
        (control("a@pi").replace("deliver-after", "deliver-before"), 2001),
        (control("a@pi").replace("unconfirmed", "oneshot"), 3012),
    ],
)
async def test_test_ppg_understands_why_we_refuse(ground: Ground, document: str, code: int) -> None:
    told = await ground.submit(document)
    assert answer_in(told)[0] == code
    assert "cannot compile" not in told
    assert "1 succeeded, 0 failed" in told  # the exchange, as it counts
    assert not ground.terminal.pushes


async def test_test_ppg_proves_who_it_is(ground: Ground) -> None:
    told = await ground.submit(control("c@pi"), credentials=("kannel", "of-kannel"))
    assert answer_in(told)[0] == 1001
    assert '"initiator": "kannel"' in ground.daemon.log
    told = await ground.submit(control("b@pi"), credentials=("kannel", "guessed"))
    assert "HTTP/1.1 401" in told
    assert "b@pi" not in ground.daemon.log

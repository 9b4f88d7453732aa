"""Our initiator against a gateway that we did not write: Kannel's PPG."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from omapush.initiator import PushInitiator
from omapush.initiator.client import HttpRefusalError
from omapush.pap.model import DeliveryMethod
from omapush.testing.daemons import free_port

PATIENCE_SECONDS = 30
CONFIGURATION = """
group = core
admin-port = {0}
admin-password = test
smsbox-port = {1}
wapbox-port = {2}
wdp-interface-name = "127.0.0.1"
box-allow-ip = "127.0.0.1"

group = smsc
smsc = fake
smsc-id = sink
port = {3}
connect-allow-ip = 127.0.0.1

group = wapbox
bearerbox-host = 127.0.0.1

group = ppg
ppg-url = /wappush
ppg-port = {4}
ppg-allow-ip = 127.0.0.1
global-sender = 12345
service-name = ppg
default-smsc = sink

group = wap-push-user
wap-push-user = test
ppg-username = test
ppg-password = secret
allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
global-sender = 12345

group = sms-service
keyword = default
text = "none"
"""


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        text = f"{name} is missing: install Debian's package kannel (make setup does)"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    return found


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS  # noqa: TID251 - another program's start-up
    while time.monotonic() < deadline:  # noqa: TID251
        assert process.poll() is None, "Kannel ended"
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"Kannel does not listen on {port}")


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[str]:
    ports = [free_port() for _ in range(5)]
    configuration = tmp_path / "kannel.conf"
    configuration.write_text(CONFIGURATION.format(*ports))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for name, port in (("bearerbox", ports[2]), ("wapbox", ports[4])):
            with (tmp_path / f"{name}.log").open("wb") as log:
                command = [program(name), str(configuration)]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))
            wait_for(port, processes[-1])
        yield f"http://127.0.0.1:{ports[4]}/wappush"
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


SI = (
    b'<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" '
    b'"http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://a.example.net/">'
    b"hello</indication></si>"
)


async def test_kannel_takes_our_submission_and_we_understand_its_answers(kannel: str) -> None:
    async with PushInitiator(kannel, username="test", password="secret") as initiator:
        taken = await initiator.submit(
            ["WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"],
            "x-wap-application:wml.ua",
            SI,
            "text/vnd.wap.si",
            delivery_method=DeliveryMethod.UNCONFIRMED,
        )
        assert (taken.code, taken.accepted) == (1001, True)
        wrong = await initiator.submit(
            ["WAPPUSH=nobody/TYPE=USER@ppg.example.net"], None, SI, "text/vnd.wap.si"
        )
        # Kannel serves no USER addresses; which 2xxx it says differs between its versions.
        assert (wrong.code // 1000, wrong.accepted) == (2, False)


async def test_kannel_refuses_wrong_credentials_and_we_say_so(kannel: str) -> None:
    async with PushInitiator(kannel, username="test", password="wrong") as initiator:
        with pytest.raises(HttpRefusalError) as caught:
            await initiator.submit(["+441234567890"], None, SI, "text/vnd.wap.si")
    assert caught.value.status == 401

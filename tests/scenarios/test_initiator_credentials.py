"""Our initiator and a real daemon with TLS: Digest, API key and certificate, by SDK and verbs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from omapush.content.uaprof import PushCharacteristics
from omapush.initiator import NotificationReceiver, PushInitiator, TooFastError, serve
from omapush.initiator.client import HttpRefusalError, OutcomeUnknownError, PpgUnreachableError
from omapush.pap.codes import MessageState
from omapush.pap.model import ResultNotificationMessage
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, clean_environment, free_port, run_verb, running
from omapush.testing.plain_terminal import Terminal

PATIENCE_SECONDS = 30
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
PASSWORD = "s3cret-word"
KEY = "pi_5Yt0dGhlIGtleSBvZiBhIHRlc3Qgb25seQ"


class Desk:
    """A folder with certificates and the settings of a running gateway."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{port}/pap"

    def initiator(self, **credentials: Any) -> PushInitiator:
        return PushInitiator(self.url, ca_file=self.folder / "ca.pem", **credentials)

    def certificate(self, name: str) -> dict[str, Path]:
        return {"certificate": self.folder / f"{name}.pem", "key": self.folder / f"{name}.key"}

    async def omapush(self, *arguments: str, **environment: str) -> tuple[int, str]:
        ended = await run_verb(
            *arguments, "--ppg", self.url, "--ca-file", "ca.pem",
            folder=self.folder, environment=environment,
        )  # fmt: skip
        printed = ended.out + ended.err
        for secret in (PASSWORD, KEY):
            assert secret not in printed
        return ended.status, printed

    async def submitter(self, push_id: str) -> str:
        """Return whom the ledger names as the initiator of a push."""
        settings = ("--config", "ppg.toml", "--json")
        ended = await run_verb("status", push_id, *settings, folder=self.folder)
        return str(json.loads(ended.out)["initiator"])


def settings(folder: Path, port: int, client_port: int) -> Path:
    def initiator(name: str, *lines: str) -> str:
        return "\n".join(["[[initiators]]", f'id = "{name}"', *lines, ""])

    file = folder / "ppg.toml"
    file.write_text(
        f'[pap]\nlisten = "127.0.0.1:{port}"\nlockout_failures = 3\nlockout_seconds = 600\n'
        'tls_certificate = "server.pem"\ntls_key = "server.key"\ntls_client_ca = "ca.pem"\n'
        "match_capabilities = true\n"
        f'[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
        "[notification]\nretry_seconds = [0.2, 0.2, 0.2, 0.2, 0.2, 0.2]\n"
        + initiator("word", 'username = "word"', f'password = "{PASSWORD}"')
        + initiator("key", f'api_key_sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"')
        + initiator("named", 'certificate_name = "pi.example.net"')
        + initiator("both", 'username = "both"', f'password = "{PASSWORD}"',
                    'certificate_name = "urn:example:both"', "require_all = true")
        + f'[[clients]]\nid = "anna"\naddresses = ["{ADDRESS}"]\n'
        f'ota_http = "127.0.0.1:{client_port}"\n'
    )  # fmt: skip
    return file


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    for name, alternative in (
        ("server", "IP:127.0.0.1"),
        ("named", "DNS:pi.example.net"),
        ("both", "URI:urn:example:both"),
    ):
        authority.sign(name, alternative)
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    stranger.sign("foreign", "DNS:pi.example.net")
    for file in stranger.folder.glob("foreign.*"):
        file.rename(authority.folder / file.name)
    (stranger.folder / "ca.pem").rename(authority.folder / "foreign-ca.pem")
    return authority


@pytest.fixture
async def desk(authority: Authority) -> AsyncIterator[Desk]:
    folder, port = authority.folder, free_port()
    for file in folder.glob("omapush.db*"):
        file.unlink()
    terminal = Terminal()
    await terminal.start()
    file = settings(folder, port, terminal.port)
    async with running(Daemon("ppg", file, port=port)) as daemon:
        yield Desk(folder, port)
        assert PASSWORD not in daemon.log
        assert KEY not in daemon.log
    await terminal.stop()


async def submit(initiator: PushInitiator, push_id: str, **more: Any) -> int:
    """Return the code of the verdict."""
    result = await initiator.submit(
        [ADDRESS], "x-wap-application:wml.ua", b"hello", "text/plain", push_id=push_id, **more
    )
    return result.code


async def test_initiator_is_let_in_as_whom_it_proves_to_be(desk: Desk) -> None:
    word = {"username": "word", "password": PASSWORD}
    both = {"username": "both", "password": PASSWORD, **desk.certificate("both")}
    proofs: list[tuple[str, dict[str, Any]]] = [
        ("word", word),
        ("word", {**word, "digest": True}),
        ("key", {"api_key": KEY}),
        ("named", desk.certificate("named")),
        ("both", both),
        ("both", {**both, "digest": True}),
    ]
    for number, (initiator_id, credentials) in enumerate(proofs):
        async with desk.initiator(**credentials) as initiator:
            for attempt in "ab":  # with Digest, the second on the nonce of the first
                push_id = f"{number}{attempt}@pi"
                assert await submit(initiator, push_id) == 1001
                assert await desk.submitter(push_id) == initiator_id
            assert (await initiator.status(push_id)).results[0].code in (1000, 1001)


async def test_initiator_without_all_of_its_proof_is_refused_and_then_too_fast(desk: Desk) -> None:
    async with desk.initiator(username="both", password=PASSWORD, digest=True) as initiator:
        with pytest.raises(HttpRefusalError, match="401"):
            await submit(initiator, "1@pi")
    async with desk.initiator(username="word", password="guess") as initiator:
        for _ in range(2):
            with pytest.raises(HttpRefusalError, match="401"):
                await submit(initiator, "1@pi")
        with pytest.raises(TooFastError) as caught:
            await submit(initiator, "1@pi", retries=3)  # ten minutes are not waited for
    assert caught.value.status == 429
    assert 500 < (caught.value.retry_after_seconds or 0) <= 600
    async with desk.initiator(**desk.certificate("named")) as initiator:
        assert await submit(initiator, "1@pi") == 1001


async def test_neither_side_talks_to_one_of_a_foreign_authority(desk: Desk) -> None:
    async with desk.initiator(**desk.certificate("foreign")) as initiator:
        # With TLS 1.3 the gateway refuses when the request is already on its way.
        with pytest.raises((OutcomeUnknownError, PpgUnreachableError)):
            await submit(initiator, "1@pi")
    foreign = desk.folder / "foreign-ca.pem"
    async with PushInitiator(desk.url, ca_file=foreign, api_key=KEY) as initiator:
        with pytest.raises(PpgUnreachableError, match="certificate"):
            await submit(initiator, "1@pi")


async def test_result_comes_again_until_the_handler_has_taken_it(desk: Desk) -> None:
    taken: asyncio.Queue[ResultNotificationMessage] = asyncio.Queue()
    calls = 0

    async def handle(message: ResultNotificationMessage) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("disk full")
        taken.put_nowait(message)

    async with (
        serve(NotificationReceiver(handle)) as notify_to,
        desk.initiator(api_key=KEY) as initiator,
    ):
        # Nothing is known of the client, so that no assumption is wrong.
        assumed = PushCharacteristics(accept=("image/x-nobody-has-this",))
        code = await submit(initiator, "1@pi", notify_to=notify_to, capabilities=assumed)
        assert code == 1001
        assert await submit(initiator, "2@pi", capabilities=b"no profile") == 2000
        async with asyncio.timeout(PATIENCE_SECONDS):
            notification = await taken.get()
    assert (notification.push_id, calls) == ("1@pi", 2)
    assert notification.message_state is MessageState.DELIVERED


async def test_verbs_prove_who_they_are_and_show_no_secret(desk: Desk) -> None:
    later = ("--text", "hello", "--deliver-after", "2099-01-01T00:00:00Z")
    push = ("push", ADDRESS, *later)
    word = ("--username", "word", "--digest")
    status, out = await desk.omapush(
        *push, "--push-id", "1@pi", "--progress", *word, OMAPUSH_PASSWORD=PASSWORD
    )
    assert status == 0
    accepted, *progress = out.splitlines()
    assert accepted.startswith("1@pi: accepted, 1001")
    assert progress
    status, out = await desk.omapush("status", "1@pi", *word, OMAPUSH_PASSWORD=PASSWORD)
    assert (status, "pending" in out) == (0, True)
    status, out = await desk.omapush("cancel", "1@pi", OMAPUSH_API_KEY=KEY)
    assert (status, "2004" in out) == (1, True)  # it is another initiator's
    certificate = ("--certificate", "named.pem", "--key", "named.key")
    status, out = await desk.omapush(*push, "--push-id", "2@pi", *certificate)
    assert (status, await desk.submitter("2@pi")) == (0, "named")
    replace = ("replace", "2@pi", ADDRESS, "--push-id", "3@pi", *later)
    assert (await desk.omapush(*replace, *certificate))[0] == 0
    status, out = await desk.omapush("capabilities", ADDRESS, *certificate)
    assert (status, "3008" in out) == (1, True)
    status, out = await desk.omapush(*push, *word, OMAPUSH_PASSWORD="guess")
    assert (status, "401" in out) == (1, True)


async def test_listen_demands_credentials_over_tls(desk: Desk) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "omapush.cli", "listen", f"127.0.0.1:{port}", "--json",
        "--certificate", "server.pem", "--key", "server.key", "--username", "ppg", "--count", "1",
        cwd=desk.folder, env=clean_environment({"OMAPUSH_LISTEN_PASSWORD": PASSWORD}),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        await _check_listener(process, port, desk.folder / "ca.pem")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _check_listener(process: asyncio.subprocess.Process, port: int, ca_file: Path) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        url = (await process.stderr.readline()).decode().removeprefix("listening on ").strip()
    assert url == f"https://127.0.0.1:{port}/"
    trusting = ssl.create_default_context(cafile=ca_file)
    document = (
        '<?xml version="1.0"?><!DOCTYPE pap PUBLIC "-//WAPFORUM//DTD PAP 2.0//EN" '
        '"http://www.wapforum.org/DTD/pap_2.0.dtd"><pap><resultnotification-message '
        'push-id="1@pi" message-state="delivered" code="1000">'
        f'<address address-value="{ADDRESS}"/></resultnotification-message></pap>'
    )
    async with httpx2.AsyncClient(verify=trusting, trust_env=False) as gateway:
        assert (await gateway.post(url, content=document)).status_code == 401
        answer = await gateway.post(url, content=document, auth=("ppg", PASSWORD))
        assert answer.status_code == 202
    async with asyncio.timeout(PATIENCE_SECONDS):
        out, _ = await process.communicate()
    assert (process.returncode, json.loads(out)["push_id"]) == (0, "1@pi")

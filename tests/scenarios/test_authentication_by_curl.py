"""Real daemon with TLS, curl as the initiator: each means lets in who has it, and nobody else."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omapush.content.message import PushMessage as ContentMessage
from omapush.pap import entity, model, xml
from omapush.ppg.passwords import hash_password
from omapush.ppg.store.contract import PushRecord
from omapush.ppg.store.opening import open_store
from omapush.testing.authority import Authority
from omapush.testing.daemons import Daemon, free_port, running

PATIENCE_SECONDS = 30
ADDRESS = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
KEY = "pi_5Yt0dGhlIGtleSBvZiBhIHRlc3Qgb25seQ"
SECRETS = ("s3cret-hashed", "s3cret-clear", "s3cret-stored", "s3cret-both", KEY)


class Gateway:
    """A running gateway that curl can be sent to."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{port}/pap?from=curl"
        self._pushes = 0

    async def curl(self, *arguments: str) -> tuple[int, str]:
        """Submit a push of its own; return HTTP status (0: no connection) and push-id."""
        self._pushes += 1
        push_id = f"{self._pushes}@pi"
        message = model.PushMessage(push_id, (model.Address(ADDRESS),))
        content = ContentMessage((("Content-Type", "text/plain"),), b"hello")
        content_type, body = entity.join(xml.encode(model.Pap(message)), content)
        process = await asyncio.create_subprocess_exec(
            "curl", "-sS", "--noproxy", "*", "--cacert", "ca.pem", "-o", "answer.xml",
            "-w", "%{http_code}", "-H", f"Content-Type: {content_type}", "--data-binary", "@-",
            *arguments, self.url,
            cwd=self.folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_SECONDS):
            printed, _ = await process.communicate(body)
        return int(printed), push_id

    async def submitter(self, push_id: str) -> str | None:
        """Return whom the ledger names as the initiator of a push."""
        store = open_store(f"sqlite:///{self.folder}/omapush.db")
        await store.open()
        try:
            record: PushRecord | None = await store.push(push_id)
        finally:
            await store.close()
        return record.initiator_id if record is not None else None


def settings(folder: Path, port: int, fingerprint: str) -> Path:
    def initiator(name: str, *lines: str) -> str:
        return "\n".join(["[[initiators]]", f'id = "{name}"', *lines, ""])

    digest_ha1 = hashlib.sha256(b"stored:PAP:s3cret-stored").hexdigest()
    file = folder / "ppg.toml"
    file.write_text(
        f'[pap]\nlisten = "127.0.0.1:{port}"\nlockout_failures = 3\nlockout_seconds = 600\n'
        'tls_certificate = "server.pem"\ntls_key = "server.key"\ntls_client_ca = "ca.pem"\n'
        f'[admin]\nlisten = "127.0.0.1:{free_port()}"\n'
        f'[store]\nurl = "sqlite:///{folder}/omapush.db"\n'
        + initiator("hashed", 'username = "hashed"',
                    f'password_hash = "{hash_password("s3cret-hashed")}"')
        + initiator("clear", 'username = "clear"', 'password = "s3cret-clear"')
        + initiator("stored", 'username = "stored"', f'digest_ha1_sha256 = "{digest_ha1}"')
        + initiator("key", f'api_key_sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}"')
        + initiator("named", 'certificate_name = "pi.example.net"')
        + initiator("pinned", f'certificate_sha256 = "{fingerprint}"')
        + initiator("both", 'username = "both"', 'password = "s3cret-both"',
                    'certificate_name = "urn:example:both"', "require_all = true")
        + f'[[clients]]\nid = "anna"\naddresses = ["{ADDRESS}"]\n'
        f'ota_http = "127.0.0.1:{free_port()}"\n'
    )  # fmt: skip
    return file


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    for name, alternative in (
        ("server", "IP:127.0.0.1"),
        ("named", "DNS:PI.example.net"),
        ("pinned", "DNS:another.example.net"),
        ("both", "URI:urn:example:both"),
        ("unknown", "DNS:unknown.example.net"),
    ):
        authority.sign(name, alternative)
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    stranger.sign("foreign", "DNS:pi.example.net")
    for file in stranger.folder.glob("foreign.*"):
        file.rename(authority.folder / file.name)
    return authority


@pytest.fixture
async def gateway(authority: Authority) -> AsyncIterator[Gateway]:
    folder, port = authority.folder, free_port()
    (folder / "omapush.db").unlink(missing_ok=True)
    file = settings(folder, port, authority.fingerprint("pinned"))
    async with running(Daemon("ppg", file, port=port)) as daemon:
        yield Gateway(folder, port)
        assert "Traceback" not in daemon.log
        for secret in SECRETS:
            assert secret not in daemon.log


def certificate(name: str) -> tuple[str, ...]:
    return ("--cert", f"{name}.pem", "--key", f"{name}.key")


ADMITTED = {
    "hashed": ("--basic", "-u", "hashed:s3cret-hashed"),
    "clear": ("--basic", "-u", "clear:s3cret-clear"),
    "stored": ("--digest", "-u", "stored:s3cret-stored"),
    "key": ("-H", f"Authorization: Bearer {KEY}"),
    "named": certificate("named"),
    "pinned": certificate("pinned"),
    "both": ("--basic", "-u", "both:s3cret-both", *certificate("both")),
}


async def test_each_means_lets_in_its_initiator(gateway: Gateway) -> None:
    asked = [*ADMITTED.items(), ("clear", ("--digest", "-u", "clear:s3cret-clear")),
             ("clear", ("--anyauth", "-u", "clear:s3cret-clear")),
             ("both", ("--digest", "-u", "both:s3cret-both", *certificate("both"))),
             ("hashed", ADMITTED["hashed"])]  # fmt: skip
    for initiator_id, arguments in asked:
        status, push_id = await gateway.curl(*arguments)
        assert (initiator_id, status) == (initiator_id, 202)
        assert await gateway.submitter(push_id) == initiator_id


async def test_who_proves_nothing_or_only_half_is_refused_and_who_guesses_locked_out(
    gateway: Gateway,
) -> None:
    unproved = ((), certificate("unknown"), certificate("both"))
    guesses = (
        ("--basic", "-u", "hashed:s3cret"),
        ("--digest", "-u", "clear:s3cret"),
        ("--basic", "-u", "both:s3cret-both"),  # right, but without the certificate
    )
    for arguments in (*unproved, *guesses):
        status, push_id = await gateway.curl(*arguments)
        assert (arguments, status) == (arguments, 401)
        assert await gateway.submitter(push_id) is None
    assert (await gateway.curl(*ADMITTED["clear"]))[0] == 429
    assert (await gateway.curl(*ADMITTED["named"]))[0] == 202  # nothing there can be guessed


async def test_certificate_of_a_foreign_authority_gets_no_connection(gateway: Gateway) -> None:
    status, push_id = await gateway.curl(*certificate("foreign"))
    assert status == 0
    assert await gateway.submitter(push_id) is None
    assert (await gateway.curl(*ADMITTED["named"]))[0] == 202

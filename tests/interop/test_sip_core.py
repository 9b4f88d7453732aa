"""The SIP core that examples ship, on its own: sipp is the client, the gateway, or both."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from omapush.testing.authority import Authority
from omapush.testing.kamailio import DOMAIN, HOST, Kamailio, KamailioError, MsrpRelay
from omapush.testing.sipp import ENVELOPE, INSTANCE, Sipp, SippError, SippRun

pytestmark = pytest.mark.usefixtures("sip_peers")

OTHER_INSTANCE = "urn:uuid:f81d4fae-7dec-11d0-a765-000000000000"
TIMEOUT_SECONDS = 20


@pytest.fixture
def core() -> Iterator[Kamailio]:
    with Kamailio(answer_within=3, values={"MIN_EXPIRES": "1"}) as running:
        yield running


def gateway(core: Kamailio, calls: int = 1) -> Sipp:
    """Return who is told of registrations."""
    return Sipp("as_register", core.isc_port, port=core.ppg_port, calls=calls)


async def register(core: Kamailio, device: Sipp | int, **keys: str) -> SippRun:
    port = device if isinstance(device, int) else device.port
    return await Sipp("register", core.port, keys={"contact_port": str(port), **keys}).run()


def tags(values: str) -> str:
    return f';+g.oma.pusheventapp="{values}"'


def required(value: str) -> str:
    return f'*;+g.oma.pusheventapp="{value}";require;explicit'


async def push(core: Kamailio, **keys: str) -> SippRun:
    return await Sipp("push", core.isc_port, keys=keys).run()


# -- the way of a push --


@pytest.mark.parametrize(
    ("options", "answers"),
    [({}, [200]), ({"auth": True}, [401, 200]), ({"auth": True, "outbound": True}, [401, 200])],
    ids=["without digest", "with digest", "with outbound"],
)
async def test_core_takes_push_to_registered_device(
    options: dict[str, bool], answers: list[int]
) -> None:
    with Kamailio(**options) as core:
        async with gateway(core) as told, Sipp("client_uas", core.port) as device:
            registered = await register(core, device)
            assert registered.answers == answers
            assert registered.messages[-1].header("P-Associated-URI") == f"<sip:alice@{DOMAIN}>"
            known = await told.finished()
            pushed = await push(core)
            taken = await device.finished()
    assert [registered.status, known.status, pushed.status, taken.status] == [0, 0, 0, 0]
    (third_party,) = known.requests
    assert third_party.first_line == f"REGISTER sip:ppg@{DOMAIN} SIP/2.0"
    assert third_party.header("To") == f"<sip:alice@{DOMAIN}>"
    assert third_party.header("Expires") == "60"
    assert third_party.header("Content-Type") == "message/sip"
    assert tags("mms.ua,ulp.ua") in third_party.body
    assert pushed.answers == [200]
    (message,) = taken.requests
    assert message.first_line == f"MESSAGE sip:alice@{HOST}:{device.port} SIP/2.0"
    assert message.header("P-Asserted-Identity") == f"<sip:ppg@{DOMAIN}>"
    assert message.body == ENVELOPE.replace("\r\n", "\n")


async def test_core_reaches_gateway_over_tcp() -> None:
    told = Sipp("as_register", 1, transport="tcp")
    with Kamailio(ppg=f"sip:{HOST}:{told.port};transport=tcp") as core:
        async with told:
            await register(core, 9)
            known = await told.finished()
    assert known.status == 0
    assert (known.requests[0].header("Via") or "").startswith("SIP/2.0/TCP")


async def test_core_takes_push_over_ipv6() -> None:
    with Kamailio(host="::1") as core:
        told = Sipp("as_register", core.isc_port, port=core.ppg_port, host="::1")
        device = Sipp("client_uas", core.port, host="::1", calls=2)
        async with told, device:
            port = {"contact_port": str(device.port)}
            registered = await Sipp("register", core.port, host="::1", keys=port).run()
            known = await told.finished()
            pushed = await Sipp("push", core.isc_port, host="::1", transport="tcp").run()
            trusted = await Sipp("push", core.port, port=told.port, host="::1").run()
            taken = await device.finished()
    assert (registered.answers, known.status) == ([200], 0)
    assert (pushed.answers, trusted.answers, taken.status) == ([200], [200], 0)
    assert "@[::1]:" in (registered.messages[-1].header("Service-Route") or "")
    assert taken.requests[1].header("P-Asserted-Identity") == f"<sip:ppg@{DOMAIN}>"


async def test_core_trusts_gateway_at_its_own_port(core: Kamailio) -> None:
    async with Sipp("client_uas", core.port) as device:
        await register(core, device)
        pushed = await Sipp("push", core.port, port=core.ppg_port).run()
        taken = await device.finished()
    assert pushed.answers == [200]
    assert taken.requests[0].header("P-Asserted-Identity") == f"<sip:ppg@{DOMAIN}>"


@pytest.mark.parametrize(
    ("status", "header"),
    [
        ("480 Temporarily Unavailable", "X-Wap-Push-Status: 236"),
        ("486 Busy Here", "Retry-After: 120"),
        ("603 Decline", "X-Wap-Push-Status: 235"),
        ("202 Accepted", "Server: stores it"),
    ],
)
async def test_core_passes_refusal_of_device_on(core: Kamailio, status: str, header: str) -> None:
    answer = {"status": status, "header": header}
    async with Sipp("client_uas", core.port, keys=answer) as device:
        await register(core, device)
        pushed = await push(core)
    assert pushed.answers == [int(status[:3])]
    name, _, value = header.partition(": ")
    assert pushed.messages[-1].header(name) == value


async def test_core_answers_for_device_that_is_silent() -> None:
    with Kamailio(answer_within=0.5) as core:
        await register(core, 9)
        pushed = await push(core)
    assert pushed.answers == [408]


# -- who is reached --


async def test_core_knows_no_unregistered_user(core: Kamailio) -> None:
    pushed = await push(core)
    assert pushed.messages[-1].first_line == "SIP/2.0 480 Not registered"


@pytest.mark.parametrize("first", [True, False], ids=["to the first", "to the second"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mms.ua", "wml.ua"),
        ("mms.ua", "mmsxua"),
        ("x-acme%3Anews.ua", "x-acme%3Anews"),
        ("a*b", "aab"),
        ("a+b.c", "aab.c"),
        ("crbt.ua,one", "two,three,crbt"),
    ],
)
async def test_core_reaches_only_device_with_application(
    core: Kamailio, one: str, other: str, first: bool
) -> None:
    wanted = (one if first else other).split(",")[-1].upper()
    async with Sipp("client_uas", core.port) as device, Sipp("client_uas", core.port) as second:
        await register(core, device, tags=tags(one))
        await register(core, second, tags=tags(other), instance=OTHER_INSTANCE)
        pushed = await push(core, accept_contact=required(wanted))
        reached = await (device if first else second).finished()
        assert (second if first else device).messages == ()
    assert (pushed.answers, reached.status) == ([200], 0)


@pytest.mark.parametrize(
    ("declared", "wish", "status"),
    [
        (tags("mms.ua"), required("nobody.ua"), 480),
        (tags("mms.ua"), required("nobody.ua,mms.ua"), 200),
        ("", required("mms.ua"), 480),
        ("", '*;+g.oma.pusheventapp="mms.ua";require', 200),
        (";+g.oma.pusheventapp", required("mms.ua"), 200),
        (tags("mms.ua"), "*;+g.oma.pusheventapp;require;explicit", 200),
        (tags("mms.ua"), '*;+g.oma.pusheventapp="wml.ua"', 200),
    ],
    ids=["nobody", "one of two", "none", "not explicit", "hidden", "any", "not required"],
)
async def test_core_heeds_preference_of_gateway(
    core: Kamailio, declared: str, wish: str, status: int
) -> None:
    async with Sipp("client_uas", core.port) as device:
        await register(core, device, tags=declared)
        pushed = await push(core, accept_contact=wish)
    assert pushed.answers == [status]


@pytest.mark.parametrize(("name", "status"), [("news", 200), ("new", 480)])
async def test_core_tells_instances_of_application_apart(
    core: Kamailio, name: str, status: int
) -> None:
    iari = "urn%3Aurn-7%3A3gpp-application.ims.iari.com.acme."
    async with Sipp("client_uas", core.port) as device:
        await register(core, device, tags=f'{tags("mms.ua")};+g.3gpp.iari-ref="{iari}news"')
        wish = f'*;+g.oma.pusheventapp="mms.ua";+g.3gpp.iari-ref="{iari}{name}";require;explicit'
        pushed = await push(core, accept_contact=wish)
    assert pushed.answers == [status]


async def test_core_forks_unless_told_not_to(core: Kamailio) -> None:
    answering = [Sipp("client_uas", core.port, calls=2) for _ in range(2)]
    async with answering[0], answering[1]:
        await register(core, answering[0])
        await register(core, answering[1], instance=OTHER_INSTANCE)
        await push(core)
        assert [len(each.messages) for each in answering] == [2, 2]
        await push(core, header="Request-Disposition: no-fork")
        assert sorted(len(each.messages) for each in answering) == [2, 4]


@pytest.mark.parametrize("kind", ["pub-gruu", "temp-gruu"])
async def test_core_reaches_only_device_of_gruu(core: Kamailio, kind: str) -> None:
    async with Sipp("client_uas", core.port) as device, Sipp("client_uas", core.port) as second:
        registered = await register(core, device)
        await register(core, second, instance=OTHER_INSTANCE)
        contact = registered.messages[-1].header("Contact") or ""
        gruu = contact.partition(f'{kind}="')[2].partition('"')[0]
        assert gruu.startswith("sip:")
        pushed = await push(core, target=gruu)
        reached = await device.finished()
        assert second.messages == ()
    assert (pushed.answers, reached.status) == ([200], 0)


async def test_core_sends_push_by_edge_proxy_of_path(core: Kamailio) -> None:
    async with Sipp("client_uas", core.port) as edge:
        path = f"<sip:{HOST}:{edge.port};lr>"
        registered = await register(core, 9, header=f"Path: {path}")
        pushed = await push(core)
        (message,) = (await edge.finished()).requests
    assert registered.messages[-1].header("Path") == path
    assert message.first_line == f"MESSAGE sip:alice@{HOST}:9 SIP/2.0"
    assert message.header("Route") == path
    assert pushed.answers == [200]


@pytest.mark.parametrize("outbound", [True, False])
async def test_core_replaces_contact_of_same_instance_and_flow(outbound: bool) -> None:
    with Kamailio(outbound=outbound) as core:
        await register(core, 9, tags=";reg-id=1")
        registered = await register(core, 10, tags=";reg-id=1")
        contacts = [each.contact for each in core.bindings()]
    assert contacts == [f"sip:alice@{HOST}:10"]
    assert registered.messages[-1].header("Require") == ("outbound" if outbound else None)


# -- registrations --


@pytest.mark.parametrize("values", [{}, {"expires": "1"}], ids=["leaves", "expires"])
async def test_gateway_is_told_when_device_is_gone(core: Kamailio, values: dict[str, str]) -> None:
    async with gateway(core, calls=2) as told:
        await register(core, 9, **values)
        (binding,) = core.bindings()
        assert (binding.user, binding.instance) == ("alice", f"<{INSTANCE}>")
        if not values:
            await register(core, 9, expires="0")
        known = await told.finished()
    assert known.requests[-1].header("Expires") == "0"
    assert known.requests[-1].header("To") == f"<sip:alice@{DOMAIN}>"
    assert core.bindings() == []


async def test_core_forgets_bindings_when_it_starts_again(core: Kamailio) -> None:
    await register(core, 9)
    await asyncio.to_thread(core.restart)
    assert core.bindings() == []
    assert (await push(core)).answers == [480]


@pytest.mark.parametrize(
    ("user", "password", "answers"),
    [
        ("alice", "wrong", [401, 401]),
        ("nobody", "secret", [401, 401]),
        ("alice", "alice-secret", [401, 200]),
        ("bob", "bob-secret", [401, 200]),
        ("u4711", "load", [401, 200]),
        ("u4711", "", [401, 401]),
        ("carol", "carols own", [401, 200]),
    ],
)
async def test_core_registers_who_knows_the_password(
    user: str, password: str, answers: list[int]
) -> None:
    with Kamailio(auth=True) as core:
        core.add_user("carol", "carols own")
        run = await Sipp("register", core.port, user=user, password=password).run()
    assert run.answers == answers


@pytest.mark.parametrize(("password", "status"), [("alice-secret", b"200"), ("wrong", b"401")])
async def test_core_registers_by_sha256(password: str, status: bytes) -> None:
    def digest(*parts: str) -> str:
        return hashlib.sha256(":".join(parts).encode()).hexdigest()

    with Kamailio(sha256=True) as core:
        device = Connection(*await asyncio.open_connection(HOST, core.port))
        challenge = (await device.register("tcp")).decode()
        assert "algorithm=SHA-256" in challenge
        nonce = challenge.partition('nonce="')[2].partition('"')[0]
        uri, realm = f"sip:{DOMAIN}", DOMAIN
        proof = digest(digest("alice", realm, password), nonce, digest("REGISTER", uri))
        answered = await device.register(
            "tcp",
            f'Authorization: Digest username="alice",realm="{realm}",nonce="{nonce}",'
            f'uri="{uri}",algorithm=SHA-256,response="{proof}"\r\n',
        )
        await device.close()
    assert answered.startswith(b"SIP/2.0 " + status)


async def test_core_replaces_forged_identity(core: Kamailio) -> None:
    forged = {"header": f"P-Asserted-Identity: <sip:ppg@{DOMAIN}>"}
    keys = {"target": f"sip:ppg@{DOMAIN}", "sender": f"sip:alice@{DOMAIN}", **forged}
    async with Sipp("options_uas", core.isc_port, port=core.ppg_port, user="ppg") as asked:
        answered = await Sipp("options_uac", core.port, keys=keys).run()
        (request,) = (await asked.finished()).requests
    assert answered.answers == [200]
    assert request.header("P-Asserted-Identity") == f"<sip:alice@{DOMAIN}>"
    assert request.text.count("P-Asserted-Identity") == 1


@pytest.mark.parametrize(("sender", "answers"), [("alice", [407, 200]), ("bob", [407, 403])])
async def test_core_lets_user_ask_only_in_own_name(sender: str, answers: list[int]) -> None:
    keys = {"target": f"sip:ppg@{DOMAIN}", "sender": f"sip:{sender}@{DOMAIN}"}
    with Kamailio(auth=True) as core:
        async with Sipp("options_uas", core.isc_port, port=core.ppg_port, user="ppg"):
            answered = await Sipp("options_uac", core.port, keys=keys).run()
    assert answered.answers == answers


async def test_core_takes_options_of_gateway_to_device(core: Kamailio) -> None:
    types = {"accept": "application/vnd.oma.push, text/vnd.wap.si"}
    async with Sipp("options_uas", core.port, keys=types) as device:
        await register(core, device)
        answered = await Sipp("options_uac", core.isc_port, user="ppg").run()
    assert answered.answers == [200]
    assert answered.messages[-1].header("Accept") == types["accept"]


# -- sessions --


async def test_core_takes_session_through(core: Kamailio) -> None:
    async with Sipp("client_invite_uas", core.port) as device:
        await register(core, device)
        invited = await Sipp("push_invite", core.isc_port).run()
        taken = await device.finished()
    assert (invited.status, taken.status) == (0, 0), invited.errors + taken.errors
    assert [each.first_line.split()[0] for each in taken.requests] == ["INVITE", "ACK", "BYE"]
    assert "a=path:msrp://" in invited.received[-2].body


async def test_core_passes_refusal_of_session_on(core: Kamailio) -> None:
    refusal = {"status": "488 Not Acceptable Here", "header": "X-Wap-Push-Status: 238"}
    async with Sipp("client_invite_refuses", core.port, keys=refusal) as device:
        await register(core, device)
        invited = await Sipp("push_invite", core.isc_port).run()
        refused = await device.finished()
    assert (invited.answers, refused.status) == ([488], 0)
    assert invited.messages[-2].header("X-Wap-Push-Status") == "238"


# -- connections --


class Connection:
    """A client on TCP or TLS that listens nowhere else."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def register(self, scheme: str, more: str = "") -> bytes:
        port = self.writer.get_extra_info("sockname")[1]
        self.writer.write(
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/{scheme.upper()} {HOST}:{port};branch=z9hG4bK-{port};rport\r\n"
            f"From: <sip:alice@{DOMAIN}>;tag=1\r\nTo: <sip:alice@{DOMAIN}>\r\n"
            f"Call-ID: {port}\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:alice@{HOST}:9;transport={scheme}>{tags('mms.ua')}\r\n"
            f"Expires: 60\r\n{more}Content-Length: 0\r\n\r\n".encode()
        )
        return await self.message()

    async def message(self) -> bytes:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split()[0]
            return head + await self._reader.readexactly(int(length))

    def answer(self, request: bytes) -> None:
        copied = (b"via:", b"from:", b"to:", b"call-id:", b"cseq:")
        lines = [line for line in request.split(b"\r\n") if line.lower().startswith(copied)]
        self.writer.write(b"\r\n".join([b"SIP/2.0 200 OK", *lines, b"Content-Length: 0\r\n\r\n"]))

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.mark.parametrize("size", [10, 3_400, 40_000])
async def test_core_pushes_over_connection_of_device(core: Kamailio, size: int) -> None:
    body = "Content-Type: text/plain\r\n\r\n" + "x" * size
    device = Connection(*await asyncio.open_connection(HOST, core.port))
    assert (await device.register("tcp")).startswith(b"SIP/2.0 200")
    transport = "tcp" if size > 1_300 else "udp"
    async with Sipp("push", core.isc_port, transport=transport, keys={"body": body}) as pushing:
        message = await device.message()
        device.answer(message)
        pushed = await pushing.finished()
    assert pushed.answers == [200]
    assert message.endswith(body.encode())
    device.writer.write(b"\r\n\r\n")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        assert await device._reader.readexactly(2) == b"\r\n"
    await device.close()


async def test_core_unregisters_device_whose_connection_is_gone(core: Kamailio) -> None:
    async with gateway(core, calls=2) as told:
        device = Connection(*await asyncio.open_connection(HOST, core.port))
        await device.register("tcp")
        assert len(core.bindings()) == 1
        await device.close()
        known = await told.finished()
    assert known.requests[-1].header("Expires") == "0"
    assert core.bindings() == []


async def test_core_changes_to_tcp_for_large_message(core: Kamailio) -> None:
    body = "Content-Type: text/plain\r\n\r\n" + "x" * 3_400
    async with Sipp("client_uas", core.port, transport="tcp") as device:
        await register(core, device)
        pushed = await Sipp("push", core.isc_port, keys={"body": body}).run()
        (message,) = (await device.finished()).requests
    assert pushed.answers == [200]
    assert (message.header("Via") or "").startswith("SIP/2.0/TCP")


async def test_core_speaks_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Kamailio(tls=authority) as core:
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        opened = await asyncio.open_connection(HOST, core.tls_port, ssl=context)
        device = Connection(*opened)
        assert (await device.register("tls")).startswith(b"SIP/2.0 200")
        pushing = await asyncio.open_connection(
            HOST, core.isc_tls_port, ssl=context, server_hostname=DOMAIN
        )
        asking = Connection(*pushing)
        asking.writer.write(
            f"MESSAGE sip:alice@{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TLS {HOST}:9;branch=z9hG4bK-1\r\n"
            f"From: <sip:ppg@{DOMAIN}>;tag=1\r\nTo: <sip:alice@{DOMAIN}>\r\nCall-ID: 1\r\n"
            f"P-Asserted-Identity: <sip:ppg@{DOMAIN}>\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n"
            "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi".encode()
        )
        message = await device.message()
        device.answer(message)
        assert (await asking.message()).startswith(b"SIP/2.0 200")
        await device.close()
        await asking.close()
    assert b"P-Asserted-Identity: <sip:ppg@push.test>" in message


@pytest.mark.parametrize("trusted", [True, False])
async def test_core_talks_tls_only_with_gateway_of_its_authority(
    tmp_path: Path, trusted: bool
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
    authority = Authority(mine)
    signing = authority if trusted else Authority(other)
    signing.sign("gateway", f"IP:{HOST}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(signing.folder / "gateway.pem", signing.folder / "gateway.key")
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        core_side = Connection(reader, writer)
        request = await core_side.message()
        core_side.answer(request)
        await heard.put(request)
        await core_side.close()

    server = await asyncio.start_server(told, HOST, 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with Kamailio(tls=authority, ppg=f"sip:{HOST}:{port};transport=tls") as core:
            await register(core, 9)
            if trusted:
                request = await asyncio.wait_for(heard.get(), TIMEOUT_SECONDS)
                assert request.startswith(b"REGISTER sip:ppg@push.test SIP/2.0")
            else:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    while "certificate verify failed" not in core.log:  # noqa: ASYNC110 # its log
                        await asyncio.sleep(0.02)
                assert heard.empty()


async def test_client_refuses_core_of_another_authority(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
    Authority(mine)
    context = ssl.create_default_context(cafile=mine / "ca.pem")
    with Kamailio(tls=Authority(other)) as core, pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection(HOST, core.tls_port, ssl=context)


# -- the relay --


def frame(transaction: str, method: str, to: str, source: str, more: str = "") -> bytes:
    head = f"MSRP {transaction} {method}\r\nTo-Path: {to}\r\nFrom-Path: {source}\r\n"
    return f"{head}{more}-------{transaction}$\r\n".encode()


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
async def test_relay_takes_chunk_to_client(tmp_path: Path, secure: bool) -> None:
    authority = Authority(tmp_path) if secure else None
    context = ssl.create_default_context(cafile=tmp_path / "ca.pem") if secure else None
    scheme = "msrps" if secure else "msrp"
    with MsrpRelay(tls=authority) as relay:
        mine = f"{scheme}://{relay.host}:{relay.port};tcp"
        client, sender = (f"{scheme}://{HOST}:{port}/s{port};tcp" for port in (7001, 7002))
        one = await asyncio.open_connection(HOST, relay.port, ssl=context)
        two = await asyncio.open_connection(HOST, relay.port, ssl=context)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            one[1].write(frame("a1b2c3", "AUTH", mine, client))
            granted = (await one[0].readuntil(b"-------a1b2c3$\r\n")).decode()
            path = granted.partition("Use-Path: ")[2].partition("\r\n")[0]
            assert path.startswith(f"{scheme}://{HOST}:{relay.port}/")
            chunk = (
                "Message-ID: 1234\r\nByte-Range: 1-2/2\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
            )
            two[1].write(frame("d4e5f6", "SEND", f"{path} {client}", sender, chunk))
            answered = (await two[0].readuntil(b"-------d4e5f6$\r\n")).decode()
            sent = (await one[0].readuntil(b"$\r\n")).decode()
        for _reader, writer in (one, two):
            writer.close()
            await writer.wait_closed()
    assert answered.startswith("MSRP d4e5f6 200")
    assert f"To-Path: {client}\r\n" in sent
    assert f"From-Path: {path} {sender}\r\n" in sent
    assert "\r\n\r\nhi\r\n-------" in sent


# -- the kit itself --


async def test_notifier_of_registrations_tells_of_tags() -> None:
    async with Sipp("reg_event_notifier", 9) as notifier:
        subscribed = await Sipp("reg_event_subscriber", notifier.port).run()
        told = await notifier.finished()
    assert (told.status, subscribed.status) == (0, 0), told.errors + subscribed.errors
    first, last = subscribed.requests
    assert '<unknown-param name="+g.oma.pusheventapp">"mms.ua,ulp.ua"<' in first.body
    assert last.header("Subscription-State") == "terminated;reason=noresource"


async def test_sipp_plays_other_user_every_time(core: Kamailio) -> None:
    everybody = {"target": f"sip:u[call_number]@{DOMAIN}"}
    async with Sipp("client_uas", core.port, calls=20) as devices:
        keys = {"contact_port": str(devices.port)}
        many = Sipp("register", core.port, user="u[call_number]", keys=keys, calls=20, trace=False)
        registered = await many.run()
        users = {each.user for each in core.bindings()}
        pushed = await Sipp("push", core.isc_port, keys=everybody, calls=20).run()
        taken = await devices.finished()
    assert (registered.status, registered.messages, pushed.status) == (0, (), 0)
    assert users == {f"u{number}" for number in range(1, 21)}
    assert len({each.first_line for each in taken.requests}) == 20


def test_core_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(KamailioError, match="does not come up"),
        Kamailio(values={"SIP_PORT": "nonsense"}),
    ):
        pass


async def test_sipp_that_cannot_start_says_why(core: Kamailio) -> None:
    with pytest.raises(SippError, match="Invalid reply code"):
        await Sipp("client_uas", core.port, keys={"status": "nonsense"}).run()

"""Sessions of WSP, octet for octet: the vectors were confirmed by two independent decoders."""

from __future__ import annotations

import pytest

from omapush.core.instants import Instant, later
from omapush.protocols.wsp.address import Address
from omapush.protocols.wsp.assigned_numbers import AbortReason
from omapush.protocols.wsp.capabilities import Capabilities, ProtocolOption
from omapush.protocols.wsp.pdu import Get, Redirect, Reply
from omapush.protocols.wsp.session_client import ClientSettings, WspClient
from omapush.protocols.wsp.session_primitives import (
    SConfirmedPushCnf,
    SConfirmedPushInd,
    SConfirmedPushReq,
    SConfirmedPushRes,
    SConnectCnf,
    SConnectInd,
    SConnectReq,
    SConnectRes,
    SDisconnectInd,
    SDisconnectReq,
    SessionTrouble,
    SMethodInvokeReq,
    SPushAbortInd,
    SPushAbortReq,
    SPushReq,
    SPushSent,
    SResumeInd,
    SResumeReq,
    SResumeRes,
    SSuspendInd,
    SSuspendReq,
)
from omapush.protocols.wsp.session_server import ServerSettings
from omapush.protocols.wsp.sessions import SendTo, WspServer, WspServerSettings

NOW = Instant(1_700_000_000_000)
LONG_AGO = later(NOW, -3_600_000)
PHONE = ("192.0.2.1", 40_000)
SESSION = 0x1234

V20 = (
    "0e0001120110113903808a7803818a780282e0028301028402b284b282b38bc394a950757368546573742f312e3000b5"
    "687474703a2f2f6465762e6578616d706c652e636f6d2f756170726f662e72646600"
)
V21 = "16800102a43406040282c0028401c393b790"
SI = (
    "02056a0045c60d0378797a008503656d61696c2f3132332f6162632e776d6c000ac3071999"
    "062515231510c304199906300103596f7520686176652034206e657720652d6d61696c73000101"
)
V23_DATA = "0705aeaf82b481" + SI
V27_DATA = "0603aeaf82" + SI

SI_HEADERS = (
    ("Content-Type", "application/vnd.wap.sic"),
    ("X-Wap-Application-Id", "2"),
)
PUSH_OPTIONS = ProtocolOption.PUSH | ProtocolOption.CONFIRMED_PUSH
CLIENT_CAPABILITIES = Capabilities(
    client_sdu_size=1400,
    server_sdu_size=1400,
    protocol_options=PUSH_OPTIONS | ProtocolOption.SESSION_RESUME,
    method_mor=1,
    push_mor=2,
)
CLIENT_HEADERS = (
    ("Accept-Application", "4"),
    ("Accept-Application", "2"),
    ("Bearer-Indication", "0B"),
    ("Encoding-Version", "1.4"),
    ("User-Agent", "PushTest/1.0"),
    ("Profile", "http://dev.example.com/uaprof.rdf"),
)


class ServerBench:
    def __init__(self, capabilities: Capabilities | None = None) -> None:
        own = capabilities or Capabilities(protocol_options=PUSH_OPTIONS)
        self.server = WspServer(
            WspServerSettings(session=ServerSettings(capabilities=own)), lambda: SESSION, LONG_AGO
        )

    def receive(self, octets: str) -> list[str]:
        self.server.receive(PHONE, bytes.fromhex(octets), NOW)
        return self.sent()

    def request(self, primitive: object) -> list[str]:
        self.server.request(SESSION, primitive, NOW)  # type: ignore[arg-type] # tests send any
        return self.sent()

    def sent(self) -> list[str]:
        effects = self.server.effects()
        assert all(isinstance(effect, SendTo) and effect.peer == PHONE for effect in effects)
        return [effect.octets.hex() for effect in effects]

    def told(self) -> list[object]:
        return [one.primitive for one in self.server.indications()]

    def connected(self, *, resume: bool = False) -> ServerBench:
        if resume:
            self.__init__(  # type: ignore[misc] # a bench of another server
                Capabilities(protocol_options=PUSH_OPTIONS | ProtocolOption.SESSION_RESUME)
            )
        self.receive(V20)
        self.request(SConnectRes())
        self.receive("180001")
        self.told()
        return self


def data(octets: str) -> str:
    """Return what a WTP Invoke carries."""
    return octets[8:]


def test_server_grants_a_connect_octet_for_octet() -> None:
    bench = ServerBench()
    assert bench.receive(V20) == []
    [asked] = bench.told()
    assert asked == SConnectInd(CLIENT_CAPABILITIES, CLIENT_HEADERS)
    granted = SConnectRes((("Encoding-Version", "1.3"), ("Profile-Warning", "100")))
    assert bench.request(granted) == [V21]
    assert bench.receive("180001") == []
    session = bench.server.session(SESSION)
    assert session is not None
    assert session.agreed.push_mor == 1
    assert session.agreed.protocol_options == PUSH_OPTIONS


def test_server_sends_a_confirmed_push_octet_for_octet_and_takes_its_ack() -> None:
    bench = ServerBench().connected()
    push = SConfirmedPushReq(1, (*SI_HEADERS, ("Push-Flag", "1")), bytes.fromhex(SI))
    [sent] = bench.request(push)
    assert sent[:2] == "0e"
    assert sent[6:8] == "11"
    assert data(sent) == V23_DATA
    transaction = int(sent[2:6], 16) | 0x8000
    bench.receive(f"98{transaction:04x}0ac394")
    assert bench.told() == [SConfirmedPushCnf(1, (("Encoding-Version", "1.4"),))]


def test_server_takes_the_refusal_of_a_push() -> None:
    bench = ServerBench().connected()
    [sent] = bench.request(SConfirmedPushReq(1, SI_HEADERS, bytes.fromhex(SI)))
    transaction = int(sent[2:6], 16) | 0x8000
    bench.receive(f"21{transaction:04x}ed")
    assert bench.told() == [SPushAbortInd(1, AbortReason.USERDCR, by_peer=True)]


def test_server_sends_an_unconfirmed_push_octet_for_octet() -> None:
    bench = ServerBench().connected()
    [sent] = bench.request(SPushReq(1, SI_HEADERS, bytes.fromhex(SI)))
    assert sent[6:8] == "00"
    assert data(sent) == V27_DATA
    assert bench.told() == [SPushSent(1)]


@pytest.mark.parametrize("state", ["0e00020008a434", "0e00040005a434"])
def test_server_takes_suspend_and_disconnect(state: str) -> None:
    bench = ServerBench().connected(resume=True)
    assert bench.receive(state) == []
    suspended = state.endswith("08a434")
    expected = SSuspendInd(AbortReason.SUSPEND)
    assert bench.told() == [expected if suspended else SDisconnectInd(AbortReason.DISCONNECT)]
    assert bench.server.session_count == int(suspended)


def test_server_ignores_suspend_where_resume_was_not_agreed() -> None:
    bench = ServerBench().connected()
    bench.receive("0e00020008a434")
    assert not [one for one in bench.told() if not isinstance(one, SessionTrouble)]


def test_server_answers_resume_octet_for_octet() -> None:
    bench = ServerBench().connected(resume=True)
    bench.receive("0e00020008a434")
    bench.told()
    assert bench.receive("0e00031209a43400b383") == []
    assert bench.told() == [SResumeInd((("Bearer-Indication", "03"),))]
    [sent] = bench.request(SResumeRes())
    assert sent == "16800304200180"  # */* instead of the vector's empty content type


def test_server_aborts_resume_of_a_session_it_does_not_know() -> None:
    bench = ServerBench()
    assert bench.receive("0e00031209a43400b383") == ["218003e1"]


def test_server_refuses_with_redirect_and_reply_octet_for_octet() -> None:
    bench = ServerBench()
    bench.receive(V20.replace("0e0001", "0e0005", 1))
    elsewhere = Redirect(0, (Address(bytes((192, 0, 2, 10)), 0),))
    assert bench.request(SDisconnectReq(elsewhere)) == ["16800503008400c000020a"]
    bench = ServerBench()
    bench.receive(V20.replace("0e0001", "0e0006", 1))
    busy = Reply(503, (("Content-Type", "text/plain"),), b"busy")
    assert bench.request(SDisconnectReq(busy)) == ["1680060463018362757379"]


def test_server_disconnects_octet_for_octet() -> None:
    bench = ServerBench().connected()
    [sent] = bench.request(SDisconnectReq())
    assert data(sent) == "05a434"
    assert bench.told() == [SDisconnectInd(AbortReason.USERREQ)]


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        ("0e000612400168", "218006e1"),  # a method without a session
        ("0e000611070180", "218006e1"),  # a push towards a server
        ("0e00061202a4340000", "218006e1"),
        ("0e000612ff", "218006e0"),
        ("0e000612" + "40" + "00" * 1_400, "218006e6"),
    ],
)
def test_server_aborts_what_is_not_for_it(octets: str, answer: str) -> None:
    assert ServerBench().receive(octets) == [answer]


def test_server_in_a_session_aborts_what_its_table_does_not_have() -> None:
    bench = ServerBench().connected()
    assert bench.receive("0e00061107018068") == ["218006e0"]
    assert bench.receive("0e00071202a4340000") == ["218007e0"]
    assert bench.receive("0e00080006018068") == []


def test_server_answers_a_method_501_and_refuses_one_over_the_limit() -> None:
    bench = ServerBench().connected()
    get = "124018687474703a2f2f7777772e6578616d706c652e636f6d2f6180948399"
    assert bench.receive("0e0006" + get) == ["16800604610180"]
    assert bench.receive("0e0007" + get) == ["218007e7"]


def test_server_refuses_a_capability_that_is_named_by_what_is_no_name() -> None:
    # It could not be repeated in the answer.
    assert ServerBench().receive("0e0001120110020001" + "00") == ["218001e0"]


class ClientBench:
    def __init__(self) -> None:
        self.client = WspClient(ClientSettings(), LONG_AGO, first_transaction_id=1)

    def receive(self, octets: str) -> list[str]:
        self.client.receive(bytes.fromhex(octets), NOW)
        return self.sent()

    def request(self, primitive: object) -> list[str]:
        self.client.request(primitive, NOW)  # type: ignore[arg-type] # tests send any
        return self.sent()

    def sent(self) -> list[str]:
        return [effect.octets.hex() for effect in self.client.effects()]

    def told(self) -> list[object]:
        return list(self.client.indications())

    def connected(self, options: str = "c0") -> ClientBench:
        self.request(SConnectReq(CLIENT_CAPABILITIES, CLIENT_HEADERS))
        self.receive(V21.replace("0282c0", "0282" + options))
        self.told()
        return self


def test_client_connects_octet_for_octet() -> None:
    bench = ClientBench()
    # A client that does not know the server's version may choose; it stays at 1.2, as text.
    [sent] = bench.request(SConnectReq(CLIENT_CAPABILITIES, CLIENT_HEADERS[1:2]))
    assert sent.startswith("0e000112" + "0110")
    assert "03808a7803818a780282e0028301028402" in sent
    assert bench.receive(V21) == ["180001"]
    [granted] = bench.told()
    assert isinstance(granted, SConnectCnf)
    assert granted.session_id == SESSION
    assert granted.capabilities.push_mor == 1
    assert granted.headers == (("Encoding-Version", "1.3"), ("Profile-Warning", "100"))


def test_client_takes_a_confirmed_push_and_acknowledges_it() -> None:
    bench = ClientBench().connected()
    assert bench.receive("0e001011" + V23_DATA) == []
    [came] = bench.told()
    assert isinstance(came, SConfirmedPushInd)
    assert came.headers[0] == SI_HEADERS[0]
    assert came.body == bytes.fromhex(SI)
    assert bench.request(SConfirmedPushRes(came.push_id)) == ["188010"]


def test_client_sends_acknowledgement_headers_only_where_they_were_agreed() -> None:
    headers = (("Encoding-Version", "1.4"),)
    plain = ClientBench().connected()
    plain.receive("0e001011" + V23_DATA)
    assert plain.request(SConfirmedPushRes(1, headers)) == ["188010"]
    bench = ClientBench()
    options = PUSH_OPTIONS | ProtocolOption.ACKNOWLEDGEMENT_HEADERS
    bench.request(SConnectReq(Capabilities(protocol_options=options)))
    bench.receive("16800102a4340002" + "c394")
    bench.receive("0e001011" + V23_DATA)
    assert bench.request(SConfirmedPushRes(1, headers)) == ["9880100ac394"]


def test_client_refuses_a_push_with_its_users_reason() -> None:
    bench = ClientBench().connected()
    bench.receive("0e001011" + V23_DATA)
    assert bench.request(SPushAbortReq(1, AbortReason.USERDCR)) == ["218010ed"]
    assert bench.told()[-1] == SPushAbortInd(1, AbortReason.USERREQ)


def test_client_refuses_more_pushes_than_agreed() -> None:
    bench = ClientBench().connected()
    bench.receive("0e001011" + V23_DATA)
    assert bench.receive("0e001111" + V23_DATA) == ["218011e7"]


def test_client_refuses_pushes_that_were_not_agreed() -> None:
    bench = ClientBench().connected("00")
    assert bench.receive("0e001011" + V23_DATA) == ["218010e0"]
    assert bench.receive("0e001100" + V27_DATA) == []
    assert bench.told() == []


def test_client_without_a_session_refuses_a_push_with_disconnect() -> None:
    assert ClientBench().receive("0e001011" + V23_DATA) == ["218010e1"]


def test_client_refuses_a_push_while_suspended() -> None:
    bench = ClientBench().connected("e0")
    assert bench.request(SSuspendReq()) == ["0e00020008a434"]
    assert bench.receive("0e001011" + V23_DATA) == ["218010e2"]
    assert bench.told() == [SSuspendInd(AbortReason.USERREQ)]


def test_client_resumes_and_disconnects_octet_for_octet() -> None:
    bench = ClientBench().connected("e0")
    bench.request(SSuspendReq())
    [sent] = bench.request(SResumeReq((("Bearer-Indication", "03"),)))
    assert sent[6:] == "1209a43400b383"
    assert bench.receive("16800304200100") == ["180003"]
    [sent] = bench.request(SDisconnectReq())
    assert data(sent) == "05a434"
    assert bench.told()[-1] == SDisconnectInd(AbortReason.USERREQ)


def test_client_cannot_suspend_where_resume_was_not_agreed() -> None:
    bench = ClientBench().connected()
    assert bench.request(SSuspendReq()) == []
    assert bench.told() == []


def test_client_fails_a_session_that_goes_beyond_its_proposal() -> None:
    bench = ClientBench()
    bench.request(SConnectReq(Capabilities()))
    assert bench.receive(V21) == ["210001e0"]
    trouble, ended = bench.told()
    assert isinstance(trouble, SessionTrouble)
    assert ended == SDisconnectInd(AbortReason.PROTOERR)


def test_client_ignores_a_disconnect_of_another_session() -> None:
    bench = ClientBench().connected()
    bench.receive("0e00040005a435")
    assert bench.told() == []
    bench.receive("0e00050005a434")
    assert bench.told() == [SDisconnectInd(AbortReason.DISCONNECT)]


def test_client_aborts_an_sdu_larger_than_it_takes() -> None:
    bench = ClientBench().connected()
    assert bench.receive("0e00101107018068" + "00" * 1_400) == ["218010e6"]


def test_client_sends_a_method_octet_for_octet() -> None:
    bench = ClientBench().connected()
    [sent] = bench.request(
        SMethodInvokeReq(
            1,
            Get(
                "http://www.example.com/a",
                (("Accept", "application/vnd.wap.wmlc"), ("Accept-Language", "en")),
            ),
        )
    )
    assert sent[6:] == "124018687474703a2f2f7777772e6578616d706c652e636f6d2f6180948399"


@pytest.mark.parametrize("event", ["suspend", "disconnect"])
def test_client_that_loses_its_bearer_says_so_to_its_user_only(event: str) -> None:
    bench = ClientBench().connected("e0")
    if event == "suspend":
        bench.client.suspend(NOW)
        assert bench.told() == [SSuspendInd(AbortReason.SUSPEND)]
    else:
        bench.client.disconnect(NOW)
        assert bench.told() == [SDisconnectInd(AbortReason.DISCONNECT)]
    assert bench.sent() == []

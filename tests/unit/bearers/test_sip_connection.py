"""A session of SIP on a connection: framing, keep-alives, idleness."""

from __future__ import annotations

from omapush.bearers.sip_connection import IDLE, NO_PONG, KeepAlive, LastMessage, SipConnection
from omapush.core.instants import Instant, later
from omapush.ota.interface import CloseConnection, SendOctets
from omapush.protocols.sip.stream import SipStreamLost, StreamLimits

NOW = Instant(1_700_000_000_000)
MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi"
LIMITS = StreamLimits()


def connected(*, dialled: bool = True) -> SipConnection:
    connection = SipConnection(LIMITS, 60_000, dialled=dialled)
    connection.connected(NOW)
    return connection


def test_connection_indicates_messages_octet_by_octet() -> None:
    connection = connected()
    for octet in MESSAGE + MESSAGE:
        connection.receive(bytes([octet]), NOW)

    assert connection.indications() == [MESSAGE, MESSAGE]


def test_connection_answers_ping_between_messages() -> None:
    connection = connected(dialled=False)

    connection.receive(MESSAGE + b"\r\n\r\n" + MESSAGE, NOW)

    assert connection.effects() == [SendOctets(b"\r\n")]
    assert connection.indications() == [MESSAGE, MESSAGE]


def test_connection_asks_and_is_content_with_answer() -> None:
    connection = connected()
    connection.request(KeepAlive(100_000, 10_000), NOW)
    asked = later(NOW, 100_000)
    connection.handle_timer(later(NOW, 60_000))  # idle, but who asks need not care
    assert connection.next_timer() == asked

    connection.handle_timer(asked)
    assert connection.effects() == [SendOctets(b"\r\n\r\n")]
    assert connection.next_timer() == later(asked, 10_000)
    connection.receive(b"\r\n", later(asked, 5))

    assert connection.next_timer() == later(asked, 100_000)


def test_connection_ends_when_its_question_is_not_answered() -> None:
    connection = connected()
    connection.request(KeepAlive(20_000, 10_000), NOW)
    connection.handle_timer(later(NOW, 20_000))
    connection.effects()
    connection.receive(MESSAGE, later(NOW, 21_000))  # which is no answer (RFC 5626 4.4.1)

    connection.handle_timer(later(NOW, 30_000))

    assert connection.effects() == [CloseConnection(NO_PONG)]
    assert connection.next_timer() is None


def test_connection_that_nothing_goes_over_ends() -> None:
    connection = connected(dialled=False)
    connection.receive(b"OPTIONS sip:a SIP/2.0\r\n", later(NOW, 59_999))  # never a whole message

    connection.handle_timer(later(NOW, 60_000))

    assert connection.effects() == [CloseConnection(IDLE)]


def test_connection_that_is_used_goes_on() -> None:
    connection = connected(dialled=False)
    connection.receive(MESSAGE, later(NOW, 10_000))
    connection.request(MESSAGE, later(NOW, 20_000))

    assert connection.effects() == [SendOctets(MESSAGE)]
    assert connection.next_timer() == later(NOW, 80_000)


def test_connection_hears_nothing_after_the_stream_is_lost() -> None:
    connection = connected()

    connection.receive(MESSAGE + b"OPTIONS sip:a SIP/2.0\r\n\r\n", NOW)
    connection.receive(MESSAGE, NOW)

    whole, lost = connection.indications()
    assert whole == MESSAGE
    assert isinstance(lost, SipStreamLost)


def test_connection_that_ended_waits_for_nothing() -> None:
    connection = connected()
    connection.request(KeepAlive(20_000, 10_000), NOW)

    connection.disconnected("gone", NOW)

    assert connection.next_timer() is None


def test_connection_sends_last_message_before_it_closes() -> None:
    connection = connected()

    connection.request(LastMessage(MESSAGE, "lost"), NOW)

    assert connection.effects() == [SendOctets(MESSAGE), CloseConnection("lost")]

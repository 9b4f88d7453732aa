"""Whatever a peer sends on the connection of an MSRP session, and in a session description."""

import contextlib
import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.instants import Instant
    from omapush.protocols.msrp.connection import MsrpConnection
    from omapush.protocols.msrp.session import Ends, MsrpSettings
    from omapush.protocols.msrp.uri import parse_path
    from omapush.protocols.sdp import BadDescription, encode_description, parse_description

HERE = parse_path("msrp://127.0.0.1:2855/here;tcp")
THERE = parse_path("msrp://127.0.0.1:2856/there;tcp")
HEAD = (
    b"MSRP abcd SEND\r\nTo-Path: msrp://127.0.0.1:2855/here;tcp\r\n"
    b"From-Path: msrp://127.0.0.1:2856/there;tcp\r\n"
)


def test_one_input(data: bytes) -> None:
    settings = MsrpSettings(max_octets=1_000, max_messages=2)
    end = MsrpConnection(settings, lambda: "wxyz", ends=Ends(HERE, THERE))
    begin = HEAD if data[:1] < b"\x80" else b""
    for part in (begin, data[1:50], data[50:]):
        end.receive(part, Instant(0))
    end.disconnected("cut")
    end.written()
    end.indications()
    with contextlib.suppress(BadDescription):
        encode_description(parse_description(data))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()

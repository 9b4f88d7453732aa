"""A WTP datagram is read and explained, or refused with the documented error; no end raises."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.core.instants import Instant
    from omapush.protocols.wtp.endpoint import WtpEndpoint
    from omapush.protocols.wtp.explain import explain
    from omapush.protocols.wtp.pdu import decode, encode
    from omapush.protocols.wtp.primitives import Handle, TrInvokeReq
    from omapush.protocols.wtp.settings import WtpSettings
    from omapush.protocols.wtp.tid import TransactionIdCache

NOW = Instant(1_700_000_000_000)


def one_input(octets: bytes) -> None:
    """Read ``octets`` as a PDU and as a datagram to an endpoint that awaits an answer."""
    try:
        pdu = decode(octets)
        assert decode(encode(pdu)) == pdu
        explain(octets)
    except DecodeError:
        pass
    endpoint = WtpEndpoint(WtpSettings(), TransactionIdCache(1, 300_000, Instant(0)), "peer")
    endpoint.request(TrInvokeReq(Handle(1), 2, b"x" * 3_000), NOW)
    endpoint.receive(octets, NOW)
    while (due := endpoint.next_timer()) is not None:
        endpoint.handle_timer(due)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

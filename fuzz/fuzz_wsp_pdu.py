"""A PDU is read or refused, with and without a session, and explained exactly when it is read."""

import contextlib
import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.protocols.wsp.explain import explain_pdu
    from omapush.protocols.wsp.pdu_codec import decode_pdu, decode_unit_pdu


def one_input(octets: bytes) -> None:
    """Read ``octets`` as a PDU."""
    with contextlib.suppress(DecodeError):
        decode_unit_pdu(octets)
    try:
        decode_pdu(octets, tolerant=True)
    except DecodeError:
        return
    assert explain_pdu(octets).octets == octets


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

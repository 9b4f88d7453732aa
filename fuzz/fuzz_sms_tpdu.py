"""A TPDU is read, explained and written again, or refused with the documented error."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.core.instants import Instant
    from omapush.protocols.sms import explain, reading
    from omapush.protocols.sms.reassembly import Reassembler
    from omapush.protocols.sms.tpdu import Direction


def one_input(octets: bytes) -> None:
    """Read ``octets`` as every kind of TPDU and as user data."""
    for direction in Direction:
        for refusal in (False, True):
            try:
                message = reading.decode(octets, direction, refusal=refusal)
            except DecodeError:
                continue
            explain.explain(octets, direction, refusal=refusal)
            assert reading.decode(message.encode(), direction, refusal=refusal) == message
    try:
        Reassembler().receive("+358401234567", octets, Instant(0))
        explain.explain_user_data(octets)
    except DecodeError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""Any octets are registration information or refused, and add up to what was known."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.protocols.sip.bad_message import BadSipMessage
    from omapush.protocols.sip.reginfo import RegInfo, merged, read_reginfo


def one_input(octets: bytes) -> None:
    try:
        info = read_reginfo(octets)
        known = merged(RegInfo(info.version - 1, is_full=True), info)
    except BadSipMessage:
        return
    assert known is not None
    assert known.is_full
    assert known.version == info.version
    for contact in (each for one in known.registrations for each in one.contacts):
        str(contact.address)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

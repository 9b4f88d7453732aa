"""Any octets are an MMS notification or a DecodeError; what was read survives being written."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content import mms_notification
    from omapush.core.errors import DecodeError, EncodeError


def one_input(octets: bytes) -> None:
    try:
        read = mms_notification.decode(octets)
    except DecodeError:
        return
    assert b"".join(part.octets for part in mms_notification.explain(octets).children) == octets
    try:
        written = mms_notification.encode(read)
    except EncodeError:
        return
    assert mms_notification.encode(mms_notification.decode(written)) == written


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

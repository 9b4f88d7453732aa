"""Any octets are a PAP document or a BadMessage; what was read can be written and read again."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.pap import xml
    from omapush.pap.bad_message import BadMessage
    from omapush.pap.tolerance import Tolerance

LENIENT = Tolerance(strict_dtd=False)


def one_input(octets: bytes) -> None:
    try:
        document = xml.decode(octets, tolerance=LENIENT)
    except BadMessage:
        return
    again = xml.decode(xml.encode(document))
    assert again.message == document.message


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

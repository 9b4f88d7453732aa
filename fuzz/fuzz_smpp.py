"""Whatever an SMSC sends: a PDU, or a refusal; a receipt, or none; and a session that ends well."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.instants import Instant
    from omapush.protocols.smpp.codec import decode_pdu
    from omapush.protocols.smpp.errors import PduError
    from omapush.protocols.smpp.esme import EsmeSession
    from omapush.protocols.smpp.explain import explain
    from omapush.protocols.smpp.primitives import EsmeSettings
    from omapush.protocols.smpp.receipt import parse_receipt


def test_one_input(data: bytes) -> None:
    session = EsmeSession(EsmeSettings("fuzz"))
    session.connected(Instant(0))
    session.receive(data, Instant(0))
    session.disconnected("end of input", Instant(0))
    try:
        pdu = decode_pdu(data)
    except PduError:
        return
    explain(data)
    parse_receipt(pdu, trusts_unmarked_text=True)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()

"""Any octets are a provisioning document or a DecodeError; what was read survives being written."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.provisioning import documents
    from omapush.content.provisioning.validation import findings
    from omapush.core.errors import DecodeError, EncodeError


def one_input(octets: bytes) -> None:
    for read in (documents.read_text, documents.read_wbxml):
        try:
            document = read(octets)
        except DecodeError:
            continue
        findings(document)
        try:
            written = documents.write_wbxml(document)
        except EncodeError:
            continue
        assert documents.read_wbxml(written) == document


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

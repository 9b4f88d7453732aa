"""Any octets are a WBXML document or a DecodeError, explained and as text alike."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.errors import DecodeError
    from omapush.protocols import wbxml

MEDIA_TYPES = [None, *sorted(wbxml.BINARY_TO_TEXT), "application/vnd.wap.uaprof"]


def one_input(octets: bytes) -> None:
    media_type = MEDIA_TYPES[octets[0] % len(MEDIA_TYPES)] if octets else None
    document = octets[1:]
    try:
        wbxml.explain(document, media_type)
        text = wbxml.decode_xml(document, media_type)
        read = wbxml.decode(document, wbxml.by_media_type(media_type))
    except DecodeError:
        return
    assert text.startswith(b"<?xml")
    assert read.root.name


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

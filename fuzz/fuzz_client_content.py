"""Any content is converted to its other form, or refused with an error of ours."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.message import PushMessage
    from omapush.content.written_forms import in_other_form
    from omapush.core.errors import DecodeError, EncodeError
    from omapush.protocols.wbxml import BINARY_TO_TEXT, TEXT_TO_BINARY

TYPES = (*TEXT_TO_BINARY, *BINARY_TO_TEXT)


def one_input(octets: bytes) -> None:
    if not octets:
        return
    content_type = TYPES[octets[0] % len(TYPES)]
    message = PushMessage((("Content-Type", content_type),), octets[1:])
    try:
        converted = in_other_form(message)
    except (DecodeError, EncodeError):
        return
    assert converted.media_type != content_type


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""An application id is read, or refused with the documented error, and has one spelling."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content.application_id import ApplicationId, outgoing_value
    from omapush.core.errors import DecodeError


def one_input(octets: bytes) -> None:
    """Read ``octets`` as a header value."""
    value = octets.decode("latin-1")
    try:
        application = ApplicationId.parse(value)
    except DecodeError:
        return
    assert ApplicationId.parse(application.canonical).canonical == application.canonical
    sent = ApplicationId.parse(outgoing_value(value))
    assert sent.same_application(application)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""Whatever an application says over D-Bus: a value, or a rejection that names its member."""

import json
import sys

import atheris

with atheris.instrument_imports():
    from dbus_fast.errors import SignatureBodyMismatchError

    from omapush.cai import wire
    from omapush.cai.model import RegistrationRejected
    from omapush.client.dbus.applications import answer_of, application_of, event_handler
    from omapush.client.dbus.variants import members_of, variants_of


def test_one_input(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    answer_of(text)
    try:
        application = application_of(text)
    except RegistrationRejected:
        pass
    else:
        assert event_handler(*application) == text
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        dictionary = variants_of(members) if isinstance(members, dict) else {}
    except (TypeError, ValueError, SignatureBodyMismatchError):
        return  # D-Bus has no such value: an integer too large, a list of different kinds
    try:
        wire.registration_request(members_of(dictionary))
    except RegistrationRejected as error:
        if not error.parameter:
            raise


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()

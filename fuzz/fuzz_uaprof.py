"""Any octets are a UAProf document or a DecodeError; what was read survives being written."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.content import uaprof
    from omapush.core.errors import DecodeError


def one_input(octets: bytes) -> None:
    try:
        profile = uaprof.read_profile(octets)
    except DecodeError:
        return
    uaprof.push_characteristics(profile)
    assert uaprof.merge(profile, profile).components.keys() == profile.components.keys()
    assert uaprof.read_profile(uaprof.write_profile(profile)) == profile


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

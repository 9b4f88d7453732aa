"""Any regexp of a NAPTR rule is applied or refused, and what it makes is bounded."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.ppg.resolution.substitution import MAX_LENGTH, RuleRefused, substitute

NUMBER = "+441632960083"


def one_input(octets: bytes) -> None:
    try:
        made = substitute(octets.decode("latin-1"), NUMBER)
    except RuleRefused:
        return
    assert made is None or len(made) <= MAX_LENGTH * len(NUMBER)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""Any body from a web service of recipients is an answer or ResolverUnavailable."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.pap.address import parse
    from omapush.ppg.resolution.http import read_answer
    from omapush.ppg.resolution.port import GroupFound, ResolverUnavailable

ADDRESS = parse("+441234567890")
MOST = 5


def one_input(octets: bytes) -> None:
    try:
        answer = read_answer(octets, ADDRESS, MOST)
    except ResolverUnavailable:
        return
    if isinstance(answer, GroupFound):
        assert 0 < len(answer.members) <= MOST


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

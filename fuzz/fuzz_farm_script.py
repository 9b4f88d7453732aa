"""Whatever somebody writes as a script of simulated clients: a script, or a fault with a place."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.client.farm.script import ScriptError, parse_script


def test_one_input(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        script = parse_script(text)
    except ScriptError:
        return
    assert sum(share for _, share in script.choices) == 1_000_000
    for behaviour, _ in script.choices:
        assert parse_script(behaviour.text).choices[0][0] == behaviour


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()

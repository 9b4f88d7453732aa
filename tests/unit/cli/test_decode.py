"""``omapush decode``: arguments, output and exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application
from omapush.inspection.model import Kind
from omapush.protocols.sms.segmentation import segment

SI = "02056a0045c60c03696d672e6769660001034869000101"
PUSH = "010601ae" + SI
USER_DATA = "0605040b8423f0" + PUSH


def decode(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(
        application, ["decode", *(str(argument) for argument in arguments)], input=stdin
    )


def test_octets_are_explained_for_people() -> None:
    result = decode(USER_DATA)
    assert result.exit_code == 0
    assert result.stdout.startswith("sms-user-data, 34 octets\ntaken for sms-user-data")
    assert "wbxml: WBXML, 23 octets, SI 1.0, from octet 4 of wsp" in result.stdout
    assert "\x1b" not in result.stdout


def test_octets_are_explained_for_programs() -> None:
    result = decode("--as", "wsp", "--json", PUSH)
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["kind"] == "wsp"
    assert said["octets"] == 27
    assert said["decoded"]["content_type"] == "application/vnd.wap.sic"
    assert [layer["layer"] for layer in said["layers"]] == ["wsp", "wbxml"]
    assert said["warnings"] == []
    assert "guessed" not in said


def test_layers_can_be_left_out() -> None:
    assert "layers" not in json.loads(decode("--json", "--no-layers", PUSH).stdout)


@pytest.mark.parametrize(
    "content",
    [bytes.fromhex(PUSH), PUSH.encode(), b"0x01 0x06:01ae\n" + SI.encode() + b"\n"],
    ids=["octets", "digits", "digits with separators"],
)
def test_octets_come_from_a_file_or_standard_input(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "push.bin"
    file.write_bytes(content)
    for result in (decode("--json", file), decode("--json", "-", stdin=content)):
        assert result.exit_code == 0
        assert json.loads(result.stdout)["decoded"]["body"] == SI


def test_refusal_tells_reason_layer_and_place() -> None:
    result = decode("--as", "wsp", "01061b")
    assert result.exit_code == 1
    assert result.stderr == "omapush: wsp: 27 octets wanted, 0 left (at octet 3)\n"
    assert "     2  1b                       HeadersLen: 27\n! refused at octet 3" in result.stdout
    result = decode("--as", "wsp", "--json", "01061b")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "error": "27 octets wanted, 0 left",
        "layer": "wsp",
        "position": 3,
    }


def test_octets_that_are_nothing_are_refused_with_the_best_try() -> None:
    result = decode(SI[:-2])
    assert result.exit_code == 1
    assert result.stdout.startswith("wbxml, 22 octets, refused\n")
    assert "no kind fits; wbxml got farthest" in result.stderr


@pytest.mark.parametrize("kind", ["cbs", "alc"])
def test_kind_whose_protocol_has_not_landed_says_so(kind: str) -> None:
    result = decode("--as", kind, "--json", "01")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"].startswith(f"{kind} cannot be decoded yet")


def test_what_is_no_input_is_asked_wrongly(tmp_path: Path) -> None:
    assert decode(tmp_path / "none.bin").exit_code == 2
    assert decode("--lines", tmp_path / "none.bin").exit_code == 2
    assert decode("x" * 5_000).exit_code == 2
    assert decode(tmp_path).exit_code == 2
    assert decode("--as", "none", "01").exit_code == 2
    assert decode().exit_code == 2
    assert "neither hexadecimal digits nor a file" in decode("none.bin").stderr


def test_half_an_octet_is_refused() -> None:
    result = decode("--json", "010")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["layer"] == "input"


def test_several_inputs_are_told_one_after_the_other() -> None:
    result = decode("--as", "wsp", "--json", "--no-layers", PUSH, "0106", PUSH)
    assert result.exit_code == 1
    first, second, third = map(json.loads, result.stdout.splitlines())
    assert first == third
    assert second["input"] == 2


def test_lines_become_lines() -> None:
    lines = f"{PUSH}\nzz\n\n{PUSH[:4]}\r\n{PUSH}".encode()
    result = decode("--as", "wsp", "--json", "--lines", "-", stdin=lines)
    assert result.exit_code == 1
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each.get("input") for each in said] == [None, 2, 3, 4, None]
    assert "error" in said[1]
    assert said[1]["layer"] == "input"
    assert said[2]["error"] == "there are no octets"
    assert said[0] == said[4]
    assert "layers" not in said[0]


def test_lines_of_a_file_are_all_decoded(tmp_path: Path) -> None:
    file = tmp_path / "pushes.txt"
    file.write_text(f"{PUSH}\n" * 3_000)
    result = decode("--as", "wsp", "--json", "--lines", "--layers", file)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 3_000
    assert len(set(lines)) == 1
    assert "layers" in json.loads(lines[0])


def test_no_lines_are_nothing_to_refuse() -> None:
    result = decode("--as", "wsp", "--json", "--lines", "-", stdin=b"")
    assert (result.exit_code, result.stdout) == (0, "")


def test_segments_are_joined() -> None:
    segments = [each.hex() for each in segment(bytes.fromhex(PUSH) * 8, 2948, 9200, 1)]
    result = decode("--join", "--json", *reversed(segments))
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["decoded"]["payload"] == PUSH * 8
    assert said["decoded"]["carries"][0]["kind"] == "wsp"
    by_lines = decode("--join", "--json", "--lines", "-", stdin="\n".join(segments).encode())
    assert json.loads(by_lines.stdout)["decoded"]["payload"] == PUSH * 8
    missing = decode("--join", segments[0])
    assert missing.exit_code == 1
    assert "missing: 2" in missing.stderr


@pytest.mark.parametrize("kind", Kind)
def test_any_kind_takes_a_line_without_a_traceback(kind: Kind) -> None:
    result = decode(
        "--as", kind.value, "--json", "--lines", "-", stdin=b"00\nff00ff\n" + b"7f" * 40
    )
    assert result.exit_code in (0, 1)
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 3

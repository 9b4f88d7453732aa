"""Ports for tests: one process is never given what another has."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omapush.testing import ports
from omapush.testing.ports import BLOCK, LOOPBACK, NoFreePortError, PortShare

pytestmark = pytest.mark.xdist_group("ports")  # they are tried one by one

AMONG = range(17_000, 19_000)
"""Not the ports of the other tests, which may run now."""

HOLDS_A_BLOCK = """
import sys
from pathlib import Path
from omapush.testing.ports import PortShare
share = PortShare(Path(sys.argv[1]), range(17_000, 19_000))
print(*(share.take() for _ in range(3)), flush=True)
sys.stdin.read()
"""


def kernels_range(first: int, last: int, folder: Path, patch: pytest.MonkeyPatch) -> None:
    stated = folder / "range"
    stated.write_text(f"{first}\t{last}\n", encoding="ascii")
    patch.setattr(ports, "_KERNELS_RANGE", stated)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return a process with ports of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_BLOCK, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process


def told(process: subprocess.Popen[str]) -> set[int]:
    assert process.stdout is not None
    return {int(word) for word in process.stdout.readline().split()}


def test_no_port_is_handed_out_twice(tmp_path: Path) -> None:
    share = PortShare(tmp_path, AMONG)
    assert len({share.take() for _ in range(BLOCK + 1)}) == BLOCK + 1
    assert len(list(tmp_path.iterdir())) >= 2


def test_ports_lie_outside_of_the_kernels_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = PortShare(tmp_path, AMONG)
    kernels_range(17_050, 18_899, tmp_path, monkeypatch)
    assert {share.take() // BLOCK for _ in range(BLOCK // 2)} == {189}
    kernels_range(1_024, 65_535, tmp_path, monkeypatch)
    with pytest.raises(NoFreePortError):
        PortShare(tmp_path, AMONG).take()


def test_processes_have_different_ports_until_one_ends(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    theirs = told(other)
    assert len(theirs) == 3
    ours = PortShare(tmp_path, AMONG).take()
    assert ours // BLOCK not in {port // BLOCK for port in theirs}
    other.communicate()
    assert PortShare(tmp_path, AMONG).take() // BLOCK in {port // BLOCK for port in theirs}


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_port_that_is_in_use_is_left_out(tmp_path: Path, kind: socket.SocketKind) -> None:
    share = PortShare(tmp_path, AMONG)
    with socket.socket(socket.AF_INET, kind) as taken:
        after = share.take() + 1
        taken.bind((LOOPBACK, after))
        assert after not in {share.take() for _ in range(3)}


def test_block_whose_file_cannot_be_opened_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / f"omapush-test-ports-{AMONG.start}").symlink_to(tmp_path / "elsewhere")
    assert PortShare(tmp_path, AMONG).take() not in range(AMONG.start, AMONG.start + BLOCK)
    assert not (tmp_path / "elsewhere").exists()

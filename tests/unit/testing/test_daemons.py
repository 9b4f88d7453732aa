"""Processes of ``omapush`` for tests: what they get, what they print and how they end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from omapush import __version__
from omapush.testing.daemon_process import start_process
from omapush.testing.daemons import Daemon, DaemonError, free_port, run_verb


async def test_verb_prints_and_ends_with_its_status(tmp_path: Path) -> None:
    ended = await run_verb("--version", folder=tmp_path)
    assert (ended.status, ended.out, ended.err) == (0, f"omapush {__version__}\n", "")
    refused = await run_verb("status", "a@pi", "--config", "absent.toml", folder=tmp_path)
    assert (refused.status, refused.out) == (2, "")
    assert "absent.toml" in refused.err


async def test_verb_gets_its_folder_and_its_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMAPUSH_PPG_PAP__LISTEN", "wrong")
    (tmp_path / "ppg.toml").write_text("[pap]\n")
    checked = await run_verb("check-config", "ppg.toml", folder=tmp_path)
    assert checked.status == 0, checked.err
    more = {"OMAPUSH_PPG_PAP__LISTEN": "wrong"}
    refused = await run_verb("check-config", "ppg.toml", folder=tmp_path, environment=more)
    assert refused.status == 2
    assert "pap.listen" in refused.err


async def test_daemon_that_ends_at_its_start_shows_its_log(tmp_path: Path) -> None:
    settings = tmp_path / "ppg.toml"
    settings.write_text("[pap]\nlisten = 'nowhere'\n")
    daemon = Daemon("ppg", settings, port=free_port())
    with pytest.raises(DaemonError, match=r"ended with 2:[\s\S]*pap.listen"):
        await daemon.start()
    assert await daemon.stop() == 2


def test_process_that_is_killed_ends_by_the_signal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = ("listen", f"127.0.0.1:{free_port()}")
    process = start_process(arguments, tmp_path, {}, out=log, err=log)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL

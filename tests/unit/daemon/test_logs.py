"""What daemons log, as it is written."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from omapush.daemon.logs import LogFormat, configure_logs

EVIL = "x\x1b[2J\x9b31m\u202e\nend"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_value_of_a_peer_commands_no_terminal(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info", log_format)
    structlog.get_logger("test").info("push_refused", application=EVIL, status=235, push_id=None)
    written = capsys.readouterr().err
    value = written.split("x", 1)[1]
    assert "235" in written
    # A terminal's own colours of the console form stand around values, never in them.
    assert "\x1b[2J" not in value
    assert not {"\x9b", "\u202e"} & set(written)
    assert written.count("\n") == 1
    if log_format == "json":
        assert json.loads(written)["application"] == EVIL

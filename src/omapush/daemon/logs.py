"""Structured logs: one event a line, JSON for machines or columns for people, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]


def configure_logs(level: LogLevel, log_format: LogFormat) -> None:
    """Set up logging for this process. ``auto`` means columns on a terminal and JSON elsewhere."""
    number = logging.getLevelNamesMapping()[level.upper()]
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            escaped if console else structlog.processors.dict_tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard module: only their warnings, in the same stream.
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr, force=True)


def escaped(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Escape what a terminal could take for a command: peers wrote some of the values.

    JSON escapes such characters itself.
    """
    return {
        name: value
        if not isinstance(value, str) or value.isprintable()
        else value.encode("unicode_escape").decode("ascii")
        for name, value in event.items()
    }

"""Processes of ``omapush`` that start at once: forked from one that has read all modules.

A process of its own needs a second of work for reading the modules before it does anything, and
the scenarios start hundreds. So the first start makes a process that reads them and then forks
(``multiprocessing`` calls it the fork server); whatever is started is forked from it and runs the
command line as the installed program does, with its own environment, directory, log and signals.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload(
    [__name__, *(f"omapush.cli.{verb}" for verb in ("ppg", "client", "push", "status"))]
)


def start_process(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    out: Path,
    err: Path,
) -> BaseProcess:
    """Start ``omapush`` with ``arguments``; return as soon as it has a process id.

    The call blocks, the first one for seconds. When the caller's process ends, this one does too.
    A script that calls it needs the usual guard, ``if __name__ == "__main__"``.

    :param folder: its working directory.
    :param environment: its whole environment.
    :param out: what it prints is appended to this file, which may be the same as the next one.
    :param err: what it prints as errors.
    """
    process = _FORKED.Process(
        target=_run,
        args=(["omapush", *arguments], folder, dict(environment), out, err),
        daemon=True,
    )
    process.start()
    return process


def _run(
    arguments: list[str], folder: Path, environment: dict[str, str], out: Path, err: Path
) -> None:
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    runpy.run_module("omapush.cli", run_name="__main__")  # as python -m does

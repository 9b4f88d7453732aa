"""``omapush client doctor``: what is wrong with a client, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import typer

from omapush.cli import arguments
from omapush.cli.client_access import Access, asked, print_json
from omapush.cli.doctor_client import client_findings, socket_findings
from omapush.cli.doctor_finding import Finding, Level, worst
from omapush.cli.doctor_host import host_findings, settings_findings
from omapush.cli.printable_text import printable_lines

_STATUS = {Level.OK: 0, Level.WARNING: 1, Level.FAULT: 2}
_COLOURS = {Level.WARNING: typer.colors.YELLOW, Level.FAULT: typer.colors.RED}


def doctor(context: typer.Context, access: Access, *, as_json: arguments.AsJson = False) -> None:
    """Look at everything that is easily wrong, and say what to do.

    Ends with 0 if all is well, 1 with warnings, 2 with faults.
    """
    findings = _examined(access.settings_path(context), access.socket)
    level = worst(findings)
    if as_json:
        listed = [dataclasses.asdict(one) for one in findings]
        print_json({"level": level, "findings": listed})
    else:
        for one in findings:
            _show(one)
        typer.echo(_summary(findings))
    if level is not Level.OK:
        raise typer.Exit(_STATUS[level])


def _examined(config: Path | None, socket: Path | None) -> list[Finding]:
    """Look at the settings, at the socket, ask the client, then look at the host."""
    findings: list[Finding] = []
    settings = None
    if config is not None or socket is None:
        settings, findings = settings_findings(config)
    path = socket
    if path is None and settings is not None:
        path = settings.cai.socket
    runs = False
    if path is not None or settings is not None:
        runs, found = socket_findings(path)
        findings += found
    if runs and path is not None:
        findings += asked(client_findings(path))
    if settings is not None:
        findings += host_findings(settings, runs=runs)
    return findings


def _show(one: Finding) -> None:
    first, *more = printable_lines(one.text).split("\n")
    colour = _COLOURS.get(one.level)
    typer.secho(f"{one.level:8} {one.subject}: {first}", fg=colour)
    for line in more:
        typer.secho(f"{'':8} {line}", fg=colour)
    if one.advice:
        typer.echo(f"{'':8} -> {printable_lines(one.advice)}")


def _summary(findings: list[Finding]) -> str:
    counted = Counter(one.level for one in findings)
    if worst(findings) is Level.OK:
        return "all is well"
    parts = [(counted[Level.FAULT], "fault"), (counted[Level.WARNING], "warning")]
    return ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in parts if n)

"""``omapush capabilities``: what does a client take? (PAP 5.5)"""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.ending import ACCESS_ERRORS, FAILED, telling
from omapush.content.uaprof import push_characteristics, read_profile
from omapush.initiator.client import CapabilitiesResult

_NAMES = {
    "accept": "content types",
    "accept_charset": "charsets",
    "accept_encoding": "content codings",
    "accept_language": "languages",
    "accept_app_id": "applications",
    "msg_size": "octets of a push",
    "max_push_req": "pushes at a time",
}


def capabilities(
    address: arguments.Address,
    *,
    application: Annotated[
        str | None, typer.Option("--application", "-a", help="Only what belongs to this one.")
    ] = None,
    ppg: arguments.Ppg = arguments.DEFAULT_PPG,
    access: arguments.Access,
    rdf: Annotated[bool, typer.Option("--rdf", help="Print the UAProf document itself.")] = False,
    as_json: arguments.AsJson = False,
) -> None:
    """Ask a gateway what a client takes."""

    async def ask() -> CapabilitiesResult:
        async with access.initiator(ppg) as initiator:
            return await initiator.capabilities(address, application)

    with telling(as_json=as_json, asked_wrongly=ACCESS_ERRORS):
        result = asyncio.run(ask())
        if result.profile is None:
            told = {"code": result.code, "desc": result.desc}
            typer.echo(json.dumps(told) if as_json else f"{address}: {result.code} {result.desc}")
            raise typer.Exit(FAILED)
        if rdf:
            typer.echo(result.profile.decode("utf-8", "replace"))
            return
        _show(address, result.code, result.profile, as_json=as_json)


def _show(address: str, code: int, profile: bytes, *, as_json: bool) -> None:
    characteristics = push_characteristics(read_profile(profile))
    found = {name: getattr(characteristics, name) for name in _NAMES}
    if as_json:
        typer.echo(json.dumps({"address": address, "code": code, **found}))
        return
    typer.echo(f"{address}:")
    for name, title in _NAMES.items():
        value = found[name]
        if value is not None:
            text = ", ".join(value) if isinstance(value, tuple) else value
            typer.echo(f"  {title}: {text}")

"""``omapush cancel``: withdraw a push that still waits (PAP 5.3)."""

from __future__ import annotations

import asyncio
import json

import typer

from omapush.cli import arguments
from omapush.cli.ending import ACCESS_ERRORS, FAILED, telling
from omapush.pap.codes import CodeClass, class_of
from omapush.pap.model import CancelResponse


def cancel(
    push_id: arguments.PushId,
    address: arguments.SomeAddresses = None,
    *,
    ppg: arguments.Ppg = arguments.DEFAULT_PPG,
    access: arguments.Access,
    as_json: arguments.AsJson = False,
) -> None:
    """Cancel a push, for some recipients or for all. Status 1 unless all of it could be."""

    async def ask() -> CancelResponse:
        async with access.initiator(ppg) as initiator:
            return await initiator.cancel(push_id, address or ())

    with telling(as_json=as_json, asked_wrongly=ACCESS_ERRORS):
        response = asyncio.run(ask())
        for result in response.results:
            addresses = [each.address_value for each in result.addresses]
            if as_json:
                fields = {"code": result.code, "desc": result.desc, "addresses": addresses}
                typer.echo(json.dumps({"push_id": push_id, **fields}))
            else:
                whom = ", ".join(addresses) or push_id
                typer.echo(f"{whom}: {result.code} {result.desc or ''}".rstrip())
        if any(class_of(result.code) is not CodeClass.SUCCESS for result in response.results):
            raise typer.Exit(FAILED)

"""``omapush status PUSH_ID``: where is my push? The operator's answer, and the initiator's.

The operator reads its whole life from the ledger. An initiator, with ``--ppg``, asks the gateway
over PAP and is told the state of each recipient (PAP 5.4).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omapush.cli import arguments
from omapush.cli.ending import ACCESS_ERRORS, FAILED, telling
from omapush.cli.printable_text import printable
from omapush.core.instants import Instant, format_utc, to_datetime
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings
from omapush.daemon.settings_table import SettingsError
from omapush.pap.codes import MessageState
from omapush.pap.model import StatusQueryResponse
from omapush.ppg.store.contract import DeliveryRecord, PushRecord
from omapush.ppg.store.opening import StoreUrlError, open_existing_store

SHOWN = 50
"""Recipients of one push that are shown to people."""
SHOWN_LINES = 500
"""Lines of one timeline that are shown to people."""


def status(
    push_id: arguments.PushId,
    address: arguments.SomeAddresses = None,
    *,
    ppg: Annotated[
        str | None, typer.Option(help="Ask this gateway over PAP, instead of reading the ledger.")
    ] = None,
    access: arguments.Access,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the gateway; only [store] is needed.")
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="URL of the ledger, instead of the settings' one.")
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Show each recipient's state, and from the ledger the timeline of a push."""
    if ppg is not None:
        with telling(as_json=as_json, asked_wrongly=ACCESS_ERRORS):
            response = asyncio.run(_ask(push_id, address or (), ppg, access))
        show_response(response, as_json=as_json)
        return
    with telling(as_json=as_json, asked_wrongly=(SettingsError, StoreUrlError)):
        url = store or load_settings(PpgSettings, config).store.url
        record = asyncio.run(_read(url, push_id))
    if record is None:
        problem = f"no push {push_id!r} in {url.partition('://')[0]} ledger"
        typer.echo(
            json.dumps({"error": problem}) if as_json else f"omapush: {problem}", err=not as_json
        )
        raise typer.Exit(FAILED)
    if as_json:
        typer.echo(json.dumps(to_json(record)))
    else:
        show(record, Console())


async def _ask(
    push_id: str, addresses: Sequence[str], ppg: str, access: arguments.Access
) -> StatusQueryResponse:
    async with access.initiator(ppg) as initiator:
        return await initiator.status(push_id, addresses)


def show_response(response: StatusQueryResponse, *, as_json: bool) -> None:
    """Print what a gateway answered; status 1 if it does not know some of it."""
    for result in response.results:
        state, at = result.message_state.value, result.event_time
        time = format_utc(at) if at is not None else None
        addresses = [each.address_value for each in result.addresses]
        if as_json:
            fields = {"state": state, "code": result.code, "desc": result.desc, "event_time": time}
            told = {"push_id": response.push_id, "addresses": addresses, **fields}
            typer.echo(json.dumps(told))
        else:
            whom = ", ".join(addresses) or response.push_id
            when = f" at {time}" if time else ""
            said = f"{whom}: {state}{when}, {result.code} {result.desc or ''}".rstrip()
            typer.echo(printable(said))
    if any(result.message_state is MessageState.UNKNOWN for result in response.results):
        raise typer.Exit(FAILED)


async def _read(url: str, push_id: str) -> PushRecord | None:
    ledger = open_existing_store(url)
    await ledger.open()
    try:
        return await ledger.push(push_id)
    finally:
        await ledger.close()


def to_json(record: PushRecord) -> dict[str, object]:
    """Return ``record`` as JSON-able values, instants as UTC text."""
    return {
        "push_id": record.push_id,
        "initiator": record.initiator_id,
        "received": format_utc(record.received_at),
        "expires": format_utc(record.expires_at),
        "confirmed": record.confirmed,
        "deliveries": [
            {
                "delivery_id": str(delivery.key),
                "address": delivery.address,
                "client": delivery.client_id or None,
                "part_of": (
                    f"{record.push_key}.{delivery.part_of}"
                    if delivery.part_of is not None
                    else None
                ),
                "state": delivery.state.value,
                "code": delivery.code,
                "reason": delivery.reason,
                "attempts": delivery.attempt,
                "network": delivery.network,
                "bearer": delivery.bearer,
                "event_time": format_utc(delivery.event_time) if delivery.event_time else None,
                "next_attempt": format_utc(delivery.due_at) if delivery.due_at else None,
            }
            for delivery in record.deliveries
        ],
        "timeline": [
            {
                "at": _to_the_millisecond(line.at),
                "recipient": line.position,
                "event": line.event,
                "detail": line.detail,
            }
            for line in record.timeline
        ],
    }


def show(record: PushRecord, console: Console) -> None:
    """Print ``record`` for people."""
    method = "confirmed" if record.confirmed else "unconfirmed"
    # Initiators and terminals have said some of what follows: no markup is read in it.
    head = Text("Push ")
    head.append(printable(record.push_id), "bold")
    head.append(
        f" from {printable(record.initiator_id)}, {method}, "
        f"received {format_utc(record.received_at)}, expires {format_utc(record.expires_at)}"
    )
    console.print(head, soft_wrap=True)
    for delivery in record.deliveries[:SHOWN]:
        code = f" {delivery.code}" if delivery.code is not None else ""
        told = Text(f"{printable(_whom(delivery))}: ")
        told.append(delivery.state.value, "bold")
        told.append(printable(f"{code} {delivery.reason}".rstrip()))
        console.print(told, soft_wrap=True)
    if len(record.deliveries) > SHOWN:
        console.print(f"  and {len(record.deliveries) - SHOWN} more; --json shows all")
    table = Table(box=None, pad_edge=False)
    for name in ("time (UTC)", "to", "event"):
        table.add_column(name, no_wrap=True)
    table.add_column("detail")
    for line in record.timeline[:SHOWN_LINES]:
        recipient = "" if line.position is None else str(line.position + 1)
        # A whole date in each line would leave no room for what happened.
        time = _to_the_millisecond(line.at).replace("T", " ")[5:-1]
        table.add_row(time, recipient, line.event.replace("_", " "), Text(printable(line.detail)))
    console.print(table)
    if len(record.timeline) > SHOWN_LINES:
        console.print(f"and {len(record.timeline) - SHOWN_LINES} lines more; --json shows all")


def _whom(delivery: DeliveryRecord) -> str:
    number = delivery.key.position + 1
    if delivery.part_of is not None:
        return f"     {number}. {delivery.client_id}, of {delivery.part_of + 1}"
    return f"  {number}. {delivery.address} → {delivery.client_id or 'a group'}"


def _to_the_millisecond(instant: Instant) -> str:
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant % 1000:03d}Z"

"""``omapush farm``: many simulated clients in one process, for load tests and interop labs."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from pydantic import ValidationError

from omapush.cli import arguments
from omapush.cli.ending import telling
from omapush.client.farm.clients import MAX_CLIENTS, FarmError, FarmFigures, Fates, Group
from omapush.client.farm.script import ScriptError, parse_script
from omapush.core.instants import SECOND_MS, Instant
from omapush.daemon.farm import FarmStart, run_farm
from omapush.daemon.farm_settings import (
    DEFAULT_ID,
    FarmPlan,
    GroupTable,
    SipPlan,
    load_groups,
)
from omapush.daemon.settings_table import Endpoint, SettingsError, first_line, parse_endpoint
from omapush.protocols.sip.hop import Transport

_WRONG = (FarmError, ScriptError, SettingsError)


class SipTransport(enum.StrEnum):
    """How a SIP core is reached."""

    UDP = "udp"
    TCP = "tcp"


class By(enum.StrEnum):
    """In what the clients' endpoints differ."""

    ADDRESS = "address"
    PORT = "port"


def farm(
    clients: Annotated[
        int | None, typer.Option(min=1, max=MAX_CLIENTS, help="How many clients.")
    ] = None,
    behaviour: Annotated[
        str | None,
        typer.Option(help='What they do with pushes, as "accept:95% refuse(busy):5%".'),
    ] = None,
    client_id: Annotated[
        str | None, typer.Option("--id", help=f"Their ids, # for the number: {DEFAULT_ID}.")
    ] = None,
    application: Annotated[
        list[str] | None,
        typer.Option("--application", "-a", help="Application id to announce; default: all."),
    ] = None,
    content_type: Annotated[
        list[str] | None, typer.Option("--type", help="Media type to announce; default: all.")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="TOML file with groups of clients, instead of the above.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="host:port where the first client listens (PO-TCP).")
    ] = None,
    connect: Annotated[
        str | None, typer.Option(help="host:port of the gateway that clients dial (TO-TCP).")
    ] = None,
    udp: Annotated[
        str | None,
        typer.Option(help="host:port of the first client's push port, as 127.1.0.1:2948."),
    ] = None,
    sip: Annotated[
        str | None, typer.Option(help="host:port of the SIP core where clients register.")
    ] = None,
    sip_domain: Annotated[
        str, typer.Option(help="Domain of the clients' SIP addresses.")
    ] = "push.test",
    sip_transport: Annotated[
        SipTransport, typer.Option(help="How the core is reached.")
    ] = SipTransport.UDP,
    sip_local: Annotated[
        str | None, typer.Option(help="host:port where all clients receive; default: a free port.")
    ] = None,
    sip_password_file: Annotated[
        Path | None, typer.Option(help="File whose first line is the password of every client.")
    ] = None,
    sip_expires: Annotated[
        int, typer.Option(min=1, max=604_800, help="Seconds for which clients register.")
    ] = 600,
    by: Annotated[By, typer.Option(help="What grows from client to client.")] = By.ADDRESS,
    seed: Annotated[int, typer.Option(help="The same seed makes the same choices.")] = 1,
    pace: Annotated[
        float, typer.Option(min=0.1, max=100_000, help="Connections opened a second.")
    ] = 1_000,
    every: Annotated[
        float, typer.Option(min=0.01, max=86_400, help="Seconds between two lines of figures.")
    ] = 5,
    for_seconds: Annotated[
        float | None, typer.Option("--for", min=0, help="End after so many seconds.")
    ] = None,
    until_pushes: Annotated[
        int | None, typer.Option(min=1, help="End when so many pushes were answered or are void.")
    ] = None,
    write_clients: Annotated[
        Path | None, typer.Option(help="Write [[clients]] for a gateway's settings.")
    ] = None,
    ppg: Annotated[
        str, typer.Option(help="What the gateway calls itself in the addresses written.")
    ] = "ppg.example.net",
    as_json: arguments.AsJson = False,
) -> None:
    """Run many simulated clients until SIGINT or SIGTERM, and print what they did."""
    with telling(as_json=as_json, asked_wrongly=_WRONG):
        alone = (clients, behaviour, client_id, application, content_type)
        plan = FarmPlan(
            _from_file(groups, alone) if groups else (_one_group(*alone),),
            listen=_endpoint(listen),
            connect=_endpoint(connect),
            udp=_endpoint(udp),
            sip=_at_core(sip, sip_domain, sip_transport, sip_local, sip_password_file, sip_expires),
            by_port=by is By.PORT,
            seed=seed,
            per_second=pace,
            figures_seconds=every,
            for_seconds=for_seconds,
            until_pushes=until_pushes,
            clients_file=write_clients,
            ppg=ppg,
        )
        uvloop.run(run_farm(plan, _Lines() if as_json else _Words()))


def _at_core(
    core: str | None,
    domain: str,
    transport: SipTransport,
    local: str | None,
    password_file: Path | None,
    expires_s: int,
) -> SipPlan | None:
    where = _endpoint(core)
    if where is None:
        return None
    password = None
    if password_file is not None:
        password = first_line(password_file, "--sip-password-file")
    by = Transport(transport.value.upper())
    return SipPlan(where, domain, by, _endpoint(local), password, expires_s)


def _from_file(path: Path, alone: tuple[object, ...]) -> tuple[Group, ...]:
    if any(each is not None for each in alone):
        raise FarmError("--groups says how many clients there are and what they do")
    return tuple(load_groups(path))


def _one_group(
    clients: int | None,
    behaviour: str | None,
    client_id: str | None,
    application: list[str] | None,
    content_type: list[str] | None,
) -> Group:
    if clients is None:
        raise FarmError("--clients or --groups is needed")
    script = behaviour or "accept"
    parse_script(script)  # its own error says more than that of a table
    given = {
        "count": clients,
        "id": client_id,
        "behaviour": script,
        "application_ids": application or None,
        "types": content_type or None,
    }
    try:
        table = GroupTable.model_validate({k: v for k, v in given.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        raise FarmError(f"{first['loc'][0]}: {first['msg']}") from error
    return table.group()


def _endpoint(text: str | None) -> Endpoint | None:
    if text is None:
        return None
    try:
        return parse_endpoint(text)
    except ValueError as error:
        raise FarmError(f"{text!r}: {error}") from error


class _Rate:
    """How many pushes came a second since the figures were shown last."""

    def __init__(self) -> None:
        self._then = Instant(0)
        self._received = 0

    def begin(self, now: Instant) -> None:
        self._then = now

    def per_second(self, figures: FarmFigures, now: Instant) -> float:
        received, before = figures.pushes.received + figures.unconfirmed, self._received
        then, self._then, self._received = self._then, now, received
        return (received - before) * SECOND_MS / max(now - then, 1)


class _Words:
    """Prints for people."""

    def __init__(self) -> None:
        self._rate = _Rate()

    def started(self, start: FarmStart, now: Instant) -> None:
        self._rate.begin(now)
        ways = []
        if start.listen is not None:
            ways.append(f"listen on {_range(start.listen)}")
        if start.connect is not None:
            ways.append(f"dial {start.connect}")
        if start.core is not None:
            ways.append(f"register at the SIP core {start.core}")
        if start.udp is not None:
            ways.append(f"have UDP push ports at {_range(start.udp)}")
        typer.echo(f"{start.clients:,} clients {' and '.join(ways)}, seed {start.seed}")

    def figures(self, figures: FarmFigures, now: Instant) -> None:
        pushes, rate = figures.pushes, self._rate.per_second(figures, now)
        line = (
            f"connected {figures.connected:,}, received {pushes.received:,}, "
            f"accepted {pushes.accepted:,}, refused {pushes.refused:,}, void {pushes.void:,}, "
            f"waiting {pushes.waiting:,}"
        )
        if figures.registrations:
            line += f", registered {figures.registered:,} ({figures.registrations:,} times)"
        if figures.unconfirmed or figures.malformed:
            line += f", by UDP {figures.unconfirmed:,}, malformed {figures.malformed:,}"
        typer.echo(f"{line}, {rate:,.1f} a second{_troubles(figures)}")

    def ended(self, figures: FarmFigures, now: Instant) -> None:
        self.figures(figures, now)
        rows = [(text, fates) for text, fates in sorted(figures.by_behaviour.items())]
        width = max([len("behaviour"), *(len(text) for text, _ in rows)])
        typer.echo(f"{'behaviour':{width}}  received  accepted   refused      void")
        for text, fates in (*rows, ("all", figures.pushes)):
            typer.echo(
                f"{text:{width}}  {fates.received:8,}  {fates.accepted:8,}  {fates.refused:8,}  "
                f"{fates.void:8,}"
            )


class _Lines:
    """Prints JSON, an object a line."""

    def __init__(self) -> None:
        self._rate = _Rate()

    def started(self, start: FarmStart, now: Instant) -> None:
        self._rate.begin(now)
        typer.echo(
            json.dumps(
                {
                    "event": "started",
                    "clients": start.clients,
                    "seed": start.seed,
                    "listen": [str(each) for each in start.listen or ()],
                    "connect": str(start.connect) if start.connect else None,
                    "udp": [str(each) for each in start.udp or ()],
                    "core": str(start.core) if start.core else None,
                }
            )
        )

    def figures(self, figures: FarmFigures, now: Instant) -> None:
        typer.echo(json.dumps({"event": "figures", **self._members(figures, now)}))

    def ended(self, figures: FarmFigures, now: Instant) -> None:
        members = self._members(figures, now)
        behaviours = {text: _fates(each) for text, each in sorted(figures.by_behaviour.items())}
        typer.echo(json.dumps({"event": "ended", **members, "behaviours": behaviours}))

    def _members(self, figures: FarmFigures, now: Instant) -> dict[str, object]:
        return {
            "connected": figures.connected,
            "registered": figures.registered,
            "registrations": figures.registrations,
            **_fates(figures.pushes),
            "unconfirmed": figures.unconfirmed,
            "malformed": figures.malformed,
            "per_second": self._rate.per_second(figures, now),
            "failures": dict(figures.failures),
        }


def _range(ends: tuple[Endpoint, Endpoint]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} ... {ends[1]}"


def _fates(fates: Fates) -> dict[str, int]:
    return {**asdict(fates), "waiting": fates.waiting}


def _troubles(figures: FarmFigures) -> str:
    """Return why ways could not be opened, the commonest reasons only."""
    told = [f"{reason} ({count:,})" for reason, count in figures.failures.most_common(2)]
    return f"; not opened: {', '.join(told)}" if told else ""

"""``omapush client sip``: how a client is registered at its SIP/IP core."""

from __future__ import annotations

import typer

from omapush.cli import arguments
from omapush.cli.client_access import Access, asked, asking, connected, print_json
from omapush.cli.printable_text import printable
from omapush.client.service_messages import SipRegistration

_STATES = {
    "idle": "not registered: no application wants pushes by OTA-SIP",
    "registering": "is registering",
    "registered": "registered",
    "lost": "lost: the core is tried again",
    "refused": "refused by the core",
}


def sip(context: typer.Context, access: Access, *, as_json: arguments.AsJson = False) -> None:
    """Show the registration at the SIP/IP core: address, GRUU, expiry, tags, last answer."""
    with asking(as_json=as_json):
        path = access.socket_path(context)

        async def told() -> list[SipRegistration]:
            async with connected(path) as cai:
                return await cai.sip()

        found = asked(told())
    if as_json:
        for one in found:
            print_json(one)
    elif found:
        show_registration(found[0])
    else:
        typer.echo("OTA-SIP is not set up: the settings have no core in [ota_sip]")


def show_registration(one: SipRegistration) -> None:
    """Print it in words, a line for each thing that is known."""
    lines = {
        "address of record": one["aor"],
        "state": _STATES.get(one["state"], one["state"]),
        "core": one["core"],
        "contact": one["contact"],
        "GRUU": one["gruu"],
        "instance": one["instance"],
        "feature tags": " ".join(one["tags"]),
        "applications": ", ".join(one["applications"]),
        "instance tags": ", ".join(one["instances"]),
        "expires (UTC)": _time(one["expires"]),
        "next try (UTC)": _time(one["next_try"]),
        "last answer": _answer(one),
    }
    lines |= {f"gateway {each['uri']}": each["said"] or "not told" for each in one["gateways"]}
    width = max(map(len, lines)) + 2
    for name, said in lines.items():
        if said:  # a core may have said some of it: what does not print is shown as such
            typer.echo(f"{printable(name):<{width}}{printable(said)}")


def _answer(one: SipRegistration) -> str:
    at = _time(one["answered_at"])
    return f"{one['last_answer']}, {at}" if at else one["last_answer"]


def _time(text: str | None) -> str:
    return "" if text is None else text[:19].replace("T", " ")

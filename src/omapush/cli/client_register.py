"""``omapush client register`` and ``deregister``: an application of the command line (CAI 5.1)."""

from __future__ import annotations

import typer

from omapush.cli import arguments
from omapush.cli.client_access import Access, Members, asked, asking, connected, print_json
from omapush.cli.client_apps import binding_of, name_of, reason_of
from omapush.cli.client_registering import (
    Applicant,
    ApplicationToRegister,
    Instance,
    TokenFileOption,
    Wishes,
    settled,
)
from omapush.cli.client_tokens import TokenFile
from omapush.cli.ending import FAILED
from omapush.cli.printable_text import printable
from omapush.client.service_messages import Registration


def register(
    context: typer.Context,
    access: Access,
    push_application_id: ApplicationToRegister,
    wishes: Wishes,
    *,
    token_file: TokenFileOption = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Register an application, or change its registration; print both answers as they come."""
    with asking(as_json=as_json):
        members = wishes.members()
        applicant = Applicant(
            access.socket_path(context), push_application_id, wishes.instance, TokenFile(token_file)
        )
        state = asked(_register(applicant, members, as_json=as_json))
    if state == "failed":
        raise typer.Exit(FAILED)


async def _register(applicant: Applicant, wishes: Members, *, as_json: bool) -> str:
    def tell(registration: Registration) -> None:
        if as_json:
            print_json({**registration, "token_file": str(applicant.tokens.path)})
        else:
            show(registration)

    async with connected(applicant.path) as cai:
        first = await applicant.register(cai, wishes)
        second = await settled(cai, first, tell)
    if not as_json:
        typer.echo(f"its token is kept in {applicant.tokens.path}")
    return second["state"]


def show(registration: Registration) -> None:
    """Print how a registration stands, for people."""
    why = reason_of(registration)
    said = f"{name_of(registration)}: {registration['state']}{why and f', {why}'}"
    typer.echo(printable(said))
    if registration["state"] == "deregistered":
        return
    for binding in registration["bindings"]:
        typer.echo(f"  {printable(binding_of(binding))}")
    for warning in registration["warnings"]:
        detail = f"{warning['protocol']}: {warning['reason']} {warning['detail']}"
        typer.echo(f"  ! {printable(detail)}")


def deregister(
    context: typer.Context,
    access: Access,
    push_application_id: ApplicationToRegister,
    *,
    instance: Instance = None,
    force: bool = typer.Option(False, "--force", help="Do not tell the servers it is at."),
    token_file: TokenFileOption = None,
    as_json: arguments.AsJson = False,
) -> None:
    """End the registration of an application that was registered from the command line."""
    with asking(as_json=as_json):
        applicant = Applicant(
            access.socket_path(context), push_application_id, instance, TokenFile(token_file)
        )
        ended = asked(_deregister(applicant, force=force))
    if as_json:
        print_json(ended)
    else:
        show(ended)
    if ended["state"] == "deregister_failed":
        if not as_json:
            typer.echo("omapush: a server did not let go of it; --force ends it here", err=True)
        raise typer.Exit(FAILED)


async def _deregister(applicant: Applicant, *, force: bool) -> Registration:
    async with connected(applicant.path) as cai:
        return await applicant.deregister(cai, force=force)

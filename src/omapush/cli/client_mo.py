"""``omapush client mo``: the Push Management Object of a client that runs.

What a DM server would do, by hand: the statuses are those of OMA DM.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from omapush.cli import arguments
from omapush.cli.client_access import (
    Access,
    AskedWronglyError,
    CannotBeDoneError,
    Members,
    asked,
    asking,
    connected,
    print_json,
)
from omapush.cli.client_whitelist import finding_line
from omapush.cli.ending import FAILED
from omapush.cli.option_groups import grouped
from omapush.cli.printable_text import printable, printable_lines
from omapush.client.push_mo import json_form, tnds
from omapush.client.push_mo.tree import Status
from omapush.client.service_client import ServiceClient, ServicePointError
from omapush.client.trust.lists import Form, Origin
from omapush.content.provisioning import documents

ROOT = "./Push"

mo = typer.Typer(
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Look at the Push Management Object, or change it, as a DM server would.",
)

Uri = Annotated[str, typer.Argument(help="The node, e.g. ./Push/PushWL.")]
Value = Annotated[str | None, typer.Argument(help="Of a leaf; without it an interior node.")]
Format = Annotated[
    str | None, typer.Option("--format", help="chr, int, bool or node; default: the node's own.")
]


def get(
    context: typer.Context, access: Access, uri: Uri = ROOT, *, as_json: arguments.AsJson = False
) -> None:
    """Show a node."""
    _command(context, access, "get", (uri,), as_json=as_json)


def list_(
    context: typer.Context, access: Access, uri: Uri = ROOT, *, as_json: arguments.AsJson = False
) -> None:
    """Show a node and everything below it."""
    _command(context, access, "list", (uri,), as_json=as_json)


def add(
    context: typer.Context,
    access: Access,
    uri: Uri,
    value: Value = None,
    *,
    format_: Format = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Make a node, and the interior nodes above it that are missing."""
    _command(context, access, "add", (uri, value, format_), as_json=as_json)


def replace(
    context: typer.Context,
    access: Access,
    uri: Uri,
    value: Annotated[str, typer.Argument(help="The new value.")],
    *,
    format_: Format = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Change the value of a leaf."""
    _command(context, access, "replace", (uri, value, format_), as_json=as_json)


def delete(
    context: typer.Context, access: Access, uri: Uri, *, as_json: arguments.AsJson = False
) -> None:
    """Delete a node and everything below it."""
    _command(context, access, "delete", (uri,), as_json=as_json)


def import_(
    context: typer.Context,
    access: Access,
    file: Annotated[Path, typer.Argument(help="TNDS, JSON, or client provisioning.")],
    *,
    media_type: Annotated[
        str | None, typer.Option("--type", help="Its media type; default: what it looks like.")
    ] = None,
    origin: Annotated[
        Origin | None,
        typer.Option(help="Which list it is for; default: cp for client provisioning, else mo."),
    ] = None,
    as_json: arguments.AsJson = False,
) -> None:
    """Take a document; TNDS and JSON replace the object, client provisioning adds to the list."""
    with asking(as_json=as_json):
        try:
            document = file.read_bytes()
        except OSError as error:
            raise AskedWronglyError(f"{file}: {error.strerror or error}") from error
        kind = media_type or guessed_type(document)
        report = asked(_import(access.socket_path(context), document, kind, origin))
    if as_json:
        print_json(report)
        return
    typer.echo(
        f"taken for {report['origin']}: {report['entries']} entries of the whitelist, "
        f"{report['profiles']} connection profiles"
    )
    for finding in report["findings"]:
        typer.echo(f"  {finding_line(finding)}")


def export(
    context: typer.Context,
    access: Access,
    *,
    form: Annotated[Form | None, typer.Option(help="Of the document; default: tnds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As --form json.")] = False,
) -> None:
    """Print the object as a document, without secrets; or with ddf, the description of its tree."""
    if as_json and form not in (None, Form.JSON):
        raise typer.BadParameter("--json and --form contradict each other")
    wanted = Form.JSON if as_json else form or Form.TNDS
    with asking(as_json=as_json):
        document = asked(_export(access.socket_path(context), wanted))
    if sys.stdout.isatty():
        typer.echo(printable_lines(document.decode("utf-8", "replace")))
    else:
        typer.echo(document)


_VERBS: dict[str, Callable[..., None]] = {
    "get": get,
    "list": list_,
    "add": add,
    "replace": replace,
    "delete": delete,
    "import": import_,
    "export": export,
}
for _name, _verb in _VERBS.items():
    mo.command(_name)(grouped(_verb))


# ---- commands of OMA DM -------------------------------------------------------------------------


def _command(
    context: typer.Context,
    access: Access,
    command: str,
    given: tuple[str | None, ...],
    *,
    as_json: bool,
) -> None:
    with asking(as_json=as_json):
        result = asked(_performed(access.socket_path(context), command, given))
    if as_json:
        print_json(result)
    else:
        _show(result)
    if result["status"] != Status.OK:
        raise typer.Exit(FAILED)


async def _performed(path: Path, command: str, given: tuple[str | None, ...]) -> Members:
    """Return the result of a command, whatever it is.

    :raises ServicePointError: the client did not even try.
    """
    async with connected(path) as cai:
        try:
            return await _sent(cai, command, given)
        except ServicePointError as error:
            if "status" not in error.members:
                raise
            return dict(error.members)


async def _sent(cai: ServiceClient, command: str, given: tuple[str | None, ...]) -> Members:
    uri = given[0] or ""
    named = zip(("uri", "value", "format"), given, strict=False)
    members = {name: one for name, one in named if one is not None}
    match command:
        case "get":
            return await cai.get_node(uri)
        case "list":
            return await cai.get_node(uri, "StructData")
        case "add":
            return await cai.add_node(members)
        case "replace":
            return await cai.replace_node(members)
    return await cai.delete_node(uri)


def _show(result: Members) -> None:
    for item in result.get("items", []):
        value = f" = {item['value']}" if item["value"] else ""
        kind = f" {item['type']}" if item["type"] else ""
        typer.echo(printable(f"{item['uri']} ({item['format']}{kind}){value}"))
    typer.echo(f"status {status_of(result)}", err=result["status"] != Status.OK)


def status_of(result: Members) -> str:
    """Return a status of OMA DM by number and name, with what went wrong."""
    number = int(result["status"])
    try:
        name = Status(number).name.lower().replace("_", " ")
    except ValueError:
        name = "not known"
    detail = f": {result['detail']}" if result.get("detail") else ""
    return printable(f"{number} ({name}){detail}")


# ---- documents ----------------------------------------------------------------------------------


def guessed_type(document: bytes) -> str:
    """Return the media type of what looks like a document that can be imported."""
    beginning = document.removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith(b"{"):
        return json_form.MEDIA_TYPE
    if b"wap-provisioningdoc" in beginning[:2_000] and beginning.startswith(b"<"):
        return documents.TEXT_MEDIA_TYPE
    if beginning.startswith(b"<"):
        return tnds.MEDIA_TYPE
    return documents.BINARY_MEDIA_TYPE


async def _import(path: Path, document: bytes, media_type: str, origin: Origin | None) -> Members:
    async with connected(path) as cai:
        try:
            return await cai.import_management_object(document, media_type, origin)
        except ServicePointError as error:
            if error.cause != "description_invalid":
                raise
            reason = f"{error}; taken for {media_type}, --type says what it is"
            raise CannotBeDoneError(reason) from error


async def _export(path: Path, form: Form) -> bytes:
    async with connected(path) as cai:
        return await cai.export_management_object(form.value)

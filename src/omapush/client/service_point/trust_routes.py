"""The whitelist and the Push Management Object at the service access point.

For people's tools and for a DM client of the device; only the user whom the client runs as, and
root, are answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from omapush.cai import wire
from omapush.cai.model import CaiError, Reason
from omapush.client.push_mo import json_form
from omapush.client.push_mo.model import Finding, TrustedSource
from omapush.client.push_mo.tree import (
    Add,
    Command,
    Delete,
    Exec,
    Get,
    Item,
    Replace,
    Result,
    Status,
)
from omapush.client.service_point.peer_credentials import Handle, for_owner
from omapush.client.trust.lists import EXPORT_MEDIA_TYPES, Form, Listed, Origin, SourceTrust
from omapush.client.trust.whitelist import EVERY_APPLICATION
from omapush.core.errors import DecodeError

ReadBody = Callable[[Request], Awaitable[bytes]]

_MAX_DIGITS = 9
_MAX_COMMANDS = 256

# Where HTTP means something else by the number of OMA DM; the body has that one.
_HTTP_STATUS = {
    Status.ALREADY_EXISTS: 409,
    Status.DEVICE_FULL: 507,
    Status.ATOMIC_FAILED: 409,
}

EnumT = TypeVar("EnumT", bound=StrEnum)


def trust_routes(
    trust: SourceTrust, guarded: Callable[[Handle], Handle], read_body: ReadBody
) -> list[Route]:
    """Return the routes.

    :param guarded: turns errors of the interface into answers.
    :param read_body: reads the body of a request, within the limits of the service access point.
    """
    requests = _TrustRequests(trust, read_body)

    def route(path: str, handle: Handle, method: str = "GET") -> Route:
        return Route(path, guarded(for_owner(handle)), methods=[method])

    return [
        route("/v1/whitelist", requests.listed),
        route("/v1/whitelist", requests.add, "POST"),
        route("/v1/whitelist", requests.remove, "DELETE"),
        route("/v1/mo", requests.get),
        route("/v1/mo", requests.add_node, "POST"),
        route("/v1/mo", requests.replace_node, "PUT"),
        route("/v1/mo", requests.delete_node, "DELETE"),
        route("/v1/mo/import", requests.import_mo, "POST"),
        route("/v1/mo/export", requests.export),
    ]


class _TrustRequests:
    def __init__(self, trust: SourceTrust, read_body: ReadBody) -> None:
        self._trust = trust
        self._read_body = read_body

    # -- the whitelist --

    async def listed(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "in_force": self._trust.in_force,
                "entries": [_listed_members(one) for one in self._trust.entries()],
                "findings": [_finding_members(one) for one in self._trust.findings],
            }
        )

    async def add(self, request: Request) -> Response:
        members = await self._object(request)
        origin = _chosen(members.pop("origin", Origin.USER.value), Origin, "origin")
        entry = _entry(members)
        return JSONResponse(_listed_members(await self._trust.add(origin, entry)), 201)

    async def remove(self, request: Request) -> Response:
        origin = _chosen(request.query_params.get("origin", Origin.USER.value), Origin, "origin")
        text = request.query_params.get("number", "")
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            raise CaiError(Reason.INVALID_PARAMETER, f"{text[:20]!r} is no number", "number")
        if await self._trust.remove(origin, int(text)):
            return Response(status_code=204)
        fault = CaiError(Reason.INVALID_PARAMETER, "there is no such entry", "number")
        return JSONResponse(wire.error_members(fault), 404)

    # -- the tree --

    async def get(self, request: Request) -> Response:
        uri, listed = request.query_params.get("uri", "./Push"), request.query_params.get("list")
        return await self._perform(Get(uri if listed is None else f"{uri}?list={listed}"))

    async def add_node(self, request: Request) -> Response:
        members = await self._object(request)
        if "atomic" not in members:
            return await self._perform(_command({"command": "add", **members}))
        commands = members["atomic"]
        if not isinstance(commands, list) or not 0 < len(commands) <= _MAX_COMMANDS:
            detail = f"not a list of 1 to {_MAX_COMMANDS} commands"
            raise CaiError(Reason.INVALID_PARAMETER, detail, "atomic")
        status, results = await self._trust.atomic([_command(one) for one in commands])
        answer = {"status": int(status), "results": [_result_members(one) for one in results]}
        return JSONResponse(answer, _HTTP_STATUS.get(status, int(status)))

    async def replace_node(self, request: Request) -> Response:
        members = await self._object(request)
        return await self._perform(_command({"command": "replace", **members}))

    async def delete_node(self, request: Request) -> Response:
        return await self._perform(Delete(request.query_params.get("uri", "")))

    async def _perform(self, command: Command) -> Response:
        result = await self._trust.perform(command)
        status = _HTTP_STATUS.get(result.status, int(result.status))
        return JSONResponse(_result_members(result), status)

    # -- documents --

    async def import_mo(self, request: Request) -> Response:
        named = request.query_params.get("origin")
        origin = None if named is None else _chosen(named, Origin, "origin")
        octets = await self._read_body(request)
        try:
            media_type = request.headers.get("Content-Type", "")
            report = await self._trust.import_mo(octets, media_type, origin)
        except DecodeError as error:
            raise CaiError(Reason.DESCRIPTION_INVALID, str(error)) from error
        return JSONResponse(
            {
                "origin": report.origin.value,
                "entries": report.entries,
                "profiles": report.profiles,
                "findings": [_finding_members(one) for one in report.findings],
            }
        )

    async def export(self, request: Request) -> Response:
        form = _chosen(request.query_params.get("form", Form.TNDS.value), Form, "form")
        return Response(self._trust.export(form), media_type=EXPORT_MEDIA_TYPES[form])

    async def _object(self, request: Request) -> dict[str, Any]:
        return wire.parse_object(await self._read_body(request) or b"{}")


def _entry(members: dict[str, Any]) -> TrustedSource:
    """Read an entry in the form of the object's JSON; ``content_types`` as in the CAI as well."""
    types = members.pop("content_types", None)
    try:
        if types:
            if members.get("apps"):
                raise DecodeError("with apps, content types stand in them", "content_types")
            members["apps"] = [{"id": EVERY_APPLICATION, "content_types": types}]
        return json_form.read_source(members)
    except DecodeError as error:
        where = None if error.position is None else str(error.position)
        raise CaiError(Reason.INVALID_PARAMETER, error.reason, where) from error


def _command(members: object) -> Command:
    if not isinstance(members, dict):
        raise CaiError(Reason.INVALID_PARAMETER, "a command is an object", "atomic")
    texts = {name: _text(members, name) for name in ("command", "uri", "value", "format", "tnds")}
    unknown = next((name for name in members if name not in texts), None)
    if unknown is not None:
        raise CaiError(Reason.INVALID_PARAMETER, "is not known", ascii(unknown[:40]))
    uri, value, format_ = texts["uri"] or "", texts["value"], texts["format"]
    match texts["command"]:
        case "get":
            return Get(uri)
        case "add":
            subtree = None if texts["tnds"] is None else texts["tnds"].encode("utf-8", "replace")
            return Add(uri, value, format_, subtree)
        case "replace":
            return Replace(uri, value or "", format_)
        case "delete":
            return Delete(uri)
        case "exec":
            return Exec(uri)
    raise CaiError(Reason.INVALID_PARAMETER, "get, add, replace, delete or exec", "command")


def _text(members: dict[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise CaiError(Reason.INVALID_PARAMETER, "is no text", name)
    return value


def _chosen(text: object, among: type[EnumT], parameter: str) -> EnumT:
    if not isinstance(text, str) or text not in list(among):
        detail = f"none of {', '.join(among)}"
        raise CaiError(Reason.INVALID_PARAMETER, detail, parameter)
    return among(text)


def _listed_members(listed: Listed) -> dict[str, Any]:
    entry = json_form.source_members(listed.entry)
    return {"origin": listed.origin.value, "number": listed.number, **entry}


def _finding_members(finding: Finding) -> dict[str, Any]:
    return {"path": finding.path, "reason": finding.reason, "kept": finding.kept}


def _result_members(result: Result) -> dict[str, Any]:
    members: dict[str, Any] = {"status": int(result.status)}
    if result.detail:
        members["detail"] = result.detail
    if result.items:
        members["items"] = [_item_members(one) for one in result.items]
    if result.document:
        members["tnds"] = result.document.decode("utf-8")
    return members


def _item_members(item: Item) -> dict[str, Any]:
    return {"uri": item.uri, "format": item.format.value, "type": item.type, "value": item.value}

"""Requests of the service access point: read, waited for, and answered with what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from omapush.cai import wire
from omapush.cai.model import CaiError, EventGone, Reason, RegistrationFailed
from omapush.client.service_point.peer_credentials import Handle
from omapush.core.errors import OmapushError

log = structlog.get_logger(__name__)

MAX_BODY = 262_144
"""Octets of the largest request."""
MAX_WAIT_SECONDS = 60.0
BODY_SECONDS = 10
"""Patience for the whole body of a request."""
MAX_DIGITS = 9

HTTP_STATUS: Mapping[Reason, int] = MappingProxyType(
    {
        Reason.PERMISSION_DENIED: 403,
        Reason.NOT_REGISTERED: 404,
        Reason.ALREADY_REGISTERED: 409,
        Reason.ADDRESS_IN_USE: 409,
        Reason.CANCELLED: 409,
        Reason.UNSUPPORTED_OPTION: 422,
        Reason.UNAVAILABLE: 503,
        Reason.BEARER_LOST: 503,
        Reason.LIMIT_EXCEEDED: 429,
        Reason.TIMEOUT: 408,
        Reason.INTERNAL_ERROR: 500,
        Reason.NETWORK_ERROR: 502,
        Reason.REFUSED_BY_SERVER: 502,
        Reason.NOT_OFFERED_BY_SERVER: 502,
        Reason.SECURITY_FAILURE: 502,
        Reason.SERVER_ERROR: 502,
    }
)
"""Any other reason is 400."""

T = TypeVar("T")


class Unauthorized(CaiError):
    """The token is missing or not known."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.PERMISSION_DENIED, detail)


def guarded(handle: Handle) -> Handle:
    """Return ``handle`` with errors of the interface turned into answers."""

    async def guard(request: Request) -> Response:
        try:
            if request.method == "HEAD":
                # It would do what GET does, such as lease an event, and show nothing of it.
                return JSONResponse(wire.error_members(_no_head()), 405)
            return await handle(request)
        except CaiError as error:
            return error_answer(error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except OmapushError as error:
            log.error("service_point_failed", path=request.url.path, reason=str(error))
            return error_answer(CaiError(Reason.INTERNAL_ERROR, "the client cannot do that now"))

    return guard


def error_answer(error: CaiError) -> Response:
    """Return the answer that tells an application what is wrong."""
    members = wire.error_members(error)
    match error:
        case Unauthorized():
            return JSONResponse(members, 401, {"WWW-Authenticate": "Bearer"})
        case EventGone():
            return JSONResponse(members, 410 if error.settled else 409)
        case RegistrationFailed(cause=Reason.TIMEOUT):
            return JSONResponse(members, 504)
    return JSONResponse(members, HTTP_STATUS.get(error.cause, 400))


def _no_head() -> CaiError:
    return CaiError(Reason.INVALID_PARAMETER, "there is no such request")


async def read_body(request: Request) -> bytes:
    """Read the body of a request.

    :raises CaiError: it is longer than :data:`MAX_BODY`, or does not come to its end.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY:
                    detail = f"a request has at most {MAX_BODY} octets"
                    raise CaiError(Reason.LIMIT_EXCEEDED, detail)
    except TimeoutError as error:
        raise CaiError(Reason.TIMEOUT, "the request did not come to its end") from error
    return bytes(body)


async def read_object(request: Request) -> dict[str, Any]:
    """Read the JSON object that a request carries; no body is an empty one."""
    return wire.parse_object(await read_body(request) or b"{}")


def wait_seconds(request: Request) -> float:
    """Read the parameter ``wait``, 0 if there is none. :raises CaiError: out of bounds."""
    text = request.query_params.get("wait", "0")
    try:
        wait = float(text)
    except ValueError as error:
        raise CaiError(Reason.INVALID_PARAMETER, f"{text[:20]!r} is no time", "wait") from error
    if not 0 <= wait <= MAX_WAIT_SECONDS:
        detail = f"wait is between 0 and {MAX_WAIT_SECONDS:g} seconds"
        raise CaiError(Reason.INVALID_PARAMETER, detail, "wait")
    return wait


def wait_ms(request: Request) -> int:
    """Read the parameter ``wait`` as milliseconds."""
    return round(wait_seconds(request) * 1000)


def flag(request: Request, name: str) -> bool:
    """Read a parameter that is 1 or 0. :raises CaiError: it is neither."""
    text = request.query_params.get(name, "0")
    if text not in ("0", "1"):
        raise CaiError(Reason.INVALID_PARAMETER, f"{name} is 0 or 1", name)
    return text == "1"


def count(request: Request, name: str, default: int, most: int) -> int:
    """Read a parameter that is a number from 1 to ``most``. :raises CaiError: it is not."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS):
        raise CaiError(Reason.INVALID_PARAMETER, f"{text[:20]!r} is no number", name)
    if not 1 <= int(text) <= most:
        raise CaiError(Reason.INVALID_PARAMETER, f"{name} is between 1 and {most}", name)
    return int(text)


class OpenRequests:
    """Requests that wait for something to happen, as long as somebody waits for their answer."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let nobody wait any longer: the service access point stops."""
        self._stopping.set()

    @property
    def stopping(self) -> asyncio.Event:
        """Set when nobody is to wait any longer."""
        return self._stopping

    async def wait(self, request: Request, work: Coroutine[Any, Any, T]) -> T | None:
        """Return the result of ``work``, which is cancelled when nobody waits for it any more.

        ``None`` when the service access point stops.

        :raises ClientDisconnect: the caller hung up before there was a result.
        """
        working = asyncio.create_task(work)
        gone = asyncio.create_task(hung_up(request))
        stopping = asyncio.create_task(self._stopping.wait())
        others = (gone, stopping)
        try:
            await asyncio.wait((working, *others), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            if gone.done():
                raise ClientDisconnect
            return None
        finally:
            for task in (working, *others):
                task.cancel()
            await asyncio.gather(working, *others, return_exceptions=True)


async def hung_up(request: Request) -> None:
    """Wait until the caller hangs up; what it still sends is dropped."""
    while (await request.receive())["type"] != "http.disconnect":
        pass

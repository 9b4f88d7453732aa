"""The answers that a terminal gives to a gateway (WAP-235, 7.2.5 and 7.4.2).

Whatever has an X-Wap-Push-Status has it as its first header.
"""

from __future__ import annotations

from omapush.core.errors import LimitError
from omapush.ota import push_headers
from omapush.ota.http import headers
from omapush.ota.interface import ClientRequest, PoConfirmedPushRes, PoPushAbortReq, PushStatus
from omapush.protocols.http import Header, HttpError, Request, Response

ALLOW = ("Allow", "POST, OPTIONS")

_NO_CONTEXT = 302


def not_for_us(request: Request) -> Response | None:
    """Return the answer to what is neither push nor registration."""
    is_options = request.method == "OPTIONS"
    if request.target != headers.TARGET and not (is_options and request.target == "*"):
        return Response(404)
    if not is_options and request.method != "POST":
        return Response(405, (ALLOW,))
    return None


def push_level(status: int, text: str, *more: Header, http: int = 204) -> Response:
    """Answer at the level of push, for which HTTP has done its duty (WAP-235, 7.4.2)."""
    given = (push_headers.PUSH_STATUS, push_headers.format_push_status(status, text))
    return Response(http, (given, *more))


def refused(request: Request, text: str, *more: Header, http: int, again: bool = False) -> Response:
    """Refuse a registration or a push for good, or until something about it has changed.

    :param again: a registration may be tried again.
    """
    if request.method == "OPTIONS":
        return push_level(300 if again else 301, text, *more, http=http)
    return push_level(PushStatus.USERRFS, text, *more, http=http)


def unmatched_context(request: Request) -> Response:
    """Say that X-Wap-Push-ProvURL names nothing that we have (WAP-235, 7.2.5.4)."""
    status = _NO_CONTEXT if request.method == "OPTIONS" else PushStatus.NO_CONTEXT
    return push_level(status, "no such provisioning context")


def is_of_no_context(response: Response) -> bool:
    """Whether this refuses a registration in a context that we do not have."""
    return (response.get(push_headers.PUSH_STATUS) or "").startswith(str(_NO_CONTEXT))


def of_application(
    primitive: ClientRequest, *, response_allowed: bool, new_tag: str | None
) -> Response:
    """Return what becomes of the application's answer.

    :param new_tag: ours, if the push was made for another and taken all the same (WAP-235,
        7.2.5.2).
    """
    match primitive:
        case PoPushAbortReq(status=status, reason=reason):
            return push_level(status, reason)
        case PoConfirmedPushRes(body=body, content_type=content_type):
            if new_tag is None:
                accepted = push_level(400, "Accepted")
            else:
                accepted = push_level(401, "Accepted, CPITag differs", (headers.CPI_TAG, new_tag))
            if not body or not response_allowed:
                return accepted
            media_type = push_headers.printable(content_type or "") or "application/octet-stream"
            return Response(200, (*accepted.headers, ("Content-Type", media_type)), body)


def failed(failure: HttpError) -> Response:
    """Say to a gateway why nothing more is read from it."""
    status = PushStatus.USERRFS
    if failure.status == 408:
        status = PushStatus.USERREQ
    elif isinstance(failure, LimitError):
        status = PushStatus.USERDCR
    return push_level(status, failure.reason, http=failure.status)


def with_headers(response: Response, *more: Header) -> Response:
    """Return ``response`` with further headers behind its X-Wap-Push-Status."""
    if not more:
        return response
    given = (*response.headers[:1], *more, *response.headers[1:])
    return Response(response.status, given, response.body)

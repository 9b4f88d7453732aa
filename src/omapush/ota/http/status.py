"""From a terminal's answer to an outcome (WAP-235, 7.4.2.1)."""

from __future__ import annotations

from omapush.ota.interface import OutcomeKind, PoConfirmedPushReq, PushOutcome, PushStatus
from omapush.ota.push_headers import PUSH_STATUS, parse_push_status
from omapush.protocols.http import Response

# What an HTTP status means for a push when X-Wap-Push-Status is missing.
_BY_HTTP_STATUS = {
    200: 400,
    204: 400,
    400: PushStatus.USERRFS,
    403: PushStatus.USERRFS,
    404: PushStatus.USERPND,
    405: PushStatus.USERPND,
    406: PushStatus.USERDCU,
    408: PushStatus.USERREQ,
    410: PushStatus.USERPND,
    412: PushStatus.USERRFS,
    413: PushStatus.USERDCR,
    415: PushStatus.USERDCU,
    505: PushStatus.VERSION,
}

# For people, where the terminal gives no text of its own.
_MEANINGS: dict[int, str] = {
    PushStatus.USERREQ: "(refused for now)",
    PushStatus.USERRFS: "(refused)",
    PushStatus.USERPND: "(no such application there)",
    PushStatus.USERDCR: "(short of resources)",
    PushStatus.USERDCU: "(the content type cannot be processed)",
    PushStatus.CPITAG: "(the CPITag is not current)",
    PushStatus.NO_CONTEXT: "(no such provisioning context)",
    300: "(registration refused for now)",
    301: "(registration refused)",
    302: "(no such provisioning context)",
    PushStatus.VERSION: "(no such version)",
}

_MAX_RETRY_AFTER_SECONDS = 86_400


def push_status(response: Response) -> tuple[int | None, str]:
    """Return the push status that a response gives or amounts to, and the words for it.

    X-Wap-Push-Status counts first: shipped terminals answer 204 whatever it says.
    """
    given = parse_push_status(response.get(PUSH_STATUS))
    if given is not None:
        status, text = given
        return status, f"{PUSH_STATUS} {status} {text or _MEANINGS.get(status, '')}".rstrip()
    status_by_http = _BY_HTTP_STATUS.get(response.status)
    if status_by_http is None and 500 <= response.status <= 599:
        status_by_http = PushStatus.USERREQ
    return status_by_http, f"HTTP {response.status}, without {PUSH_STATUS}"


def outcome_of(request: PoConfirmedPushReq, response: Response) -> PushOutcome:
    """Return what ``response`` to a confirmed push means."""
    delivery_id = request.delivery_id
    status, words = push_status(response)
    if status is None or not _is_for_push(status):
        return PushOutcome(delivery_id, OutcomeKind.NEVER, f"not an answer to a push: {words}")
    if 400 <= status <= 499:
        # WAP-235 7.4.1.1: a body that was not asked for is none.
        body = response.body if request.response_allowed else b""
        content_type = response.get("Content-Type") if body else None
        return PushOutcome(
            delivery_id, OutcomeKind.DONE, words, status, body=body, content_type=content_type
        )
    if status == PushStatus.USERDCR and response.status == 413:
        # The same size will not fit later either.
        return PushOutcome(delivery_id, OutcomeKind.NEVER, words, status)
    may_retry = status in (PushStatus.USERREQ, PushStatus.USERDCR)
    kind = OutcomeKind.LATER if may_retry else OutcomeKind.NEVER
    return PushOutcome(delivery_id, kind, words, status, _retry_after_ms(response))


def _is_for_push(status: int) -> bool:
    """Whether the number lies in a range of push answers (WAP-235, 7.4.2.1)."""
    return 234 <= status <= 299 or 400 <= status <= 499 or 600 <= status <= 699


def _retry_after_ms(response: Response) -> int | None:
    value = (response.get("Retry-After") or "").strip()
    if not value.isascii() or not value.isdecimal() or len(value) > 10:
        return None
    return min(int(value), _MAX_RETRY_AFTER_SECONDS) * 1000

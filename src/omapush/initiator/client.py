"""What an initiator asks of a gateway over PAP: the operations of PAP 5.1, 5.3, 5.4 and 5.5."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.initiator.exchange import (
    BadAnswerError,
    Exchange,
    HttpRefusalError,
    OutcomeUnknownError,
    PpgUnreachableError,
)
from omapush.pap import address as addressing
from omapush.pap.codes import CodeClass, MessageState, class_of
from omapush.pap.model import (
    Address,
    BadMessageResponse,
    CancelMessage,
    CancelResponse,
    CancelResult,
    CcqMessage,
    CcqResponse,
    DeliveryMethod,
    Pap,
    Priority,
    ProgressNote,
    PushMessage,
    PushResponse,
    QualityOfService,
    ReplaceMethod,
    StatusQueryMessage,
    StatusQueryResponse,
    StatusQueryResult,
)
from omapush.pap.versions import PapVersion

__all__ = [
    "BadAnswerError",
    "CapabilitiesResult",
    "HttpRefusalError",
    "OutcomeUnknownError",
    "PpgUnreachableError",
    "PushInitiator",
    "SubmissionRefusedError",
    "SubmissionResult",
    "new_push_id",
]


class SubmissionRefusedError(OmapushError):
    """The gateway did not accept the push; ``code`` says why (PAP 8.14)."""

    def __init__(self, code: int, desc: str) -> None:
        super().__init__(f"{code} {desc}".strip())
        self.code = code


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The gateway's verdict on a submission (PAP 8.3)."""

    push_id: str
    code: int
    desc: str
    progress_notes: tuple[ProgressNote, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the gateway took the push."""
        return class_of(self.code) is CodeClass.SUCCESS

    def raise_for_refusal(self) -> Self:
        """Return the result itself. :raises SubmissionRefusedError: it is a refusal."""
        if not self.accepted:
            raise SubmissionRefusedError(self.code, self.desc)
        return self


@dataclass(frozen=True, slots=True)
class CapabilitiesResult:
    """What a gateway tells of a client (PAP 8.11): ``profile`` is a UAProf document, on 1000."""

    code: int
    desc: str
    profile: bytes | None = None


WRONG_DOCUMENT = "the gateway answered with a document that belongs elsewhere"


class PushInitiator:
    """A Push Initiator towards one gateway.

    ::

        async with PushInitiator("http://ppg.example.net/pap") as initiator:
            await initiator.submit(["+441234567890"], "x-wap-application:wml.ua", body, "text/...")

    :param ppg_url: where the gateway takes PAP.
    :param pap_version: the version to speak, as long as the gateway does.
    """

    def __init__(
        self,
        ppg_url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        pap_version: str = "2.0",
        timeout_seconds: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = ppg_url
        auth = httpx2.BasicAuth(username, password or "") if username is not None else None
        self._http = httpx2.AsyncClient(
            auth=auth,
            timeout=timeout_seconds,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )
        self._exchange = Exchange(self._http, ppg_url, PapVersion.parse(pap_version))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(
        self,
        recipients: Sequence[str],
        application_id: str | None,
        body: bytes,
        content_type: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        delivery_method: DeliveryMethod | None = None,
        priority: Priority | None = None,
        deliver_before: Instant | None = None,
        deliver_after: Instant | None = None,
        source_reference: str | None = None,
        notify_to: str | None = None,
        push_id: str | None = None,
        progress_notes: bool = False,
        replaces: str | None = None,
        replace_method: ReplaceMethod = ReplaceMethod.ALL,
    ) -> SubmissionResult:
        """Submit one push (PAP 5.1).

        :param recipients: ``WAPPUSH=`` addresses, or short forms: ``+441234567890``, an IP
            address, a ``sip:`` or ``tel:`` URI; anything else is a user of the gateway.
        :param notify_to: URL for result notifications; without it none are asked for.
        :param push_id: by default a new one, globally unique.
        :param replaces: push-id of an earlier push that this one replaces: it is cancelled for
            recipients who still wait for it, and ``replace_method`` says who gets this one.
        :raises PpgUnreachableError: nothing was sent.
        :raises OutcomeUnknownError: sent, and not answered.
        :raises HttpRefusalError: refused before PAP was read.
        :raises BadAnswerError: answered with something else than PAP.
        """
        service = None
        if delivery_method is not None or priority is not None:
            service = QualityOfService(
                priority or Priority.MEDIUM, delivery_method or DeliveryMethod.NOTSPECIFIED
            )
        message = PushMessage(
            push_id=push_id or new_push_id(),
            addresses=self._addresses(recipients),
            quality_of_service=service,
            deliver_before_timestamp=deliver_before,
            deliver_after_timestamp=deliver_after,
            source_reference=source_reference,
            ppg_notify_requested_to=notify_to,
            progress_notes_requested=progress_notes,
            replace_push_id=replaces,
            replace_method=replace_method,
        )
        push_headers = [("Content-Type", content_type)]
        if application_id is not None:
            push_headers.append(("X-Wap-Application-Id", application_id))
        content = ContentMessage((*push_headers, *headers), body)
        answer, _ = await self._exchange.ask(message, content)
        return _result(answer, message.push_id)

    async def cancel(self, push_id: str, recipients: Sequence[str] = ()) -> CancelResponse:
        """Cancel a push for ``recipients``, or for all if none is given (PAP 5.3).

        A result without addresses speaks for all; 1000 means that the client will never see it.
        Raises as :meth:`submit` does.
        """
        answer, _ = await self._exchange.ask(CancelMessage(push_id, self._addresses(recipients)))
        match answer.message:
            case CancelResponse() as response:
                return response
            case BadMessageResponse(code=code, desc=desc):
                return CancelResponse(push_id, (CancelResult(code, desc),))
            case _:
                raise BadAnswerError(WRONG_DOCUMENT)

    async def status(self, push_id: str, recipients: Sequence[str] = ()) -> StatusQueryResponse:
        """Ask where a push is, for ``recipients`` or for all (PAP 5.4).

        Recipients in the same state may share a result; one without addresses speaks for all.
        Raises as :meth:`submit` does.
        """
        asked = StatusQueryMessage(push_id, self._addresses(recipients))
        answer, _ = await self._exchange.ask(asked)
        match answer.message:
            case StatusQueryResponse() as response:
                return response
            case BadMessageResponse(code=code, desc=desc):
                unknown = StatusQueryResult(MessageState.UNKNOWN, code, desc=desc)
                return StatusQueryResponse(push_id, (unknown,))
            case _:
                raise BadAnswerError(WRONG_DOCUMENT)

    async def capabilities(
        self, recipient: str, application_id: str | None = None
    ) -> CapabilitiesResult:
        """Ask what a client takes (PAP 5.5). Raises as :meth:`submit` does.

        :param application_id: of an intended push; the gateway may tell only what belongs to it.
        """
        asked = CcqMessage(Address(self._address(recipient)), secrets.token_hex(8), application_id)
        answer, profile = await self._exchange.ask(asked)
        match answer.message:
            case CcqResponse(code=code, desc=desc) | BadMessageResponse(code=code, desc=desc):
                return CapabilitiesResult(code, desc or "", profile)
            case _:
                raise BadAnswerError(WRONG_DOCUMENT)

    def _addresses(self, recipients: Sequence[str]) -> tuple[Address, ...]:
        return tuple(Address(self._address(recipient)) for recipient in recipients)

    def _address(self, recipient: str) -> str:
        """Complete the short forms of addresses with the gateway's name."""
        if recipient.lstrip("/")[:8].lower() == "wappush=":
            return recipient
        host = urlsplit(self._url).hostname or "ppg"
        ppg = host if ":" not in host else "ppg"
        try:
            return addressing.internet(ipaddress.ip_address(recipient), ppg)
        except ValueError:
            pass
        if recipient.startswith("+"):
            return addressing.plmn(recipient, ppg)
        if recipient.partition(":")[0].lower() in ("sip", "sips", "tel"):
            return addressing.uri(recipient, ppg)
        return addressing.user(recipient, ppg)


def new_push_id() -> str:
    """Return a push-id that nobody else uses: random, and this host's name (PAP 8.2)."""
    host = "".join(c if c.isalnum() or c in ".-" else "-" for c in socket.gethostname())
    return f"{secrets.token_hex(12)}@{host or 'omapush'}"


def _result(answer: Pap, push_id: str) -> SubmissionResult:
    match answer.message:
        case PushResponse(response_result=result, progress_notes=notes):
            return SubmissionResult(push_id, result.code, result.desc or "", notes)
        case BadMessageResponse(code=code, desc=desc):
            return SubmissionResult(push_id, code, desc or "the gateway did not understand")
        case _:
            raise BadAnswerError(WRONG_DOCUMENT)

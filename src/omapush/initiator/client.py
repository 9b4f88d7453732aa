"""What an initiator asks of a gateway over PAP: the operations of PAP 5.1, 5.3, 5.4 and 5.5."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx2

from omapush.content.message import PushMessage as ContentMessage
from omapush.content.uaprof import PushCharacteristics, profile_of, write_profile
from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.initiator import tls
from omapush.initiator.credentials import authentication
from omapush.initiator.exchange import (
    BadAnswerError,
    BadUrlError,
    Exchange,
    HttpRefusalError,
    OutcomeUnknownError,
    PpgUnreachableError,
    TooFastError,
)
from omapush.initiator.results import (
    CapabilitiesResult,
    SubmissionRefusedError,
    SubmissionResult,
)
from omapush.initiator.retrying import MAX_RETRIES, repeating
from omapush.initiator.tls import TlsFilesError
from omapush.pap import address as addressing
from omapush.pap.codes import MessageState
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
    PushMessage,
    PushResponse,
    QualityOfService,
    ReplaceMethod,
    StatusQueryMessage,
    StatusQueryResponse,
    StatusQueryResult,
)
from omapush.pap.versions import PapVersion
from omapush.web.authentication import CredentialsError

__all__ = [
    "BadAnswerError",
    "BadUrlError",
    "CapabilitiesResult",
    "CredentialsError",
    "HttpRefusalError",
    "OutcomeUnknownError",
    "PpgUnreachableError",
    "PushInitiator",
    "SubmissionRefusedError",
    "SubmissionResult",
    "TlsFilesError",
    "TooFastError",
    "new_push_id",
]


WRONG_DOCUMENT = "the gateway answered with a document that belongs elsewhere"


class PushInitiator:
    """A Push Initiator towards one gateway.

    ::

        async with PushInitiator("http://ppg.example.net/pap") as initiator:
            await initiator.submit(["+441234567890"], "x-wap-application:wml.ua", body, "text/...")

    :param ppg_url: where the gateway takes PAP; without credentials in it.
    :param username: for HTTP Basic, or with ``digest`` for HTTP Digest (SHA-256 or MD5, whichever
        is the best that the gateway offers): then the password itself is never sent.
    :param api_key: sent as a bearer token, in the place of user name and password.
    :param ca_file: PEM; who may have signed the gateway's certificate, instead of whom the system
        trusts.
    :param certificate: PEM; our own certificate, with any of the above or alone; its ``key`` may
        be in the same file. Neither file may be encrypted.
    :param pap_version: the version to speak, as long as the gateway does.
    :param timeout_seconds: patience with each step: connecting, sending, waiting, and reading the
        answer.
    :raises CredentialsError: credentials contradict each other, or the URL.
    :raises TlsFilesError: a file cannot be used.
    """

    def __init__(
        self,
        ppg_url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        digest: bool = False,
        api_key: str | None = None,
        ca_file: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        pap_version: str = "2.0",
        timeout_seconds: float = 30.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._ppg = _host(ppg_url)
        with_files = any((ca_file, certificate, key))
        if with_files and not ppg_url.lower().startswith("https:"):
            raise CredentialsError("certificates are of use with an https URL only")
        self._http = httpx2.AsyncClient(
            auth=authentication(username, password, digest=digest, api_key=api_key),
            verify=tls.towards_gateway(ca_file, certificate, key) if with_files else True,
            timeout=timeout_seconds,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )
        self._exchange = Exchange(
            self._http, ppg_url, PapVersion.parse(pap_version), timeout_seconds
        )

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
        network: str | None = None,
        network_required: bool = False,
        bearer: str | None = None,
        bearer_required: bool = False,
        deliver_before: Instant | None = None,
        deliver_after: Instant | None = None,
        source_reference: str | None = None,
        notify_to: str | None = None,
        push_id: str | None = None,
        progress_notes: bool = False,
        replaces: str | None = None,
        replace_method: ReplaceMethod = ReplaceMethod.ALL,
        capabilities: bytes | PushCharacteristics | None = None,
        retries: int = 0,
    ) -> SubmissionResult:
        """Submit one push (PAP 5.1).

        :param recipients: ``WAPPUSH=`` addresses, or short forms: ``+441234567890``, an IP
            address, a ``sip:`` or ``tel:`` URI; anything else is a user of the gateway.
        :param network: a wish, such as ``GSM``; ``bearer`` likewise, such as ``SMS``. With
            ``network_required`` or ``bearer_required`` it is a condition (PAP 8.2.2).
        :param notify_to: URL for result notifications; without it none are asked for.
        :param push_id: by default a new one, globally unique.
        :param replaces: push-id of an earlier push that this one replaces: it is cancelled for
            recipients who still wait for it, and ``replace_method`` says who gets this one.
        :param capabilities: what is assumed of the clients, for the gateway to compare: a UAProf
            document, or what is to stand in one (PAP 10.3).
        :param retries: how often to repeat the submission, under the same push-id, while there is
            no answer or the gateway asks for patience; 0 to 10. See
            :attr:`SubmissionResult.probably_accepted`.
        :raises PpgUnreachableError: nothing was sent.
        :raises OutcomeUnknownError: sent, and not answered; with ``retries``, in any attempt.
        :raises TooFastError: not taken, but may be repeated later; it says when.
        :raises HttpRefusalError: refused before PAP was read.
        :raises BadAnswerError: answered with something else than PAP.
        :raises EncodeError: it cannot be written: a header with a line end, a required network or
            bearer without its name, too many ``retries``.
        """
        if not 0 <= retries <= MAX_RETRIES:
            raise EncodeError(f"retries are 0 to {MAX_RETRIES}")
        if (network_required and network is None) or (bearer_required and bearer is None):
            raise EncodeError("a required network or bearer needs its name")
        service = QualityOfService(
            priority or Priority.MEDIUM,
            delivery_method or DeliveryMethod.NOTSPECIFIED,
            network,
            network_required,
            bearer,
            bearer_required,
        )
        wishes = (priority, delivery_method, network, bearer)
        is_asked_for = any(wish is not None for wish in wishes)
        message = PushMessage(
            push_id=push_id or new_push_id(),
            addresses=self._addresses(recipients),
            quality_of_service=service if is_asked_for else None,
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
        if isinstance(capabilities, PushCharacteristics):
            capabilities = write_profile(profile_of(capabilities))

        async def attempt() -> SubmissionResult:
            answer, _ = await self._exchange.ask(message, content, capabilities)
            return _result(answer, message.push_id)

        return await repeating(attempt, retries)

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
        ppg = self._ppg
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


def _host(url: str) -> str:
    """Return the gateway's name, as it stands in addresses.

    :raises CredentialsError: the URL holds credentials, and would show them in every error.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "ppg"  # asking will fail, and say why
    if "@" in parts.netloc:
        raise CredentialsError("credentials do not belong in the URL of the gateway")
    host = parts.hostname or "ppg"
    return host if ":" not in host else "ppg"


def _result(answer: Pap, push_id: str) -> SubmissionResult:
    match answer.message:
        case PushResponse(response_result=result, progress_notes=notes):
            return SubmissionResult(push_id, result.code, result.desc or "", notes)
        case BadMessageResponse(code=code, desc=desc):
            return SubmissionResult(push_id, code, desc or "the gateway did not understand")
        case _:
            raise BadAnswerError(WRONG_DOCUMENT)

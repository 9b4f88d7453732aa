"""Submitting pushes to a gateway over PAP (PAP 5.1, 13)."""

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

from omapush import __version__
from omapush.content.message import PushMessage as ContentMessage
from omapush.core.errors import OmapushError
from omapush.core.instants import Instant
from omapush.pap import address as addressing
from omapush.pap import entity, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import CodeClass, StatusCode, class_of
from omapush.pap.model import (
    Address,
    BadMessageResponse,
    DeliveryMethod,
    Pap,
    Priority,
    ProgressNote,
    PushMessage,
    PushResponse,
    QualityOfService,
)
from omapush.pap.tolerance import Tolerance
from omapush.pap.versions import PAP_1_0, PapVersion, VersionRange

SPOKEN = tuple(PapVersion.parse(text) for text in ("2.3", "2.2", "2.1", "2.0", "1.0"))
"""The versions that an initiator of ours can speak, best first."""

MAX_ANSWER = 262_144
"""Octets of the longest answer that is read."""

# Gateways in the field write attributes in odd orders and add their own.
_LENIENT = Tolerance(strict_dtd=False)


class PpgUnreachableError(OmapushError):
    """No connection to the gateway: nothing was sent."""


class OutcomeUnknownError(OmapushError):
    """The submission was sent, and no answer came: the gateway may have accepted it.

    Submit it again under the same push-id: 2007 then means that it was accepted.
    """


class HttpRefusalError(OmapushError):
    """The gateway answered with an HTTP status instead of PAP. ``status`` is that."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".strip())
        self.status = status


class BadAnswerError(OmapushError):
    """What the gateway answered is not the PAP document that belongs here."""


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
        self._version = PapVersion.parse(pap_version)
        auth = httpx2.BasicAuth(username, password or "") if username is not None else None
        self._http = httpx2.AsyncClient(
            auth=auth,
            timeout=timeout_seconds,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
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
        deliver_before: Instant | None = None,
        deliver_after: Instant | None = None,
        source_reference: str | None = None,
        notify_to: str | None = None,
        push_id: str | None = None,
        progress_notes: bool = False,
    ) -> SubmissionResult:
        """Submit one push (PAP 5.1).

        :param recipients: ``WAPPUSH=`` addresses, or short forms: ``+441234567890``, an IP
            address, a ``sip:`` or ``tel:`` URI; anything else is a user of the gateway.
        :param notify_to: URL for result notifications; without it none are asked for.
        :param push_id: by default a new one, globally unique.
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
            addresses=tuple(Address(self._address(recipient)) for recipient in recipients),
            quality_of_service=service,
            deliver_before_timestamp=deliver_before,
            deliver_after_timestamp=deliver_after,
            source_reference=source_reference,
            ppg_notify_requested_to=notify_to,
            progress_notes_requested=progress_notes,
        )
        push_headers = [("Content-Type", content_type)]
        if application_id is not None:
            push_headers.append(("X-Wap-Application-Id", application_id))
        content = ContentMessage((*push_headers, *headers), body)
        answer = await self._exchange(message, content, self._version)
        if isinstance(answer.message, BadMessageResponse):
            answer = await self._in_common_version(answer, message, content)
        return _result(answer, message.push_id)

    async def _in_common_version(
        self, answer: Pap, message: PushMessage, content: ContentMessage
    ) -> Pap:
        """Submit again in a version that the gateway lists, if it refused ours (PAP 9.4)."""
        refusal = answer.message
        if (
            not isinstance(refusal, BadMessageResponse)
            or refusal.code != StatusCode.VERSION_NOT_SUPPORTED
        ):
            return answer
        listed = answer.supported_versions or (VersionRange(1, 0),)
        common = next(
            (
                mine
                for entry in listed
                for mine in SPOKEN
                if mine in entry and mine != self._version
            ),
            None,
        )
        if common is None:
            return answer
        self._version = common
        return await self._exchange(message, content, common)

    async def _exchange(
        self, message: PushMessage, content: ContentMessage, version: PapVersion
    ) -> Pap:
        listed: tuple[VersionRange, ...] = ()
        if version > PAP_1_0:
            listed = tuple(VersionRange(one.major, one.minor) for one in SPOKEN)
        document = Pap(
            message, version, supported_versions=listed, product_name=f"omapush/{__version__}"
        )
        content_type, octets = entity.join(xml.encode(document), content)
        status, answer_type, answer = await self._post(content_type, octets)
        try:
            return xml.decode(entity.split(answer_type, answer).control, tolerance=_LENIENT)
        except BadMessage as error:
            if status not in (200, 202):
                raise HttpRefusalError(status, answer[:120].decode("latin-1").strip()) from error
            raise BadAnswerError(f"the gateway did not answer with PAP: {error}") from error

    async def _post(self, content_type: str, octets: bytes) -> tuple[int, str, bytes]:
        headers = {"Content-Type": content_type}
        try:
            async with self._http.stream(
                "POST", self._url, content=octets, headers=headers
            ) as answer:
                body = bytearray()
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise BadAnswerError(f"an answer of more than {MAX_ANSWER} octets")
                answer_type = answer.headers.get("Content-Type", "")
                if not answer_type.lower().startswith("multipart/"):
                    answer_type = "application/xml"  # whatever it is called
                return answer.status_code, answer_type, bytes(body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise PpgUnreachableError(f"{self._url}: {error}") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise PpgUnreachableError(f"{self._url[:100]!r} is no http URL: {error}") from error
        except httpx2.HTTPError as error:
            what = str(error) or type(error).__name__
            raise OutcomeUnknownError(f"no answer: {what}") from error

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
            raise BadAnswerError("the gateway answered with a document that belongs elsewhere")

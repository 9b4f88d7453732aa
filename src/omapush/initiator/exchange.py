"""One PAP operation over HTTP, seen from the initiator: a document out, a document back (PAP 13).

The version is negotiated here (PAP 9.4): a gateway that does not speak ours is asked again in one
that it lists.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx2

from omapush import __version__
from omapush.content.message import PushMessage as ContentMessage
from omapush.core.errors import OmapushError
from omapush.pap import entity, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import StatusCode
from omapush.pap.model import BadMessageResponse, Message, Pap, PushResponse, ResponseResult
from omapush.pap.tolerance import Tolerance
from omapush.pap.versions import PAP_1_0, PapVersion, VersionRange
from omapush.web.authentication import UnusableChallengeError

SPOKEN = tuple(PapVersion.parse(text) for text in ("2.3", "2.2", "2.1", "2.0", "1.0"))
"""The versions that an initiator of ours can speak, best first."""

MAX_ANSWER = 262_144
"""Octets of the longest answer that is read."""

MAX_RETRY_AFTER_SECONDS = 86_400
"""A longer Retry-After is read as this."""

_IN_DOUBT = (500, 502, 504)
"""Statuses without PAP from a gateway, or a proxy before it, that failed half-way."""

# Gateways in the field write attributes in odd orders and add their own.
_LENIENT = Tolerance(strict_dtd=False)


class PpgUnreachableError(OmapushError):
    """No connection to the gateway: nothing was sent."""


class BadUrlError(PpgUnreachableError):
    """What was given as the gateway's URL is none that can be asked."""


class OutcomeUnknownError(OmapushError):
    """The submission was sent, and no answer came: the gateway may have accepted it.

    Submit it again under the same push-id: 2007 then means that it was accepted.
    """


class HttpRefusalError(OmapushError):
    """The gateway answered with an HTTP status instead of PAP. ``status`` is that."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status} {reason}".strip())
        self.status = status


class TooFastError(HttpRefusalError):
    """The gateway took nothing and wants to be asked later: HTTP 429, or 503 with Retry-After.

    :ivar retry_after_seconds: when, from now; ``None``: it does not say.
    """

    def __init__(self, status: int, reason: str, retry_after_seconds: int | None) -> None:
        later = "" if retry_after_seconds is None else f" (again in {retry_after_seconds} s)"
        super().__init__(status, reason + later)
        self.retry_after_seconds = retry_after_seconds


class BadAnswerError(OmapushError):
    """What the gateway answered is not the PAP document that belongs here."""


class Exchange:
    """Sends PAP documents to one gateway and reads its answers.

    :param patience_seconds: for the whole body of an answer, however slowly it comes.
    """

    def __init__(
        self, http: httpx2.AsyncClient, url: str, version: PapVersion, patience_seconds: float
    ) -> None:
        self._http = http
        self._patience = patience_seconds
        self._url = url
        self._version = version

    async def ask(
        self,
        message: Message,
        content: ContentMessage | None = None,
        capabilities: bytes | None = None,
    ) -> tuple[Pap, bytes | None]:
        """Send ``message``; return the gateway's document, and the capabilities that came with it.

        :param capabilities: the third entity of a submission (PAP 7.3).
        :raises PpgUnreachableError: nothing was sent.
        :raises OutcomeUnknownError: sent, and not answered.
        :raises TooFastError: not taken, but may be repeated later.
        :raises HttpRefusalError: refused before PAP was read.
        :raises BadAnswerError: answered with something else than PAP.
        :raises EncodeError: a header of the content holds a line end.
        """
        answer = await self._once(message, content, capabilities, self._version)
        common = self._common_version(answer[0])
        if common is None:
            return answer
        self._version = common
        return await self._once(message, content, capabilities, common)

    def _common_version(self, answer: Pap) -> PapVersion | None:
        """Return a version that the gateway lists, if it refused ours (PAP 9.4)."""
        refusal = answer.message
        if (
            not isinstance(refusal, BadMessageResponse)
            or refusal.code != StatusCode.VERSION_NOT_SUPPORTED
        ):
            return None
        listed = answer.supported_versions or (VersionRange(1, 0),)
        return next(
            (
                mine
                for entry in listed
                for mine in SPOKEN
                if mine in entry and mine != self._version
            ),
            None,
        )

    async def _once(
        self,
        message: Message,
        content: ContentMessage | None,
        capabilities: bytes | None,
        version: PapVersion,
    ) -> tuple[Pap, bytes | None]:
        listed: tuple[VersionRange, ...] = ()
        if version > PAP_1_0:
            listed = tuple(VersionRange(one.major, one.minor) for one in SPOKEN)
        document = Pap(
            message, version, supported_versions=listed, product_name=f"omapush/{__version__}"
        )
        content_type, octets = entity.join(xml.encode(document), content, capabilities)
        answer = await self._post(content_type, octets)
        try:
            parts = entity.split(answer.content_type, answer.body)
            read = xml.decode(parts.control, tolerance=_LENIENT)
        except BadMessage as error:
            _raise_for_status(answer, answer.body[:120].decode("latin-1").strip(), error)
            raise BadAnswerError(f"the gateway did not answer with PAP: {error}") from error
        if answer.is_too_fast:
            raise TooFastError(answer.status, _verdict(read.message), answer.retry_after_seconds)
        # An answer's second part is the UAProf document of a capabilities query (PAP 7.3).
        return read, parts.content.body if parts.content is not None else None

    async def _post(self, content_type: str, octets: bytes) -> _Answer:
        headers = {"Content-Type": content_type}
        try:
            async with self._http.stream(
                "POST", self._url, content=octets, headers=headers
            ) as answer:
                async with asyncio.timeout(self._patience):
                    return await _read(answer)
        except TimeoutError as error:
            raise OutcomeUnknownError("the answer did not come to its end in time") from error
        except UnusableChallengeError as error:
            raise HttpRefusalError(401, error.reason) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise PpgUnreachableError(f"{self._url}: {error}") from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise BadUrlError(f"{self._url[:100]!r} is no http URL: {error}") from error
        except httpx2.HTTPError as error:
            what = str(error) or type(error).__name__
            raise OutcomeUnknownError(f"no answer: {what}") from error


@dataclass(frozen=True, slots=True)
class _Answer:
    """An HTTP answer, whatever is in it."""

    status: int
    content_type: str
    body: bytes
    retry_after_seconds: int | None

    @property
    def is_too_fast(self) -> bool:
        """Whether nothing was taken, for now (RFC 9110 15.6.4, RFC 6585 4)."""
        return self.status == 429 or (self.status == 503 and self.retry_after_seconds is not None)


async def _read(answer: httpx2.Response) -> _Answer:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_ANSWER:
            raise BadAnswerError(f"an answer of more than {MAX_ANSWER} octets")
    content_type = answer.headers.get("Content-Type", "")
    if not content_type.lower().startswith("multipart/"):
        content_type = "application/xml"  # whatever it is called
    wait = _seconds(answer.headers.get("Retry-After", ""))
    return _Answer(answer.status_code, content_type, bytes(body), wait)


def _seconds(value: str) -> int | None:
    """Read Retry-After; its other form, a date, needs both clocks to agree and is not used."""
    text = value.strip()
    if not text.isascii() or not text.isdecimal():
        return None
    return min(int(text[:10]), MAX_RETRY_AFTER_SECONDS)


def _raise_for_status(answer: _Answer, reason: str, cause: BadMessage) -> None:
    """Raise what a status without PAP means; nothing, if it is one that comes with PAP."""
    if answer.status in (200, 202):
        return
    if answer.is_too_fast:
        raise TooFastError(answer.status, reason, answer.retry_after_seconds) from cause
    if answer.status in _IN_DOUBT:
        raise OutcomeUnknownError(f"no answer: HTTP {answer.status} {reason}".strip()) from cause
    raise HttpRefusalError(answer.status, reason) from cause


def _verdict(message: Message) -> str:
    """Return the code and description of an answer to a submission, or nothing."""
    match message:
        case PushResponse(response_result=ResponseResult(code=code, desc=desc)):
            return f"{code} {desc or ''}".strip()
        case BadMessageResponse(code=code, desc=desc):
            return f"{code} {desc or ''}".strip()
        case _:
            return ""

"""One PAP operation over HTTP, seen from the initiator: a document out, a document back (PAP 13).

The version is negotiated here (PAP 9.4): a gateway that does not speak ours is asked again in one
that it lists.
"""

from __future__ import annotations

import httpx2

from omapush import __version__
from omapush.content.message import PushMessage as ContentMessage
from omapush.core.errors import OmapushError
from omapush.pap import entity, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import StatusCode
from omapush.pap.model import BadMessageResponse, Message, Pap
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


class Exchange:
    """Sends PAP documents to one gateway and reads its answers."""

    def __init__(self, http: httpx2.AsyncClient, url: str, version: PapVersion) -> None:
        self._http = http
        self._url = url
        self._version = version

    async def ask(
        self, message: Message, content: ContentMessage | None = None
    ) -> tuple[Pap, bytes | None]:
        """Send ``message``; return the gateway's document, and the capabilities that came with it.

        :raises PpgUnreachableError: nothing was sent.
        :raises OutcomeUnknownError: sent, and not answered.
        :raises HttpRefusalError: refused before PAP was read.
        :raises BadAnswerError: answered with something else than PAP.
        """
        answer = await self._once(message, content, self._version)
        common = self._common_version(answer[0])
        if common is None:
            return answer
        self._version = common
        return await self._once(message, content, common)

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
        self, message: Message, content: ContentMessage | None, version: PapVersion
    ) -> tuple[Pap, bytes | None]:
        listed: tuple[VersionRange, ...] = ()
        if version > PAP_1_0:
            listed = tuple(VersionRange(one.major, one.minor) for one in SPOKEN)
        document = Pap(
            message, version, supported_versions=listed, product_name=f"omapush/{__version__}"
        )
        content_type, octets = entity.join(xml.encode(document), content)
        status, answer_type, answer = await self._post(content_type, octets)
        try:
            parts = entity.split(answer_type, answer)
            read = xml.decode(parts.control, tolerance=_LENIENT)
        except BadMessage as error:
            if status not in (200, 202):
                raise HttpRefusalError(status, answer[:120].decode("latin-1").strip()) from error
            raise BadAnswerError(f"the gateway did not answer with PAP: {error}") from error
        # An answer's second part is the UAProf document of a capabilities query (PAP 7.3).
        return read, parts.content.body if parts.content is not None else None

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

"""From a PAP request to a PAP answer (PPG 5.1): decode, judge, make durable, answer.

The answer 1001 leaves only after the ledger has committed. Everything that can be wrong ends as a
PAP document; nothing that an initiator sends raises out of :meth:`Acceptance.answer`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from omapush.content.application_id import HEADER, ApplicationId
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant, format_utc
from omapush.pap import xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.codes import StatusCode
from omapush.pap.entity import Entity, split
from omapush.pap.model import (
    CancelMessage,
    CancelResponse,
    CancelResult,
    CcqMessage,
    Pap,
    PushMessage,
    StatusQueryMessage,
)
from omapush.pap.tolerance import Tolerance
from omapush.pap.versions import negotiate
from omapush.ppg.admission import admit
from omapush.ppg.authentication import Identified
from omapush.ppg.authorisation import Authorisation, InitiatorPolicy
from omapush.ppg.cancellation import cancel, summary_code
from omapush.ppg.capabilities_query import Inquire, query_capabilities, response_to
from omapush.ppg.composing import Composer, Notes, Submission
from omapush.ppg.documents import (
    SUPPORTED_VERSIONS,
    Identity,
    PapAnswer,
    answer_in_kind,
    bad_message,
    push_response,
    refused,
    unsupported_version,
)
from omapush.ppg.finding import Finder
from omapush.ppg.large_work import LARGE_OCTETS, LargeWork
from omapush.ppg.permissions import judge_operation
from omapush.ppg.profiles import Profiles
from omapush.ppg.status_query import failed, query_status
from omapush.ppg.store.contract import (
    PLACED_AT_ONCE,
    NewPush,
    Store,
    StoreUnavailable,
)
from omapush.ppg.submission import RejectionError, SubmissionLimits
from omapush.web.policy import OutboundPolicy

log = structlog.get_logger(__name__)

MAX_DESC = 400
"""Characters of what a description names of the repairs."""


@dataclass(frozen=True, slots=True)
class PapRequest:
    """What HTTP hands on: the body with its Content-Type, and who sent it from where.

    :ivar application_id: X-Wap-Application-Id of the HTTP request, which PAP knows nothing of.
    """

    content_type: str
    body: bytes
    initiator: Identified
    source: str
    application_id: str | None = None


class Acceptance:
    """Answers PAP requests.

    :param new_key: gives a new, ascending push_key at each call.
    :param accepted: is told after the commit of a push that is due, or that is to more recipients
        than ``PLACED_AT_ONCE``.
    :param ended: is told after a commit that deliveries have ended, and notifications are due.
    :param authorisation: what each initiator may do; default: everything but provisioning.
    :param profiles: completes what registrations told of clients; default: that counts alone.
    :param inquire: asks clients of which nothing is known what they take; default: none is asked.
    """

    def __init__(
        self,
        store: Store,
        finder: Finder,
        targets: OutboundPolicy,
        identity: Identity,
        limits: SubmissionLimits,
        tolerance: Tolerance,
        clock: Callable[[], Instant],
        new_key: Callable[[Instant], str],
        accepted: Callable[[NewPush], None],
        ended: Callable[[], None],
        authorisation: Authorisation | None = None,
        profiles: Profiles | None = None,
        inquire: Inquire | None = None,
    ) -> None:
        self._store = store
        self._finder = finder
        self._identity = identity
        self._tolerance = tolerance
        self._clock = clock
        self._accepted = accepted
        self._ended = ended
        self._authorisation = authorisation or Authorisation()
        self._profiles = profiles
        self._inquire = inquire
        self._large = LargeWork()
        self._composer = Composer(store, finder, targets, limits, new_key, self._large, profiles)

    async def answer(self, request: PapRequest) -> PapAnswer:
        """Return the PAP document that answers ``request``."""
        policy = self._authorisation.policy_of(request.initiator.initiator_id)
        tolerance = policy.tolerance or self._tolerance
        try:
            large = len(request.body) > LARGE_OCTETS
            entity, document = await self._large.run(
                partial(_read, request, tolerance), large=large
            )
        except BadMessage as error:
            # What is not valid here may be so in its own version: that is judged first (PAP 9.3).
            refusal = self._other_version(error, request.source)
            if refusal is not None:
                return refusal
            log.info("bad_message", source=request.source, reason=str(error))
            return bad_message(error, self._identity, self._clock())
        refusal = self._other_version(document, request.source)
        if refusal is not None:
            return refusal
        if tolerance.http_appid_fallback:
            entity = _with_application(entity, request.application_id)
        return await self._operation(request, entity, document, policy)

    def _other_version(self, asked: Pap | BadMessage, source: str) -> PapAnswer | None:
        """Return the answer to a version that is not spoken here, or ``None``: it is."""
        negotiation = negotiate(asked.version, asked.supported_versions, SUPPORTED_VERSIONS)
        if negotiation.supported:
            return None
        log.info("version_not_supported", source=source, version=str(asked.version))
        return unsupported_version(asked, negotiation, self._identity)

    async def _operation(
        self, request: PapRequest, entity: Entity, document: Pap, policy: InitiatorPolicy
    ) -> PapAnswer:
        for repair in (*entity.repairs, *document.repairs):
            push_id = getattr(document.message, "push_id", None)
            initiator = request.initiator.initiator_id
            log.info("tolerated", push_id=push_id, initiator=initiator, repair=repair)
        if not isinstance(document.message, PushMessage):
            refusal = judge_operation(document.message, policy.permissions)
            if refusal is not None:
                initiator = request.initiator.initiator_id
                log.info("operation_refused", initiator=initiator, rule=refusal.rule)
                return refused(document, refusal.code, refusal.desc, self._identity)
        tolerance = policy.tolerance or self._tolerance
        match document.message:
            case PushMessage():
                return await self._submission(request, entity, document, document.message, policy)
            case CancelMessage():
                return await self._cancellation(request, document, document.message, tolerance)
            case StatusQueryMessage():
                return await self._status_query(request, document, document.message, tolerance)
            case CcqMessage():
                return await self._capabilities_query(request, document, document.message, policy)
            case _:
                reason = "an initiator does not send this message"
                return refused(document, StatusCode.BAD_REQUEST, reason, self._identity)

    async def _submission(
        self,
        request: PapRequest,
        entity: Entity,
        document: Pap,
        message: PushMessage,
        policy: InitiatorPolicy,
    ) -> PapAnswer:
        now = self._clock()
        who = {
            "push_id": message.push_id,
            "initiator": request.initiator.initiator_id,
            "source": request.source,
        }
        notes = Notes(message, now)
        tolerance = policy.tolerance or self._tolerance
        submission = Submission(
            entity, document, message, request.initiator, policy.permissions, tolerance, now
        )
        try:
            push = await self._composer.compose(submission, notes)
            fresh = await admit(push, request.initiator, self._store, self._authorisation)
        except RejectionError as error:
            facts = {"code": int(error.code), "rule": error.rule, "reason": error.reason}
            log.info("submission_decided", decision="refused", **who, **facts)
            answer = push_response(document, message, error.code, error.reason, self._identity, now)
            return dataclasses.replace(answer, retry_after_ms=error.retry_after_ms)
        repairs = (*entity.repairs, *document.repairs, *notes.repairs)
        for repair in repairs:
            notes.add("tolerated", repair)
        for repair in notes.repairs:
            log.info("tolerated", **who, repair=repair)
        facts = {"decision": "accepted" if fresh else "repeated", "rule": None}
        # The ledger is the record of what was accepted; a second one in the log costs each push.
        log.debug("submission_decided", **who, **facts, recipients=len(push.deliveries))
        # The last is of one client, and due when all are: a group has its parts behind it.
        due_at = push.deliveries[-1].due_at
        # One to very many has work to be done before it is due: putting deliveries in their places.
        if due_at <= now or len(push.deliveries) > PLACED_AT_ONCE:
            self._accepted(push)
        if push.replaces is not None:
            self._ended()
        notes.add("queued", _when(due_at, now))
        return push_response(
            document,
            message,
            StatusCode.ACCEPTED_FOR_PROCESSING,
            _accepted(repairs),
            self._identity,
            now,
            notes.taken,
        )

    async def _cancellation(
        self, request: PapRequest, document: Pap, message: CancelMessage, tolerance: Tolerance
    ) -> PapAnswer:
        initiator_id = request.initiator.initiator_id
        try:
            response = await cancel(
                message,
                initiator_id,
                self._store,
                self._clock(),
                tolerance,
            )
        except StoreUnavailable as error:
            log.error("push_not_cancelled", push_id=message.push_id, reason=error.reason)
            response = CancelResponse(message.push_id, (_NOT_NOW_CANCELLED,))
        code = summary_code(response.results)
        who = {"push_id": message.push_id, "initiator": initiator_id}
        log.info("cancellation_answered", **who, code=code)
        self._ended()
        return answer_in_kind(document, response, code, self._identity)

    async def _status_query(
        self, request: PapRequest, document: Pap, message: StatusQueryMessage, tolerance: Tolerance
    ) -> PapAnswer:
        try:
            response = await query_status(
                message,
                request.initiator.initiator_id,
                self._store,
                tolerance,
            )
        except StoreUnavailable as error:
            log.error("status_not_known", push_id=message.push_id, reason=error.reason)
            response = failed(message, "the gateway cannot tell now")
        return answer_in_kind(document, response, response.results[0].code, self._identity)

    async def _capabilities_query(
        self,
        request: PapRequest,
        document: Pap,
        message: CcqMessage,
        policy: InitiatorPolicy,
    ) -> PapAnswer:
        profile = None
        try:
            response, profile = await query_capabilities(
                message,
                self._finder,
                self._store,
                policy.tolerance or self._tolerance,
                policy.permissions,
                self._profiles,
                self._inquire,
            )
        except StoreUnavailable as error:
            log.error("capabilities_not_known", reason=error.reason)
            code = StatusCode.INTERNAL_SERVER_ERROR
            response = response_to(message, code, "the gateway cannot tell now")
        initiator_id = request.initiator.initiator_id
        log.info("capabilities_answered", initiator=initiator_id, code=int(response.code))
        answer = answer_in_kind(document, response, response.code, self._identity)
        return answer if profile is None else answer.with_capabilities(profile)


_NOT_NOW_CANCELLED = CancelResult(
    StatusCode.INTERNAL_SERVER_ERROR, "the gateway cannot cancel it now"
)


def _read(request: PapRequest, tolerance: Tolerance) -> tuple[Entity, Pap]:
    """Read the request's entities and its document. :raises BadMessage: they are none."""
    entity = split(request.content_type, request.body, tolerance)
    document = xml.decode(entity.control, charset=entity.control_charset, tolerance=tolerance)
    return entity, document


def _with_application(entity: Entity, value: str | None) -> Entity:
    """Return ``entity`` with the application id that stands only in the HTTP request, if any."""
    content = entity.content
    if content is None or value is None or content.get(HEADER) is not None:
        return entity
    try:
        ApplicationId.parse(value)
    except DecodeError:
        # BlackBerry initiators send "/", which means nothing.
        return entity
    repairs = (*entity.repairs, f"{HEADER} of the HTTP request")
    return dataclasses.replace(entity, content=content.replacing(HEADER, value), repairs=repairs)


def _accepted(repairs: tuple[str, ...]) -> str:
    """Return the description of 1001; it names what was forgiven, as far as there is room."""
    if not repairs:
        return "Accepted for processing"
    shown, room = [], MAX_DESC
    for repair in repairs:
        room -= len(repair) + 2
        if room < 0:
            break
        shown.append(repair)
    if len(shown) < len(repairs):
        shown.append(f"{len(repairs) - len(shown)} more")
    return f"Accepted for processing; tolerated: {'; '.join(shown)}"


def _when(due_at: Instant, now: Instant) -> str:
    return f"held until {format_utc(due_at)}" if due_at > now else "due now"

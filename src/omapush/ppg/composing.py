"""From a submission to what will be durable of it: judged, resolved, matched, completed.

Everything that can refuse a submission happens here, in the order that :mod:`submission` explains;
the ledger is only read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from omapush.core.instants import Instant
from omapush.pap.codes import StatusCode
from omapush.pap.entity import Entity
from omapush.pap.model import Pap, ProgressNote, PushMessage
from omapush.pap.tolerance import Tolerance
from omapush.ppg.authentication import Identified
from omapush.ppg.documents import control_facts
from omapush.ppg.finding import Finder
from omapush.ppg.large_work import LARGE_NUMBER, LargeWork
from omapush.ppg.matching import assumptions, match
from omapush.ppg.permissions import Permissions, flags_of, granted
from omapush.ppg.profiles import Profiles
from omapush.ppg.store.contract import NewDelivery, NewPush, Store, StoreUnavailable
from omapush.ppg.submission import Found, RejectionError, SubmissionLimits, examine, judge
from omapush.web.policy import OutboundPolicy, TargetForbiddenError

log = structlog.get_logger(__name__)

_NO_SCHEME = re.compile(r"(?:localhost|(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9-]+):[0-9]{1,5}(?:/\S*)?")
"""Host and port, which some initiators give as their address."""


class Notes:
    """Collects progress notes if the initiator asked for them (PAP 5.1), and what was forgiven."""

    def __init__(self, message: PushMessage, now: Instant) -> None:
        self._wanted = message.progress_notes_requested
        self._now = now
        self.taken: tuple[ProgressNote, ...] = ()
        self.repairs: tuple[str, ...] = ()

    def add(self, stage: str, note: str) -> None:
        """Note that a stage was completed."""
        if self._wanted:
            self.taken += (ProgressNote(stage, note, self._now),)


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as it was read, who sent it, and what that initiator may do and get wrong."""

    entity: Entity
    document: Pap
    message: PushMessage
    initiator: Identified
    permissions: Permissions
    tolerance: Tolerance
    received_at: Instant


class Composer:
    """Composes pushes.

    :param new_key: gives a new, ascending push_key at each call.
    :param large: does beside the event loop what would hold up others.
    """

    def __init__(
        self,
        store: Store,
        finder: Finder,
        targets: OutboundPolicy,
        limits: SubmissionLimits,
        new_key: Callable[[Instant], str],
        large: LargeWork,
        profiles: Profiles | None = None,
    ) -> None:
        self._store = store
        self._finder = finder
        self._targets = targets
        self._limits = limits
        self._new_key = new_key
        self._large = large
        self._profiles = profiles

    async def compose(self, submission: Submission, notes: Notes) -> NewPush:
        """Return what is to become durable.

        :param notes: gets what the initiator should be told on the way.
        :raises RejectionError: it is not acceptable; nothing becomes durable.
        """
        message, entity, permissions = submission.message, submission.entity, submission.permissions
        now, tolerance = submission.received_at, submission.tolerance
        asked, message = message, granted(message, permissions)
        if message is not asked:
            notes.add("quality-of-service", "priority high is not granted")
        examined = await self._large.run(
            partial(examine, message, self._limits, now, permissions, tolerance),
            large=len(message.addresses) > LARGE_NUMBER,
        )
        found = await self._finder.find(examined.named, permissions)
        judged = await self._large.run(
            partial(judge, message, entity.content, examined, found, permissions),
            large=sum(len(each.clients) for each in found) > LARGE_NUMBER,
        )
        deliveries = await self._matched(entity, found, judged.deliveries)
        notes.add("validated", f"{len(found)} recipients")
        notes.repairs += examined.repairs
        return NewPush(
            push_key=self._new_key(now),
            push_id=message.push_id,
            initiator_id=submission.initiator.initiator_id,
            pap_version=str(submission.document.version),
            received_at=now,
            expires_at=judged.expires_at,
            content_digest=_digest(entity),
            confirmed=judged.confirmed,
            flags=flags_of(submission.initiator, permissions, judged.content),
            notify_url=self._notify_url(message, tolerance, notes),
            control=control_facts(submission.document, message),
            message=judged.content,
            deliveries=deliveries,
            replaces=judged.replaces,
        )

    async def _matched(
        self, entity: Entity, found: Sequence[Found], deliveries: tuple[NewDelivery, ...]
    ) -> tuple[NewDelivery, ...]:
        """Reject recipients whose clients lack what the initiator assumes, if that is asked for."""
        if entity.capabilities is None or not self._limits.match_capabilities:
            return deliveries
        try:
            rejections = await match(
                assumptions(entity.capabilities), found, self._store, self._profiles
            )
        except StoreUnavailable as error:
            log.error("capabilities_not_known", reason=error.reason)
            reason = "the gateway cannot compare capabilities now"
            raise RejectionError(StatusCode.INTERNAL_SERVER_ERROR, reason) from error
        return tuple(
            dataclasses.replace(each, rejection=rejections.get(each.recipient))
            for each in deliveries
        )

    def _notify_url(self, message: PushMessage, tolerance: Tolerance, notes: Notes) -> str | None:
        """Return where to send result notifications; an unusable wish is dropped and noted.

        The push itself is accepted all the same: the initiator loses the report, not the push.
        """
        wish = message.ppg_notify_requested_to
        if wish is None:
            return None
        if tolerance.notify_default and "://" not in wish:
            notes.repairs += ("notification URL is not absolute, the one in the settings is used",)
            wish = tolerance.notify_default
        elif not tolerance.strict_address and _NO_SCHEME.fullmatch(wish):
            notes.repairs += (f"notification target {wish[:60]!r} without a scheme",)
            wish = f"http://{wish}"
        try:
            return self._targets.parse(wish).url
        except TargetForbiddenError as error:
            log.info("notification_target_refused", push_id=message.push_id, reason=error.reason)
            notes.add("notification", f"none will be sent: {error.reason}")
            return None


def _digest(entity: Entity) -> str:
    """Return what tells an identical resubmission: control and content, not MIME around them."""
    digest = hashlib.sha256(entity.control)
    if entity.content is not None:
        for name, value in entity.content.headers:
            digest.update(f"\0{name}:{value}".encode())
        digest.update(b"\0\0" + entity.content.body)
    return digest.hexdigest()

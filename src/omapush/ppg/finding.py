"""From the recipients that a submission names to clients, by whatever resolves them (PPG 6)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from omapush.pap.codes import StatusCode
from omapush.ppg.client import Client
from omapush.ppg.large_work import LARGE_NUMBER, LargeWork
from omapush.ppg.permissions import Permissions, judge_number, judge_recipient
from omapush.ppg.recipients import Recipients
from omapush.ppg.resolution.groups import GroupLimits, GroupMember, GroupRefused, expand
from omapush.ppg.resolution.port import (
    ClientFound,
    GroupFound,
    NotServed,
    Resolver,
    ResolverUnavailable,
)
from omapush.ppg.submission import Found, Named, RejectionError, insist

log = structlog.get_logger(__name__)


class Finder:
    """Looks up recipients.

    :param recipients: the clients of this gateway; whatever resolves an address, it is one of them.
    """

    def __init__(
        self, resolver: Resolver, recipients: Recipients, limits: GroupLimits | None = None
    ) -> None:
        self._resolver = resolver
        self._recipients = recipients
        self._limits = limits or GroupLimits()
        self._large = LargeWork()

    async def find(self, named: Sequence[Named], permissions: Permissions) -> list[Found]:
        """Return who is behind each of ``named``, groups taken apart.

        :raises RejectionError: one of them is not served here, may not be pushed to, or cannot be
            told now.
        """
        try:
            answers = await self._resolver.resolve([each.address for each in named])
            found = [
                Found(each.text, each.address.recipient_key, (self._client(each, answer),))
                if isinstance(answer, ClientFound)
                else await self._group(each, answer, permissions)
                for each, answer in zip(named, answers, strict=True)
            ]
        except ResolverUnavailable as error:
            # Its reason may name hosts and tables, which are not the initiator's business.
            log.error("recipients_not_resolved", reason=error.reason)
            reason = "recipients cannot be looked up now"
            raise RejectionError(StatusCode.INTERNAL_SERVER_ERROR, reason) from error
        insist(judge_number(sum(len(each.clients) for each in found), permissions))
        return found

    def _client(self, named: Named, answer: ClientFound) -> Client:
        client = self._recipients.client(answer.client_id)
        if client is None:
            raise RejectionError(StatusCode.ADDRESS_ERROR, f"{named.place} is not served here")
        return client

    async def _group(
        self, named: Named, answer: GroupFound | NotServed, permissions: Permissions
    ) -> Found:
        if isinstance(answer, NotServed):
            raise RejectionError(StatusCode.ADDRESS_ERROR, f"{named.place} {answer.reason}")
        try:
            expansion = await expand(self._resolver, named.address, answer, self._limits)
        except GroupRefused as error:
            log.error("group_refused", group=answer.name, reason=error.reason)
            reason = f"{named.place} is a group that cannot be taken apart"
            raise RejectionError(StatusCode.INTERNAL_SERVER_ERROR, reason) from error
        for nobody in expansion.not_served:
            log.warning("group_member_not_served", group=answer.name, reason=nobody.reason)
        members = expansion.clients
        clients = await self._large.run(
            partial(self._members, members, named, permissions),
            large=len(members) > LARGE_NUMBER,
        )
        if not clients:
            reason = f"{named.place} is a group without anybody who is served here"
            raise RejectionError(StatusCode.ADDRESS_ERROR, reason)
        return Found(named.text, named.address.recipient_key, clients, is_group=True)

    def _members(
        self, members: Sequence[GroupMember], named: Named, permissions: Permissions
    ) -> tuple[Client, ...]:
        """Return the clients; a group does not walk around what an initiator may not do."""
        for member in members:
            if member.address is not None:
                insist(judge_recipient(member.address, named.place, permissions))
        known = (self._recipients.client(member.client_id) for member in members)
        return tuple(client for client in known if client is not None)

"""Rules about who may register what (CAI-61), where an operator wants to trust less than all.

The first rule that is about the owner *and* about the push application id decides. What no rule is
about is denied. A rule that denies, denies everything; one that allows may still bound what the
registration asks for, and each bound that is passed is refused by the name of its parameter.

Patterns have ``*`` for any characters, and letters compare without regard to case. Patterns of ids
are compared with one spelling of each application (``ApplicationId.canonical``), so that writing it
as a number leads around nothing. An id without ``*`` may be written in any of its forms.
"""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol
from urllib.parse import urlsplit

from omapush.cai.model import Reason, Registration, RegistrationRejected, RegistrationRequest
from omapush.client.handlers.address import PARAMETER as EVENT_HANDLER
from omapush.client.handlers.address import scheme_of
from omapush.client.owner import Owner, OwnerKind
from omapush.content.application_id import ANY_APPLICATION, REGISTRY, ApplicationId
from omapush.core.errors import DecodeError

ANYTHING = "*"
USER = "{user}"
"""Stands in patterns of push application ids for the name of the user who registers."""
STRICT_REGISTRATIONS = 16
"""How many registrations a user may have by :func:`strict_rules`."""

_APPLICATION = "push_application_id"


class Users(Protocol):
    """The users of this host."""

    def name(self, uid: int) -> str | None:
        """Return the name of a user; ``None``: there is none."""

    def groups(self, uid: int) -> frozenset[str]:
        """Return the names of the groups that a user is in."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who registers, with what the host knows of the user."""

    owner: Owner
    name: str | None = None
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. The first half says what it is about, the second what it allows.

    :ivar name: what it is called in refusals.
    :ivar users: names or numbers of users; with ``groups``, one of both is enough. Both empty:
        everybody.
    :ivar owners: ways in which the registration comes; empty: every one.
    :ivar push_application_ids: patterns, in which :data:`USER` stands for the user's name, which
        then must be in small letters. The id for every application is meant by ``*`` alone, and by
        every rule that denies.
    :ivar registered_ids: the ids of OMNA's registry are meant as well.
    :ivar event_handlers: kinds, ``none`` among them.
    :ivar registration_hosts: patterns of hosts in registration URIs.
    :ivar protocols: patterns; what a profile leaves open is the client's choice and allowed.
    :ivar bearers: likewise.
    :ivar max_registrations: of one user at a time, however they come; ``None``: no limit.
    """

    name: str
    allow: bool = True
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    owners: frozenset[OwnerKind] = frozenset()
    push_application_ids: tuple[str, ...] = (ANYTHING,)
    registered_ids: bool = False
    event_handlers: tuple[str, ...] = (ANYTHING,)
    registration_hosts: tuple[str, ...] = (ANYTHING,)
    protocols: tuple[str, ...] = (ANYTHING,)
    bearers: tuple[str, ...] = (ANYTHING,)
    delegated_storage: bool = True
    max_registrations: int | None = None

    def is_about(self, subject: Subject) -> bool:
        """Whether the rule is about who registers."""
        if self.owners and subject.owner.kind not in self.owners:
            return False
        if not self.users and not self.groups:
            return True
        uid = subject.owner.uid
        names = {name for name in (subject.name, None if uid is None else str(uid)) if name}
        return bool(self.users & names) or bool(self.groups & subject.groups)

    def is_for(self, application: ApplicationId, user: str | None) -> bool:
        """Whether the rule is about the application."""
        if application.registered_code == ANY_APPLICATION:
            # It gets what nobody else is registered for, so a denial of some is one of it.
            return ANYTHING in self.push_application_ids or not self.allow
        if self.registered_ids and application.registered_code in REGISTRY:
            return True
        patterns = (_of_user(pattern, user) for pattern in self.push_application_ids)
        return _any_matches((one for one in patterns if one is not None), application.canonical)

    def excesses(self, request: RegistrationRequest) -> Iterator[tuple[str, str]]:
        """Yield what the request asks for beyond the rule: the parameter, and what it is."""
        scheme = scheme_of(request.event_handler)
        if not _any_matches(self.event_handlers, scheme):
            yield EVENT_HANDLER, f"event handlers of kind {scheme[:32]!r}"
        host = _host(request.registration_uri)
        if host is not None and not _any_matches(self.registration_hosts, host):
            yield "registration_uri", f"registration at {host[:100]!r}"
        for number, profile in enumerate(request.profiles):
            for option, patterns, value in (
                ("protocol", self.protocols, profile.protocol),
                ("bearer_type", self.bearers, profile.bearer_type),
            ):
                if value is not None and not _any_matches(patterns, value):
                    yield f"profiles[{number}].{option}", f"the {option} {value[:40]!r}"
        if request.delegated_storage and not self.delegated_storage:
            yield "delegated_storage", "storing pushes for an absent application"


class RulesPolicy:
    """A :class:`~omapush.client.policy.RegistrationPolicy` of rules.

    :param registrations: returns those that live, for limits per user.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        users: Users,
        registrations: Callable[[], Iterable[Registration]],
    ) -> None:
        self._rules = tuple(rules)
        self._users = users
        self._registrations = registrations

    def check(self, owner: str, request: RegistrationRequest) -> None:
        """Return if the rules allow the registration.

        :raises RegistrationRejected: ``permission_denied``; the detail names the rule, the
            parameter is what is at fault, if it is not the owner. ``limit_exceeded``: the user has
            as many registrations as the rule allows. ``invalid_parameter``: no push application id.
        """
        try:
            application = ApplicationId.parse(request.push_application_id)
        except DecodeError as error:
            cause = Reason.INVALID_PARAMETER
            raise RegistrationRejected(cause, error.reason, _APPLICATION) from error
        subject = self._subject(owner)
        rule = self._decisive(subject, application)
        for parameter, what in rule.excesses(request):
            raise _denied(f"rule {rule.name!r} does not allow {what}", parameter)
        self._check_number(rule, owner, application)

    def _decisive(self, subject: Subject, application: ApplicationId) -> Rule:
        """Return the rule that allows. :raises RegistrationRejected: none does."""
        about = [rule for rule in self._rules if rule.is_about(subject)]
        if not about:
            raise _denied("no rule allows you to register", None)
        for rule in about:
            if rule.is_for(application, subject.name):
                if not rule.allow:
                    everything = rule.push_application_ids == (ANYTHING,)
                    detail = f"rule {rule.name!r} denies it"
                    raise _denied(detail, None if everything else _APPLICATION)
                return rule
        raise _denied(f"no rule allows you to register for {application}", _APPLICATION)

    def _subject(self, owner_text: str) -> Subject:
        owner = Owner.of(owner_text)
        if owner.uid is None:
            return Subject(owner)
        return Subject(owner, self._users.name(owner.uid), self._users.groups(owner.uid))

    def _check_number(self, rule: Rule, owner: str, application: ApplicationId) -> None:
        if rule.max_registrations is None:
            return
        user = _user(owner)
        others = [
            one
            for one in self._registrations()
            if _user(one.owner) == user
            # What it has for the same application is updated (CAI-21).
            and (one.owner, one.push_application_id) != (owner, application.canonical)
        ]
        if len(others) >= rule.max_registrations:
            detail = f"rule {rule.name!r} allows {rule.max_registrations} registrations of a user"
            raise RegistrationRejected(Reason.LIMIT_EXCEEDED, detail)


def strict_rules(group: str) -> tuple[Rule, ...]:
    """Return rules for a host whose users are not all trusted.

    Code in the client's process and root may register anything. Other users must be in ``group``;
    they may register the applications of OMNA's registry, and of all others those whose scheme
    bears their name: ``x-alice:...`` and ``vnd.alice:...`` are for the user alice. Nobody but root
    and the client itself may register for every application.
    """
    return (
        Rule("strict: the client itself", owners=frozenset((OwnerKind.IN_PROCESS,))),
        Rule("strict: root", users=frozenset(("0",))),
        Rule(
            f"strict: group {group}",
            groups=frozenset((group,)),
            push_application_ids=(f"x-{USER}:*", f"vnd.{USER}:*"),
            registered_ids=True,
            max_registrations=STRICT_REGISTRATIONS,
        ),
    )


def _user(owner_text: str) -> int | str:
    """Return whom limits are counted for, by whichever way in."""
    owner = Owner.of(owner_text)
    return owner_text if owner.uid is None else owner.uid


def _of_user(pattern: str, user: str | None) -> str | None:
    """Return the pattern for this user; ``None``: it has none for him."""
    if USER not in pattern:
        return _canonical(pattern)
    if user is None or user != user.lower():
        # Two users whose names differ in capitals alone must not share their ids.
        return None
    return pattern.replace(USER, glob.escape(user))


def _canonical(pattern: str) -> str:
    """Return an id that is no pattern in the spelling that ids are compared in."""
    if ANYTHING in pattern:
        return pattern
    try:
        return ApplicationId.parse(pattern).canonical
    except DecodeError:
        return pattern


def _any_matches(patterns: Iterable[str], text: str) -> bool:
    return any(_matches(pattern, text) for pattern in patterns)


def _matches(pattern: str, text: str) -> bool:
    return fnmatchcase(text.casefold(), pattern.casefold())


def _host(uri: str | None) -> str | None:
    if uri is None:
        return None
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def _denied(detail: str, parameter: str | None) -> RegistrationRejected:
    return RegistrationRejected(Reason.PERMISSION_DENIED, detail, parameter)

"""The registrations of a running client: whose is what, found by id, owner and application.

The rules of CAI 5.1: within one scope a push application id belongs to one application (CAI-20),
which may register again to change its registration (CAI-21). Scopes are what CAI-22 to CAI-25 make
exceptions for: an instance tag, a port of its own, a server or session of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import TypeVar

from omapush.cai.model import Reason, RegistrationRejected, RegistrationState
from omapush.client.dispatch import ANYBODY, Receiver, names_of
from omapush.client.registered import Registered
from omapush.content.application_id import ApplicationId

KeyT = TypeVar("KeyT", bound=Hashable)

_ENDING = (RegistrationState.DEREGISTERING, RegistrationState.DEREGISTER_FAILED)


def user_of(owner: str) -> str:
    """Return whom limits are counted for: a user may have many applications."""
    return owner.partition("/")[0]


class Registry:
    """Every registration that this client knows, also those that are ending or have failed.

    :param per_user: live registrations that one user may have. :param in_all: and all together.
    """

    def __init__(self, per_user: int, in_all: int) -> None:
        self.per_user = per_user
        self.in_all = in_all
        self._by_id: dict[str, Registered] = {}
        self._live: dict[str, dict[str, Registered]] = {}
        self._of_user: Counter[str] = Counter()
        self._accepted: Counter[tuple[str, ...]] = Counter()
        self._counted: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        self._ending: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        self._of_owner: dict[str, dict[str, Registered]] = {}
        self._failed: dict[str, Registered] = {}

    def __iter__(self) -> Iterator[Registered]:
        return iter(list(self._by_id.values()))

    def get(self, registration_id: str) -> Registered | None:
        """Return a registration by its id."""
        return self._by_id.get(registration_id)

    def add(self, entry: Registered) -> None:
        """Take a registration in."""
        self._by_id[entry.registration.registration_id] = entry
        self.note(entry)

    def remove(self, registration_id: str) -> None:
        """Forget a registration."""
        if self._by_id.pop(registration_id, None) is not None:
            self._uncount(registration_id)
            self._disown(registration_id)
            self._failed.pop(registration_id, None)

    def note(self, entry: Registered) -> None:
        """Take note of a state, a request or an owner that has changed."""
        registration = entry.registration
        registration_id, owner = registration.registration_id, registration.owner
        if self._owners.get(registration_id) != owner:
            self._disown(registration_id)
            self._owners[registration_id] = owner
            self._of_owner.setdefault(owner, {})[registration_id] = entry
        self._uncount(registration_id)
        if registration.state is RegistrationState.FAILED:
            self._failed[registration_id] = entry
        if registration.state in _ENDING:
            self._ending[registration_id] = user_of(owner)
            self._of_user[user_of(owner)] += 1
        if not registration.state.is_live:
            return
        identifier, user = registration.push_application_id, user_of(owner)
        accepted = registration.request.accept
        self._live.setdefault(identifier, {})[registration_id] = entry
        self._of_user[user] += 1
        self._accepted[accepted] += 1
        self._counted[registration_id] = (identifier, user, accepted)

    def live(self) -> list[Registered]:
        """Return every registration that counts."""
        return [self._by_id[registration_id] for registration_id in self._counted]

    def of_owner(self, owner: str) -> list[Registered]:
        """Return what one application has registered."""
        return list(self._of_owner.get(owner, {}).values())

    @property
    def failed(self) -> list[Registered]:
        """Those that have failed, the oldest failure first."""
        return list(self._failed.values())

    @property
    def live_ids(self) -> Collection[str]:
        """The push application ids of registrations that count."""
        return self._live.keys()

    @property
    def live_ranges(self) -> Collection[tuple[str, ...]]:
        """The lists of types that registrations which count accept, each list once."""
        return self._accepted.keys()

    def candidates(self, application: ApplicationId) -> list[Receiver]:
        """Return the live registrations that a push for ``application`` may be for."""
        if application.canonical == ANYBODY:
            return [entry.receiver for entry in self.live()]
        identifiers = dict.fromkeys((*names_of(application), ANYBODY))
        return [
            entry.receiver
            for identifier in identifiers
            for entry in self._live.get(identifier, {}).values()
        ]

    def own(
        self,
        owner: str,
        application: ApplicationId,
        instance: str | None,
        scopes: Iterable[str],
    ) -> Registered | None:
        """Return the owner's live registration that a new request updates.

        :raises RegistrationRejected: another application has the id, or the limits are reached.
        """
        wanted = set(scopes)
        same = self._live.get(application.canonical, {}).values()
        for entry in same:
            one = entry.registration
            if one.owner == owner and one.request.instance == instance:
                self._check_others(entry, same, application, wanted)
                return entry
        self._check_others(None, same, application, wanted)
        # What servers still keep counts as well: each has its task and its rows.
        in_all = len(self._counted) + len(self._ending)
        if self._of_user[user_of(owner)] >= self.per_user or in_all >= self.in_all:
            raise RegistrationRejected(
                Reason.LIMIT_EXCEEDED,
                f"at most {self.per_user} registrations of a user and {self.in_all} in all",
            )
        return None

    def check_change(self, entry: Registered, instance: str | None, scopes: Iterable[str]) -> None:
        """Check that a registration may have another instance tag, and other scopes.

        :raises RegistrationRejected: another registration, also of its owner, has them.
        """
        one = entry.registration
        application = ApplicationId.parse(one.push_application_id)
        same = self._live.get(one.push_application_id, {}).values()
        for other in same:
            theirs = other.registration
            if other is not entry and (theirs.owner, theirs.request.instance) == (
                one.owner,
                instance,
            ):
                raise RegistrationRejected(
                    Reason.ALREADY_REGISTERED, "you have registered that instance", "instance"
                )
        self._check_others(entry, same, application, set(scopes))

    def _check_others(
        self,
        own: Registered | None,
        same: Iterable[Registered],
        application: ApplicationId,
        wanted: set[str],
    ) -> None:
        for entry in same:
            if entry is not own and wanted & set(entry.receiver.scopes):
                raise RegistrationRejected(
                    Reason.ALREADY_REGISTERED,
                    f"another application is registered for {application}",
                    "push_application_id",
                )

    def _uncount(self, registration_id: str) -> None:
        ending = self._ending.pop(registration_id, None)
        if ending is not None:
            _one_less(self._of_user, ending)
        counted = self._counted.pop(registration_id, None)
        if counted is None:
            return
        identifier, user, accepted = counted
        del self._live[identifier][registration_id]
        if not self._live[identifier]:
            del self._live[identifier]
        _one_less(self._of_user, user)
        _one_less(self._accepted, accepted)

    def _disown(self, registration_id: str) -> None:
        owner = self._owners.pop(registration_id, None)
        if owner is None:
            return
        del self._of_owner[owner][registration_id]
        if not self._of_owner[owner]:
            del self._of_owner[owner]


def _one_less(counter: Counter[KeyT], key: KeyT) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]

"""Which devices of SIP users are registered, and what they said that they take. In memory.

Whoever tells something of a device replaces what he told before; what another source has told
besides is kept. Nothing here asks anybody: a user of whom nothing is known may well be registered.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from omapush.content.application_id import ApplicationId
from omapush.core.instants import DAY_MS, Instant, later
from omapush.ota.interface import ClientCapabilities
from omapush.ota.sip.push_features import PushFeatures
from omapush.ppg.sip.address_of_record import instance_of

MAX_DEVICES = 16
"""Devices of one user that are kept; the newest."""
UNNAMED = ""
"""The key of a device that is there and tells nothing."""
LONGEST_MS = DAY_MS
"""So long the word of a source is believed that does not say until when it holds."""

ANY_METHOD = frozenset({"MESSAGE", "INVITE"})


class Source(enum.StrEnum):
    """Who told of a device."""

    THIRD_PARTY = "third-party REGISTER"
    OPTIONS = "OPTIONS of the device"
    QUERY = "answer to OPTIONS"
    REG_EVENT = "registration event"
    STATIC = "settings"


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a user, as far as it is known.

    :ivar key: by which it is told from the user's others: its GRUU, instance or contact address.
    :ivar until: when it is forgotten unless somebody tells of it again.
    :ivar gruu: address by which requests reach it and no other; ``None``: not known.
    :ivar features: the applications that it has declared; ``None``: not told.
    :ivar methods: requests that it takes pushes by.
    :ivar capabilities: what it takes; ``None``: not told.
    :ivar wants_bare: its pushes go without the envelope.
    :ivar told_at: when somebody told of it last.
    :ivar contact: the address that it registers, or names in its answers; ``None``: not known.
    :ivar until_is_told: who told of it said until when; else ``until`` is how long he is believed,
        and gives way to what is known better.
    """

    key: str
    source: Source
    until: Instant
    gruu: str | None = None
    features: PushFeatures | None = None
    methods: frozenset[str] = ANY_METHOD
    capabilities: ClientCapabilities | None = None
    wants_bare: bool = False
    told_at: Instant = Instant(0)
    contact: str | None = None
    until_is_told: bool = True

    def serves(self, application: ApplicationId) -> bool:
        """Whether it may have the application."""
        return self.features is None or self.features.has(application)

    def updated_by(self, news: Device) -> Device:
        """Return it with what ``news`` tells; what it does not tell stays."""
        capable = self if news.capabilities is None else news
        is_better_known = not news.until_is_told and self.until > news.told_at
        return replace(
            news,
            until=self.until if is_better_known else news.until,
            gruu=news.gruu or self.gruu,
            contact=news.contact or self.contact,
            features=self.features if news.features is None else news.features,
            methods=capable.methods,
            capabilities=capable.capabilities,
            wants_bare=capable.wants_bare,
        )


@dataclass(slots=True)
class _User:
    """The devices of one user by their keys; the one that was told of last stands last."""

    devices: dict[str, Device] = field(default_factory=dict)


class Registrations:
    """The users and their devices, at most ``limit`` users: the one heard of longest ago goes.

    :param came: is told of each user of whom news have come that he is registered; must not block.
    :param changed: is told of each user whose device has told other capabilities than before.
    """

    def __init__(
        self,
        clock: Callable[[], Instant],
        limit: int = 100_000,
        came: Callable[[str], None] | None = None,
        changed: Callable[[str, ClientCapabilities], None] | None = None,
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._came = came
        self._changed = changed
        self._users: OrderedDict[str, _User] = OrderedDict()
        self._static: dict[str, tuple[Device, ...]] = {}

    def __len__(self) -> int:
        """Return the number of users of whom something was told."""
        return len(self._users)

    def users(self) -> Iterator[str]:
        """Yield every user of whom something is known, in no order."""
        yield from {*self._users, *self._static}

    def set_up(self, user: str, devices: Iterable[Device]) -> None:
        """Take devices that are registered without anybody telling so; they stay."""
        self._static[user] = (*self._static.get(user, ()), *devices)

    def told(self, user: str, devices: Sequence[Device]) -> None:
        """Take news of devices that are registered; those that are not named stay as they are.

        Nobody has come who was asked.
        """
        kept = self._users.setdefault(user, _User())
        self._users.move_to_end(user)
        if devices:
            kept.devices.pop(UNNAMED, None)  # now it is known who it is
        for news in devices:
            key = _key_among(kept.devices, news)
            self._keep(user, kept.devices, replace(news, key=key, told_at=self._clock()))
        while len(kept.devices) > MAX_DEVICES:
            del kept.devices[next(iter(kept.devices))]
        while len(self._users) > self._limit:
            self._users.popitem(last=False)
        asked = bool(devices) and all(one.source is Source.QUERY for one in devices)
        if self._came is not None and not asked:
            self._came(user)

    def gone(self, user: str, keys: Iterable[str] | None = None) -> None:
        """Forget devices that are not registered any more; ``None``: all of the user."""
        kept = self._users.get(user)
        if kept is None:
            return
        for key in list(kept.devices) if keys is None else keys:
            kept.devices.pop(key, None)
        if not kept.devices:
            del self._users[user]

    def devices(self, user: str, target: str | None = None) -> tuple[Device, ...]:
        """Return the devices of a user, the one told of last first.

        :param target: the GRUU of the one that is meant; ``None``: any.
        """
        found = (*self._living(user), *self._static.get(user, ()))
        instance = None if target is None else instance_of(target)
        return tuple(one for one in found if target in (None, one.gruu) or one.key == instance)

    def _keep(self, user: str, devices: dict[str, Device], news: Device) -> None:
        before = devices.pop(news.key, None)
        after = news if before is None else before.updated_by(news)
        devices[news.key] = after
        told, known = after.capabilities, None if before is None else before.capabilities
        if told is not None and told != known and self._changed is not None:
            self._changed(user, told)

    def _living(self, user: str) -> Iterator[Device]:
        kept = self._users.get(user)
        if kept is None:
            return
        now = self._clock()
        ended = [key for key, one in kept.devices.items() if one.until <= now]
        self.gone(user, ended)
        yield from reversed(kept.devices.values())


def _key_among(devices: dict[str, Device], news: Device) -> str:
    """Return the key of the device that ``news`` are of: who answers need not name its instance."""
    if news.key in devices or news.contact is None:
        return news.key
    same = (key for key, one in devices.items() if one.contact == news.contact)
    return next(same, news.key)


def until(now: Instant, expires_s: int | None) -> Instant:
    """Return when a registration ends that was told to last ``expires_s`` seconds from now.

    :param expires_s: ``None``: nobody said.
    """
    return later(now, LONGEST_MS if expires_s is None else min(expires_s * 1000, LONGEST_MS))

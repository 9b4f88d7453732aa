"""Reaching a user through the SIP/IP core.

    a device is known, or nobody may be asked ──► MESSAGE, or INVITE and MSRP
    nothing is known ──► OPTIONS ──► nobody there ──► other ways; session request (SIR)

A user who is not registered is tried again with growing waits, and at once when he comes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from omapush.content.application_id import ApplicationId
from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError, EncodeError
from omapush.core.instants import SECOND_MS, Instant
from omapush.ota.interface import BearerUnavailable, OutcomeKind, PushOutcome
from omapush.ota.sip.method_choice import methods_for
from omapush.ota.sip.requests import Circumstances, Priority, Target
from omapush.ota.sip.results import Method
from omapush.pap import address as addressing
from omapush.pap.codes import StatusCode
from omapush.ppg.client import Client
from omapush.ppg.contacts import SipContact
from omapush.ppg.lifecycle import RetryPolicy
from omapush.ppg.reach import BackOff, Reach, note, request_of
from omapush.ppg.session_request import SessionRequests
from omapush.ppg.sip.address_of_record import address_of_record, device_of_user, is_device
from omapush.ppg.sip.attempt import Attempt, Means
from omapush.ppg.sip.capability_query import AbsentError, ask_device
from omapush.ppg.sip.registrations import Device
from omapush.ppg.sip.subscriptions import Subscriptions
from omapush.ppg.store.contract import ClaimedDelivery, Store
from omapush.ppg.transform import Unfit, fit

log = structlog.get_logger(__name__)

MARGIN_MS = 2 * SECOND_MS
"""So long before its lease ends an attempt is given up: the ledger has to be told in time."""

_PRIORITIES = {"high": Priority.URGENT, "medium": Priority.NORMAL, "low": Priority.NON_URGENT}


@dataclass(frozen=True, slots=True)
class SipUsers:
    """What reaching SIP users needs.

    :ivar subscriptions: to the registrations of users who are pushed to; ``None``: the core tells
        by itself.
    :ivar request: makes the push that asks a device to register, for an application; ``None``: none
        is asked. :ivar ask_again_ms: one is not asked again before.
    """

    means: Means
    request: Callable[[ApplicationId], PushMessage] | None
    ask_again_ms: int
    subscriptions: Subscriptions | None = None


class SipReach:
    """The way to ``client`` as the user of its SIP contact.

    :param other: a connectionless way to the same client, for the request to register.
    """

    # The next MESSAGE to a user waits for the answer to the one before (RFC 3428 8).
    outstanding_limit = 1

    def __init__(
        self,
        client: Client,
        where: SipContact,
        users: SipUsers,
        other: Reach | None,
        store: Store,
        retry: RetryPolicy,
        clock: Callable[[], Instant],
    ) -> None:
        self._client = client
        self._user = where.address_of_record
        self._means = users.means
        self._line = users.means.line
        self._request = users.request
        self._subscriptions = users.subscriptions
        self._store = store
        self._clock = clock
        self._back_off = BackOff(retry, clock, client.client_id)
        self._requests = SessionRequests(
            client.client_id, "a registration", other, store, retry, clock, users.ask_again_ms,
            self._requested,
        )  # fmt: skip

    @property
    def not_before(self) -> Instant:
        """Nothing is sent before, unless the user comes."""
        return self._back_off.not_before

    @property
    def is_open(self) -> bool:
        """Whether a device of the user is known to be registered."""
        return bool(self._line.registrations.devices(self._user))

    @property
    def worth_keeping(self) -> bool:
        """Whether there is a growing wait."""
        return self.not_before > 0 or self._requests.not_before > 0

    def retire(self, reason: str) -> None:
        """Media sessions end by themselves when they are not used."""

    async def passage(self, claimed: ClaimedDelivery, message: PushMessage) -> SipPassage | Unfit:
        """Return the way for one push; see :class:`omapush.ppg.reach.Reach`.

        A refusal by capabilities counts only when they are fresh: a device may have changed.
        """
        if self._subscriptions is not None:
            self._subscriptions.wanted(self._user)
        asked_at = self._clock()
        application = ApplicationId.of(message)
        uri = target_of(claimed.address, self._user)
        devices = await self._devices(claimed, uri, application)
        found = _fitting(message, devices)
        if isinstance(found, Unfit) and any(one.told_at < asked_at for one in devices):
            devices = await self._asked_again(uri, application) or devices
            found = _fitting(message, devices)
        if isinstance(found, Unfit):
            return found
        alone = found.device.gruu if found.device is not None and not found.suits_all else None
        return self._passage(claimed, found.message, alone or uri, application, found.device)

    async def ask(self, claimed: ClaimedDelivery, message: PushMessage) -> str | None:
        """Ask the device to register."""
        application = ApplicationId.of(message)
        uri = target_of(claimed.address, self._user)
        if self._known(uri, application):
            return None  # it came meanwhile, and what waits for it is looked at again
        asked_for = None if self._request is None else self._request(application)
        return await self._requests.ask(claimed, asked_for)

    def came(self) -> None:
        """A push has reached the user."""
        self._back_off.succeeded()
        self._requests.answered()

    def absent(self, device: Device | None, reason: str) -> int:
        """The core says that nobody is registered there; return for how long to wait."""
        if device is not None:
            self._line.registrations.gone(self._user, [device.key])
        return self._back_off.failed(reason)

    def _known(self, uri: str, application: ApplicationId) -> tuple[Device, ...]:
        target = uri if is_device(uri) else None
        known = self._line.registrations.devices(self._user, target)
        return tuple(one for one in known if one.serves(application))

    async def _devices(
        self, claimed: ClaimedDelivery, uri: str, application: ApplicationId
    ) -> tuple[Device, ...]:
        """Return what is known of the devices that the push is for, having asked if need be."""
        known = self._known(uri, application)
        if known:
            # Heard of since the last failure. Only a push that arrives ends the waits: who tells of
            # himself without being registered would be asked to register again and again.
            return known
        self._back_off.check(self._clock())
        if not self._line.settings.ask_capabilities:
            return ()
        known = await self._asked(uri, application)
        await self._note(claimed, known)
        return known

    async def _asked(self, uri: str, application: ApplicationId) -> tuple[Device, ...]:
        """Ask, and return what is known then."""
        try:
            within_ms = self._line.settings.response_ms
            await ask_device(self._line, self._user, uri, application, within_ms)
        except BearerUnavailable as error:
            self._back_off.failed(error.reason)
            if not isinstance(error, AbsentError):
                log.info("core_unavailable", client=self._client.client_id, reason=error.reason)
            raise
        self.came()
        return self._known(uri, application)

    async def _asked_again(self, uri: str, application: ApplicationId) -> tuple[Device, ...]:
        """Ask for what may have changed; what was known counts if nobody answers."""
        if not self._line.settings.ask_capabilities:
            return ()
        try:
            return await self._asked(uri, application)
        except BearerUnavailable:
            return ()

    async def _note(self, claimed: ClaimedDelivery, devices: tuple[Device, ...]) -> None:
        for device in devices[:1]:
            told = f"{device.key} of {self._user}, by {device.source}"
            await note(self._store, claimed.key, self._clock(), "registered", told)

    def _passage(
        self,
        claimed: ClaimedDelivery,
        message: PushMessage,
        uri: str,
        application: ApplicationId,
        device: Device | None,
    ) -> SipPassage | Unfit:
        """Return the way, by the methods that fit the push and the device (OTA-SIP 6.2, 8)."""
        features = None if device is None else device.features
        target = Target(
            uri,
            application,
            features=features,
            one_copy=claimed.confirmed,
            explicit=self._explicit,
        )
        now, push = self._clock(), request_of(claimed, message)
        circumstances = Circumstances(now, claimed.expires_at, _priority(claimed))
        bare = device is not None and device.wants_bare
        try:
            written = self._means.messages.write(target, push, circumstances, bare=bare)
        except EncodeError as error:
            return Unfit(f"a header of the push cannot be sent: {error}", StatusCode.BAD_REQUEST)
        methods = self._methods(written.size, device, confirmed=claimed.confirmed)
        if not methods:
            reason = f"no method of SIP carries {len(message.body)} octets to this device"
            return Unfit(reason, StatusCode.SPECIFIED_DELIVERY_METHOD_NOT_POSSIBLE)
        left_ms = max(1, claimed.lease_until - now - MARGIN_MS)
        attempt = Attempt(push, target, circumstances, methods, left_ms, bare, written.request)
        return SipPassage(self, self._means, claimed, attempt, device)

    def _methods(self, size: int, device: Device | None, *, confirmed: bool) -> tuple[Method, ...]:
        methods = methods_for(
            size,
            self._line.settings.methods,
            confirmed=confirmed,
            allowed=None if device is None else device.methods,
        )
        if self._means.media is None:
            return tuple(one for one in methods if one is not Method.INVITE)
        return methods

    @property
    def _explicit(self) -> bool:
        return not self._line.settings.plain_devices

    def _requested(self, sent: bool) -> None:  # noqa: FBT001 - it is what is told
        self._line.metrics.session_requested(sent=sent)


@dataclass(frozen=True, slots=True)
class SipPassage:
    """One push, ready to be sent."""

    reach: SipReach
    means: Means
    claimed: ClaimedDelivery
    attempt: Attempt
    device: Device | None

    async def push(self) -> PushOutcome:
        """Send it, by another method if the first is refused, and wait for its end."""
        ended = await self.attempt.run(self.means)
        outcome = ended.outcome
        self.means.line.metrics.pushed(ended.method.value, outcome.kind)
        if ended.is_absent:
            return await self._wait_for_registration(outcome)
        if outcome.kind is not OutcomeKind.LATER:
            self.reach.came()
        return outcome

    async def _wait_for_registration(self, outcome: PushOutcome) -> PushOutcome:
        wait_ms = self.reach.absent(self.device, outcome.reason)
        told = await self.reach.ask(self.claimed, self.attempt.push.message)
        reason = outcome.reason if told is None else f"{outcome.reason}; {told}"
        return replace(
            outcome, reason=reason, retry_after_ms=max(wait_ms, outcome.retry_after_ms or 0)
        )


def target_of(address: str, user: str) -> str:
    """Return where a push goes that was addressed so: to one device of the user, or to any.

    :param address: as the initiator gave it; it may be another name of the same client.
    """
    if "gr" not in address.lower():
        return user
    try:
        read = addressing.parse(address)
    except DecodeError:
        return user  # a group, or an address that an older version took
    if read.type != addressing.URI or not is_device(read.value):
        return user
    return device_of_user(user, read.value) if address_of_record(read.value) == user else user


@dataclass(frozen=True, slots=True)
class _Fitting:
    """A push as a device takes it.

    :ivar suits_all: and as all others of the user take it too; else they must not get it.
    """

    message: PushMessage
    device: Device | None
    suits_all: bool = True


def _fitting(message: PushMessage, devices: tuple[Device, ...]) -> _Fitting | Unfit:
    """Return the message as the first device that can takes it."""
    if not devices:
        return _Fitting(message, None)
    verdicts = [_fitted(message, device) for device in devices]
    for device, verdict in zip(devices, verdicts, strict=True):
        if isinstance(verdict, Unfit):
            continue
        ways = {(one.methods, one.wants_bare) for one in devices}
        suits_all = len(ways) == 1 and all(other == verdict for other in verdicts)
        return _Fitting(verdict, device, suits_all)
    refusal = verdicts[0]
    return refusal if isinstance(refusal, Unfit) else Unfit("the user has no device for it")


def _fitted(message: PushMessage, device: Device) -> PushMessage | Unfit:
    if device.capabilities is None:
        return message
    return fit(message, device.capabilities, coded=not device.wants_bare)


def _priority(claimed: ClaimedDelivery) -> Priority:
    qos = claimed.control.get("qos")
    given = qos.get("priority") if isinstance(qos, dict) else None
    return _PRIORITIES.get(str(given), Priority.NORMAL)

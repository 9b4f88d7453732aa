"""How sessions reach WTP, and what both ends read out of what the peer says."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.protocols.wsp.assigned_numbers import AbortReason, EncodingVersion
from omapush.protocols.wsp.headers import Header, decode_headers
from omapush.protocols.wsp.profile import HeaderProfile
from omapush.protocols.wtp.primitives import (
    Handle,
    Request,
    TrAbortInd,
    TrAbortReq,
    TrInvokeRes,
    TrResultReq,
    TrResultRes,
)

_HIGHEST_ENCODING: EncodingVersion = (1, 5)
_ENCODING_IF_UNSAID: EncodingVersion = (1, 2)


class TransactionPort(Protocol):
    """WTP with one peer, as a session sees it."""

    @property
    def address(self) -> Hashable:
        """The peer's address."""

    def invoke(
        self, owner: object, transaction_class: int, data: bytes, now: Instant
    ) -> Transaction:
        """TR-Invoke.req; what becomes of it is told to ``owner``."""

    def request(self, primitive: Request, now: Instant) -> None:
        """Hand another primitive to WTP."""

    def own(self, owner: object, handle: Handle) -> None:
        """Tell ``owner`` what becomes of a transaction that the peer began."""

    def release(self, handle: Handle) -> None:
        """Tell nobody any more."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction with one peer."""

    port: TransactionPort
    handle: Handle

    def acknowledge(self, now: Instant, exit_info: bytes = b"") -> None:
        """TR-Invoke.res."""
        self.port.request(TrInvokeRes(self.handle, exit_info), now)

    def answer(self, data: bytes, now: Instant) -> None:
        """TR-Result.req."""
        self.port.request(TrResultReq(self.handle, data), now)

    def take_answer(self, now: Instant, exit_info: bytes = b"") -> None:
        """TR-Result.res."""
        self.port.request(TrResultRes(self.handle, exit_info), now)

    def abort(self, reason: int, now: Instant) -> None:
        """TR-Abort.req; what else comes of it interests nobody."""
        self.port.request(TrAbortReq(self.handle, reason), now)
        self.port.release(self.handle)


def aborts_session(indication: TrAbortInd) -> bool:
    """Tell whether the peer's user says that the session is gone (reason DISCONNECT)."""
    return indication.by_user and indication.reason == AbortReason.DISCONNECT


def suspends_session(indication: TrAbortInd) -> bool:
    """Tell whether the peer's user says that the session rests (reason SUSPEND)."""
    return indication.by_user and indication.reason == AbortReason.SUSPEND


def read_acknowledgement_headers(exit_info: bytes) -> tuple[Header, ...]:
    """Return the acknowledgement headers of an Ack; nonsense counts as none."""
    if not exit_info:
        return ()
    try:
        return decode_headers(exit_info, tolerant=True).headers
    except DecodeError:
        return ()


def profile_of(
    headers: tuple[Header, ...], unsaid: EncodingVersion = _ENCODING_IF_UNSAID
) -> HeaderProfile:
    """Return how to write headers for a peer that said ``headers`` (WSP 8.4.2.70).

    :param unsaid: the encoding version that counts where they do not say.
    """
    for name, value in headers:
        if name.lower() == "encoding-version":
            version = _version(value.split()[-1] if value.split() else "")
            if version is not None:
                return HeaderProfile(encoding_version=min(version, _HIGHEST_ENCODING))
    return HeaderProfile(encoding_version=unsaid)


def _version(text: str) -> EncodingVersion | None:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal() and text.isascii() and len(text) <= 4):
        return None
    return int(major), int(minor)

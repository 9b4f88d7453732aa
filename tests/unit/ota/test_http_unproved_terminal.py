"""A terminal that shows no proof, at a gateway that does not want one of everybody."""

from __future__ import annotations

from typing import Any

import pytest

from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.http.accounts import KnownCpi
from omapush.ota.http.authentication import Login, Scheme
from omapush.ota.http.ppg import HttpPpgSession, HttpPpgSettings
from omapush.ota.interface import (
    PoConfirmedPushReq,
    PpgIndication,
    PushOutcome,
    RegistrationInd,
    SendOctets,
    SessionFailedInd,
)

NOW = Instant(1_700_000_000_000)
PROVER, OTHER = "4100", "4200"
IDENTITY = f"X-Wap-Terminal-Id: {OTHER}"
REFUSES = 'X-Wap-Authorization: Digest x-wap-auth-status="failed_noretry"'
BASIC = f'WWW-Authenticate: Basic realm="{OTHER}"'
WRONG = (
    f'X-Wap-Authorization: Digest username="{PROVER}", realm="ppg", nonce="n", uri="/wappush", '
    f'response="{"0" * 40}", algorithm="SHA-1"'
)


class Accounts:
    """One terminal has a password, the gateway has one at the other."""

    def terminal_password(self, terminal_id: str) -> str | None:
        return "secret" if terminal_id == PROVER else None

    def login_at(self, terminal_id: str | None) -> Login | None:
        return Login("ppg", "secret") if terminal_id == OTHER else None

    def known_cpi(self, terminal_id: str) -> KnownCpi | None:
        return None


def session(
    *, required: bool = False, challenge: Scheme = Scheme.DIGEST, **more: Any
) -> HttpPpgSession:
    settings = HttpPpgSettings(identity="ppg", challenge=challenge, proof_required=required)
    made = HttpPpgSession(settings, accounts=Accounts(), new_nonce=lambda: "n", **more)
    made.connected(NOW)
    return made


def written(talking: HttpPpgSession) -> str:
    return "".join(
        effect.octets.decode() for effect in talking.effects() if isinstance(effect, SendOctets)
    )


def answer(talking: HttpPpgSession, http: int, status: int, *headers: str) -> list[PpgIndication]:
    lines = (f"HTTP/1.1 {http} ", f"X-Wap-Push-Status: {status}", *headers)
    length = () if http == 204 else ("Content-Length: 0",)
    talking.receive("\r\n".join((*lines, *length, "", "")).encode(), NOW)
    return talking.indications()


def test_terminal_that_passes_over_the_challenge_is_registered_on_its_word() -> None:
    talking = session()
    assert "X-Wap-Authenticate: Digest" in written(talking)
    (registration,) = answer(talking, 204, 501, IDENTITY)
    assert isinstance(registration, RegistrationInd)
    assert (registration.terminal_id, registration.authenticated) == (OTHER, False)


def test_terminal_that_refuses_the_challenge_is_not_challenged_again() -> None:
    talking = session()
    written(talking)
    assert answer(talking, 412, 301, REFUSES) == []
    assert "X-Wap-Authenticate" not in written(talking)
    (registration,) = answer(talking, 204, 501, IDENTITY)
    assert isinstance(registration, RegistrationInd)
    assert not registration.authenticated


@pytest.mark.parametrize(("http", "header"), [(204, IDENTITY), (412, REFUSES)])
def test_terminal_that_shows_nothing_is_refused_where_everybody_owes_a_proof(
    http: int, header: str
) -> None:
    talking = session(required=True)
    written(talking)
    failed = answer(talking, http, 501, header)[0]
    assert isinstance(failed, SessionFailedInd)
    assert not failed.authentication


@pytest.mark.parametrize(("http", "header"), [(204, IDENTITY), (412, REFUSES)])
def test_terminal_whose_proof_was_wrong_cannot_do_without(http: int, header: str) -> None:
    talking = session()
    written(talking)
    assert answer(talking, 204, 501, WRONG) == []
    assert "failed_retry" in written(talking)
    failed = answer(talking, http, 501, header)[0]
    assert isinstance(failed, SessionFailedInd)
    assert failed.authentication


@pytest.mark.parametrize("first", [(), (REFUSES,)])
def test_stranger_is_not_shown_a_password_by_basic(first: tuple[str, ...]) -> None:
    talking = session()
    written(talking)
    for header in first:
        answer(talking, 412, 301, header)
        written(talking)
    assert isinstance(answer(talking, 401, 300, BASIC)[0], SessionFailedInd)
    assert "Authorization: Basic" not in written(talking)


def test_stranger_that_registered_is_not_shown_a_password_with_a_push() -> None:
    talking = session()
    written(talking)
    answer(talking, 204, 501, IDENTITY)
    message = PushMessage((("Content-Type", "text/plain"),), b"hello")
    talking.request(PoConfirmedPushReq("a", message), NOW)
    assert "POST /wappush" in written(talking)
    assert isinstance(answer(talking, 401, 300, BASIC)[0], PushOutcome)
    assert "Authorization" not in written(talking)


def test_dialled_terminal_without_password_is_shown_ours() -> None:
    talking = session(challenge=Scheme.NONE, assumed_terminal_id=OTHER)  # it owes no proof
    written(talking)
    assert answer(talking, 401, 300, BASIC) == []
    assert "Authorization: Basic" in written(talking)


def test_dialled_terminal_that_owes_a_proof_is_not_shown_ours() -> None:
    talking = session(assumed_terminal_id=PROVER)
    written(talking)
    assert isinstance(answer(talking, 401, 300, BASIC)[0], SessionFailedInd)
    assert "Authorization: Basic" not in written(talking)

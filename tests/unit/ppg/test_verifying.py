"""Password hashes are verified beside the loop, few at a time, and the same one once."""

from __future__ import annotations

import asyncio
import threading

import pytest

from omapush.ppg.passwords import Passwords, Verification, hash_password, is_password_hash
from omapush.ppg.verifying import PasswordVerifier


class Gate:
    """Stands for the work: threads wait in it until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = 0
        self.at_a_time = 0
        self._inside = 0
        self._lock = threading.Lock()

    def __call__(self, verification: Verification) -> bool:
        with self._lock:
            self.entered += 1
            self._inside += 1
            self.at_a_time = max(self.at_a_time, self._inside)
        self.opened.wait(30)
        with self._lock:
            self._inside -= 1
        return verification.genuine


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()

    def verify(verification: Verification) -> bool:
        return gate(verification)

    monkeypatch.setattr(Verification, "verify", verify)
    return gate


def work(number: int, *, genuine: bool = True) -> Verification:
    return Verification(bytes([number]), genuine, "hash", b"password")


async def test_few_run_some_wait_and_the_rest_are_turned_away(gate: Gate) -> None:
    verifier = PasswordVerifier(at_a_time=2, waiting=3)
    asked = [asyncio.create_task(verifier.verify(work(number))) for number in range(5)]
    await asyncio.sleep(0)
    assert await verifier.verify(work(5)) is None
    gate.opened.set()
    assert await asyncio.gather(*asked) == [True] * 5
    assert gate.at_a_time <= 2
    assert await verifier.verify(work(5, genuine=False)) is False


async def test_same_password_is_verified_once_for_all_who_bring_it(gate: Gate) -> None:
    verifier = PasswordVerifier(at_a_time=1, waiting=0)
    asked = [asyncio.create_task(verifier.verify(work(1))) for _ in range(50)]
    await asyncio.sleep(0)
    asked.pop().cancel()  # one hangs up: the others still get their answer
    gate.opened.set()
    assert await asyncio.gather(*asked) == [True] * 49
    assert gate.entered == 1


def test_hash_is_recognized_and_verifies_its_password_only() -> None:
    stored = hash_password("geheim")
    assert is_password_hash(stored)
    assert stored != hash_password("geheim")
    for text in ("", "geheim", "$argon2id$", stored.replace("argon2id", "argon2i"), stored + "\n"):
        assert not is_password_hash(text)
    passwords = Passwords({b"a": stored}, b"secret")
    for password, right in ((b"geheim", True), (b"geheim ", False), (b"", False)):
        needed = passwords.judge(b"a", password)
        assert isinstance(needed, Verification)
        assert needed.verify() is right


def test_hash_that_argon2_cannot_use_verifies_nothing() -> None:
    broken = "$argon2id$v=19$m=1,t=0,p=0$AAAAAAAAAAA$AAAAAA"
    assert is_password_hash(broken)
    assert Verification(b"", True, broken, b"x").verify() is False


def test_verified_passwords_are_remembered_in_bounded_number_and_not_in_clear() -> None:
    hashes = {
        name.encode(): f"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAA{name}" for name in "abc"
    }
    passwords = Passwords(hashes, b"secret", capacity=2)
    for name in hashes:
        needed = passwords.judge(name, b"geheim")
        assert isinstance(needed, Verification)
        passwords.settle(needed)
    assert [passwords.judge(name, b"geheim") is True for name in hashes] == [False, True, True]
    assert all(len(key) == 32 and b"geheim" not in key for key in passwords._verified)


@pytest.mark.parametrize("stored", [{}, {b"a": "clear"}])
def test_without_any_hash_wrong_passwords_cost_nothing(stored: dict[bytes, str]) -> None:
    assert Passwords(stored, b"secret").judge(b"a", b"wrong") is False
    assert Passwords(stored, b"secret").judge(b"a", b"clear", known=False) is False


def test_work_for_names_that_do_not_exist_is_not_shared_either() -> None:
    passwords = Passwords({b"a": hash_password("geheim"), b"b": "clear"}, b"secret")
    asked = [passwords.judge(name, b"x", known=name in b"ab") for name in (b"a", b"b", b"c", b"d")]
    keys = {needed.key for needed in asked if isinstance(needed, Verification)}
    assert len(keys) == 4  # the time that two at once take would tell which of them exist

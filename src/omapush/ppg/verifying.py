"""Runs the verification of password hashes beside the event loop, few at a time."""

from __future__ import annotations

import asyncio

from omapush.ppg.passwords import Verification


class PasswordVerifier:
    """Each verification takes a thread, its CPU and its memory: so many run, so many wait.

    Requests that bring the same password of the same user name share one verification. So an
    initiator that opens many connections at once costs one.

    :param at_a_time: verifications that run at a time.
    :param waiting: verifications that wait for their turn; further ones are turned away.
    """

    def __init__(self, at_a_time: int = 2, waiting: int = 16) -> None:
        self._turn = asyncio.Semaphore(at_a_time)
        self._limit = at_a_time + waiting
        self._under_way: dict[bytes, asyncio.Task[bool]] = {}

    async def verify(self, verification: Verification) -> bool | None:
        """Return whether the password is right, or ``None`` if there is too much to do."""
        task = self._under_way.get(verification.key)
        if task is None:
            if len(self._under_way) >= self._limit:
                return None
            task = asyncio.create_task(self._in_turn(verification))
            self._under_way[verification.key] = task
            task.add_done_callback(lambda _task: self._under_way.pop(verification.key))
        # One request that is given up must not take the verdict from the others.
        return await asyncio.shield(task)

    async def _in_turn(self, verification: Verification) -> bool:
        async with self._turn:
            return await asyncio.to_thread(verification.verify)

"""MESSAGE or INVITE, table by table."""

from __future__ import annotations

import pytest

from omapush.ota.sip.method_choice import MethodPolicy, methods_for
from omapush.ota.sip.results import Method

MESSAGE, INVITE = Method.MESSAGE, Method.INVITE
EXACT = MethodPolicy(via_reserve=0)


@pytest.mark.parametrize(
    ("size", "policy", "first"),
    [
        (1_299, EXACT, MESSAGE),
        (1_300, EXACT, MESSAGE),
        (1_301, EXACT, INVITE),
        (1_100, MethodPolicy(), MESSAGE),
        (1_101, MethodPolicy(), INVITE),
        (60_000, MethodPolicy(message_size_limit=65_536), MESSAGE),
    ],
)
@pytest.mark.parametrize("confirmed", [True, False])
def test_size_decides(size: int, policy: MethodPolicy, first: Method, *, confirmed: bool) -> None:
    methods = methods_for(size, policy, confirmed=confirmed)
    assert methods == ((MESSAGE, INVITE) if first is MESSAGE else (INVITE,))


def test_policy_may_want_session_for_confirmed_pushes() -> None:
    policy = MethodPolicy(session_for_confirmed=True)
    assert methods_for(100, policy, confirmed=True) == (INVITE, MESSAGE)
    assert methods_for(100, policy, confirmed=False) == (MESSAGE, INVITE)


def test_client_is_sent_only_what_it_allows() -> None:
    policy = MethodPolicy()
    assert methods_for(100, policy, confirmed=True, allowed={"MESSAGE"}) == (MESSAGE,)
    assert methods_for(100, policy, confirmed=True, allowed={"INVITE", "BYE"}) == (INVITE,)
    assert methods_for(9_999, policy, confirmed=True, allowed={"MESSAGE"}) == ()
    assert methods_for(100, policy, confirmed=True, allowed={"OPTIONS"}) == ()
    assert methods_for(100, policy, confirmed=True, allowed=()) == ()

"""Whose service loadings are followed (WAP-168)."""

from __future__ import annotations

import pytest

from omapush.cai.model import Accept, Reject, RejectReason, Trust
from omapush.client.built_in.loading_queue import MAX_HREF, MAX_WAITING
from omapush.client.built_in.services import Followed, LoadingPolicy, Services
from omapush.content.indication import LoadingAction, ServiceLoading

LOADING = ServiceLoading("http://www.example.com/x")
TRUSTED, AUTHENTICATED = Trust(trusted=True), Trust(authenticated=True)


@pytest.mark.parametrize(
    ("followed", "plain", "authenticated", "trusted"),
    [
        (Followed.NOBODY, False, False, False),
        (Followed.TRUSTED, False, False, True),
        (Followed.AUTHENTICATED, False, True, True),
        (Followed.EVERYBODY, True, True, True),
    ],
)
def test_policy_follows_those_it_names(
    followed: Followed, plain: bool, authenticated: bool, trusted: bool
) -> None:
    policy = LoadingPolicy(followed)
    for trust, is_followed in (
        (Trust(), plain),
        (AUTHENTICATED, authenticated),
        (TRUSTED, trusted),
    ):
        assert (policy.objection(LOADING, trust) is None) is is_followed


def test_nobody_is_followed_unless_said() -> None:
    assert LoadingPolicy().objection(LOADING, Trust(True, True, True)) is not None


@pytest.mark.parametrize(
    "href",
    ["wtai://wp/mc;+1900", "tel:+1900", "file:///etc/passwd", "//a/", "x", "http:///", "http://[x"],
)
def test_only_what_is_fetched_is_loaded(href: str) -> None:
    policy = LoadingPolicy(Followed.EVERYBODY)
    assert policy.objection(ServiceLoading(href), TRUSTED) is not None


@pytest.mark.parametrize(
    ("href", "loaded"),
    [
        ("https://WWW.Example.com:8443/x", True),
        ("http://example.com/", True),
        ("http://example.com.evil.test/", False),
        ("http://www.example.com@evil.test/", False),
    ],
)
def test_host_decides_where_hosts_are_named(href: str, loaded: bool) -> None:
    policy = LoadingPolicy(Followed.EVERYBODY, ("example.com", "*.example.COM"))
    assert (policy.objection(ServiceLoading(href), Trust()) is None) is loaded


def test_services_are_taken_by_action_and_once_for_each_address() -> None:
    services = Services(LoadingPolicy(Followed.EVERYBODY))
    for path, action in [
        ("c", LoadingAction.CACHE),
        ("l", LoadingAction.EXECUTE_LOW),
        ("c", LoadingAction.EXECUTE_HIGH),
        ("l", LoadingAction.CACHE),
    ]:
        assert services.receive(ServiceLoading(f"http://a/{path}", action), Trust()) == Accept()
    taken = [services.take(), services.take(), services.take()]
    assert [each.href if each else None for each in taken] == ["http://a/c", "http://a/l", None]


def test_gateway_hears_that_there_is_no_room() -> None:
    services = Services(LoadingPolicy(Followed.EVERYBODY))
    for number in range(MAX_WAITING):
        services.receive(ServiceLoading(f"http://a/{number}"), Trust())
    full = services.receive(ServiceLoading("http://a/more"), Trust())
    assert isinstance(full, Reject)
    assert full.reason is RejectReason.BUSY
    long = services.receive(ServiceLoading("http://a/" + "x" * MAX_HREF), Trust())
    assert isinstance(long, Reject)
    assert long.reason is RejectReason.REFUSED


def test_caching_without_a_cache_is_dropped_without_a_word() -> None:
    services = Services(LoadingPolicy(Followed.EVERYBODY), has_cache=False)
    loading = ServiceLoading("http://a/", LoadingAction.CACHE)
    assert services.receive(loading, Trust()) == Accept()
    assert services.take() is None

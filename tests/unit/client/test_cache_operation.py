"""Which cached objects a cache operation takes away, and from whom it is taken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.client.built_in.cache import (
    MAX_PARTS,
    MAX_URI,
    CachedObject,
    MemoryCache,
    Origin,
    apply,
    base_of,
    matches_object,
    matches_service,
    may_operate,
    origin_of_push,
    resolved,
)
from omapush.content.indication import CacheOperation
from omapush.content.message import PushMessage
from omapush.core.instants import Instant
from omapush.ota.interface import PushFlag

TRUSTED = Origin("http://www.xyz.com/abc/", flags=PushFlag.CONTENT_TRUSTED)


def cache_of(*uris: str, dated: Instant | None = None) -> MemoryCache:
    cache = MemoryCache()
    for uri in uris:
        cache.keep(CachedObject(uri, b"body", dated=dated))
    return cache


def left(cache: MemoryCache) -> list[str]:
    return [cached.uri for cached in cache.objects()]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("http://abc.com:80/~smith/home.html", "http://ABC.com/%7Esmith/home.html", True),
        ("http://ABC.com:/%7esmith/home.html", "HTTP://abc.com/%7Esmith/home.html", True),
        ("http://abc.com", "http://abc.com/", True),
        ("https://abc.com:443/", "https://abc.com/", True),
        ("http://abc.com:443/", "https://abc.com/", False),
        ("http://abc.com/a", "http://abc.com/A", False),
        ("http://abc.com/a%2Fb", "http://abc.com/a/b", False),
        ("http://abc.com/a%2fb", "http://abc.com/a%2Fb", True),
        ("http://abc.com/a?q=1", "http://abc.com/a", False),
        ("http://abc.com/a?q=%31", "http://abc.com/a?q=1", True),
        ("http://abc.com/a#x", "http://abc.com/a", True),
        ("http://u@abc.com/", "http://abc.com/", False),
        ("urn:a:b", "urn:a:b", True),
        ("urn:a:b", "urn:a:c", False),
        ("a", "a", False),
        ("http://[::1/", "http://[::1/", False),
        ("http://a:x/", "http://a:x/", False),
    ],
)
def test_object_is_meant_by_the_comparison_of_http(one: str, other: str, equal: bool) -> None:
    assert matches_object(one, other) is equal
    assert matches_object(other, one) is equal


@pytest.mark.parametrize(
    ("service", "cached", "below"),
    [
        ("http://a/abc/ef", "http://a/abc/ef/gh", True),
        ("http://a/abc/ef", "http://a/abc/ef", True),
        ("http://a/abc/ef", "http://a/abc/ef?q", True),
        ("http://a/abc/ef", "http://a/abc/efz/mn", False),
        ("http://a/abc/ef?ignored", "http://a/abc/ef/gh", True),
        ("http://a/mail/", "http://a/mail/1", True),
        ("http://a/mail/", "http://a/mail/", True),
        ("http://a/mail/", "http://a/mailbox", False),
        ("http://a", "http://a/x/y?z", True),
        ("http://a/", "http://a", True),
        ("http://a", "https://a/x", False),
        ("http://a", "http://a.example/x", False),
        ("http://A:80", "http://a/x", True),
        ("http://a", "http://a:8080/x", False),
        ("file:/abc", "file:/abc/d", True),
        ("file:/abc", "file://host/abc/d", False),
        ("mailto:a@b", "mailto:a@b", True),
        ("mailto:a", "mailto:a@b", False),
        ("urn:a", "urn:a:b", False),
    ],
)
def test_service_is_meant_by_whole_leading_segments(service: str, cached: str, below: bool) -> None:
    assert matches_service(service, cached) is below


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ((), None),
        ((("X-Wap-Content-URI", "http://www.xyz.com/"),), "http://www.xyz.com/"),
        (
            (("Content-Location", "/abc/"), ("X-Wap-Content-URI", "http://www.xyz.com/")),
            "http://www.xyz.com/abc/",
        ),
        (
            (("Content-Location", "http://b/c"), ("X-Wap-Content-URI", "http://www.xyz.com/")),
            "http://b/c",
        ),
        ((("Content-Location", "/abc/"),), None),
    ],
)
def test_base_is_content_location_else_content_uri(
    headers: tuple[tuple[str, str], ...], base: str | None
) -> None:
    assert base_of(PushMessage(headers, b"")) == base


@pytest.mark.parametrize(
    ("uri", "base", "absolute"),
    [
        ("foo.wml", "http://www.xyz.com/abc/", "http://www.xyz.com/abc/foo.wml"),
        ("/bar", "http://www.xyz.com/abc/", "http://www.xyz.com/bar"),
        ("http://b/", None, "http://b/"),
        ("foo.wml", None, None),
        ("foo.wml", "relative/", None),
        ("http://[::1/", "http://a/", None),
        ("x" * (MAX_URI + 1), "http://a/", None),
    ],
)
def test_relative_address_is_resolved_or_passed_over(
    uri: str, base: str | None, absolute: str | None
) -> None:
    assert resolved(uri, base) == absolute


def test_operation_takes_objects_and_services_away() -> None:
    cache = cache_of(
        "http://www.xyz.com/abc/foo.wml",
        "http://www.xyz.com/abc/foo.wml?q",
        "http://www.xyz.com/bar/1",
        "http://www.xyz.com/bar/2",
        "http://www.xyz.com/barn",
    )
    gone = apply(CacheOperation(objects=("foo.wml",), services=("/bar",)), TRUSTED, cache)
    assert gone == (
        "http://www.xyz.com/abc/foo.wml",
        "http://www.xyz.com/bar/1",
        "http://www.xyz.com/bar/2",
    )
    assert left(cache) == ["http://www.xyz.com/abc/foo.wml?q", "http://www.xyz.com/barn"]


def test_operation_that_matches_nothing_or_has_no_base_does_nothing() -> None:
    cache = cache_of("http://a/foo.wml")
    nowhere = Origin(flags=PushFlag.CONTENT_TRUSTED)
    assert apply(CacheOperation(objects=("http://b/",)), TRUSTED, cache) == ()
    assert apply(CacheOperation(objects=("foo.wml",), services=("",)), nowhere, cache) == ()
    assert left(cache) == ["http://a/foo.wml"]


def test_very_long_operation_is_carried_out_in_part() -> None:
    uris = tuple(f"http://a/{number}" for number in range(MAX_PARTS + 1))
    cache = MemoryCache(max_objects=2_000)
    for uri in uris:
        cache.keep(CachedObject(uri, b""))
    apply(CacheOperation(objects=uris), TRUSTED, cache)
    assert left(cache) == [uris[-1]]


def test_delayed_operation_spares_what_is_newer() -> None:
    cache = cache_of("http://a/old", dated=Instant(1_000))
    cache.keep(CachedObject("http://a/new", b"", dated=Instant(3_000)))
    cache.keep(CachedObject("http://a/undated", b""))
    origin = Origin(dated=Instant(2_000), flags=PushFlag.CONTENT_TRUSTED)
    apply(CacheOperation(services=("http://a",)), origin, cache)
    assert left(cache) == ["http://a/new"]


AUTHENTICATED = PushFlag.INITIATOR_AUTHENTICATED


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        (Origin(flags=PushFlag.CONTENT_TRUSTED), True),
        (Origin(flags=PushFlag.CONTENT_TRUSTED, authority_of="http://other/"), True),
        (Origin(flags=AUTHENTICATED, authority_of="http://a/pi"), True),
        (Origin(flags=AUTHENTICATED, authority_of="http://A:80/pi"), True),
        (Origin(flags=AUTHENTICATED, authority_of="http://b/pi"), False),
        (Origin(flags=AUTHENTICATED), False),
        (Origin(authority_of="http://a/pi"), False),
        (Origin(authority_of="http://a/co", pulled=True), True),
        (Origin(authority_of="http://b/co", pulled=True), False),
        (Origin(flags=PushFlag.CONTENT_TRUSTED, authority_of="http://b/co", pulled=True), False),
    ],
)
def test_operation_is_taken_from_who_may(origin: Origin, taken: bool) -> None:
    assert may_operate("http://a/x", origin) is taken
    cache = cache_of("http://a/x")
    apply(CacheOperation(objects=("http://a/x",)), origin, cache)
    assert left(cache) == ([] if taken else ["http://a/x"])


def test_filter_can_be_switched_off() -> None:
    cache = cache_of("http://a/x")
    apply(CacheOperation(objects=("http://a/x",)), Origin(), cache, trust_everyone=True)
    assert left(cache) == []


def test_origin_of_a_push_is_read_from_its_headers() -> None:
    headers = (
        ("X-Wap-Content-URI", "http://a/"),
        ("X-Wap-Initiator-URI", "http://pi/"),
        ("Date", "Thu, 01 Jan 1970 00:00:02 GMT"),
    )
    origin = origin_of_push(PushMessage(headers, b""), AUTHENTICATED)
    assert origin == Origin("http://a/", Instant(2_000), AUTHENTICATED, "http://pi/")
    without = PushMessage((*headers[:1], ("Date", "yesterday")), b"")
    assert origin_of_push(without, AUTHENTICATED) == Origin(
        "http://a/", None, AUTHENTICATED, "http://a/"
    )


def test_cache_in_memory_forgets_what_was_used_longest_ago() -> None:
    cache = MemoryCache(max_objects=2)
    for name in ("a", "b"):
        cache.keep(CachedObject(name, b""))
    assert cache.get("a") is not None
    cache.keep(CachedObject("c", b""))
    assert left(cache) == ["a", "c"]
    assert cache.get("b") is None


def test_cache_in_memory_is_bounded_in_octets() -> None:
    cache = MemoryCache(max_octets=10)
    cache.keep(CachedObject("a", b"12345"))
    cache.keep(CachedObject("b", b"12345"))
    assert left(cache) == ["b"]
    cache.keep(CachedObject("b", b"1"))
    cache.keep(CachedObject("c", b"12345"))
    assert left(cache) == ["b", "c"]
    cache.keep(CachedObject("c", b"x" * 20))
    assert left(cache) == ["b"]


URIS = st.text(st.sampled_from("htp:/a.b%7E?#[]@é"), max_size=12) | st.from_regex(
    r"https?://[ab]{1,2}(:80)?(/[ab]{0,2}){0,3}", fullmatch=True
)


@settings(max_examples=200, deadline=None)
@given(URIS, URIS)
def test_comparing_any_addresses_ends_in_an_answer(one: str, other: str) -> None:
    assert matches_object(one, other) is matches_object(other, one)
    if matches_object(one, other) and not one.startswith("urn"):
        assert matches_service(one, other)
    resolved(one, other)
    may_operate(one, Origin(flags=AUTHENTICATED, authority_of=other))

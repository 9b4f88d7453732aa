"""Who may submit, and where notifications may go."""

from __future__ import annotations

import base64
import ipaddress

import pytest

from omapush.ppg.policy import (
    ANONYMOUS,
    Forbidden,
    Identified,
    Initiator,
    Initiators,
    NotificationTargets,
    TargetForbiddenError,
    Unidentified,
)

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def initiators() -> Initiators:
    return Initiators(
        [
            Initiator("open", "anna", "pä:ss"),
            Initiator("fenced", "berta", "x", (ipaddress.ip_network("192.0.2.0/24"),)),
        ],
        [LOOPBACK],
    )


def test_initiator_with_right_password_is_authenticated(initiators: Initiators) -> None:
    assert initiators.identify(basic("anna", "pä:ss"), "198.51.100.1") == Identified(
        "open", authenticated=True
    )


def test_local_submission_without_credentials_is_anonymous_where_the_setting_says_so(
    initiators: Initiators,
) -> None:
    assert initiators.identify(None, "127.0.0.1") == Identified(ANONYMOUS, authenticated=False)
    assert initiators.identify(None, "::ffff:127.0.0.1") == Identified(
        ANONYMOUS, authenticated=False
    )
    assert isinstance(initiators.identify(None, "192.0.2.1"), Unidentified)
    assert isinstance(Initiators([]).identify(None, "127.0.0.1"), Unidentified)


@pytest.mark.parametrize(
    "authorization",
    [
        basic("anna", "wrong"),
        basic("nobody", "pä:ss"),
        basic("nobody", ""),
        "Basic",
        "Basic ???",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer token",
        "",
    ],
)
def test_wrong_credentials_are_refused_even_where_none_are_needed(
    initiators: Initiators, authorization: str
) -> None:
    assert isinstance(initiators.identify(authorization, "127.0.0.1"), Unidentified)


def test_initiator_outside_its_networks_is_forbidden(initiators: Initiators) -> None:
    assert isinstance(initiators.identify(basic("berta", "x"), "192.0.2.77"), Identified)
    assert isinstance(initiators.identify(basic("berta", "x"), "192.0.3.1"), Forbidden)
    assert isinstance(initiators.identify(basic("berta", "x"), "no address"), Forbidden)


def test_password_is_not_shown() -> None:
    assert "geheim" not in repr(Initiator("a", "b", "geheim"))


@pytest.mark.parametrize(
    "url",
    [
        "http://pi.example.net/results",
        "https://pi.example.net:8443/r?x=1",
        "http://127.0.0.1:9/",
        "http://[2001:db8::1]/",
        "http://10.0.0.1/",
    ],
)
def test_target_in_the_open_is_allowed(url: str) -> None:
    assert NotificationTargets().parse(url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://0.0.0.0:22/",
        "http://[::]/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://user:password@pi.example.net/",
        "ftp://pi.example.net/",
        "http://",
        "http:///path",
        "pi.example.net:80",
        "/relative",
        "*",
        "",
        "http://[::1",
        "http://pi.example.net:99999/",
    ],
)
def test_target_link_local_metadata_or_no_url_is_forbidden(url: str) -> None:
    with pytest.raises(TargetForbiddenError):
        NotificationTargets().parse(url)


def test_target_is_judged_by_what_it_resolved_to() -> None:
    with pytest.raises(TargetForbiddenError, match=r"169\.254\.0\.0/16"):
        NotificationTargets().check(ipaddress.ip_address("169.254.10.1"))


def test_exception_opens_one_network_and_not_its_neighbours() -> None:
    targets = NotificationTargets(allowed=(ipaddress.ip_network("169.254.7.0/24"),))
    targets.check(ipaddress.ip_address("169.254.7.1"))
    with pytest.raises(TargetForbiddenError):
        targets.check(ipaddress.ip_address("169.254.8.1"))


def test_operator_can_forbid_loopback_too() -> None:
    with pytest.raises(TargetForbiddenError):
        NotificationTargets(forbidden=(LOOPBACK,)).parse("http://127.0.0.1/")

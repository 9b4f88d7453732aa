"""Where notifications may go."""

from __future__ import annotations

import ipaddress

import pytest

from omapush.web.policy import OutboundPolicy, TargetForbiddenError

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


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
    assert OutboundPolicy().parse(url).url == url


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
        OutboundPolicy().parse(url)


def test_target_is_judged_by_what_it_resolved_to() -> None:
    with pytest.raises(TargetForbiddenError, match=r"169\.254\.0\.0/16"):
        OutboundPolicy().check(ipaddress.ip_address("169.254.10.1"))


def test_exception_opens_one_network_and_not_its_neighbours() -> None:
    targets = OutboundPolicy(allowed=(ipaddress.ip_network("169.254.7.0/24"),))
    targets.check(ipaddress.ip_address("169.254.7.1"))
    with pytest.raises(TargetForbiddenError):
        targets.check(ipaddress.ip_address("169.254.8.1"))


def test_operator_can_forbid_loopback_too() -> None:
    with pytest.raises(TargetForbiddenError):
        OutboundPolicy(forbidden=(LOOPBACK,)).parse("http://127.0.0.1/")


def test_only_listed_names_are_called_where_some_are_listed() -> None:
    policy = OutboundPolicy(hosts=("psr.example.net", ".ppg.example.com"))
    for host in ("psr.example.net", "PSR.Example.net", "a.ppg.example.com"):
        assert policy.parse(f"http://{host}/").host == host.lower()
    for host in ("x.psr.example.net", "ppg.example.com", "192.0.2.1", "xppg.example.com"):
        with pytest.raises(TargetForbiddenError, match="policy forbids calling"):
            policy.parse(f"http://{host}/")


def test_only_https_is_called_where_tls_is_demanded() -> None:
    policy = OutboundPolicy(tls_only=True)
    assert policy.parse("https://psr.example.net/").port == 443
    with pytest.raises(TargetForbiddenError, match="https only"):
        policy.parse("http://psr.example.net/")

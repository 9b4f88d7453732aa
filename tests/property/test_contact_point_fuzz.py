"""Whatever an application calls its contact point, it is one or is refused by name."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from omapush.cai.model import ConnectionProfile, RegistrationRejected
from omapush.client.binding.contact_point import contact_point_of

PORTS = st.none() | st.integers(1, 65_535)
HOSTS = st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}", fullmatch=True) | st.ip_addresses(
    v=4
).map(str)
TEXTS = st.text(max_size=300) | st.builds(
    "{}://{}{}".format, st.sampled_from(["http", "https", "HTTP", "sip", ""]), HOSTS, st.text()
)


@given(TEXTS, PORTS)
def test_contact_point_is_read_or_refused_by_name(text: str, port: int | None) -> None:
    profile = ConnectionProfile(port=port, contact_point=text)
    refused: RegistrationRejected | None = None
    contact = None
    try:
        contact = contact_point_of(profile, "profiles[0]")
    except RegistrationRejected as rejected:
        refused = rejected
    if contact is None:
        assert refused is not None
        assert refused.parameter == "profiles[0].contact_point"
        return
    assert contact.host
    assert not set(contact.host) & set(" /@?#[]")
    assert port in (None, contact.port)


@given(HOSTS, st.integers(1, 65_535))
def test_host_and_port_are_the_same_in_a_uri(host: str, port: int) -> None:
    plain = contact_point_of(ConnectionProfile(port=port, contact_point=host), "p")
    uri = contact_point_of(ConnectionProfile(contact_point=f"http://{host}:{port}"), "p")
    assert plain == uri


@given(st.ip_addresses(v=6), st.integers(1, 65_535))
def test_ipv6_address_is_taken_with_and_without_brackets(
    address: ipaddress.IPv6Address, port: int
) -> None:
    for text in (str(address), f"[{address}]", f"http://[{address}]/"):
        contact = contact_point_of(ConnectionProfile(port=port, contact_point=text), "p")
        assert contact is not None
        assert (contact.host, contact.port) == (str(address), port)

"""Client IDs: what a terminal calls itself, taken apart (WAP-196 6.1)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omapush.content.client_id import ClientId, ClientIdType, of_address, read


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("00123xdr3F_foo.com", ClientIdType.ASSIGNED, "123xdr3F_foo.com"),
        ("01joe_doe@foo.com", ClientIdType.NAI, "joe_doe@foo.com"),
        ("02wappush=+1/type=plmn@carrier.com", ClientIdType.PUSH_ADDRESS, None),
        ("4165012322222", ClientIdType.MSISDN, "165012322222"),
        ("5262012345678901", ClientIdType.IMSI, "262012345678901"),
        ("6123123002040", ClientIdType.IPV4, "123123002040"),
        ("72D::1234:1111", ClientIdType.IPV6, "2D::1234:1111"),
    ],
)
def test_client_id_is_taken_apart_by_its_type(
    text: str, kind: ClientIdType, value: str | None
) -> None:
    found = read(text)
    assert found is not None
    assert found.type is kind
    assert found.value == (value or text[2:])
    assert str(found) == text


@pytest.mark.parametrize(
    "text", ["", "4", "4+358", "4" + 16 * "1", "6123", "00nodomain", "9", "name", "4" + 300 * "1"]
)
def test_what_is_no_client_id_is_none(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["6999999999999", "7:::", "4123", "01a"])
def test_client_id_without_a_legal_address_has_none(text: str) -> None:
    found = read(text)
    assert found is not None
    assert found.address is None


@given(st.ip_addresses())
def test_address_comes_back_out_of_its_client_id(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if getattr(address, "scope_id", None):
        return
    found = read(str(of_address(address)))
    assert found is not None
    assert found.address == address


@given(st.text())
def test_any_text_is_a_client_id_or_none(text: str) -> None:
    found = read(text)
    assert found is None or (isinstance(found, ClientId) and str(found) == text)

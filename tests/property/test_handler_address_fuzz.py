"""Whatever an application names as its event handler: an address on this host, or a rejection."""

from __future__ import annotations

import ipaddress
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.cai.model import Reason, RegistrationRejected
from omapush.client.handlers.address import (
    BusAddress,
    FunctionAddress,
    HandlerAddress,
    LoopbackAddress,
    ProgramAddress,
    SocketAddress,
    parse_address,
    scheme_of,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
WORD = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
PATH = st.from_regex(r"/[!-\"$-~]{0,20}", fullmatch=True)
HOST = st.sampled_from(["127.0.0.1", "127.1.2.3", "::1"])

ADDRESSES = st.one_of(
    st.builds(
        ProgramAddress,
        st.lists(TEXT, max_size=4).map(lambda rest: ("/bin/x", *rest)),
    ),
    st.builds(SocketAddress, WORD.map(lambda name: f"/run/{name}.sock"), PATH),
    st.builds(LoopbackAddress, HOST, st.integers(1, 65_535), PATH),
    st.builds(BusAddress, st.builds("{}.{}".format, WORD, WORD), WORD.map(lambda name: f"/{name}")),
    st.builds(FunctionAddress, st.builds("{}.{}".format, WORD, WORD), WORD),
)


def written(address: HandlerAddress) -> str:
    match address:
        case ProgramAddress(argv):
            return f"exec:{json.dumps(argv)}"
        case SocketAddress(name, path):
            return f"unix:{name}:{path}"
        case LoopbackAddress():
            return address.url
        case BusAddress(name, path):
            return f"dbus:{name}{path}"
        case FunctionAddress(module, function):
            return f"python:{module}:{function}"


@given(ADDRESSES)
@settings(max_examples=200, deadline=None)
def test_address_that_is_written_is_read_again(address: HandlerAddress) -> None:
    assert parse_address(written(address)) == address
    assert scheme_of(written(address)) == address.scheme


@given(
    st.text(max_size=60)
    | st.builds(
        "{}{}".format,
        st.sampled_from(["exec:", "unix:/", "http:", "http://", "dbus:", "python:", "http://127."]),
        st.text(max_size=40),
    )
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_an_address_on_this_host_or_rejected(text: str) -> None:
    match address_or_rejection(text):
        case RegistrationRejected(cause=cause, parameter=parameter):
            assert cause in (Reason.INVALID_PARAMETER, Reason.UNSUPPORTED_OPTION)
            assert parameter == "event_handler"
        case None:
            assert text in ("", "none")
        case LoopbackAddress(host, port, path):
            assert ipaddress.ip_address(host).is_loopback
            assert 1 <= port <= 65_535
            assert path.isascii()
            assert path.isprintable()
        case ProgramAddress(argv):
            assert argv[0].startswith("/")
        case SocketAddress(name, path):
            assert name.startswith("/")
            assert path.isascii()
        case BusAddress() | FunctionAddress() as address:
            assert parse_address(written(address)) == address


def address_or_rejection(text: str) -> HandlerAddress | RegistrationRejected | None:
    try:
        return parse_address(text)
    except RegistrationRejected as error:
        return error

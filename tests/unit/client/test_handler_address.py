"""What a registration may name as its event handler (CAI-8)."""

from __future__ import annotations

import json

import pytest

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

GOOD = [
    ('exec:["/bin/cat"]', ProgramAddress(("/bin/cat",))),
    ('exec: [ "/bin/sh", "-c", "exit 3" ]', ProgramAddress(("/bin/sh", "-c", "exit 3"))),
    ("unix:/run/app.sock", SocketAddress("/run/app.sock", "/")),
    ("unix:/run/app.sock:/push?a=1", SocketAddress("/run/app.sock", "/push?a=1")),
    ("unix:/run/a:b.sock:/p:/q", SocketAddress("/run/a:b.sock", "/p:/q")),
    ("http://127.0.0.1:8000/push", LoopbackAddress("127.0.0.1", 8000, "/push")),
    ("http://127.8.8.8:8000", LoopbackAddress("127.8.8.8", 8000, "/")),
    ("http://[::1]:8000/p?q=%20", LoopbackAddress("::1", 8000, "/p?q=%20")),
    ("http://localhost/", LoopbackAddress("127.0.0.1", 80, "/")),
    ("http://127.0.0.1:8000?q", LoopbackAddress("127.0.0.1", 8000, "/?q")),
    ("dbus:org.example.App/org/example/App", BusAddress("org.example.App", "/org/example/App")),
    ("dbus::1.5/org/example", BusAddress(":1.5", "/org/example")),
    ("dbus:org.example.App/", BusAddress("org.example.App", "/")),
    ("python:package.module:on_push", FunctionAddress("package.module", "on_push")),
]


@pytest.mark.parametrize(("text", "address"), GOOD)
def test_event_handler_of_each_kind_is_read(text: str, address: HandlerAddress) -> None:
    assert parse_address(text) == address
    assert scheme_of(text) == address.scheme


@pytest.mark.parametrize("text", [None, "", "none"])
def test_application_may_ask_for_its_events_itself(text: str | None) -> None:
    """T-05"""
    assert parse_address(text) is None
    assert scheme_of(text) == "none"


@pytest.mark.parametrize(
    "text",
    [
        "smtp:someone",
        "HTTP://127.0.0.1/",
        "https://127.0.0.1/",
        "none:",
        "/run/app.sock",
        "http://192.0.2.1:80/",
        "http://example.com/",
        "http://localhost.example.com/",
        "http://0.0.0.0:80/",
        "http://2130706433/",
        "http://[::ffff:192.0.2.1]/",
        "x" * 4_000,
    ],
)
def test_kind_or_host_that_is_unknown_is_no_supported_option(text: str) -> None:
    """T-06"""
    with pytest.raises(RegistrationRejected) as caught:
        parse_address(text)
    assert (caught.value.cause, caught.value.parameter) == (
        Reason.UNSUPPORTED_OPTION,
        "event_handler",
    )
    assert len(caught.value.detail) < 120


@pytest.mark.parametrize(
    "text",
    [
        "exec:",
        "exec:/bin/cat",
        "exec:[]",
        "exec:[1]",
        "exec:{}",
        'exec:["cat"]',
        'exec:["./cat"]',
        'exec:["/bin/cat", "\\u0000"]',
        'exec:["/bin/cat", "\\ud800"]',
        "exec:" + json.dumps(["/bin/echo"] * 65),
        "exec:" + "[" * 4_000,
        "unix:",
        "unix:app.sock",
        "unix:/run/",
        "unix:/run/a\nb",
        "unix:/run/" + "x" * 103,
        "unix:/run/app.sock:/p q",
        "unix:/run/app.sock:/p#q",
        "http:127.0.0.1",
        "http:///push",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:8x/",
        "http://[::1/",
        "http://user@127.0.0.1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/a\r\nHost: b",
        "http://127.0.0.1/\u00e9",
        "http://127.0.0.1/#a",
        "dbus:",
        "dbus:org/example",
        "dbus::1/org",
        "dbus::/org",
        "dbus:org.example",
        "dbus:org.example/a/",
        "dbus:org.example//a",
        "dbus:org." + "x" * 252 + "/a",
        "python:",
        "python:module",
        "python:module:",
        "python:mod ule:function",
        "python:..module:function",
        "python:module:a.b",
    ],
)
def test_malformed_event_handler_is_an_invalid_parameter(text: str) -> None:
    with pytest.raises(RegistrationRejected) as caught:
        parse_address(text)
    assert (caught.value.cause, caught.value.parameter) == (
        Reason.INVALID_PARAMETER,
        "event_handler",
    )

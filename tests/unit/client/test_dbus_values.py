"""What is read from D-Bus and written to it, without a bus."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dbus_fast import Variant

from omapush.cai.model import Accept, Answer, Reason, RegistrationRejected, Reject, RejectReason
from omapush.client.dbus import content
from omapush.client.dbus.applications import answer_of, application_of, event_handler
from omapush.client.dbus.service import error_name
from omapush.client.dbus.variants import members_of, text_of, variants_of


def test_members_come_out_of_their_variants() -> None:
    given = {
        "a": Variant("v", Variant("s", "x")),
        "b": Variant("aa{sv}", [{"port": Variant("q", 2948)}]),
        "c": Variant("(sb)", ["x", True]),
        "d": Variant("d", 1.5),
    }
    assert members_of(given) == {"a": "x", "b": [{"port": 2948}], "c": ["x", True], "d": 1.5}


def test_members_go_into_variants_without_those_that_say_nothing() -> None:
    members = {"a": "x", "b": None, "c": 3, "d": True, "e": [["n", "v"]], "f": [], "g": {"h": "i"}}
    assert variants_of({**members, "j": [{"k": 0.5}]}) == {
        "a": Variant("s", "x"),
        "c": Variant("x", 3),
        "d": Variant("b", True),
        "e": Variant("a(ss)", [["n", "v"]]),
        "f": Variant("as", []),
        "g": Variant("a{sv}", {"h": Variant("s", "i")}),
        "j": Variant("aa{sv}", [{"k": Variant("d", 0.5)}]),
    }


def test_what_is_no_json_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError):
        variants_of({"a": object()})


def test_text_that_the_bus_would_hang_up_on_is_cleaned() -> None:
    assert text_of("a\0b\ud800c") == "a\ufffdb?c"


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ("accept", Accept()),
        ("reject", Reject()),
        ("reject:", Reject()),
        ("reject:busy", Reject(RejectReason.BUSY)),
        ("reject:colour", Reject(RejectReason.REFUSED, "colour")),
    ],
)
def test_result_of_push_is_an_answer(result: str, answer: Answer) -> None:
    assert answer_of(result) == answer


@pytest.mark.parametrize("result", ["", "ACCEPT", "no", None, 7])
def test_what_is_no_result_is_try_later(result: object) -> None:
    answer = answer_of(result)
    assert isinstance(answer, Reject)
    assert answer.reason is RejectReason.TRY_LATER


def test_handler_is_written_and_read() -> None:
    written = event_handler("org.example.App", "/org/example/App")
    assert written == "dbus:org.example.App/org/example/App"
    assert application_of(written) == ("org.example.App", "/org/example/App")
    assert application_of("dbus::1.42/a") == (":1.42", "/a")


@pytest.mark.parametrize(
    "handler", ["", "dbus:", "dbus:/a", "dbus:app/a", "exec:[]", "dbus:org.example", "dbus:a.b/-"]
)
def test_handler_of_another_form_is_refused(handler: str) -> None:
    with pytest.raises(RegistrationRejected) as caught:
        application_of(handler)
    assert caught.value.parameter == "event_handler"


def test_errors_are_called_as_the_reasons() -> None:
    assert error_name(Reason.NOT_REGISTERED) == "org.omapush.Error.NotRegistered"
    assert len({error_name(reason) for reason in Reason}) == len(Reason)


@pytest.mark.parametrize("octets", [b"", b"x", bytes(100_000)])
@pytest.mark.parametrize("sealed", [True, False])
def test_content_is_read_from_the_beginning_and_cannot_be_written(
    octets: bytes, *, sealed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sealed:
        monkeypatch.delattr(os, "memfd_create")
    descriptor = content.descriptor_of(octets)
    try:
        assert Path(f"/proc/self/fd/{descriptor}").exists()
        with pytest.raises(OSError, match=r"."):
            os.write(descriptor, b"y")
        assert os.read(descriptor, 200_000) == octets
    finally:
        os.close(descriptor)

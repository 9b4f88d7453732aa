"""The push message."""

from __future__ import annotations

from omapush.content.message import PushMessage

MESSAGE = PushMessage(
    (
        ("content-type", "Text/Vnd.Wap.SI; charset=utf-8"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Date", "now"),
    ),
    bytes(range(256)),
)


def test_names_compare_without_case_and_repeats_stay() -> None:
    assert MESSAGE.get("X-a") == "1"
    assert list(MESSAGE.get_all("x-A")) == ["1", "2"]
    assert MESSAGE.get("X-B") is None


def test_media_type_is_lower_case_without_parameters() -> None:
    assert MESSAGE.content_type == "Text/Vnd.Wap.SI; charset=utf-8"
    assert MESSAGE.media_type == "text/vnd.wap.si"
    assert PushMessage((), b"").media_type == ""


def test_replacing_puts_one_where_the_first_stood() -> None:
    assert MESSAGE.replacing("x-A", "3").headers[1:] == (("X-A", "3"), ("Date", "now"))
    assert MESSAGE.replacing("X-A", None).headers[1:] == (("Date", "now"),)
    assert MESSAGE.replacing("X-New", "n").headers[-1] == ("X-New", "n")
    assert MESSAGE.replacing("X-New", None) == MESSAGE

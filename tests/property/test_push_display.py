"""What is shown of a push: whatever it contains, lines that command no terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omapush.cli.client_access import AskedWronglyError
from omapush.cli.client_registering import read_profile
from omapush.cli.printable_text import printable_lines
from omapush.cli.push_display import content_lines

TYPES = st.sampled_from(
    [
        "",
        "text/plain",
        "application/vnd.wap.sic",
        "application/vnd.wap.connectivity-wbxml",
        "application/vnd.wap.mms-message",
        "application/vnd.wap.sia",
        "application/octet-stream",
    ]
)


@given(TYPES | st.text(), st.binary(max_size=300), st.booleans())
def test_content_of_any_kind_is_shown_without_commands(
    content_type: str, content: bytes, explained: bool
) -> None:
    for line in content_lines(content_type, content, explained=explained):
        assert not any(ord(one) < 0x20 or 0x7F <= ord(one) < 0xA0 for one in line)


@given(st.text())
def test_text_keeps_its_lines(text: str) -> None:
    shown = printable_lines(text)
    assert shown.count("\n") == text.count("\n")


@given(st.text() | st.from_regex(r"(port|protocol)=[0-9a-z,=]*", fullmatch=True))
def test_profile_is_read_or_told_to_be_none(text: str) -> None:
    try:
        members = read_profile(text)
    except AskedWronglyError:
        return
    assert members

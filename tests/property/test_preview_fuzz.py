"""Whatever is to be pushed, a preview shows it or refuses it with a documented error."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.cli.arguments import Submission
from omapush.cli.preview_options import Air, EightBitData, ReferenceBits
from omapush.cli.production import produce
from omapush.cli.submission import AskedWronglyError
from omapush.content import mms_notification, session_initiation
from omapush.content.message import PushMessage
from omapush.content.recipes import RECIPES
from omapush.core.errors import EncodeError
from omapush.core.instants import Instant
from omapush.inspection.preview import preview_of
from omapush.inspection.preview_rendering import WIDTH, preview_object, render_preview
from omapush.inspection.preview_warnings import Circumstances, warnings_about
from omapush.pap.bad_message import BadMessage
from omapush.protocols.wbxml import TEXT_TO_BINARY
from omapush.protocols.wsp.registers import CONTENT_TYPE_CODES

NOW = Instant(1_800_000_000_000)
KNOWN_BODIES = [
    RECIPES["si"].message({"text": ["a"], "href": ["http://a.example/"]}).body,
    RECIPES["si"].message({"text": ["a"], "binary": ["true"]}).body,
    RECIPES["sl"].message({"href": ["http://a.example/"]}).body,
    RECIPES["mms-notification"]
    .message({"content-location": ["http://a/"], "message-size": ["1"]})
    .body,
    RECIPES["session-initiation"].message({"server": ["192.0.2.1"]}).body,
]
BODIES = st.one_of(st.binary(max_size=400), st.sampled_from(KNOWN_BODIES))
MEDIA_TYPES = st.sampled_from(
    [
        *TEXT_TO_BINARY,
        *TEXT_TO_BINARY.values(),
        mms_notification.MEDIA_TYPE,
        session_initiation.CONTENT_TYPE,
        *sorted(CONTENT_TYPE_CODES)[:20],
        "text/plain",
        "multipart/mixed; boundary=a",
        "no type",
    ]
)
PARAMETERS = st.sampled_from(
    [
        "",
        "; charset=utf-8",
        "; charset=iso-8859-1",
        "; charset=none",
        "; sec=1; mac=00",
        ";;=",
        "; a",
    ]
)
TEXT = st.text(max_size=30)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["X-Wap-Application-Id", "Cache-Control", "Content-Encoding", "Date", "X-New", "Via"]
        ),
        st.one_of(TEXT, st.sampled_from(["no-transform", "gzip", "x-new:a.ua", "7", "12345678"])),
    ),
    max_size=4,
)
AIR = st.builds(
    Air,
    encoding_version=st.sampled_from(["1.1", "1.2", "1.3", "1.5"]),
    spell_out=st.booleans(),
    push_flag=st.integers(0, 7),
    port=st.integers(1, 65_535),
    reference_bits=st.sampled_from(ReferenceBits),
    max_segments=st.integers(1, 20),
    data_coding=st.sampled_from(EightBitData),
    source=st.one_of(st.just("12345"), st.text(max_size=12)),
)
RECIPIENTS = st.lists(
    st.one_of(
        st.sampled_from(["+441234567890", "192.0.2.1", "anna", "WAPPUSH=1/TYPE=PLMN@p"]), TEXT
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=150, deadline=None)
@given(RECIPIENTS, MEDIA_TYPES, PARAMETERS, HEADERS, BODIES, AIR)
def test_push_is_previewed_or_refused_with_a_documented_error(
    recipients: list[str],
    media_type: str,
    parameters: str,
    headers: list[tuple[str, str]],
    body: bytes,
    air: Any,
) -> None:
    message = PushMessage((("Content-Type", media_type + parameters), *headers), body)
    try:
        made = produce(recipients, message, Submission(), air, "http://ppg/", NOW)
    except (AskedWronglyError, EncodeError, BadMessage):
        return
    preview = preview_of(made, tuple(warnings_about(made, Circumstances(NOW))))
    for line in render_preview(preview):
        assert line.isprintable()
        assert len(line) <= WIDTH
    assert json.loads(json.dumps(preview_object(preview)))["layers"]
    assert preview.failure is not None or preview.named("smpp")

"""Frames of MSRP, one or several after each other, and the pushes in them (RFC 4975)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from omapush.core.errors import DecodeError
from omapush.core.explanation import Field, telling_how_far
from omapush.inspection.http_messages import without_secrets
from omapush.inspection.model import Carried, Reading, Values
from omapush.inspection.plain import Json
from omapush.inspection.sip_messages import carried_push
from omapush.inspection.sip_words import sip_words
from omapush.inspection.text_lines import head_fields
from omapush.protocols.msrp.bad_frame import BadFrame
from omapush.protocols.msrp.byte_range import ByteRange
from omapush.protocols.msrp.frame import Content, End, Flag, Request, Response
from omapush.protocols.msrp.reading import FrameReader
from omapush.protocols.msrp.uri import path_text

LAYER = "msrp"
MAX_FRAMES = 1_024


@dataclass(slots=True)
class _Frame:
    head: Request | Response
    flag: Flag | None = None
    content: list[bytes] = field(default_factory=list)


def read_msrp(octets: bytes) -> Reading:
    """Read what came by a connection. :raises DecodeError: no MSRP, or a frame that is cut off."""
    frames = _frames(octets)
    carried = [one for frame in frames for one in _carried(frame)]
    said: list[Json] = [_values(frame) for frame in frames]
    explain = partial(explain_msrp, octets)
    warnings = tuple(
        f"{LAYER}: a part of a longer message, not read further" for one in frames if _is_part(one)
    )
    return Reading(LAYER, {"frames": said}, explain, tuple(carried), warnings, 99)


def explain_msrp(octets: bytes) -> Field:
    """Return the tree: each frame with its lines and its content; credentials are starred.

    :raises DecodeError: as :func:`read_msrp`.
    """
    fields: list[Field] = []
    with telling_how_far(lambda: fields):
        at = 0
        for frame in _frames(octets):
            fields.append(_field(frame, octets, at))
            at += len(fields[-1].octets)
    return Field("frames", 0, without_secrets(octets), None, tuple(fields))


def _frames(octets: bytes) -> list[_Frame]:
    try:
        pieces = FrameReader().receive(octets)
    except BadFrame as error:
        raise DecodeError(error.reason, 0, LAYER) from error
    frames: list[_Frame] = []
    for piece in pieces:
        match piece:
            case Request() | Response():
                frames.append(_Frame(piece))
            case Content(octets=content):
                frames[-1].content.append(content)
            case End(flag=flag):
                frames[-1].flag = flag
    if not frames or (isinstance(frames[-1].head, Request) and frames[-1].flag is None):
        raise DecodeError("the last frame is not complete", len(octets), LAYER)
    if len(frames) > MAX_FRAMES:
        raise DecodeError(f"more than {MAX_FRAMES} frames", None, LAYER)
    return frames


def _values(frame: _Frame) -> Values:
    head = frame.head
    values: Values = {"transaction_id": head.transaction_id}
    if isinstance(head, Response):
        values |= {"frame": "response", "status": head.status, "comment": head.comment}
    else:
        values |= {
            "frame": "request",
            "method": head.method,
            "message_id": head.message_id,
            "byte_range": None if head.byte_range is None else str(head.byte_range),
            "success_report": head.success_report,
            "failure_report": head.failure_report.value,
            "status": None if head.status is None else list(head.status),
            "content_type": head.content_type,
            "flag": None if frame.flag is None else frame.flag.name.lower(),
        }
    values["to_path"], values["from_path"] = path_text(head.to_path), path_text(head.from_path)
    values["headers"] = [[name, value] for name, value in head.more if "auth" not in name.lower()]
    values["body"] = b"".join(frame.content).hex()
    return values


def _is_part(frame: _Frame) -> bool:
    """Whether the frame has only a part of its message."""
    head = frame.head
    if isinstance(head, Response) or head.content_type is None:
        return False
    byte_range = head.byte_range or ByteRange()
    return byte_range.start != 1 or frame.flag is not Flag.LAST


def _carried(frame: _Frame) -> tuple[Carried, ...]:
    head = frame.head
    if isinstance(head, Response) or _is_part(frame):
        return ()
    return carried_push(head.content_type, head.more, b"".join(frame.content))


def _field(frame: _Frame, octets: bytes, start: int) -> Field:
    """Return the tree of the frame that begins at ``start``."""
    head, content = frame.head, b"".join(frame.content)
    end_line = f"-------{head.transaction_id}".encode()
    if isinstance(head, Request) and head.content_type is not None:
        head_end = octets.index(b"\r\n\r\n", start) + 2
        body = head_end + 2
        end = octets.index(b"\r\n" + end_line, body + len(content) - 2) + 2
    else:
        head_end = end = octets.index(b"\r\n" + end_line, start) + 2
        body = end
    after = end + len(end_line) + 3
    children = head_fields(octets[start:head_end], start, "start line", sip_words)
    if body > head_end:
        children.append(Field("empty line", head_end, octets[head_end:body]))
    if content:
        children.append(Field("content", body, octets[body : body + len(content)]))
    if end > body + len(content):
        between = body + len(content)
        children.append(Field("line end", between, octets[between:end]))
    children.append(Field("end-line", end, octets[end:after], chr(octets[after - 3])))
    name = head.method if isinstance(head, Request) else "answer"
    shown = without_secrets(octets[start:after])
    said = None if isinstance(head, Request) else f"{head.status} {head.comment}".strip()
    return Field(name, start, shown, said, tuple(children))

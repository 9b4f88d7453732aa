"""The push message in the body of a SIP request or an MSRP message: three forms are read.

The envelope ``application/vnd.oma.push`` holds the headers of the push, an empty line and the
content (WAP-251, 5.1) [design]. The bare form is the content itself, with its type as the body's
own; deployed location servers send it. Some web clients send XML without headers under the
envelope's type.
"""

from __future__ import annotations

from collections.abc import Iterable

from omapush.content.message import Header, PushMessage
from omapush.core.errors import DecodeError, LimitError
from omapush.ota import push_headers
from omapush.ota.message_format import (
    MAX_HEAD,
    check_length,
    header_lines,
    inflated,
    read_headers,
    written_headers,
)

CONTENT_TYPE = "application/vnd.oma.push"
XML = "text/xml"
"""The type of XML that came in an envelope without headers."""

_OF_THE_LINE = frozenset(("content-length", "transfer-encoding"))
"""Headers of the way there: the envelope runs to the end of the body."""

# In the bare form these stand among the headers of the request; all else is the request's own.
_OF_THE_CONTENT = frozenset(
    ("content-encoding", "content-language", "content-disposition", "content-location")
)
_EXTENSIONS = "x-wap-"
_NOT_OF_THE_PUSH = frozenset(
    name.lower()
    for name in (push_headers.PUSH_INFO, push_headers.PUSH_STATUS, push_headers.PUSH_SIZE)
)


def encode_envelope(message: PushMessage) -> bytes:
    """Return the body of the envelope form; the content is not coded here.

    :raises EncodeError: a header cannot be written.
    """
    return written_headers(message.headers, without=_OF_THE_LINE) + b"\r\n" + message.body


def bare_headers(message: PushMessage) -> tuple[Header, ...]:
    """Return what stands beside the body in the bare form, Content-Type first.

    The other headers of the push have no place in that form.

    :raises EncodeError: a header cannot be written.
    """
    content_type = ("Content-Type", message.content_type or "application/octet-stream")
    others = ((name, value) for name, value in message.headers if _is_of_the_push(name))
    headers = (content_type, *others)
    written_headers(headers)
    return headers


def is_envelope(content_type: str | None) -> bool:
    """Whether a body of this type is an envelope, or meant as one."""
    return (content_type or "").partition(";")[0].strip().lower() == CONTENT_TYPE


def decode_push(
    content_type: str | None, headers: Iterable[Header], body: bytes, max_body: int
) -> PushMessage:
    """Read the push message out of a body, in any of the three forms.

    :param content_type: of the body.
    :param headers: that stand beside the body: of the SIP request, or of the MSRP message. In the
        bare form they may say more of the push.
    :param max_body: octets that the content may have, after decompression.
    :raises DecodeError: no push message; ``position`` is ``Content-Encoding`` for a coding that is
        not taken. :raises LimitError: larger than that, or more headers than are looked at.
    """
    beside = tuple(headers)
    if not is_envelope(content_type):
        return _bare(content_type, beside, body, max_body)
    coding = next((value for name, value in beside if name.lower() == "content-encoding"), None)
    if coding is not None:
        body = inflated(
            PushMessage((("Content-Encoding", coding),), body), max_body + MAX_HEAD
        ).body
    return _opened(body, beside, max_body)


def _opened(body: bytes, beside: Iterable[Header], max_body: int) -> PushMessage:
    if body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        # Also the application may have to be taken from the request.
        given = [one for one in beside if one[0].lower().startswith(_EXTENSIONS)]
        message = PushMessage((("Content-Type", XML), *_pushed(given)), body)
    else:
        message = _parted(body)
    if not message.media_type:
        raise DecodeError("the push message has no Content-Type", "Content-Type")
    check_length(message)
    return inflated(message, max_body)


def _parted(body: bytes) -> PushMessage:
    """Take the envelope apart. It may have no headers, or no content."""
    head, blank, content = body.partition(b"\r\n\r\n")
    if not blank and body.endswith(b"\r\n"):
        head = body[:-2]
    elif not blank:
        head, blank, content = body.partition(b"\n\n")
        head = head.replace(b"\n", b"\r\n")
        if not blank:
            raise DecodeError("the envelope has no end of its headers", len(body))
    if len(head) > MAX_HEAD:
        raise LimitError(f"the headers of a push have {len(head)} octets", MAX_HEAD)
    return PushMessage(read_headers(header_lines(head) if head else []), content)


def _bare(
    content_type: str | None, beside: tuple[Header, ...], body: bytes, max_body: int
) -> PushMessage:
    if not (content_type or "").partition(";")[0].strip():
        raise DecodeError("there is no Content-Type", "Content-Type")
    typed = ("Content-Type", (content_type or "").strip())
    return inflated(PushMessage(_pushed(beside, typed), body), max_body)


def _pushed(headers: Iterable[Header], *first: Header) -> tuple[Header, ...]:
    """Return ``first`` and those that are of the push, their values read as an envelope's are.

    SIP keeps octets that are no UTF-8, which a push message does not have.
    """
    wanted = (*first, *(one for one in headers if _is_of_the_push(one[0])))
    lines = (f"{name}: {value}" for name, value in wanted)
    return read_headers([line.encode("utf-8", "surrogateescape") for line in lines])


def _is_of_the_push(name: str) -> bool:
    name = name.lower()
    if name in _OF_THE_CONTENT:
        return True
    return name.startswith(_EXTENSIONS) and name not in _NOT_OF_THE_PUSH

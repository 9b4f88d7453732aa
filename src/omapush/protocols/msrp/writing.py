"""From frames to octets (RFC 4975 9). Who has the content writes it between head and end."""

from __future__ import annotations

from omapush.core.errors import EncodeError
from omapush.protocols.msrp.frame import Field, Flag, Request, Response, Status
from omapush.protocols.msrp.uri import path_text

_KNOWN = {int(each) for each in Status}


def encode_request(request: Request, content: bytes = b"", flag: Flag = Flag.LAST) -> bytes:
    """Return a whole request. :raises EncodeError: a header would not stay on its line."""
    return encode_head(request) + content + encode_end(request, flag)


def encode_head(request: Request) -> bytes:
    """Return a request up to its content. :raises EncodeError: a header has a line end."""
    fields: list[Field] = []
    if request.message_id is not None:
        fields.append(("Message-ID", request.message_id))
    if request.method == "SEND":
        if request.success_report:
            fields.append(("Success-Report", "yes"))
        fields.append(("Failure-Report", request.failure_report.value))
    if request.byte_range is not None:
        fields.append(("Byte-Range", str(request.byte_range)))
    if request.status is not None:
        code, comment = request.status
        fields.append(("Status", f"000 {code:03} {comment}".rstrip()))
    fields.extend(request.more)
    if request.content_type is not None:
        fields.append(("Content-Type", request.content_type))
    start = f"MSRP {request.transaction_id} {request.method}"
    head = _lines(start, [*_paths(request), *fields])
    return head if request.content_type is None else head + b"\r\n"


def encode_end(request: Request, flag: Flag) -> bytes:
    """Return what ends a request: behind content there is a line end more."""
    before = "" if request.content_type is None else "\r\n"
    return f"{before}-------{request.transaction_id}{flag.value}\r\n".encode()


def encode_response(response: Response) -> bytes:
    """Return a whole response. :raises EncodeError: a header has a line end."""
    start = f"MSRP {response.transaction_id} {response.status:03} {response.comment}".rstrip()
    head = _lines(start, [*_paths(response), *response.more])
    return head + f"-------{response.transaction_id}$\r\n".encode()


def response_to(request: Request, status: int, comment: str | None = None) -> Response:
    """Return the response to a request: it goes to the hop that the request came from (7.2)."""
    if comment is None:
        comment = Status(status).comment if status in _KNOWN else ""
    nearest, own = request.from_path[:1], request.to_path[:1]
    return Response(request.transaction_id, status, comment, nearest, own)


def _paths(frame: Request | Response) -> list[Field]:
    return [("To-Path", path_text(frame.to_path)), ("From-Path", path_text(frame.from_path))]


def _lines(start: str, fields: list[Field]) -> bytes:
    for name, value in fields:
        if "\r" in value or "\n" in value:
            raise EncodeError(f"{name} has a line end")
    lines = [start, *(f"{name}: {value}" for name, value in fields), ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")

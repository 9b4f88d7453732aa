"""What a gateway's answers become: values, and one error for who wants refusals raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from omapush.core.errors import OmapushError
from omapush.pap.codes import CodeClass, StatusCode, class_of
from omapush.pap.model import ProgressNote


class SubmissionRefusedError(OmapushError):
    """The gateway did not accept the push; ``code`` says why (PAP 8.14)."""

    def __init__(self, code: int, desc: str) -> None:
        super().__init__(f"{code} {desc}".strip())
        self.code = code


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The gateway's verdict on a submission (PAP 8.3).

    :ivar progress_notes: what the gateway noted on the way, if it was asked to (PAP 8.3.1).
    :ivar earlier_unanswered: an attempt before this verdict was sent and never answered.
    """

    push_id: str
    code: int
    desc: str
    progress_notes: tuple[ProgressNote, ...] = ()
    earlier_unanswered: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the gateway took the push."""
        return class_of(self.code) is CodeClass.SUCCESS

    @property
    def probably_accepted(self) -> bool:
        """Whether the gateway took the push, now or most likely in an attempt before.

        2007 says that the push-id is used: after an attempt without an answer most likely by that
        attempt; certainly so if nobody else has ever used the push-id.
        """
        return self.accepted or (
            self.earlier_unanswered and self.code == StatusCode.DUPLICATE_PUSH_ID
        )

    def raise_for_refusal(self) -> Self:
        """Return the result itself. :raises SubmissionRefusedError: not even probably accepted."""
        if not self.probably_accepted:
            raise SubmissionRefusedError(self.code, self.desc)
        return self


@dataclass(frozen=True, slots=True)
class CapabilitiesResult:
    """What a gateway tells of a client (PAP 8.11): ``profile`` is a UAProf document, on 1000."""

    code: int
    desc: str
    profile: bytes | None = None

"""Trace records: what happened to a push, in one shape for timelines, logs and decoders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omapush.core.instants import Instant, format_utc


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One step in the life of a push or of a connection.

    ``layer`` is the package that speaks (``pap``, ``ppg``, ``ota-http`` …), ``event`` a short
    fixed name in lower case with underscores, ``detail`` what a person wants to read beside it.
    """

    at: Instant
    layer: str
    event: str
    detail: Mapping[str, str | int | bool | None] = field(default_factory=dict)

    def __str__(self) -> str:
        facts = " ".join(f"{name}={value}" for name, value in self.detail.items())
        return f"{format_utc(self.at)} {self.layer} {self.event} {facts}".rstrip()

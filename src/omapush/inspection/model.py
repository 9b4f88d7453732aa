"""What reading a layer gives, and what inspecting a whole gives."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from omapush.core.explanation import Field
from omapush.inspection.plain import Json

Values: TypeAlias = dict[str, Json]

SEGMENT = "not read further without the others (join them)"
"""How the warning of a part of a longer message ends."""


class Kind(enum.StrEnum):
    """What octets can be taken for."""

    SMS_DELIVER = "sms-deliver"
    SMS_SUBMIT = "sms-submit"
    SMS_USER_DATA = "sms-user-data"
    WSP = "wsp"
    WTP = "wtp"
    WBXML = "wbxml"
    SMPP = "smpp"
    CBS = "cbs"
    SIP = "sip"
    MSRP = "msrp"
    ALC = "alc"
    SIR = "sir"
    PAP = "pap"
    OTA_HTTP = "ota-http"


@dataclass(frozen=True, slots=True)
class Reading:
    """One layer, read.

    :ivar layer: the protocol's name, as in errors.
    :ivar values: what it says, for programs.
    :ivar explain: makes the tree of the octets, when somebody wants it.
    :ivar carried: what the layer carries for others.
    :ivar warnings: what is odd, one sentence each.
    :ivar plausibility: 0 to 100: how likely octets that can be read like this were meant so.
    """

    layer: str
    values: Values
    explain: Callable[[], Field]
    carried: tuple[Carried, ...] = ()
    warnings: tuple[str, ...] = ()
    plausibility: int = 50


Reader: TypeAlias = Callable[[bytes], Reading]
"""Reads a layer. :raises DecodeError: the octets are none of it."""


@dataclass(frozen=True, slots=True)
class Carried:
    """Octets that a layer carries, and who reads them.

    :ivar kind: what they are taken for: a :class:`Kind` or a name of a body, such as ``mms``.
    """

    kind: str
    octets: bytes
    read: Reader


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the result.

    :ivar inside: the number of the layer that carries it; ``None`` for the outermost.
    :ivar offset: where it begins in that layer; ``None`` where it has no place of its own there, as
        with segments put together.
    """

    name: str
    tree: Field
    inside: int | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """Octets with all their layers.

    :ivar decoded: what they say; ``carries`` in it holds what they carry, and so on.
    :ivar layers: trees from the outside in; none when they were not asked for.
    :ivar guessed: other kinds that fitted too, the likeliest first; ``None``: nobody guessed.
    """

    kind: Kind
    octets: int
    decoded: Values
    layers: tuple[Layer, ...] = ()
    warnings: tuple[str, ...] = ()
    guessed: tuple[Kind, ...] | None = field(default=None)

"""Options of ``omapush preview`` that ``push`` has not."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from omapush.bearers.smsc_account import SubmissionStyle
from omapush.cli import arguments
from omapush.ota.wsp.unit_push import PUSH_PORT
from omapush.ppg.short_message_reach import ShortMessageSettings
from omapush.protocols.sms.segmentation import MAX_SEGMENTS

LAYERS = (
    "pap",
    "content",
    "wbxml",
    "wsp-headers",
    "wsp",
    "udp",
    "sms-user-data",
    "sms-submit",
    "sms-deliver",
    "smpp",
)
"""What --hex can ask for; those that ``omapush decode --as`` knows have its names."""

To = Annotated[
    list[str] | None,
    typer.Option("--to", help=f"Recipient; an example if there is none. {arguments.FORMS}"),
]


class EightBitData(enum.StrEnum):
    """The data codings that mean 8 bit data (3GPP 23.038, 4)."""

    WITHOUT_CLASS = "0x04"
    CLASS_1 = "0xF5"

    @property
    def number(self) -> int:
        """The octet."""
        return int(self.value, 16)


class ReferenceBits(enum.StrEnum):
    """Widths of the reference of segments (3GPP 23.040, 9.2.3.24.1 and .8)."""

    EIGHT = "8"
    SIXTEEN = "16"


@dataclass(frozen=True, slots=True)
class PreviewedContent(arguments.Content):
    """The content of a preview; its file has one more name."""

    file: Annotated[
        Path | None, typer.Option("--content", "--file", "-f", help="Content from a file.")
    ] = None


@dataclass(frozen=True, slots=True)
class Air:
    """How the gateway and the SMSC write the push; the defaults are theirs."""

    encoding_version: Annotated[
        str, typer.Option(help="Of WSP; the highest whose numbers the phone knows.")
    ] = "1.2"
    spell_out: Annotated[
        bool, typer.Option("--spell-out", help="Content types as text instead of numbers.")
    ] = False
    push_flag: Annotated[
        int,
        typer.Option(
            min=0, max=7, help="Sum of 1 initiator authenticated, 2 content trusted, 4 last push."
        ),
    ] = 0
    port: Annotated[int, typer.Option(min=1, max=0xFFFF, help="Of the phone.")] = PUSH_PORT
    reference_bits: Annotated[
        ReferenceBits, typer.Option(help="Width of the reference of segments.")
    ] = ReferenceBits(str(ShortMessageSettings().reference_bits))
    max_segments: Annotated[
        int, typer.Option(min=1, max=MAX_SEGMENTS, help="Short messages of one push.")
    ] = ShortMessageSettings().max_segments
    smpp_style: Annotated[SubmissionStyle, typer.Option(help="How the SMSC wants segments.")] = (
        SubmissionStyle.UDH
    )
    data_coding: Annotated[
        EightBitData, typer.Option(help="8 bit data, without or with class 1.")
    ] = EightBitData.WITHOUT_CLASS
    source: Annotated[str, typer.Option(help="What the short messages come from.")] = "12345"


@dataclass(frozen=True, slots=True)
class Output:
    """What is shown."""

    hex: Annotated[
        str | None,
        typer.Option(
            "--hex",
            metavar="LAYER",
            help=f"Print this layer only, one line for each of it: {', '.join(LAYERS)}.",
        ),
    ] = None
    summary: Annotated[bool, typer.Option("--summary", help="Sizes and warnings only.")] = False
    at: Annotated[
        str | None, typer.Option("--at", help="As if it were this time, as 2030-12-31T23:59:59Z.")
    ] = None

"""tshark as a peer: what Wireshark's dissectors say of octets that were made here.

Its start takes longer than its reading, so gather packets in one :class:`Capture`, then ask once::

    capture = Capture()
    capture.datagram("push", octets, source_port=9200, port=2948)
    capture.message("tpdu", "gsm_sms", tpdu)
    seen = capture.dissected()
    seen["push"].value("wsp.pdu_type")

Fields have the names of Wireshark's display filters (``tshark -G fields`` lists them).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

from omapush.core.errors import OmapushError

TIMEOUT_S = 60.0

_RAW_IP = 101
_UPPER_PDU = 252
_SOURCE, _DESTINATION = bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))
_UDP, _TCP = 17, 6
_TCP_WINDOW = 0xFFFF
_PUSH_AND_ACKNOWLEDGE = 0x18


class TsharkMissing(OmapushError):
    """tshark is not installed."""


class TsharkError(OmapushError):
    """tshark did not read the capture."""


@dataclass(frozen=True, slots=True)
class Dissected:
    """A field with the fields below it; of a packet the fields are its protocols.

    :ivar name: of the display filter; empty where it is text only.
    :ivar shown: the line that a person sees.
    :ivar said: the value by itself, as display filters compare it.
    :ivar offset: of the octets in their packet or in what was put together from several.
    """

    name: str
    shown: str
    said: str
    offset: int
    octets: bytes
    children: tuple[Dissected, ...] = ()

    def all(self) -> Iterator[Dissected]:
        """Yield the fields below, each before its own."""
        for child in self.children:
            yield child
            yield from child.all()

    def fields(self, name: str) -> list[Dissected]:
        """Return every field below that is called ``name``."""
        return [field for field in self.all() if field.name == name]

    def values(self, name: str) -> list[str]:
        """Return what every field called ``name`` says."""
        return [field.said for field in self.fields(name)]

    def value(self, name: str) -> str | None:
        """Return what the first field called ``name`` says."""
        return next((field.said for field in self.all() if field.name == name), None)

    @property
    def protocols(self) -> list[str]:
        """The protocols of a packet, outermost first; what is wrong with it counts as one."""
        return [child.name for child in self.children]

    def protocol(self, name: str) -> Dissected | None:
        """Return the first protocol of a packet that is called ``name``."""
        return next((child for child in self.children if child.name == name), None)

    @property
    def complaints(self) -> list[str]:
        """What the dissectors found malformed or worth a warning."""
        return [
            field.said or field.shown
            for field in self.all()
            if field.name in {"_ws.malformed", "_ws.expert.message"}
        ]


class Capture:
    """Packets for tshark, each under a name of the caller's."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._frames: list[tuple[int, bytes]] = []
        self._sent: dict[tuple[int, int], int] = {}

    def datagram(self, name: str, payload: bytes, *, source_port: int, port: int) -> None:
        """Add a UDP datagram; the ports decide which protocol it is read as."""
        header = struct.pack(">HHHH", source_port, port, 8 + len(payload), 0)
        self._add(name, 0, _ip(_UDP, header + payload))

    def segment(self, name: str, payload: bytes, *, source_port: int, port: int) -> None:
        """Add the next octets of a TCP connection; each way is a stream of its own."""
        sequence = self._sent.get((source_port, port), 1)
        self._sent[source_port, port] = sequence + len(payload)
        flags = (0x50, _PUSH_AND_ACKNOWLEDGE, _TCP_WINDOW, 0, 0)
        header = struct.pack(">HHIIBBHHH", source_port, port, sequence, 1, *flags)
        self._add(name, 0, _ip(_TCP, header + payload))

    def message(
        self, name: str, dissector: str, payload: bytes, *, from_mobile: bool = False
    ) -> None:
        """Add octets for one dissector by its name (``tshark -G dissectors``).

        :param from_mobile: which way it went, for protocols that read both ways differently.
        """
        direction = int(from_mobile)
        tags = _tag(12, dissector.encode()) + _tag(35, struct.pack(">I", direction)) + _tag(0, b"")
        self._add(name, 1, tags + payload)

    def dissected(self) -> dict[str, Dissected]:
        """Return what tshark says, by the names of the packets.

        :raises TsharkMissing: it is not installed.
        :raises TsharkError: it fails.
        """
        program = find_tshark()
        with tempfile.TemporaryDirectory(prefix="omapush-tshark-") as folder:
            path = Path(folder) / "capture.pcapng"
            path.write_bytes(self._pcapng())
            # A home of its own: nobody's preferences change what is seen.
            environment = {"HOME": folder, "PATH": os.environ.get("PATH", os.defpath)}
            done = subprocess.run(  # noqa: S603 # our own program and arguments
                [program, "-n", "-2", "-r", str(path), "-T", "pdml"],
                env=environment,
                capture_output=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        if done.returncode:
            raise TsharkError(f"tshark failed: {done.stderr.decode(errors='replace')[-500:]}")
        packets = list(_packets(done.stdout))
        return dict(zip(self._names, packets, strict=True))

    def _add(self, name: str, interface: int, frame: bytes) -> None:
        if name in self._names:
            raise ValueError(f"two packets called {name}")
        self._names.append(name)
        self._frames.append((interface, frame))

    def _pcapng(self) -> bytes:
        blocks = [_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
        blocks += [_block(1, struct.pack("<HHI", link, 0, 0)) for link in (_RAW_IP, _UPPER_PDU)]
        for number, (interface, frame) in enumerate(self._frames):
            fixed = struct.pack("<IIIII", interface, 0, number, len(frame), len(frame))
            blocks.append(_block(6, fixed + _padded(frame)))
        return b"".join(blocks)


def find_tshark() -> str:
    """Return the path of the program. :raises TsharkMissing: there is none."""
    found = shutil.which("tshark")
    if found is None:
        raise TsharkMissing("tshark is missing: install Debian's package tshark")
    return found


def _ip(protocol: int, payload: bytes) -> bytes:
    size = 20 + len(payload)
    fixed = struct.pack(">BBHHHBBH", 0x45, 0, size, 0, 0, 64, protocol, 0)
    return fixed + _SOURCE + _DESTINATION + payload


def _tag(number: int, value: bytes) -> bytes:
    value = _padded(value)
    return struct.pack(">HH", number, len(value)) + value


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + size + body + size


def _packets(pdml: bytes) -> Iterator[Dissected]:
    for packet in fromstring(pdml).iterfind("packet"):  # noqa: S314 # tshark wrote it
        yield Dissected("", "", "", 0, b"", tuple(map(_dissected, packet)))


def _dissected(element: Element) -> Dissected:
    said = element.get("show", "")
    return Dissected(
        element.get("name", ""),
        element.get("showname", said),
        said,
        int(element.get("pos", "0")),
        _octets(element),
        tuple(map(_dissected, element)),
    )


def _octets(element: Element) -> bytes:
    # Of a field of some bits, "value" has only these.
    digits = element.get("unmaskedvalue", element.get("value", ""))
    return bytes.fromhex(digits) if len(digits) % 2 == 0 else b""

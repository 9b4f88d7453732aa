"""Bounds-checked reading and writing of octet strings.

Decoders never index into input themselves: they ask an :class:`OctetReader`, which raises
:class:`~omapush.core.errors.DecodeError` with the offset instead of running past the end.
"""

from __future__ import annotations

from omapush.core.errors import DecodeError, EncodeError, LimitError

MAX_UINTVAR = 0xFFFF_FFFF
"""WSP 8.1.2: a variable length unsigned integer holds at most 32 bits, so five octets."""


class OctetReader:
    """Reads ``octets`` from front to back.

    :param layer: the protocol that reads, named in every error (``wsp``, ``smpp`` ...).
    """

    __slots__ = ("_end", "_octets", "_position", "layer")

    def __init__(self, octets: bytes, layer: str | None = None) -> None:
        self._octets = octets
        self._position = 0
        self._end = len(octets)
        self.layer = layer

    @property
    def position(self) -> int:
        """Offset of the next octet to be read, from 0, counted in the whole input."""
        return self._position

    @property
    def remaining(self) -> int:
        """Number of octets not yet read."""
        return self._end - self._position

    def uint8(self) -> int:
        """Read one octet as an unsigned number. :raises DecodeError: nothing is left."""
        position = self._position
        if position >= self._end:
            raise DecodeError("1 octet wanted, 0 left", position, self.layer)
        self._position = position + 1
        return self._octets[position]

    def peek(self) -> int:
        """Return the next octet without reading it. :raises DecodeError: nothing is left."""
        if self._position >= self._end:
            raise DecodeError("1 octet wanted, 0 left", self._position, self.layer)
        return self._octets[self._position]

    def uint16(self) -> int:
        """Read two octets, network byte order. :raises DecodeError: fewer are left."""
        return int.from_bytes(self.take(2), "big")

    def uint32(self) -> int:
        """Read four octets, network byte order. :raises DecodeError: fewer are left."""
        return int.from_bytes(self.take(4), "big")

    def uintvar(self) -> int:
        """Read a WSP uintvar (WSP 8.1.2): seven bits an octet, the top bit says "more".

        :raises DecodeError: cut off. :raises LimitError: more than five octets or 32 bits.
        """
        start = self._position
        value = 0
        for _ in range(5):
            octet = self.uint8()
            value = (value << 7) | (octet & 0x7F)
            if not octet & 0x80:
                if value > MAX_UINTVAR:
                    break
                return value
        raise LimitError("uintvar is longer than 32 bits", start, self.layer)

    def take(self, count: int) -> bytes:
        """Read ``count`` octets. :raises DecodeError: fewer are left, or ``count`` is negative."""
        self._check(count)
        start = self._position
        self._position = start + count
        return self._octets[start : self._position]

    def view(self, count: int) -> OctetReader:
        """Read ``count`` octets as a reader of their own, whose positions count in the whole.

        :raises DecodeError: fewer are left, or ``count`` is negative.
        """
        self._check(count)
        part = OctetReader(self._octets, self.layer)
        part._position = self._position
        self._position += count
        part._end = self._position
        return part

    def between(self, start: int, end: int) -> bytes:
        """Return the octets from ``start`` to before ``end`` of the whole input, read or not."""
        return self._octets[start:end]

    def text_string(self) -> bytes:
        """Read up to a NUL octet, which is consumed and not returned.

        :raises DecodeError: there is no NUL.
        """
        end = self._octets.find(b"\0", self._position, self._end)
        if end < 0:
            raise DecodeError("string has no terminating NUL", self._position, self.layer)
        value = self._octets[self._position : end]
        self._position = end + 1
        return value

    def rest(self) -> bytes:
        """Read all that is left, possibly nothing."""
        return self.take(self.remaining)

    def _check(self, count: int) -> None:
        if count < 0 or count > self.remaining:
            raise DecodeError(
                f"{count} octets wanted, {self.remaining} left", self._position, self.layer
            )


class OctetWriter:
    """Collects octets; :meth:`getvalue` gives the result."""

    __slots__ = ("_octets",)

    def __init__(self) -> None:
        self._octets = bytearray()

    def __len__(self) -> int:
        return len(self._octets)

    def uint8(self, value: int) -> OctetWriter:
        """Append one octet. :raises EncodeError: ``value`` does not fit."""
        return self._fixed(value, 1)

    def uint16(self, value: int) -> OctetWriter:
        """Append two octets, network byte order. :raises EncodeError: ``value`` does not fit."""
        return self._fixed(value, 2)

    def uint32(self, value: int) -> OctetWriter:
        """Append four octets, network byte order. :raises EncodeError: ``value`` does not fit."""
        return self._fixed(value, 4)

    def uintvar(self, value: int) -> OctetWriter:
        """Append a WSP uintvar (WSP 8.1.2). :raises EncodeError: negative or over 32 bits."""
        if not 0 <= value <= MAX_UINTVAR:
            raise EncodeError(f"{value} does not fit a uintvar")
        groups = [value & 0x7F]
        while value := value >> 7:
            groups.append(0x80 | (value & 0x7F))
        self._octets.extend(reversed(groups))
        return self

    def take(self, octets: bytes) -> OctetWriter:
        """Append ``octets`` as they are."""
        self._octets += octets
        return self

    def text_string(self, text: bytes) -> OctetWriter:
        """Append ``text`` and a NUL. :raises EncodeError: ``text`` holds a NUL itself."""
        if b"\0" in text:
            raise EncodeError("a NUL-terminated string cannot hold a NUL")
        self._octets += text + b"\0"
        return self

    def getvalue(self) -> bytes:
        """Return all that was appended."""
        return bytes(self._octets)

    def _fixed(self, value: int, size: int) -> OctetWriter:
        try:
            self._octets += value.to_bytes(size, "big")
        except OverflowError as error:
            raise EncodeError(f"{value} does not fit {size} octets") from error
        return self

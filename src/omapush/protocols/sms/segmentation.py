"""One datagram to user data of short messages (WDP 6.2; 3GPP 23.040, 9.2.3.24.1 and .8).

Every segment is at most 140 octets with its header, carries the ports, and, when there are several,
its place among them. A fixed device uses the 16 bit reference unless it knows that the receiver
handles 8 bits only.
"""

from __future__ import annotations

from omapush.core.errors import EncodeError
from omapush.protocols.sms.user_data_header import (
    LAYER,
    ApplicationPorts,
    Concatenation,
    UserDataHeader,
)

MAXIMUM = 140
"""Octets of TP-User-Data in one short message."""
MAX_SEGMENTS = 255
"""Numbers of segments are one octet."""

_PORTS_ONLY = 7
_WITH_CONCATENATION = {8: 12, 16: 13}


def segment_count(length: int, reference_bits: int = 16, maximum: int = MAXIMUM) -> int:
    """Return how many short messages a datagram of ``length`` octets takes, however many.

    :param maximum: octets of user data in one short message, header included.
    :raises EncodeError: ``maximum`` or ``reference_bits`` is impossible.
    """
    if length <= _room(_PORTS_ONLY, maximum):
        return 1
    return -(-length // _segment_room(reference_bits, maximum))


def segment(
    datagram: bytes,
    destination_port: int,
    source_port: int,
    reference: int,
    reference_bits: int = 16,
    maximum: int = MAXIMUM,
    max_segments: int = MAX_SEGMENTS,
) -> tuple[bytes, ...]:
    """Return the user data, header included, of each short message that ``datagram`` takes.

    A datagram that fits one has no concatenation element and ignores ``reference``.

    :param reference: the same for no two datagrams on the way to one address.
    :param reference_bits: 8 or 16.
    :param maximum: octets of user data in one short message, header included; at most 140.
    :param max_segments: more are refused; at most 255.
    :raises EncodeError: too many segments, or a port or the reference is out of range.
    """
    ports = ApplicationPorts(destination_port, source_port)
    count = segment_count(len(datagram), reference_bits, maximum)
    if count > min(max_segments, MAX_SEGMENTS):
        raise EncodeError(
            f"{len(datagram)} octets take {count} short messages, "
            f"{min(max_segments, MAX_SEGMENTS)} are allowed",
            layer=LAYER,
        )
    if count == 1:
        return (UserDataHeader((ports,)).encode() + datagram,)
    room = _segment_room(reference_bits, maximum)
    return tuple(
        UserDataHeader((Concatenation(reference, count, number, reference_bits), ports)).encode()
        + datagram[(number - 1) * room : number * room]
        for number in range(1, count + 1)
    )


def _segment_room(reference_bits: int, maximum: int) -> int:
    if reference_bits not in _WITH_CONCATENATION:
        raise EncodeError(f"a reference of {reference_bits} bits", layer=LAYER)
    return _room(_WITH_CONCATENATION[reference_bits], maximum)


def _room(header: int, maximum: int) -> int:
    if not header < maximum <= MAXIMUM:
        raise EncodeError(
            f"user data of {maximum} octets has to be over {header} and at most {MAXIMUM}",
            layer=LAYER,
        )
    return maximum - header

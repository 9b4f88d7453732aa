"""submit_sm from ready octets: everything that many messages share is written once."""

from __future__ import annotations

from dataclasses import replace

from omapush.core.errors import EncodeError
from omapush.protocols.smpp.codec import PreparedPdu, encode_body, encode_header
from omapush.protocols.smpp.commands import CommandId
from omapush.protocols.smpp.errors import LAYER
from omapush.protocols.smpp.fields import DESTINATION_ADDRESS, MAX_SHORT_MESSAGE
from omapush.protocols.smpp.pdu import SubmitSm

_LENGTHS = tuple(bytes((length,)) for length in range(MAX_SHORT_MESSAGE + 1))


class SubmitTemplate:
    """A submit_sm in which only destination_addr and short_message change.

    :param model: everything else, TLVs included; its own destination_addr and short_message are
        not used.
    :raises EncodeError: a value of ``model`` does not fit its field.
    """

    __slots__ = ("_after", "_before", "_between")

    def __init__(self, model: SubmitSm) -> None:
        model = replace(model, destination_addr="", short_message=b"")
        body = encode_body(replace(model, tlvs=()))
        # What precedes the address: two strings with their NULs and four octets.
        at = len(model.service_type) + 1 + 2 + len(model.source_addr) + 1 + 2
        self._before = body[:at]
        self._between = body[at:-1]  # the address's NUL comes first, sm_length is left out
        self._after = encode_body(model)[len(body) :]

    def prepare(self, destination_addr: bytes, short_message: bytes) -> PreparedPdu:
        """Return the request for a session to number and send.

        :raises EncodeError: the address is longer than 20 octets or holds a NUL, or the message is
            longer than 254 octets.
        """
        if len(destination_addr) >= DESTINATION_ADDRESS.size or 0 in destination_addr:
            raise EncodeError("not an address of at most 20 octets", "destination_addr", LAYER)
        if len(short_message) > MAX_SHORT_MESSAGE:
            raise EncodeError(f"{len(short_message)} octets do not fit", "short_message", LAYER)
        return PreparedPdu(
            CommandId.SUBMIT_SM,
            b"".join(
                (
                    self._before,
                    destination_addr,
                    self._between,
                    _LENGTHS[len(short_message)],
                    short_message,
                    self._after,
                )
            ),
        )

    def encode(self, sequence_number: int, destination_addr: bytes, short_message: bytes) -> bytes:
        """Return the whole PDU. :raises EncodeError: as :meth:`prepare`."""
        prepared = self.prepare(destination_addr, short_message)
        return encode_header(CommandId.SUBMIT_SM, 0, sequence_number, prepared.body)

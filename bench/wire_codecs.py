"""The codecs of OTA-WSP beside those of others, in one process, one after the other in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import smpplib.smpp
from load import CONTENT
from messaging.sms.wap import extract_push_notification

from omapush.content import mms_notification
from omapush.content.message import PushMessage
from omapush.content.mms_notification import Expiry, MmsNotification
from omapush.content.provisioning import builder
from omapush.content.provisioning.documents import write_text
from omapush.ota.interface import PushFlag
from omapush.ota.wsp.unit_push import decode_unit_push, encode_unit_push
from omapush.protocols.smpp.codec import decode_pdu, encode_pdu
from omapush.protocols.smpp.pdu import SubmitSm
from omapush.protocols.wbxml import decode_xml, encode_xml
from omapush.testing.libwbxml import Libwbxml

ROUNDS = 9
SI = CONTENT.encode()
SI_TYPE, SI_BINARY = "text/vnd.wap.si", "application/vnd.wap.sic"
CP_TYPE, CP_BINARY = "text/vnd.wap.connectivity-xml", "application/vnd.wap.connectivity-wbxml"
CP_OCTETS = 4_096


@dataclass(frozen=True)
class Pair:
    """One job: microseconds of ours and of the reference, medians over the rounds."""

    job: str
    reference: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """How long ours takes in units of the reference."""
        return self.ours / self.theirs


def table_of(pairs: list[Pair]) -> list[str]:
    """Return the table of jobs that two libraries did in turns."""
    rows = (
        f"| {pair.job} | {pair.ours:.1f} | {pair.reference} | {pair.theirs:.1f} | {pair.ratio:.2f} |"
        for pair in pairs
    )
    return [
        "| job | omapush, µs | reference | reference, µs | ratio |",
        "|---|---:|---|---:|---:|",
        *rows,
    ]


def codecs(calls: int) -> list[Pair]:
    """Time every job; ``calls`` a round for the quickest, fewer for the others."""
    return [*_wbxml(calls), _push(calls), *_submit(calls)]


def _wbxml(calls: int) -> list[Pair]:
    library = Libwbxml()
    provisioning = _provisioning()
    si, cp = f"SI, {len(SI)} octets of XML", f"CP document, {len(provisioning)} octets of XML"
    return [
        *_converted(library, si, SI, SI_TYPE, SI_BINARY, calls),
        *_converted(library, cp, provisioning, CP_TYPE, CP_BINARY, calls // 8),
    ]


def _converted(
    library: Libwbxml, name: str, text: bytes, text_type: str, binary_type: str, calls: int
) -> list[Pair]:
    binary = encode_xml(text, text_type)
    encode = turns(lambda: encode_xml(text, text_type), lambda: library.encode(text), calls)
    decode = turns(lambda: decode_xml(binary, binary_type), lambda: library.decode(binary), calls)
    reference = "libwbxml by ctypes"
    return [
        Pair(f"WBXML encode, {name}", reference, *encode),
        Pair(f"WBXML decode, {name}", reference, *decode),
    ]


def _push(calls: int) -> Pair:
    notification = MmsNotification(
        transaction_id="T1234567",
        content_location="http://mmsc.example.com/mms/0123456789abcdef0123456789abcdef",
        from_="+358401234567/TYPE=PLMN",
        subject="Greetings from the push test suite",
        message_size=30_720,
        expiry=Expiry(seconds=259_200),
    )
    message = PushMessage(
        (
            ("Content-Type", mms_notification.MEDIA_TYPE),
            ("X-Wap-Application-Id", "4"),
        ),
        mms_notification.encode(notification),
    )
    datagram = encode_unit_push(message, PushFlag.NONE, 1)

    def ours() -> object:
        return mms_notification.decode(decode_unit_push(datagram).message.body)

    job = f"WSP push with its MMS notification decoded, {len(datagram)} octets"
    return Pair(
        job, "python-messaging", *turns(ours, lambda: extract_push_notification(datagram), calls)
    )


def _submit(calls: int) -> list[Pair]:
    user_data = bytes.fromhex("0605040b8423f0") + bytes(range(120))
    ours = SubmitSm(
        sequence_number=7,
        source_addr_ton=5,
        source_addr="1234",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr="358401234567",
        esm_class=0x40,
        registered_delivery=1,
        data_coding=4,
        short_message=user_data,
    )
    octets = encode_pdu(ours)

    class _Client:
        sequence = 7

        def next_sequence(self) -> int:
            return 7

    def theirs() -> object:
        pdu = smpplib.smpp.make_pdu(
            "submit_sm",
            client=_Client(),
            source_addr_ton=5,
            source_addr="1234",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="358401234567",
            esm_class=0x40,
            registered_delivery=1,
            data_coding=4,
            short_message=user_data,
        )
        pdu.sequence = 7
        return pdu.generate()

    assert theirs() == octets
    encode = turns(lambda: encode_pdu(ours), theirs, calls)
    decode = turns(
        lambda: decode_pdu(octets), lambda: smpplib.smpp.parse_pdu(octets, client=_Client()), calls
    )
    return [
        Pair("SMPP submit_sm encoded", "smpplib", *encode),
        Pair("SMPP submit_sm decoded", "smpplib", *decode),
    ]


def turns(
    ours: Callable[[], object], theirs: Callable[[], object], calls: int
) -> tuple[float, float]:
    """Return microseconds a call of each, the medians of rounds that take turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for call, rounds in zip((ours, theirs), found, strict=True):
            rounds.append(_timed(call, max(10, calls)))
    return statistics.median(found[0]), statistics.median(found[1])


def _timed(call: Callable[[], object], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - started) / calls * 1_000_000


def _provisioning() -> bytes:
    """Return a provisioning document of the size of a real one with several accounts."""
    characteristics = []
    text = b""
    number = 0
    while len(text) < CP_OCTETS:
        number += 1
        nap = f"NAP{number}"
        characteristics.append(
            builder.napdef(nap, f"Example internet {number}", f"apn{number}.example.net")
        )
        characteristics.append(
            builder.multimedia_messaging(
                f"MMS {number}", f"http://mmsc{number}.example.net/", to_napids=(nap,)
            )
        )
        text = write_text(builder.document(*characteristics))
    return text

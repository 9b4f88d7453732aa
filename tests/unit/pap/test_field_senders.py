"""What known initiators send, oddity for oddity: understood, with what was forgiven by name.

Each sender stands for a program or product that is known to submit in this way. The documents are
our own; only the oddities are theirs. Each is read in the default tolerance (or, where it is not
valid by its DTD, in the tolerant one that an operator can choose) and by the letter.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from omapush.pap import address as addressing
from omapush.pap import model, xml
from omapush.pap.bad_message import BadMessage
from omapush.pap.entity import split
from omapush.pap.tolerance import PROFILES, Tolerance

DEFAULT = Tolerance()
TOLERANT, STRICT = PROFILES["tolerant"], PROFILES["strict"]

PLMN = "WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net"
WAPFORUM = "http://www.wapforum.org/DTD/pap_{}.dtd"
OMA = "http://www.openmobilealliance.org/tech/DTD/pap_{}.dtd"
SI = "<si/>"
SI_PART = "Content-Type: text/vnd.wap.si\r\n\r\n<si/>"


@dataclass(frozen=True)
class Sender:
    """An initiator's submission and what becomes of it.

    :ivar repairs: how each repair begins, in order.
    :ivar letter: the addresses are to the letter.
    :ivar strict: why it is refused by the letter; ``None``: it is not.
    :ivar by_default: why it is refused in the default tolerance; ``None``: it is not.
    """

    content_type: str
    octets: bytes
    repairs: tuple[str, ...] = ()
    strict: str | None = None
    by_default: str | None = None
    letter: bool = True
    version: str = "1.0"
    keys: tuple[str, ...] = ("PLMN:+441234567890",)
    content: bytes = SI.encode()
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/vnd.wap.si"),)

    @property
    def tolerance(self) -> Tolerance:
        return DEFAULT if self.by_default is None else TOLERANT


def doctype(public: str, system: str, subset: str = "") -> str:
    return f'<?xml version="1.0"?>\n<!DOCTYPE pap PUBLIC "{public}" "{system}"{subset}>\n'


def dtd(version: str = "1.0", subset: str = "") -> str:
    where = WAPFORUM if version in ("1.0", "2.0") else OMA
    return doctype(f"-//WAPFORUM//DTD PAP {version}//EN", where.format(version), subset)


def push(
    address: str = PLMN, more: str = "", inner: str = "", push_id: str = "4711", end: str = "/>"
) -> str:
    return (
        f'<pap>\n<push-message push-id="{push_id}"{more}>\n'
        f'<address address-value="{address}"{end}{inner}\n</push-message>\n</pap>'
    )


def related(parameters: str = '; boundary="mark"; type="application/xml"') -> str:
    return f"multipart/related{parameters}"


def body(control: str, part: str = SI_PART, end: str = "\r\n") -> bytes:
    return (
        f"--mark\r\nContent-Type: application/xml\r\n\r\n{control}\r\n"
        f"--mark\r\n{part}\r\n--mark--{end}"
    ).encode()


MISSPELT = (
    ' ppg-notifiy-requested-to="http://pi.example.net/" request-progress-notes="true"'
    ' results-notification-to="http://pi.example.net/"'
)
MMS = bytes(range(128, 256)) + b"\r\n--other\r\n"

PIN = "2100000A"
SENDERS: dict[str, Sender] = {
    "BlackBerry JDE sample": Sender(
        related('; type="application/xml"; boundary=mark'),
        body(
            dtd(subset=' [<?wap-pap-ver supported-versions="1.0,2.*"?>]')
            + push("WAPPUSH=anna%40example.net%3A7874/TYPE=USER@rim.net"),
            "Content-Type: text/html\r\nX-Rim-Push-Title: news\r\n\r\n\r\n\r\n<si/>",
            end="",
        ),
        keys=("USER:anna@example.net:7874",),
        content=b"\r\n\r\n<si/>",
        headers=(("Content-Type", "text/html"), ("X-Rim-Push-Title", "news")),
    ),
    "BlackBerry 10 WebWorks sample": Sender(
        related(),
        body(doctype("-//WAPFORUM//DTD PAP 1.0//EN", OMA.format("1.0")) + push(PIN)).replace(
            b"application/xml\r\n\r\n", b"application/xml\r\n", 1
        ),
        ("no empty line behind part headers", "multipart line ends or delimiters"),
        strict="no empty line|not a header line",
        letter=False,
        keys=(f"USER:{PIN}",),
    ),
    "PushSharp": Sender(
        related("; boundary=mark; type=application/xml"),
        body(
            dtd("2.1", ' [<?wap-pap-ver supported-versions="2.0"?>]')
            + push(
                "WAPPUSH=+441234567890/TYPE=PLMN",
                inner='<quality-of-service delivery-method="notspecified"/>',
            )
        ),
        ("unquoted type parameter",),
        strict="type=",
        letter=False,
        version="2.1",
    ),
    "RMS push bundle": Sender(
        related("; boundary=mark; type=application/xml"),
        body(
            dtd("2.1") + push(PIN, push_id="1321956000.4711"),
            "Content-Type: text/plain\r\nPush-Message-ID: 1321956000.4711\r\n\r\n<si/>",
        ),
        ("unquoted type parameter",),
        strict="type=",
        letter=False,
        version="2.1",
        keys=(f"USER:{PIN}",),
        headers=(("Content-Type", "text/plain"), ("Push-Message-ID", "1321956000.4711")),
    ),
    "node-bb10": Sender(
        related("; type=application/xml; boundary=mark"),
        body(
            dtd("2.1") + push("push_all"),
            "Content-Encoding: binary\r\nContent-Type: text/html\r\nPush-Message-ID: 1\r\n\r\n"
            "<si/>",
        ),
        ("unquoted type parameter", "Content-Encoding: binary"),
        strict="type=",
        letter=False,
        version="2.1",
        keys=("USER:push_all",),
        headers=(("Content-Type", "text/html"), ("Push-Message-ID", "1")),
    ),
    "rhosync": Sender(
        related(),
        body(
            dtd("2.0")
            + push(
                "WAPPUSH=anna%40example.net%3A100/TYPE=USER@rim.net",
                ' ppg-notify-requested-to="http://localhost:7778"',
                "\n\n",
                push_id="pushID:4711",
            )
        ).replace(b"application/xml\r\n\r\n", b"application/xml; charset=utf-8\r\n\r\n", 1),
        version="2.0",
        keys=("USER:anna@example.net:100",),
    ),
    "XTT over SMS": Sender(
        related(),
        body(
            dtd("2.0")
            + '<?wap-pap-ver supported-versions="2.0,1.*"?>\n'
            + push("000111222", ' ppg-notify-requested-to="192.0.2.1:5555"')
        ),
        ("wap-pap-ver outside the DOCTYPE",),
        strict="wap-pap-ver",
        letter=False,
        version="2.0",
        keys=("USER:000111222",),
    ),
    "XTT over UDP": Sender(
        related(),
        body(
            dtd("2.0")
            + '<?wap-pap-ver supported-versions="2.0,1.*"?>\n<pap><push-message push-id="1">'
            '<quality-of-service network="GSM"></quality-of-service>'
            '<address address-value="000111222"></address></push-message></pap>'
        ),
        ("wap-pap-ver outside the DOCTYPE", "address does not stand in its place"),
        strict="wap-pap-ver",
        by_default="address does not stand in its place",
        letter=False,
        version="2.0",
        keys=("USER:000111222",),
    ),
    "Kannel test_ppg and samples": Sender(
        related('; boundary=mark; type="application/xml"'),
        b"a line in front\r\n"
        + body(
            doctype("-//WAPFORUM//DTD PAP//EN", WAPFORUM.format("1.0"))
            + push(end=">\n </address>", inner="<quality-of-service>\n </quality-of-service>"),
            "X-Kannel-SMSC: one\r\nContent-Type: application/vnd.wap.sic\r\n\r\n<si/>",
        )
        + b"a line behind",
        (
            "public identifier '-//WAPFORUM//DTD PAP//EN', read as PAP 1.0",
            "white space in the empty element address",
            "white space in the empty element quality-of-service",
        ),
        strict="DOCTYPE",
        headers=(("X-Kannel-SMSC", "one"), ("Content-Type", "application/vnd.wap.sic")),
    ),
    "MMSC in front of Kannel": Sender(
        related(),
        body(
            dtd() + push("wappush=+441234567890/type=plmn"),
            "Content-Type: application/vnd.wap.mms-message\r\n\r\n%",
        ).replace(b"%", MMS),
        letter=False,
        content=MMS,
        headers=(("Content-Type", "application/vnd.wap.mms-message"),),
    ),
    "mobeon PapMsg": Sender(
        related('; boundary="mark";"application/xml"'),
        b'Content-Type: multipart/related; boundary="mark";"application/xml"\n\n'
        + body(dtd() + push()).replace(b"\r\n", b"\n").replace(b"--mark--\n", b""),
        ("no type parameter", "multipart line ends or delimiters", "no closing delimiter"),
        strict="type=",
        content=b"<si/>\n",
    ),
    "SmartTrust WIG sender": Sender(
        related("; boundary=mark; type=application/xml"),
        (
            f"--mark\r\n\r\nContent-Type: application/xml\r\n{dtd()}"
            + push("441234567890", ' source-reference="Caf\xe9" ppg-notify-requested-to="http://"')
            + f"\r\n--mark\r\n\r\nContent-Type: text/vnd.wap.si\r\n{SI}\r\n"
        )
        .replace('version="1.0"', 'version="1.0" encoding="ISO-8859-1"', 1)
        .replace("\r\n", "\n\r")
        .encode("latin-1"),
        (
            "unquoted type parameter",
            "empty line before part headers",
            "no empty line behind part headers",
            "empty line before part headers",
            "no empty line behind part headers",
            "multipart line ends or delimiters",
            "no closing delimiter",
        ),
        strict="type=",
        letter=False,
        keys=("USER:441234567890",),
        content=b"<si/>\n\r",
    ),
    "Antel sender": Sender(
        related("; boundary=mark"),
        body(
            doctype(
                "-//WAPFORUM//DTD PAP 1.0//EN", "http://www.wapforum.org/DTD/wml_1.1.xml"
            ).replace("?>", ' encoding="ISO-8859-1"?>', 1)
            + push(
                inner='<quality-of-service network="GSM" network-required="true" bearer="CSD"/>'
            ),
            'Content-Disposition: form-data; name="content"\r\n' + SI_PART,
        ).replace(b"\r\n", b"\n"),
        (
            "no type parameter",
            "multipart line ends or delimiters",
            "Content-Disposition: form-data",
            "system identifier 'http://www.wapforum.org/DTD/wml_1.1.xml'",
        ),
        strict="type=",
    ),
    "Tambur mmslib": Sender(
        related(),
        body(
            '<?xml version="1.0" encoding="ISO-8859-1"?>\n' + push("WAPPUSH=+441234567890"),
            "Content-Type: application/vnd.wap.mms-message\r\n\r\n<si/>",
        ),
        ("public identifier missing, read as PAP 1.0",),
        strict="DOCTYPE",
        letter=False,
        headers=(("Content-Type", "application/vnd.wap.mms-message"),),
    ),
    "MMSC in C#": Sender(
        related(),
        body(dtd() + push("WAPPUSH=+441234567890/TYPE=PLMN")),
        letter=False,
    ),
    "NowSMS examples": Sender(
        related('; boundary=mark; type="application/xml"'),
        body(
            dtd() + push("WAPPUSH=+441234567890/TYPE=PLMN@192.0.2.7:8800"),
            "Content-Type: text/vnd.wap.si\r\nX-WAP-Application-ID: x-wap-application:*\r\n\r\n"
            "<si/>",
        ),
        letter=False,
        headers=(
            ("Content-Type", "text/vnd.wap.si"),
            ("X-WAP-Application-ID", "x-wap-application:*"),
        ),
    ),
    "PHP with indented text": Sender(
        related(),
        "\n".join(
            f"    {line}"
            for line in body(dtd().replace("\n", "") + push().replace("\n", ""))
            .decode()
            .split("\r\n")
        ).encode(),
        ("multipart line ends or delimiters", "white space before the document"),
        strict="delimiter|boundary",
        content=b"    <si/>",
    ),
    "Ruby with one slash": Sender(
        related(),
        body(doctype("-//WAPFORUM/DTD PAP 2.0//EN", WAPFORUM.format("2.0")) + push()),
        ("public identifier '-//WAPFORUM/DTD PAP 2.0//EN', read as PAP 2.0",),
        strict="DOCTYPE",
        version="2.0",
    ),
    "PHP in capitals": Sender(
        related(),
        body(dtd() + push(inner='<quality-of-service delivery-method="UNCONFIRMED"/>')),
        ("quality-of-service/@delivery-method: 'UNCONFIRMED' is not written 'unconfirmed'",),
        strict="UNCONFIRMED",
        by_default="UNCONFIRMED",
    ),
    "pypap": Sender(
        related(),
        body(dtd("2.0") + push(more=MISSPELT)),
        (
            "push-message has no attribute 'ppg-notifiy-requested-to'",
            "push-message has no attribute 'request-progress-notes'",
            "push-message has no attribute 'results-notification-to'",
        ),
        strict="no attribute",
        by_default="no attribute",
        version="2.0",
    ),
    "script after the BlackBerry manual": Sender(
        related(),
        body(
            dtd("2.0")
            + push(
                more=' deliver-before-timestamp="2011-11-22T18:00:00z"'
                ' ppg-notify-requested-to="/results"'
            )
        ),
        ("push-message/@deliver-before-timestamp: '2011-11-22T18:00:00z', read as 2011",),
        strict="deliver-before-timestamp",
        version="2.0",
    ),
}


@pytest.mark.parametrize("name", SENDERS)
def test_known_sender_is_understood_and_what_was_forgiven_is_named(name: str) -> None:
    sender = SENDERS[name]
    entity = split(sender.content_type, sender.octets, sender.tolerance)
    document = xml.decode(
        entity.control, charset=entity.control_charset, tolerance=sender.tolerance
    )
    assert isinstance(document.message, model.PushMessage)
    assert str(document.version) == sender.version
    values = [address.address_value for address in document.message.addresses]
    assert tuple(addressing.parse(value).recipient_key for value in values) == sender.keys
    assert entity.content is not None
    assert entity.content.body == sender.content
    assert entity.content.headers == sender.headers
    repairs = (*entity.repairs, *document.repairs)
    assert len(repairs) == len(sender.repairs), repairs
    for repair, beginning in zip(repairs, sender.repairs, strict=True):
        assert repair.startswith(beginning)


def read(sender: Sender, tolerance: Tolerance) -> model.Pap:
    entity = split(sender.content_type, sender.octets, tolerance)
    return xml.decode(entity.control, charset=entity.control_charset, tolerance=tolerance)


@pytest.mark.parametrize("name", SENDERS)
def test_known_sender_is_refused_by_the_letter_if_anything_had_to_be_forgiven(name: str) -> None:
    sender = SENDERS[name]
    if sender.strict is not None:
        with pytest.raises(BadMessage, match=sender.strict):
            read(sender, STRICT)
    else:
        assert not read(sender, STRICT).repairs
    message = read(sender, sender.tolerance).message
    assert isinstance(message, model.PushMessage)
    for address in message.addresses:
        if sender.letter:
            addressing.parse(address.address_value, tolerant=False)
        else:
            with pytest.raises(addressing.AddressError):
                addressing.parse(address.address_value, tolerant=False)


@pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.by_default])
def test_sender_of_invalid_documents_is_refused_unless_the_operator_chose_to_be_tolerant(
    name: str,
) -> None:
    sender = SENDERS[name]
    with pytest.raises(BadMessage, match=sender.by_default) as caught:
        read(sender, DEFAULT)  # PPG 5.1.1
    # The answer is in kind: the sender learns which push was refused.
    assert caught.value.operation == "push-message"
    assert caught.value.message_id


def test_declared_character_set_of_a_sender_is_honoured() -> None:
    message = read(SENDERS["SmartTrust WIG sender"], DEFAULT).message
    assert isinstance(message, model.PushMessage)
    assert message.source_reference == "Caf\xe9"


REFUSED = {
    "older PushSharp: subset in doubled brackets": (
        doctype(
            "//WAPFORUM//DTD PAP 2.1//EN",
            OMA.format("2.1"),
            ' [[<?wap-pap-ver supported-versions="2.0"?>]]',
        )
        + push(),
        "not well-formed",
    ),
    "node-bb10: text of an attribute not escaped": (
        dtd("2.1") + push(more=' source-reference="fish & chips"'),
        "not well-formed",
    ),
    "PHP: letters of a time format misread": (
        dtd() + push(more=' deliver-before-timestamp="2011-11-22UTC18:00:0000"'),
        "deliver-before-timestamp: not a UTC time",
    ),
    "BlackBerry manual: a day that does not exist": (
        dtd() + push(more=' deliver-before-timestamp="2011-09-31T18:00:00Z"'),
        "deliver-before-timestamp: no such date",
    ),
    "BlackBerry manual: typographic quotes": (
        dtd() + push().replace('"4711"', "\u201d4711\u201d"),
        "not well-formed",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("tolerance", [DEFAULT, TOLERANT, STRICT], ids=["default", "tol", "strict"])
def test_what_cannot_be_understood_is_refused_in_every_tolerance(
    name: str, tolerance: Tolerance
) -> None:
    control, reason = REFUSED[name]
    entity = split(related(), body(control), tolerance)
    with pytest.raises(BadMessage, match=reason):
        xml.decode(entity.control, tolerance=tolerance)

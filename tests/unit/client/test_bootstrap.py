"""Which provisioning documents are offered to whoever configures the client (WAP-184)."""

from __future__ import annotations

import pytest

from omapush.cai.model import Answer, PushEvent, Reject, RejectReason
from omapush.client.built_in.bootstrap import Bootstrap, ProvisioningOffer
from omapush.content.provisioning.bootstrap_security import (
    MEDIA_TYPE,
    SecurityMethod,
    Verification,
    content_type,
    gsm_network_secret,
    mac_of,
    user_pin_mac,
)
from omapush.content.provisioning.documents import write_wbxml
from omapush.content.provisioning.model import Characteristic, Parm, ProvisioningDocument
from omapush.core.errors import DecodeError
from omapush.core.instants import Instant

TREE = (Characteristic("NAPDEF", (Parm("NAPID", "n"),)),)
DOCUMENT = ProvisioningDocument(TREE, "1.0")
OCTETS = write_wbxml(DOCUMENT)
SECRET = gsm_network_secret("310150123456789")


class Operator:
    """Whoever would configure the client."""

    def __init__(self) -> None:
        self.offers: list[ProvisioningOffer] = []

    async def __call__(self, offer: ProvisioningOffer) -> Answer | None:
        self.offers.append(offer)
        return None


@pytest.fixture
def operator() -> Operator:
    return Operator()


def event(given: str, content: bytes = OCTETS) -> PushEvent:
    now = Instant(0)
    headers = (("Content-Type", given),)
    return PushEvent(
        "1", "r", "a", content, given, headers, "OTA-WSP", "SMS", "+1555", now, now
    )  # fmt: skip


def secured(method: SecurityMethod, pin: str | None = None) -> str:
    return content_type(method, mac_of(method, OCTETS, pin=pin, network_secret=SECRET))


async def test_document_that_the_network_made_is_offered(operator: Operator) -> None:
    bootstrap = Bootstrap(operator, network_secret=SECRET)
    assert await bootstrap.receive(event(secured(SecurityMethod.NETWPIN))) is None
    (offer,) = operator.offers
    assert offer.verification is Verification.AUTHENTIC
    assert (offer.document, offer.source) == (DOCUMENT, "+1555")


@pytest.mark.parametrize("method", [SecurityMethod.USERPIN, SecurityMethod.USERNETWPIN])
async def test_user_has_three_attempts_at_the_pin(
    operator: Operator, method: SecurityMethod
) -> None:
    bootstrap = Bootstrap(operator, network_secret=SECRET)
    for _ in range(2):
        assert await bootstrap.receive(event(secured(method, "1234"))) is None
    first, second = operator.offers
    assert first.verification is Verification.PIN_WANTED
    assert first.try_pin("4321") is Verification.MISMATCH
    assert first.try_pin("1234") is first.verification is Verification.AUTHENTIC
    for wrong in ("0000", "x", ""):
        assert second.try_pin(wrong) is Verification.MISMATCH
    assert second.try_pin("1234") is Verification.MISMATCH


async def test_pin_that_holds_the_mac_is_taken(operator: Operator) -> None:
    pin = user_pin_mac("12345", OCTETS)
    await Bootstrap(operator).receive(event(content_type(SecurityMethod.USERPINMAC)))
    assert operator.offers[0].try_pin(pin) is Verification.AUTHENTIC


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        (MEDIA_TYPE, SECRET),
        (content_type(SecurityMethod.NETWPIN, "00" * 20), SECRET),
        (secured(SecurityMethod.NETWPIN), None),
    ],
    ids=["not secured", "wrong MAC", "secret not known"],
)
async def test_document_of_unknown_origin_is_refused(
    operator: Operator, given: str, secret: bytes | None
) -> None:
    answer = await Bootstrap(operator, network_secret=secret).receive(event(given))
    assert isinstance(answer, Reject)
    assert answer.reason is RejectReason.REFUSED
    assert operator.offers == []


async def test_bearer_that_protects_needs_no_mac_but_a_wrong_one_is_wrong(
    operator: Operator,
) -> None:
    bootstrap = Bootstrap(operator, network_secret=SECRET, bearer_protects=True)
    assert await bootstrap.receive(event(MEDIA_TYPE)) is None
    wrong = content_type(SecurityMethod.NETWPIN, "00" * 20)
    assert isinstance(await bootstrap.receive(event(wrong)), Reject)
    assert len(operator.offers) == 1


async def test_document_of_a_version_not_known_is_refused(operator: Operator) -> None:
    """WAP-183"""
    future = write_wbxml(ProvisioningDocument(TREE, "2.0"))
    answer = await Bootstrap(operator, bearer_protects=True).receive(event(MEDIA_TYPE, future))
    assert isinstance(answer, Reject)


@pytest.mark.parametrize(
    ("given", "content"), [(MEDIA_TYPE, b""), (f"{MEDIA_TYPE}; sec=9; mac=AB", OCTETS)]
)
async def test_malformed_document_is_a_documented_error(
    operator: Operator, given: str, content: bytes
) -> None:
    with pytest.raises(DecodeError):
        await Bootstrap(operator).receive(event(given, content))

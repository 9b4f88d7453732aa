"""A push that must be confirmed needs a way that confirms (PAP 8.2.2), said at once as 3007."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from omapush.content.message import PushMessage
from omapush.pap import address, entity, model, xml
from omapush.pap.model import DeliveryMethod, QualityOfService
from omapush.pap.versions import PapVersion
from omapush.ppg.acceptance import Acceptance, PapRequest
from omapush.ppg.authentication import Identified
from omapush.ppg.client import Client
from omapush.ppg.contacts import Contact, HttpContact, SessionContact, SmsContact, UdpContact
from omapush.ppg.recipients import Recipients

TEXT = PushMessage((("Content-Type", "text/plain"),), b"hello")
WAYS: dict[str, tuple[Contact, ...]] = {
    "sms": (Contact(SmsContact("+1555"), "GSM", "SMS"),),
    "udp": (Contact(UdpContact("192.0.2.7")),),
    "session": (Contact(UdpContact("192.0.2.7")), Contact(SessionContact("192.0.2.7"))),
    "http": (Contact(HttpContact("192.0.2.7", 4035)),),
}


@pytest.fixture
def recipients() -> Recipients:
    return Recipients(
        Client(name, (address.parse(f"WAPPUSH={name}/TYPE=USER@ppg"),), contacts)
        for name, contacts in WAYS.items()
    )


@pytest.mark.parametrize(
    ("names", "method", "code"),
    [
        (("sms",), DeliveryMethod.CONFIRMED, 3007),
        (("udp",), DeliveryMethod.CONFIRMED, 3007),
        (("session",), DeliveryMethod.CONFIRMED, 1001),
        (("http",), DeliveryMethod.CONFIRMED, 1001),
        (("http", "sms"), DeliveryMethod.CONFIRMED, 3007),
        (("sms",), DeliveryMethod.PREFERCONFIRMED, 1001),
        (("sms",), DeliveryMethod.UNCONFIRMED, 1001),
        (("sms",), DeliveryMethod.NOTSPECIFIED, 1001),
    ],
)
async def test_push_that_no_way_can_confirm_is_refused_only_if_it_must_be_confirmed(
    new_acceptance: Callable[..., Acceptance],
    names: tuple[str, ...],
    method: DeliveryMethod,
    code: int,
) -> None:
    addresses = tuple(model.Address(f"WAPPUSH={name}/TYPE=USER@ppg") for name in names)
    quality = QualityOfService(delivery_method=method)
    asked = model.PushMessage("a@pi", addresses, quality_of_service=quality)
    content_type, body = entity.join(xml.encode(model.Pap(asked, PapVersion(2, 0))), TEXT)
    weather = Identified("weather", authenticated=True)
    found = await new_acceptance().answer(PapRequest(content_type, body, weather, "192.0.2.9"))
    assert found.code == code

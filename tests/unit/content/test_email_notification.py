from __future__ import annotations

import pytest

from omapush.content.email_notification import EmailNotification
from omapush.core.instants import parse_utc


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        (
            "030d6a008507037573657240776170666f72756d008805c30620020416064001",
            EmailNotification("mailat:user@wapforum.org", parse_utc("2002-04-16T06:40:00Z")),
        ),
        (
            "030d6a008509036a6f6540696d61702e6578616d706c650085032f696e626f780005c305201111221201",
            EmailNotification(
                "imap://joe@imap.example.com/inbox", parse_utc("2011-11-22T12:00:00Z")
            ),
        ),
    ],
)
def test_notification_of_another_implementation_is_read(
    octets: str, value: EmailNotification
) -> None:
    assert EmailNotification.from_wbxml(bytes.fromhex(octets)) == value


def test_mailbox_is_spelt_out_after_its_scheme() -> None:
    assert EmailNotification("pop://a@b.com").to_wbxml().hex() == (
        "030d6a0085080361" + b"@b.com".hex() + "0001"
    )

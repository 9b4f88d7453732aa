"""Whatever is pushed, the client's own application takes it or refuses it, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.cai.model import Accept, Answer, PushEvent, RegistrationRequest, Reject, Trust
from omapush.client.built_in.application import BuiltInApplication
from omapush.client.built_in.bootstrap import Bootstrap, ProvisioningOffer
from omapush.client.built_in.cache import MemoryCache
from omapush.client.built_in.inbox import Inbox
from omapush.client.built_in.indications import Indications
from omapush.client.built_in.services import Followed, LoadingPolicy, Services
from omapush.client.conversion import ConversionError, for_application, takes
from omapush.content.indication import CacheOperation, ServiceIndication, ServiceLoading
from omapush.content.message import PushMessage
from omapush.content.written_forms import other_form
from omapush.core.instants import Instant
from omapush.protocols.wbxml import BINARY_TO_TEXT, TEXT_TO_BINARY

NOW = Instant(1_000_000_000_000)
GOOD = [
    document
    for value in (
        ServiceIndication("text", "http://a/", "id", NOW),
        ServiceLoading("http://a/"),
        CacheOperation(("http://a/b",), ("c",)),
    )
    for document in (value.to_xml(), value.to_wbxml())
]


class Memory:
    """An inbox that nothing keeps."""

    async def load(self) -> Inbox:
        return Inbox()

    async def save(self, inbox: Inbox) -> None:
        """Nothing to do."""


async def ignore(_offer: ProvisioningOffer) -> Answer | None:
    return None


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good document with some octets replaced."""
    octets = bytearray(draw(st.sampled_from(GOOD)))
    for _ in range(draw(st.integers(0, 3))):
        octets[draw(st.integers(0, len(octets) - 1))] = draw(st.integers(0, 255))
    return bytes(octets)


bodies = st.one_of(st.binary(max_size=60), damaged())
types = st.sampled_from(
    [*TEXT_TO_BINARY, *BINARY_TO_TEXT, "application/vnd.wap.connectivity-wbxml; sec=1; mac=AB"]
) | st.text(max_size=20)
parameters = st.sampled_from(["", "; charset=utf-8", "; charset=x", ";;=;", "; charset=us-ascii"])
addresses = st.none() | st.sampled_from(["http://a/", "http://[", "/x"]) | st.text(max_size=10)


@settings(max_examples=250, deadline=None)
@given(bodies, types, parameters, addresses, st.booleans())
def test_any_push_is_taken_or_refused(
    body: bytes, media_type: str, more: str, address: str | None, trusted: bool
) -> None:
    content_type = media_type + more
    headers = [("Content-Type", content_type)]
    if address is not None:
        headers.append(("X-Wap-Content-URI", address))
    event = PushEvent(
        "1", "r", "2", body, content_type, tuple(headers), "OTA-WSP", "UDP", "192.0.2.1", NOW, NOW,
        trust=Trust(trusted=trusted),
    )  # fmt: skip
    application = BuiltInApplication(
        indications=Indications(Memory(), lambda: NOW),
        services=Services(LoadingPolicy(Followed.EVERYBODY)),
        cache=MemoryCache(),
        cached_types=("*/*",),
        bootstrap=Bootstrap(ignore, bearer_protects=True),
    )
    assert isinstance(asyncio.run(application.take(event)), Accept | Reject)


@settings(max_examples=250, deadline=None)
@given(bodies, st.sampled_from([*TEXT_TO_BINARY, *BINARY_TO_TEXT]), parameters)
def test_any_content_is_converted_or_refused(body: bytes, media_type: str, more: str) -> None:
    wanted = other_form(media_type)
    assert wanted is not None
    request = RegistrationRequest("2", accept=(wanted,))
    assert takes(request, media_type)
    message = PushMessage((("Content-Type", media_type + more),), body)
    with contextlib.suppress(ConversionError):
        converted = for_application(message, request)
        assert converted.media_type == wanted
        # What one form says the other can say again.
        for_application(converted, RegistrationRequest("2", accept=(media_type,)))

"""What the client does itself with pushes for the WML user agent (WAP-167, 168, 175, 184, 251)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from omapush.cai.model import Answer, PushEvent
from omapush.client.agent import PushClient
from omapush.client.built_in.application import APPLICATION, BuiltInApplication
from omapush.client.built_in.bootstrap import Bootstrap, ProvisioningOffer
from omapush.client.built_in.cache import CachedObject, MemoryCache, pushed_object
from omapush.client.built_in.inbox_store import InboxStore
from omapush.client.built_in.indications import Indications
from omapush.client.built_in.services import Followed, LoadingPolicy, Services
from omapush.content.indication import (
    CacheOperation,
    LoadingAction,
    ServiceIndication,
    ServiceLoading,
    SignalAction,
)
from omapush.content.message import PushMessage
from omapush.content.provisioning.bootstrap_security import MEDIA_TYPE
from omapush.content.provisioning.documents import write_wbxml
from omapush.content.provisioning.model import Characteristic, ProvisioningDocument
from omapush.core.instants import DAY_MS, Instant, later
from omapush.ota.interface import (
    ClientRequest,
    PoPushAbortReq,
    PoUnitPushInd,
    PushFlag,
    PushSource,
    PushStatus,
)
from omapush.testing.virtual_clock import VirtualClock

NewClient = Callable[..., Awaitable[PushClient]]
SI_TEXT, SI_BINARY = ServiceIndication.TEXT_TYPE, ServiceIndication.BINARY_TYPE
MADE = Instant(1_000_000_000_000)
TRUSTED, AUTHENTICATED = PushFlag.CONTENT_TRUSTED, PushFlag.INITIATOR_AUTHENTICATED


async def status_of(answer: Awaitable[ClientRequest]) -> PushStatus | None:
    """Return why a push was refused, or ``None`` when it was confirmed."""
    async with asyncio.timeout(10):
        primitive = await answer
    return primitive.status if isinstance(primitive, PoPushAbortReq) else None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[InboxStore]:
    store = InboxStore(tmp_path / "inbox.db", capacity=3)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def indications(store: InboxStore, clock: VirtualClock) -> Indications:
    indications = Indications(store, clock)
    await indications.load()
    return indications


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache()


@pytest.fixture
def services() -> Services:
    return Services(LoadingPolicy(Followed.AUTHENTICATED))


@pytest.fixture
def built_in(
    client: PushClient, indications: Indications, cache: MemoryCache, services: Services
) -> BuiltInApplication:
    """The application with everything on, in the client."""
    application = BuiltInApplication(
        indications=indications, services=services, cache=cache, cached_types=("text/vnd.wap.wml",)
    )
    client.take_itself(APPLICATION, application.accept, application.take)
    return application


def indication(text: str, **more: Any) -> bytes:
    return ServiceIndication(text, **more).to_wbxml()


# -- whose pushes it takes --


@pytest.mark.usefixtures("built_in")
async def test_indication_for_the_default_application_comes_into_the_inbox_and_onto_the_disk(
    link: Any, indications: Indications, store: InboxStore
) -> None:
    push = link.push(None, indication("You have 4 new e-mails"), SI_BINARY)
    assert await status_of(push) is None
    (entry,) = await indications.listed()
    assert (entry.indication.text, entry.source) == ("You have 4 new e-mails", "192.0.2.10")
    assert (await store.load()).entries == (entry,)


@pytest.mark.usefixtures("built_in")
async def test_connectionless_push_is_taken_as_well(
    client: PushClient, indications: Indications
) -> None:
    message = PushMessage((("Content-Type", SI_BINARY),), indication("x"))
    client.unit_push(PoUnitPushInd(message, PushSource("OTA-WSP", "SMS", "+1555")))
    async with asyncio.timeout(10):
        (entry,) = await indications.arrived_after(0, 10_000)
    assert entry.source == "+1555"


@pytest.mark.usefixtures("built_in")
async def test_application_that_registers_for_it_goes_first(
    client: PushClient, link: Any, indications: Indications
) -> None:
    taken: list[PushEvent] = []

    async def take(event: PushEvent) -> None:
        taken.append(event)

    everything = await client.register_application("x-wap-application:*", handler=take)
    assert await status_of(link.push("2", indication("a"), SI_BINARY)) is None
    assert taken == []
    own = await client.register_application(APPLICATION, handler=take)
    assert await status_of(link.push("2", indication("b"), SI_BINARY)) is None
    await own.deregister()
    await everything.deregister()
    assert await status_of(link.push("2", indication("c"), SI_BINARY)) is None
    assert [event.content for event in taken] == [indication("b")]
    assert [entry.indication.text for entry in await indications.listed()] == ["a", "c"]


@pytest.mark.usefixtures("built_in")
async def test_it_is_no_registration_but_announced(client: PushClient) -> None:
    assert client.live_registrations() == []
    told = client.capabilities()
    assert told.accept_app_id == (APPLICATION,)
    assert told.accept == tuple(
        sorted(
            [
                form
                for kind in (ServiceIndication, ServiceLoading, CacheOperation)
                for form in (kind.TEXT_TYPE, kind.BINARY_TYPE)
            ]
            + ["application/vnd.wap.wmlc", "text/vnd.wap.wml"]
        )
    )


@pytest.mark.usefixtures("built_in")
async def test_what_it_takes_is_not_announced_while_an_application_has_its_place(
    client: PushClient,
) -> None:
    own = await client.register_application(APPLICATION, accept=["text/plain"])
    assert client.capabilities().accept == ("text/plain",)
    await own.deregister()
    assert SI_BINARY in client.capabilities().accept


async def test_what_is_off_is_neither_announced_nor_taken(client: PushClient, link: Any) -> None:
    """SL is off unless the settings say whose is followed: 238, as any type that is not taken."""
    nothing = BuiltInApplication(services=Services(LoadingPolicy()), cached_types=("text/plain",))
    assert nothing.accept == ()
    cache_only = BuiltInApplication(cache=MemoryCache())
    client.take_itself(APPLICATION, cache_only.accept, cache_only.take)
    for content_type, body in [
        (SI_BINARY, indication("x")),
        ("application/vnd.wap.slc", ServiceLoading("http://a/").to_wbxml()),
        (MEDIA_TYPE, b""),
        ("text/plain", b""),
    ]:
        assert await status_of(link.push("2", body, content_type)) is PushStatus.USERDCU


@pytest.mark.usefixtures("built_in")
async def test_repetition_is_taken_once(link: Any, indications: Indications) -> None:
    for _ in range(2):
        push = link.push("2", indication("once"), SI_BINARY, push_id="d-1")
        assert await status_of(push) is None
    assert len(await indications.listed()) == 1


# -- service indications --


@pytest.mark.usefixtures("built_in")
async def test_newer_indication_replaces_and_older_is_dropped_without_a_word(
    link: Any, indications: Indications
) -> None:
    """WAP-167, with note 103"""
    for text, created in [("first", 1_000), ("second", 2_000), ("late", 1_500), ("same", 2_000)]:
        body = indication(text, si_id="x", created=later(MADE, created))
        assert await status_of(link.push("2", body, SI_BINARY)) is None
    assert [entry.indication.text for entry in await indications.listed()] == ["second"]


@pytest.mark.usefixtures("built_in")
async def test_delete_none_and_expired_leave_nothing_and_are_confirmed(
    link: Any, indications: Indications, clock: VirtualClock
) -> None:
    pushed = [
        indication("meant", si_id="x", created=MADE),
        indication("", si_id="x", created=later(MADE, 1_000), action=SignalAction.DELETE),
        indication("never shown", action=SignalAction.SIGNAL_NONE),
        indication("over", si_expires=later(clock(), -DAY_MS)),
    ]
    for body in pushed:
        assert await status_of(link.push("2", body, SI_BINARY)) is None
    assert await indications.listed() == ()


@pytest.mark.usefixtures("built_in")
async def test_text_form_is_read_in_its_charset(link: Any, indications: Indications) -> None:
    body = "<si><indication href='http://a/'>Grüße</indication></si>".encode("iso-8859-1")
    push = link.push("2", body, 'text/vnd.wap.si; level=1; Charset="iso-8859-1"')
    assert await status_of(push) is None
    (entry,) = await indications.listed()
    assert entry.indication == ServiceIndication("Grüße", "http://a/")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", SI_BINARY, PushStatus.USERDCU),
        (b"\x02\x06\x6a\x00\x05", SI_BINARY, PushStatus.USERDCU),
        (b"<si><indication action='delete'>x</indication></si>", SI_TEXT, PushStatus.USERDCU),
        (b"<si><indication>x</indication></si>", f"{SI_TEXT}; charset=x", PushStatus.USERDCU),
        (indication("x" * 9_000), SI_BINARY, PushStatus.USERRFS),
    ],
    ids=["empty", "another type", "deletes nothing", "unknown charset", "too large"],
)
@pytest.mark.usefixtures("built_in")
async def test_indication_that_cannot_be_taken_is_refused_for_good(
    link: Any, body: bytes, content_type: str, status: PushStatus
) -> None:
    assert await status_of(link.push("2", body, content_type)) is status


@pytest.mark.usefixtures("built_in")
async def test_encoded_content_is_refused(link: Any) -> None:
    encoded = (("Content-Encoding", "gzip"),)
    push = link.push("2", indication("x"), SI_BINARY, headers=encoded)
    assert await status_of(push) is PushStatus.USERDCU


@pytest.mark.usefixtures("built_in")
async def test_gateway_may_try_again_when_there_is_no_room_or_no_disk(
    link: Any, store: InboxStore
) -> None:
    high = SignalAction.SIGNAL_HIGH
    for number in range(3):
        body = indication(str(number), action=high)
        assert await status_of(link.push("2", body, SI_BINARY)) is None
    assert await status_of(link.push("2", indication("x"), SI_BINARY)) is PushStatus.USERDCR
    await store.close()
    body = indication("urgent", action=high)
    assert await status_of(link.push("2", body, SI_BINARY)) is PushStatus.USERDCR


# -- service loading, cache operations, content for the cache, provisioning --


@pytest.mark.usefixtures("built_in")
async def test_service_waits_when_its_sender_is_followed(link: Any, services: Services) -> None:
    loading = ServiceLoading("http://a.example/x", LoadingAction.EXECUTE_HIGH)
    slc = "application/vnd.wap.slc"
    assert await status_of(link.push("2", loading.to_wbxml(), slc)) is PushStatus.USERRFS
    assert services.take() is None
    pushed = link.push("2", loading.to_wbxml(), slc, flags=AUTHENTICATED)
    assert await status_of(pushed) is None
    waiting = services.take()
    assert waiting is not None
    assert (waiting.href, waiting.may_disturb) == ("http://a.example/x", True)


@pytest.mark.usefixtures("built_in")
async def test_cache_operation_of_a_trusted_gateway_takes_away_what_it_names(
    link: Any, cache: MemoryCache
) -> None:
    uris = ["http://a.example/x/1", "http://a.example/x/2", "http://a.example/y"]
    for uri in uris:
        cache.keep(CachedObject(uri, b""))
    coc = CacheOperation.BINARY_TYPE
    body = CacheOperation(services=("x",)).to_wbxml()
    base = (("X-Wap-Content-URI", "http://a.example/"),)
    assert await status_of(link.push("2", body, coc, headers=base)) is None
    assert len(list(cache.objects())) == 3  # nobody vouched for it
    pushed = link.push("2", body, coc, headers=base, flags=TRUSTED)
    assert await status_of(pushed) is None
    assert [known.uri for known in cache.objects()] == [uris[2]]


@pytest.mark.usefixtures("built_in")
@pytest.mark.parametrize(
    ("headers", "flags", "status"),
    [
        ((("X-Wap-Content-URI", "http://a.example/d"),), TRUSTED, None),
        ((("Content-Location", "http://a.example/d"),), TRUSTED, None),
        ((("X-Wap-Content-URI", "http://a.example/d"),), PushFlag.NONE, PushStatus.USERRFS),
        (
            (
                ("X-Wap-Content-URI", "http://a.example/d"),
                ("X-Wap-Initiator-URI", "http://b.example/"),
            ),
            AUTHENTICATED,
            PushStatus.USERRFS,
        ),
        (
            (
                ("X-Wap-Content-URI", "http://a.example/d"),
                ("X-Wap-Initiator-URI", "http://a.example/"),
            ),
            AUTHENTICATED,
            None,
        ),
        ((("Content-Location", "/relative"),), TRUSTED, PushStatus.USERRFS),
        ((), TRUSTED, PushStatus.USERRFS),
    ],
)
async def test_content_is_cached_under_its_address_from_whom_may_change_the_cache(
    link: Any,
    cache: MemoryCache,
    headers: tuple[tuple[str, str], ...],
    flags: PushFlag,
    status: PushStatus | None,
) -> None:
    """WAP-251 5.2"""
    push = link.push("2", b"<wml/>", "text/vnd.wap.wml", headers=headers, flags=flags)
    assert await status_of(push) is status
    cached = cache.get("http://a.example/d")
    assert (cached is not None) is (status is None)
    assert cached is None or cached.body == b"<wml/>"


def test_what_is_cached_knows_its_date_and_may_forbid_it() -> None:
    uri = ("X-Wap-Content-URI", "http://a/")
    dates = (
        ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Last-Modified", "Fri, 02 Jan 2026 00:00:00 GMT"),
    )
    cached = pushed_object(PushMessage((uri, *dates, ("Content-Type", "image/png")), b"x"))
    assert cached == CachedObject("http://a/", b"x", "image/png", Instant(1_767_312_000_000))
    forbidden = ("Cache-Control", "private, No-Store")
    assert pushed_object(PushMessage((uri, forbidden), b"x")) is None


async def test_provisioning_document_goes_to_whoever_configures_the_client(
    client: PushClient, link: Any
) -> None:
    offers: list[ProvisioningOffer] = []

    async def configure(offer: ProvisioningOffer) -> Answer | None:
        offers.append(offer)
        return None

    application = BuiltInApplication(bootstrap=Bootstrap(configure, bearer_protects=True))
    assert application.accept == (MEDIA_TYPE,)
    client.take_itself(APPLICATION, application.accept, application.take)
    document = ProvisioningDocument((Characteristic("NAPDEF"),), "1.0")
    assert await status_of(link.push(None, write_wbxml(document), MEDIA_TYPE)) is None
    assert [offer.document for offer in offers] == [document]
    assert await status_of(link.push(None, b"\0", MEDIA_TYPE)) is PushStatus.USERDCU


async def test_restart_keeps_the_inbox(
    new_client: NewClient, new_link: Any, tmp_path: Path, clock: VirtualClock
) -> None:
    path = tmp_path / "kept.db"
    for life in range(2):
        store = InboxStore(path)
        await store.open()
        indications = Indications(store, clock)
        await indications.load()
        client = await new_client()
        application = BuiltInApplication(indications=indications)
        client.take_itself(APPLICATION, application.accept, application.take)
        push = new_link(client).push("2", indication(str(life)), SI_BINARY)
        assert await status_of(push) is None
        assert len(await indications.listed()) == life + 1
        await client.close()
        await store.close()

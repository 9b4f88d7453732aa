"""Whatever a push service answers or a client asks is read, or refused by a documented error."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.errors import DecodeError, EncodeError
from omapush.ota import service_registration as psr
from omapush.ota.interface import ClientCapabilities
from omapush.ota.service_registration import (
    RegisteredProfile,
    ServiceRegistration,
    ServiceRegistrationRequest,
)

TEXTS = st.none() | st.text("abc<&>'\"é-:/. \u20ac", min_size=1, max_size=20).map(
    lambda text: text.strip() or "x"
)
FOREIGN = st.none() | st.sampled_from(
    [
        "https://bcast.example.net/esg",
        '<u:usd xmlns:u="urn:u"><u:a b="1">x &amp; y</u:a></u:usd>',
        "<plain><inner/></plain>",
        '<psr xmlns="urn:other"><psr:x xmlns:psr="urn:third"/></psr>',
        '<t xmlns:x="urn:x" xmlns:i="urn:i" i:type="x:QName"/>',
    ]
)
PROFILES = st.builds(
    RegisteredProfile,
    protocol=TEXTS,
    bearer_type=TEXTS,
    port=st.none() | st.integers(1, 65_535),
    contact_point=TEXTS,
    cb_message_id=TEXTS,
    mbms_user_service_description=FOREIGN,
    bcast_access_info=FOREIGN,
    priority=st.none() | st.integers(0, 999_999_999),
)
REGISTRATIONS = st.builds(
    ServiceRegistration,
    registration_id=TEXTS,
    expires_seconds=st.none() | st.integers(1, psr.MAX_EXPIRES_SECONDS),
    application_ids=st.lists(TEXTS.filter(bool), max_size=3).map(tuple),
    profiles=st.lists(PROFILES, max_size=4).map(
        lambda some: tuple(sorted(some, key=lambda one: (one.priority is None, one.priority or 0)))
    ),
)
FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "<push-registration>",
            "</push-registration>",
            f'<p:push-registration xmlns:p="{psr.NAMESPACE}" id="a" expires="3600">',
            "</p:push-registration>",
            "<profile priority='1'>",
            "<profile priority='x'>",
            "</profile>",
            "<port>4035</port>",
            "<port>0</port>",
            "<protocol>OTA-HTTP</protocol>",
            "<protocol><b/></protocol>",
            "<bcast-access-info><a/><b/></bcast-access-info>",
            "<mbms-user-service-description>&lt;a/></mbms-user-service-description>",
            "<app-id>x</app-id>",
            "<!DOCTYPE push-registration>",
            '<!ENTITY e "x">',
            "&e;",
            "<!-- c -->",
            "<?pi?>",
            "\x00",
            "text",
        ]
    ),
    max_size=10,
).map(lambda parts: "".join(parts).encode())


@given(REGISTRATIONS)
@settings(max_examples=120, deadline=None)
def test_answer_survives_the_wire(registration: ServiceRegistration) -> None:
    assert psr.decode(psr.encode(registration)) == registration


@given(st.binary(max_size=200) | FRAGMENTS, st.none() | st.sampled_from(["utf-8", "utf-16", "x"]))
@settings(max_examples=200, deadline=None)
def test_any_octets_are_an_answer_or_refused(octets: bytes, charset: str | None) -> None:
    try:
        read = psr.decode(octets, charset)
    except DecodeError:
        return
    written = psr.encode(read)  # foreign XML may change its prefixes the first time, not again
    assert psr.encode(psr.decode(written)) == written


@given(
    st.builds(ServiceRegistration, registration_id=st.text(), application_ids=st.tuples(st.text()))
)
@settings(max_examples=60, deadline=None)
def test_any_answer_is_written_so_that_it_can_be_read_or_refused(
    registration: ServiceRegistration,
) -> None:
    try:
        psr.decode(psr.encode(registration))
    except EncodeError:
        return


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "X-Push-Protocols",
                "x-push-protocols",
                "X-Wap-Terminal-Id",
                "X-Wap-Push-OTA-Version",
                "X-Wap-Push-Accept-AppID",
                "X-Wap-Push-MaxMsgSize",
                "X-Other",
            ]
        ),
        st.text(max_size=20) | st.sampled_from(["OTA-HTTP, OTA-SIP", "1.0", "2.0", "4096", ",,"]),
    ),
    max_size=6,
)


@given(HEADERS)
@settings(max_examples=120, deadline=None)
def test_any_headers_are_a_request_or_refused(headers: list[tuple[str, str]]) -> None:
    try:
        read = psr.read_headers(headers)
    except DecodeError:
        return
    assert psr.read_headers(psr.to_headers(read)).protocols == read.protocols


@given(
    st.builds(
        ServiceRegistrationRequest,
        capabilities=st.builds(
            ClientCapabilities,
            accept_app_id=st.just(("x-oma-application:dpe.ua", "vnd.acme:x")),
            max_message_size=st.integers(1, 1 << 30),
        ),
        protocols=st.lists(st.sampled_from(["OTA-HTTP", "OTA-SIP", "x.y"]), max_size=3).map(tuple),
        terminal_id=st.none() | st.just("4165012322222"),
    )
)
@settings(max_examples=60, deadline=None)
def test_request_survives_the_wire(request: ServiceRegistrationRequest) -> None:
    assert psr.read_headers(psr.to_headers(request)) == request

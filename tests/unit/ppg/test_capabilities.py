"""Client capabilities: from CPI, as the answer to a query, against what an initiator assumes."""

from __future__ import annotations

import base64
import dataclasses
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import Header
from omapush.content.uaprof import (
    Profile,
    PushCharacteristics,
    merge,
    profile_of,
    push_characteristics,
    read_profile,
    write_profile,
)
from omapush.core.instants import Instant
from omapush.ota.http import cpi
from omapush.ota.interface import ClientCapabilities
from omapush.ppg.capabilities import (
    MAX_REFERENCES,
    ProfileReferences,
    accepts_application,
    accepts_type,
    assumed_mismatch,
    capabilities_of,
    profile_references,
    to_profile,
    with_profile,
)
from omapush.ppg.store.contract import RegistrationRecord

DEVICE = ClientCapabilities(
    accept=("text/html", "application/vnd.wap.sic", "image/*", "image/tiff;q=0"),
    accept_charset=("UTF-8", "US-ASCII;q=0.5"),
    accept_encoding=("deflate",),
    accept_language=("en", "de-AT"),
    accept_app_id=("x-wap-application:wml.ua", "4", "x-example:news.ua"),
    max_message_size=8192,
    max_push_requests=4,
)
# The capabilities entity of a submission (PAP 10.3).
ASSUMED = b"""<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:prf="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#">
<rdf:Description rdf:ID="Assumed"><prf:component><rdf:Description rdf:ID="Push">
<rdf:type rdf:resource="http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#PushCharacteristics"/>
<prf:Push-Accept><rdf:Bag><rdf:li>text/html</rdf:li><rdf:li>application/vnd.wap.sic</rdf:li></rdf:Bag></prf:Push-Accept>
<prf:Push-MsgSize>8192</prf:Push-MsgSize>
</rdf:Description></prf:component></rdf:Description></rdf:RDF>
"""


def registration(tag: str | None, **cpi_by_tag: tuple[Header, ...]) -> RegistrationRecord:
    return RegistrationRecord("c", "00", Instant(0), "t", tag, cpi_by_tag)


def profile(**characteristics: object) -> Profile:
    return profile_of(dataclasses.replace(PushCharacteristics(), **characteristics))  # type: ignore[arg-type]


def test_capabilities_of_reads_what_is_remembered_under_the_current_tag() -> None:
    old = cpi.to_headers(ClientCapabilities())
    assert capabilities_of(registration("b", a=old, b=cpi.to_headers(DEVICE))) == DEVICE


def test_capabilities_of_gives_defaults_to_headers_that_the_client_left_out() -> None:
    remembered = registration("a", a=(("X-Wap-Push-MaxMsgSize", "9000"),))
    assert capabilities_of(remembered) == ClientCapabilities(max_message_size=9000)


@pytest.mark.parametrize(
    "remembered",
    [
        registration(None),
        registration(None, a=cpi.to_headers(DEVICE)),
        registration("b", a=cpi.to_headers(DEVICE)),
        registration("a", a=(("X-Wap-Push-MaxMsgSize", "large"),)),
    ],
    ids=["nothing", "no tag", "another tag", "not to be read"],
)
def test_capabilities_of_knows_nothing_when_nothing_fits(remembered: RegistrationRecord) -> None:
    assert capabilities_of(remembered) is None


def test_to_profile_tells_every_capability() -> None:
    told = push_characteristics(read_profile(write_profile(to_profile(DEVICE, None))))
    assert told == PushCharacteristics(
        accept=DEVICE.accept,
        accept_charset=DEVICE.accept_charset,
        accept_encoding=DEVICE.accept_encoding,
        accept_language=DEVICE.accept_language,
        accept_app_id=DEVICE.accept_app_id,
        msg_size=8192,
        max_push_req=4,
    )


@pytest.mark.parametrize(
    ("accepted", "asked"),
    [
        (("*",), "x-wap-application:wml.ua"),
        (("x-wap-application:wml.ua", "x-wap-application:mms.ua"), "x-wap-application:wml.ua"),
        (("2",), "x-wap-application:wml.ua"),
        (("x-wap-application:wml.ua",), " 02 "),
        (("not an id",), "not an id"),
    ],
)
def test_to_profile_names_only_the_application_asked_about(
    accepted: tuple[str, ...], asked: str
) -> None:
    capabilities = dataclasses.replace(DEVICE, accept_app_id=accepted)
    told = push_characteristics(to_profile(capabilities, asked))
    assert told.accept_app_id == (asked.strip(),)
    assert told.accept == DEVICE.accept


@pytest.mark.parametrize("asked", ["x-wap-application:drm.ua", "nonsense"])
def test_to_profile_names_no_content_for_an_application_that_the_client_lacks(asked: str) -> None:
    told = push_characteristics(to_profile(DEVICE, asked))
    assert (told.accept, told.accept_app_id) == ((), ())


@pytest.mark.parametrize("asked", ["*", "x-wap-application:*", "0"])
def test_to_profile_tells_all_when_asked_about_any_application(asked: str) -> None:
    assert to_profile(DEVICE, asked) == to_profile(DEVICE, None)


def test_assumed_mismatch_finds_none_in_a_submission_that_assumes_what_the_client_has() -> None:
    assert assumed_mismatch(read_profile(ASSUMED), DEVICE) is None


def test_assumed_mismatch_tells_that_the_client_takes_smaller_messages() -> None:
    small = dataclasses.replace(DEVICE, max_message_size=1400)
    reason = assumed_mismatch(read_profile(ASSUMED), small)
    assert reason == "the client takes 1400 octets, not 8192"


@pytest.mark.parametrize(
    "assumed",
    [
        Profile(),
        profile(accept=("TEXT/HTML; charset=utf-8", "image/png", "image/*")),
        profile(accept=("audio/basic;q=0",)),
        profile(accept_charset=("utf-8", "us-ascii")),
        profile(accept_encoding=("deflate", "identity")),
        profile(accept_language=("en", "en-GB", "de-at-1996")),
        profile(accept_app_id=("2", "x-wap-application:mms.ua", "x-example:news.ua")),
        profile(msg_size=8192, max_push_req=100),
    ],
)
def test_assumed_mismatch_finds_none_where_the_client_has_it_all(assumed: Profile) -> None:
    assert assumed_mismatch(assumed, DEVICE) is None


@pytest.mark.parametrize(
    ("assumed", "reason"),
    [
        (profile(accept=("text/html", "text/plain")), "content of type text/plain"),
        (profile(accept=("*/*",)), r"content of type \*/\*"),
        (profile(accept=("image/tiff",)), "content of type image/tiff"),
        (profile(accept_charset=("iso-8859-1",)), "the charset iso-8859-1"),
        (profile(accept_encoding=("gzip",)), "the content coding gzip"),
        (profile(accept_language=("fr",)), "the language fr"),
        (profile(accept_language=("de",)), "the language de"),
        (profile(accept_app_id=("x-example:other.ua",)), "the application x-example:other.ua"),
        (profile(accept_app_id=("*",)), r"the application \*"),
        (profile(accept_app_id=("x-wap-application:*",)), "the application x-wap-application"),
        (profile(msg_size=8193), "takes 8192 octets, not 8193"),
    ],
)
def test_assumed_mismatch_names_what_the_client_lacks(assumed: Profile, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(assumed_mismatch(assumed, DEVICE))


def test_assumed_mismatch_holds_a_refused_coding_against_the_assumption() -> None:
    device = dataclasses.replace(DEVICE, accept_encoding=("gzip", "identity;q=0"))
    assert assumed_mismatch(profile(accept_encoding=("identity",)), device) is not None


def test_accepts_type_lets_the_most_specific_range_decide() -> None:
    assert accepts_type(("*/*;q=0", "text/*;q=0.1"), "text/plain")
    assert not accepts_type(("*/*", "text/*; q=0.000"), "text/plain")


@pytest.mark.parametrize("entry", ["*", "x-wap-application:*", "0"])
def test_accepts_application_takes_each_spelling_of_any(entry: str) -> None:
    assert accepts_application((entry,), "x-example:news.ua")


def test_accepts_application_ignores_entries_that_are_no_application_id() -> None:
    assert not accepts_application(("???",), "x-wap-application:wml.ua")


FETCHED = profile(
    accept=("text/html",),
    accept_charset=("UTF-16",),
    accept_encoding=("gzip",),
    accept_language=("fr",),
    accept_app_id=("x-wap-application:mms.ua",),
    msg_size=30000,
    max_push_req=9,
)


def test_with_profile_keeps_what_headers_said_even_where_it_is_the_default() -> None:
    headers = (("x-wap-push-accept-charset", "UTF-8"), ("X-Wap-Push-MsgSize", "1400"))
    assert with_profile(cpi.to_capabilities(headers), FETCHED, headers) == ClientCapabilities(
        accept=("text/html",),
        accept_charset=("UTF-8",),
        accept_encoding=("gzip",),
        accept_language=("fr",),
        accept_app_id=("x-wap-application:mms.ua",),
        max_message_size=1400,
        max_push_requests=9,
    )


def test_with_profile_without_headers_takes_a_default_for_not_said() -> None:
    said = ClientCapabilities(accept=("image/png",), max_push_requests=2)
    filled = with_profile(said, FETCHED)
    assert (filled.accept, filled.max_push_requests) == (("image/png",), 2)
    assert (filled.accept_charset, filled.max_message_size) == (("UTF-16",), 30000)


def test_with_profile_changes_nothing_for_a_profile_without_push_characteristics() -> None:
    assert with_profile(DEVICE, Profile(), ()) == DEVICE


def digest(document: str) -> str:
    hashed = hashlib.md5(document.encode(), usedforsecurity=False).digest()
    return base64.b64encode(hashed).decode()


DIFFERENCE = write_profile(profile(msg_size=50000)).decode().replace("\n", " ").strip()


def test_profile_references_gives_profiles_and_differences_in_order() -> None:
    other = "<rdf:RDF   x='1'/>"
    listed = f'"2-{digest("<rdf:RDF x=" + chr(39) + "1" + chr(39) + "/>")}"'
    headers = (
        ("X-Wap-Profile-Diff", f"1; {DIFFERENCE}"),
        ("x-wap-profile-diff", f"2;{other}"),
        (
            "X-Wap-Profile",
            f'"http://v.example/a,b.xml", {listed} , "1-{digest(DIFFERENCE)}", http://v.example/c',
        ),
        ("X-Wap-Push-Accept", "*/*"),
    )
    assert profile_references(headers) == ProfileReferences(
        ("http://v.example/a,b.xml", "http://v.example/c"), (other.encode(), DIFFERENCE.encode())
    )


def test_profile_references_leaves_out_differences_without_their_digest() -> None:
    headers = (
        ("x-wap-profile", f'"http://v.example/a", "1-{digest("else")}", "3-{digest("none")}"'),
        ("x-wap-profile-diff", f"1; {DIFFERENCE}"),
        ("x-wap-profile-diff", f"2; {DIFFERENCE}"),
        ("x-wap-profile-diff", "nonsense"),
    )
    assert profile_references(headers) == ProfileReferences(("http://v.example/a",), ())


def test_profile_references_are_bounded() -> None:
    many = ", ".join(f'"http://v.example/{number}"' for number in range(100))
    assert len(profile_references([("x-wap-profile", many)]).uris) == MAX_REFERENCES


def test_a_fetched_profile_its_difference_and_headers_become_capabilities() -> None:
    headers = (
        ("x-wap-profile", f'"http://v.example/a", "1-{digest(DIFFERENCE)}"'),
        ("x-wap-profile-diff", f"1; {DIFFERENCE}"),
        ("X-Wap-Push-Accept", "image/png"),
    )
    references = profile_references(headers)
    merged = merge(FETCHED, *(read_profile(octets) for octets in references.differences))
    known = with_profile(cpi.to_capabilities(headers), merged, headers)
    assert (known.accept, known.max_message_size) == (("image/png",), 50000)
    assert known.accept_language == ("fr",)


ENTRIES = st.lists(st.from_regex(r"[a-zA-Z*][a-zA-Z*/:.+-]{0,11}", fullmatch=True), max_size=4)
LISTS = ENTRIES.map(tuple)
SIZES = st.integers(0, 1 << 31)
CAPABILITIES = st.builds(ClientCapabilities, LISTS, LISTS, LISTS, LISTS, LISTS, SIZES, SIZES)


@settings(max_examples=100, deadline=None)
@given(CAPABILITIES)
def test_what_a_client_tells_of_itself_is_never_a_mismatch(
    capabilities: ClientCapabilities,
) -> None:
    told = to_profile(capabilities, None)
    assert assumed_mismatch(told, capabilities) is None
    assert with_profile(ClientCapabilities(), told, ()) == capabilities


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["x-wap-profile", "x-wap-profile-diff"]), st.text())))
def test_any_profile_headers_are_read(headers: list[Header]) -> None:
    assert profile_references(headers).differences == ()

"""Who is submitting: each means right and wrong, combinations, networks, and guessing."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import string

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.core.instants import MINUTE_MS, Instant, later
from omapush.ppg import digest
from omapush.ppg.authentication import (
    ANONYMOUS,
    MAX_AUTHORIZATION,
    Forbidden,
    Identified,
    Initiators,
    LockedOut,
    NeedsVerification,
    Unidentified,
    Verdict,
)
from omapush.ppg.credentials import (
    ClientCertificate,
    Initiator,
    Means,
    RequestCredentials,
    Scheme,
)
from omapush.ppg.digest import Algorithm
from omapush.ppg.lockout import LockoutSettings

NOW = Instant(1_700_000_000_000)
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
NETWORK = ipaddress.ip_network("192.0.2.0/24")
SOURCE = "198.51.100.1"
KEY = "pi_" + "k" * 40
KEY_SHA256 = hashlib.sha256(KEY.encode()).hexdigest()
# Weak on purpose: the tests need no protection, only speed.
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("geheim")
CERTIFICATE = ClientCertificate("ab" * 32, ("pi.example.net",), ("urn:example:pi",))
STRANGER = ClientCertificate("cd" * 32, ("other.example.net",))
LOCKOUT = LockoutSettings(failures=1_000)
INITIATORS = (
    Initiator("open", "anna", "pä:ss"),
    Initiator("fenced", "berta", "x", (NETWORK,)),
    Initiator("hashed", "carla", HASH),
    Initiator("keyed", api_keys_sha256=(KEY_SHA256, "00" * 32)),
)


def make(*known: Initiator, **more: object) -> Initiators:
    options = {"secret": b"s" * 32, "lockout": LOCKOUT, **more}
    return Initiators(known or INITIATORS, [LOOPBACK], **options)  # type: ignore[arg-type]


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def judged(
    initiators: Initiators,
    authorization: str | None = None,
    source: str = SOURCE,
    certificate: ClientCertificate | None = None,
    now: Instant = NOW,
) -> Verdict:
    """Return the verdict, with a verification on the way if one is needed."""
    request = RequestCredentials(source, authorization, "POST", "/pap", certificate)
    verdict = initiators.identify(request, now)
    if isinstance(verdict, NeedsVerification):
        right = verdict.verification.verify()
        return initiators.settle(verdict, right=right, now=now)
    return verdict


def identified(initiator_id: str, *means: Means) -> Identified:
    return Identified(initiator_id, authenticated=True, means=means)


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (basic("anna", "pä:ss"), identified("open", Means.PASSWORD)),
        (basic("carla", "geheim"), identified("hashed", Means.PASSWORD)),
        (basic("anna", "pä:ss").replace("Basic", "bAsIc"), identified("open", Means.PASSWORD)),
        (f"Bearer {KEY}", identified("keyed", Means.API_KEY)),
        (f"bearer  {KEY} ", identified("keyed", Means.API_KEY)),
    ],
)
def test_initiator_with_right_credentials_is_authenticated_and_the_means_said(
    authorization: str, expected: Identified
) -> None:
    assert judged(make(), authorization) == expected


def test_local_submission_without_credentials_is_anonymous_where_the_setting_says_so() -> None:
    initiators = make()
    for source in ("127.0.0.1", "::ffff:127.0.0.1"):
        anonymous = judged(initiators, source=source)
        assert anonymous == Identified(ANONYMOUS, authenticated=False)
    assert isinstance(judged(initiators, source="192.0.2.1"), Unidentified)
    nobody = Initiators([], secret=b"s")
    refused = judged(nobody, source="127.0.0.1")
    assert isinstance(refused, Unidentified)
    assert refused.challenges  # RFC 9110 11.6.1


@pytest.mark.parametrize(
    "authorization",
    [
        basic("anna", "wrong"),
        basic("anna", ""),
        basic("carla", "wrong"),
        basic("carla", HASH),
        basic("nobody", "pä:ss"),
        basic("nobody", "geheim"),
        basic("nobody", ""),
        "Basic",
        "Basic ???",
        "Basic \xff",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + "QQ==" * MAX_AUTHORIZATION,
        "Bearer token",
        "Bearer",
        f"Bearer {KEY_SHA256}",
        "Bearer \xe9",
        "Negotiate abc",
        "",
    ],
)
def test_wrong_credentials_are_refused_even_where_none_are_needed(authorization: str) -> None:
    refused = judged(make(), authorization, "127.0.0.1")
    assert isinstance(refused, Unidentified)
    assert refused.challenges


def test_initiator_outside_its_networks_is_forbidden() -> None:
    initiators = make()
    assert isinstance(judged(initiators, basic("berta", "x"), "192.0.2.77"), Identified)
    assert isinstance(judged(initiators, basic("berta", "x"), "192.0.3.1"), Forbidden)
    assert isinstance(judged(initiators, basic("berta", "x"), "no address"), Forbidden)


def test_secret_is_not_shown() -> None:
    secrets = ("geheim", "f" * 64, "e" * 32)
    initiator = Initiator("a", "b", secrets[0], (), False, secrets[1], secrets[2])
    request = RequestCredentials(SOURCE, basic("carla", "geheim"))
    needed = make().identify(request, NOW)
    assert isinstance(needed, NeedsVerification)
    for secret in (*secrets, basic("carla", "geheim"), HASH):
        assert secret not in repr(initiator)
        assert secret not in repr(needed)


def test_verified_password_is_not_verified_again_and_a_wrong_one_always_is() -> None:
    initiators = make()
    right = RequestCredentials(SOURCE, basic("carla", "geheim"))
    wrong = RequestCredentials(SOURCE, basic("carla", "falsch"))
    assert judged(initiators, right.authorization) == identified("hashed", Means.PASSWORD)
    assert initiators.identify(right, NOW) == identified("hashed", Means.PASSWORD)
    for _ in range(2):
        assert isinstance(initiators.identify(wrong, NOW), NeedsVerification)
        assert isinstance(judged(initiators, wrong.authorization), Unidentified)


@pytest.mark.parametrize("username", ["carla", "anna", "nobody"])
def test_wrong_password_costs_the_same_whoever_it_is_said_to_be_of(username: str) -> None:
    initiators = make()
    request = RequestCredentials(SOURCE, basic(username, "falsch"))
    needed = initiators.identify(request, NOW)
    assert isinstance(needed, NeedsVerification)
    assert needed.verification.password_hash == HASH
    refused = initiators.settle(needed, right=needed.verification.verify(), now=NOW)
    assert isinstance(refused, Unidentified)
    assert refused.reason == "the credentials are not right"


def test_password_of_the_stand_in_hash_opens_nothing() -> None:
    initiators = make()
    for username in ("anna", "nobody"):
        assert isinstance(judged(initiators, basic(username, "geheim")), Unidentified)


CERTIFIED = (
    Initiator("by-fingerprint", certificates_sha256=("ab" * 32,)),
    Initiator("by-name", certificate_names=("other.example.net",)),
    Initiator("by-uri", certificate_names=("urn:example:x",)),
    Initiator("both", "dora", "y", certificate_names=("both.example.net",), require_all=True),
    Initiator(
        "both-key", api_keys_sha256=(KEY_SHA256,), certificates_sha256=("ee" * 32,),
        require_all=True,
    ),
    Initiator("any", "emil", "z", certificate_names=("any.example.net",)),
    Initiator("strong", "fred", HASH, certificate_names=("both.example.net",), require_all=True),
)  # fmt: skip
BOTH = ClientCertificate("11" * 32, ("both.example.net",))
BOTH_KEY = ClientCertificate("ee" * 32)
ANY = ClientCertificate("22" * 32, ("any.example.net",))
URI = ClientCertificate("33" * 32, (), ("urn:example:x",))


@pytest.mark.parametrize(
    ("authorization", "certificate", "expected"),
    [
        (None, CERTIFICATE, identified("by-fingerprint", Means.CERTIFICATE)),
        (None, STRANGER, identified("by-name", Means.CERTIFICATE)),
        (None, URI, identified("by-uri", Means.CERTIFICATE)),
        (None, ClientCertificate("44" * 32, ("urn:example:x",)), None),  # a URI is no DNS name
        (None, ClientCertificate("55" * 32, ("ab" * 32,)), None),  # nor a fingerprint a name
        (None, ClientCertificate("66" * 32), None),
        (None, BOTH, None),
        (basic("dora", "y"), None, None),
        (basic("dora", "y"), ANY, None),
        (basic("dora", "x"), BOTH, None),
        (basic("dora", "y"), BOTH, identified("both", Means.PASSWORD, Means.CERTIFICATE)),
        (basic("fred", "geheim"), None, None),
        (basic("fred", "geheim"), BOTH,
         identified("strong", Means.PASSWORD, Means.CERTIFICATE)),
        (f"Bearer {KEY}", None, None),
        (f"Bearer {KEY}", BOTH_KEY, identified("both-key", Means.API_KEY, Means.CERTIFICATE)),
        (basic("emil", "z"), None, identified("any", Means.PASSWORD)),
        (None, ANY, identified("any", Means.CERTIFICATE)),
        (basic("emil", "z"), ANY, identified("any", Means.PASSWORD, Means.CERTIFICATE)),
        (basic("emil", "z"), CERTIFICATE, identified("any", Means.PASSWORD)),
        (basic("emil", "wrong"), ANY, None),
    ],
)  # fmt: skip
def test_certificate_identifies_alone_or_together_as_the_initiator_is_set(
    authorization: str | None, certificate: ClientCertificate | None, expected: Identified | None
) -> None:
    verdict = judged(make(*CERTIFIED), authorization, certificate=certificate)
    if expected is None:
        assert isinstance(verdict, Unidentified)
    else:
        assert verdict == expected


def test_right_password_without_the_certificate_is_answered_as_a_wrong_one() -> None:
    initiators = make(*CERTIFIED)
    for _ in range(2):  # nor is it remembered: a faster answer would tell
        request = RequestCredentials(SOURCE, basic("fred", "geheim"))
        needed = initiators.identify(request, NOW)
        assert isinstance(needed, NeedsVerification)
        refused = initiators.settle(needed, right=needed.verification.verify(), now=NOW)
        assert isinstance(refused, Unidentified)
        assert refused.reason == "the credentials are not right"


def test_certificate_that_stands_for_two_initiators_identifies_none() -> None:
    twins = [Initiator(name, certificate_names=("pi.example.net",)) for name in ("a", "b")]
    assert isinstance(judged(make(*twins), certificate=CERTIFICATE), Unidentified)


def test_certificate_that_is_listed_twice_is_one() -> None:
    marks = {"certificates_sha256": ("ab" * 32,) * 2, "certificate_names": ("pi.example.net",) * 2}
    verdict = judged(make(Initiator("a", **marks)), certificate=CERTIFICATE)
    assert verdict == identified("a", Means.CERTIFICATE)


def test_certificate_from_the_wrong_network_is_forbidden() -> None:
    fenced = Initiator("a", networks=(NETWORK,), certificate_names=("pi.example.net",))
    assert isinstance(judged(make(fenced), certificate=CERTIFICATE), Forbidden)
    assert isinstance(judged(make(fenced), None, "192.0.2.3", CERTIFICATE), Identified)


HA1 = digest.ha1(Algorithm.SHA_256, "dig", "geheim")


@pytest.mark.parametrize(
    ("initiator", "offered"),
    [
        (Initiator("a", "u", "p"), ["Digest SHA-256", "Digest MD5", "Basic"]),
        (Initiator("a", "u", HASH), ["Basic"]),
        (Initiator("a", "u", digest_ha1_sha256=HA1), ["Digest SHA-256"]),
        (Initiator("a", "u", HASH, digest_ha1_sha256=HA1), ["Digest SHA-256", "Basic"]),
        (Initiator("a", api_keys_sha256=(KEY_SHA256,)), ["Bearer"]),
        (Initiator("a", certificates_sha256=("ab" * 32,)), ["Basic"]),
    ],
)
def test_what_some_initiator_can_use_is_offered(initiator: Initiator, offered: list[str]) -> None:
    refused = judged(make(initiator))
    assert isinstance(refused, Unidentified)
    for challenge, expected in zip(refused.challenges, offered, strict=True):
        assert challenge.startswith(expected.split()[0] + ' realm="PAP"')
        assert expected.split()[-1] in challenge


@pytest.mark.parametrize(
    ("scheme", "authorization"),
    [
        (Scheme.BASIC, basic("anna", "pä:ss")),
        (Scheme.BEARER, f"Bearer {KEY}"),
    ],
)
def test_scheme_that_is_not_taken_is_refused_whatever_the_credentials(
    scheme: Scheme, authorization: str
) -> None:
    initiators = make(schemes=[Scheme.DIGEST_SHA_256])
    refused = judged(initiators, authorization)
    assert isinstance(refused, Unidentified)
    assert [challenge.split()[0] for challenge in refused.challenges] == ["Digest"]
    assert isinstance(judged(make(schemes=[scheme]), authorization), Identified)


WRONG = basic("anna", "wrong")
RIGHT = basic("anna", "pä:ss")
THREE = LockoutSettings(failures=3)


def test_source_that_guesses_is_locked_out_and_let_in_again_later() -> None:
    initiators = make(lockout=THREE)
    for _ in range(3):
        assert isinstance(judged(initiators, WRONG), Unidentified)
    assert judged(initiators, RIGHT) == LockedOut(MINUTE_MS)
    assert judged(initiators, RIGHT, now=later(NOW, MINUTE_MS - 1)) == LockedOut(1)
    assert isinstance(judged(initiators, RIGHT, "198.51.100.2"), Identified)
    assert isinstance(judged(initiators, None), Unidentified)  # asking is not guessing
    assert isinstance(judged(initiators, RIGHT, now=later(NOW, MINUTE_MS)), Identified)


def test_success_and_time_end_a_row_of_failures() -> None:
    initiators = make(lockout=THREE)
    for _ in range(3):
        for _ in range(2):
            assert isinstance(judged(initiators, WRONG), Unidentified)
        assert isinstance(judged(initiators, RIGHT), Identified)
    for minute in range(5):
        then = later(NOW, minute * MINUTE_MS)
        for _ in range(2):
            assert isinstance(judged(initiators, WRONG, now=then), Unidentified)


def test_verification_that_ends_after_the_lock_has_fallen_lets_nobody_in() -> None:
    initiators = make(lockout=THREE)
    needed = initiators.identify(RequestCredentials(SOURCE, basic("carla", "geheim")), NOW)
    assert isinstance(needed, NeedsVerification)
    for _ in range(3):
        judged(initiators, WRONG)
    assert isinstance(initiators.settle(needed, right=True, now=NOW), LockedOut)


def test_same_refusal_for_every_wrong_secret() -> None:
    initiators = make(*INITIATORS, *CERTIFIED)
    reasons = {
        verdict.reason
        for authorization in (WRONG, basic("nobody", "x"), basic("dora", "y"), "Bearer x")
        if isinstance(verdict := judged(initiators, authorization), Unidentified)
    }
    assert reasons == {"the credentials are not right"}


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(max_codepoint=255), max_size=60),
        st.builds(
            "{} {}".format,
            st.sampled_from(["Basic", "Digest", "Bearer", "digest", "BASIC"]),
            st.text(st.sampled_from(string.ascii_letters + "=\",\\ \t*'%\xff:"), max_size=80),
        ),
        st.builds(lambda octets: "Basic " + base64.b64encode(octets).decode(), st.binary()),
    )
)
def test_any_header_is_judged_and_lets_nobody_in(authorization: str) -> None:
    assert isinstance(judged(make(), authorization), Unidentified)

"""Who may register what (CAI-61, CAI-62, T-51, T-52)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omapush.cai.model import (
    ConnectionProfile,
    Reason,
    Registration,
    RegistrationRejected,
    RegistrationRequest,
    RegistrationState,
)
from omapush.client.owner import OwnerKind, file_owner
from omapush.client.policy import RegistrationPolicy, TrustedApplications
from omapush.client.registration_rules import (
    STRICT_REGISTRATIONS,
    Rule,
    RulesPolicy,
    strict_rules,
)
from omapush.content.application_id import ApplicationId
from omapush.core.instants import Instant

WML = "x-wap-application:wml.ua"
ANYBODY = "x-wap-application:*"
ALICE, BOB, CAROL, CAPITAL, NOBODY, ROOT = (
    "uid:1000/t",
    "uid:1001/t",
    "uid:1002/t",
    "uid:1003/t",
    "uid:4000/t",
    "uid:0/t",
)


class SomeUsers:
    """alice and carol are in the group push; 4000 is a number without a name."""

    def name(self, uid: int) -> str | None:
        known = {0: "root", 1000: "alice", 1001: "bob", 1002: "car[o]l", 1003: "Alice"}
        return known.get(uid)

    def groups(self, uid: int) -> frozenset[str]:
        return frozenset(("push", "users") if uid in (1000, 1002, 1003) else ("users",))


def policy(*rules: Rule, registrations: tuple[Registration, ...] = ()) -> RulesPolicy:
    return RulesPolicy(rules, SomeUsers(), lambda: registrations)


def refusal(
    judge: RegistrationPolicy, owner: str, request: RegistrationRequest | str = WML
) -> tuple[Reason, str | None, str] | None:
    """Return why the registration is denied, or ``None`` if it is allowed."""
    if isinstance(request, str):
        request = RegistrationRequest(request)
    try:
        judge.check(owner, request)
    except RegistrationRejected as error:
        return error.cause, error.parameter, error.detail
    return None


def allowed(judge: RegistrationPolicy, owner: str, application: str = WML) -> bool:
    found = refusal(judge, owner, application)
    assert found is None or found[0] is Reason.PERMISSION_DENIED
    return found is None


def registration(owner: str, application: str) -> Registration:
    canonical, now = ApplicationId.parse(application).canonical, Instant(0)
    request = RegistrationRequest(application)
    state = RegistrationState.REGISTERED
    return Registration(f"{owner} {application}", owner, canonical, request, state, now, now)


def test_without_a_policy_every_application_is_trusted() -> None:
    """T-52"""
    for owner in (ALICE, NOBODY, "in-process", file_owner(0, "/a.toml"), "uid:5/dbus::1.7"):
        assert allowed(TrustedApplications(), owner)


def test_other_user_and_other_id_are_denied() -> None:
    """T-51"""
    judge = policy(
        Rule("alice", users=frozenset(("1000",)), push_application_ids=("vnd.acme:*", "4"))
    )
    assert allowed(judge, ALICE, "vnd.acme:news")
    assert allowed(judge, ALICE, "x-wap-application:mms.ua")  # which is 4
    assert refusal(judge, ALICE, WML) == (
        Reason.PERMISSION_DENIED,
        "push_application_id",
        "no rule allows you to register for x-wap-application:wml.ua",
    )
    assert refusal(judge, BOB, "vnd.acme:news") == (
        Reason.PERMISSION_DENIED,
        None,
        "no rule allows you to register",
    )


def test_pattern_means_an_application_however_it_is_written() -> None:
    judge = policy(
        Rule("no messages", allow=False, push_application_ids=("x-wap-application:mms.ua",)),
        Rule("number", allow=False, push_application_ids=("7FFF", "0003")),
        Rule("rest"),
    )
    for written in ("4", "04", "x-wap-application:mms.ua", "X-WAP-Application:MMS.UA"):
        assert not allowed(judge, ALICE, written)
    assert not allowed(judge, ALICE, "7fff")
    assert not allowed(judge, ALICE, "3")
    assert allowed(judge, ALICE, "2")


def test_first_rule_that_fits_decides() -> None:
    deny = Rule("deny", allow=False, push_application_ids=("vnd.acme:secret*",))
    allow = Rule("allow", push_application_ids=("vnd.acme:*",))
    assert not allowed(policy(deny, allow), ALICE, "vnd.acme:secret.a")
    assert allowed(policy(deny, allow), ALICE, "vnd.acme:open")
    assert allowed(policy(allow, deny), ALICE, "vnd.acme:secret.a")
    assert refusal(policy(deny, allow), ALICE, "vnd.acme:secret") == (
        Reason.PERMISSION_DENIED,
        "push_application_id",
        "rule 'deny' denies it",
    )
    assert refusal(policy(Rule("none", allow=False)), ALICE) == (
        Reason.PERMISSION_DENIED,
        None,
        "rule 'none' denies it",
    )


def test_registration_for_every_application_needs_a_rule_for_all_and_no_denial() -> None:
    wap = Rule("wap", push_application_ids=("x-wap-application:*",), registered_ids=True)
    deny = Rule("deny", allow=False, push_application_ids=("vnd.acme:*",))
    for written in (ANYBODY, "0"):
        assert not allowed(policy(wap), ALICE, written)
        assert allowed(policy(Rule("all")), ALICE, written)
        assert not allowed(policy(deny, Rule("all")), ALICE, written)
    assert allowed(policy(wap), ALICE, WML)


@pytest.mark.parametrize(
    ("rule", "owners"),
    [
        (Rule("name", users=frozenset(("alice",))), {ALICE}),
        (Rule("number", users=frozenset(("1001", "4000"))), {BOB, NOBODY}),
        (Rule("group", groups=frozenset(("push",))), {ALICE, CAROL, CAPITAL}),
        (Rule("one of both", users=frozenset(("bob",)), groups=frozenset(("push",))),
         {ALICE, BOB, CAROL, CAPITAL}),
        (Rule("own", owners=frozenset((OwnerKind.IN_PROCESS,))), {"in-process"}),
        (Rule("files", owners=frozenset((OwnerKind.FILE,))), {file_owner(1000, "/a.toml")}),
        (Rule("bus", owners=frozenset((OwnerKind.DBUS,))), {"uid:1000/dbus::1.5"}),
        (Rule("both", users=frozenset(("alice",)), owners=frozenset((OwnerKind.SOCKET,))),
         {ALICE}),
    ],
)  # fmt: skip
def test_rule_is_about_users_groups_and_ways(rule: Rule, owners: set[str]) -> None:
    everybody = {ALICE, BOB, CAROL, CAPITAL, NOBODY, "in-process", "strange"}
    if rule.owners:
        everybody |= {file_owner(1000, "/a.toml"), "uid:1000/dbus::1.5"}
    assert {owner for owner in everybody if allowed(policy(rule), owner)} == owners


@pytest.mark.parametrize(
    ("rule", "request_", "parameter"),
    [
        (
            Rule("r", event_handlers=("none", "unix")),
            RegistrationRequest(WML, event_handler='exec:["/bin/true"]'),
            "event_handler",
        ),
        (Rule("r", event_handlers=("unix",)), RegistrationRequest(WML), "event_handler"),
        (
            Rule("r", registration_hosts=("*.example.com",)),
            RegistrationRequest(WML, registration_uri="http://a.example.com.evil.test/"),
            "registration_uri",
        ),
        (
            Rule("r", registration_hosts=("*.example.com",)),
            RegistrationRequest(WML, registration_uri="http://[x/"),
            "registration_uri",
        ),
        (
            Rule("r", protocols=("OTA-HTTP",)),
            RegistrationRequest(
                WML, profiles=(ConnectionProfile("OTA-HTTP"), ConnectionProfile("OTA-SIP"))
            ),
            "profiles[1].protocol",
        ),
        (
            Rule("r", bearers=("GPRS",)),
            RegistrationRequest(WML, profiles=(ConnectionProfile(bearer_type="CBS"),)),
            "profiles[0].bearer_type",
        ),
        (
            Rule("r", delegated_storage=False),
            RegistrationRequest(WML, delegated_storage=True),
            "delegated_storage",
        ),
    ],
)
def test_what_a_rule_does_not_allow_is_denied_by_name(
    rule: Rule, request_: RegistrationRequest, parameter: str
) -> None:
    cause, found, detail = refusal(policy(rule), ALICE, request_) or ("", "", "")
    assert (cause, found) == (Reason.PERMISSION_DENIED, parameter)
    assert detail.startswith("rule 'r' does not allow ")
    assert refusal(policy(Rule("all")), ALICE, request_) is None


def test_what_a_rule_allows_is_not_denied() -> None:
    rule = Rule(
        "r",
        event_handlers=("unix",),
        registration_hosts=("*.example.com",),
        protocols=("ota-http",),
        bearers=("GPRS", "any"),
    )
    request = RegistrationRequest(
        WML,
        event_handler="unix:/run/app.sock",
        delegated_storage=True,
        profiles=(ConnectionProfile(), ConnectionProfile("OTA-HTTP", "gprs")),
    )
    assert refusal(policy(rule), ALICE, request) is None
    by_uri = replace(request, profiles=(), registration_uri="https://PUSH.example.com:8443/a")
    assert refusal(policy(rule), ALICE, by_uri) is None


def test_user_has_no_more_registrations_than_the_rule_says_by_whichever_way() -> None:
    rule = Rule("two", max_registrations=2)
    known = (
        registration("uid:1000/one", WML),
        registration("uid:1000/dbus:two", "vnd.acme:a"),
        registration("uid:1001/other", "vnd.acme:b"),
    )
    judge = policy(rule, registrations=known)
    assert refusal(judge, "uid:1000/three", "vnd.acme:c") == (
        Reason.LIMIT_EXCEEDED,
        None,
        "rule 'two' allows 2 registrations of a user",
    )
    assert refusal(judge, "uid:1000/one", "2") is None  # an update (CAI-21)
    assert refusal(judge, "uid:1001/other", "vnd.acme:c") is None
    assert refusal(policy(rule, registrations=known[1:]), "uid:1000/three") is None


def test_id_that_is_none_is_an_invalid_parameter() -> None:
    for text in ("", "no id", "a;b"):
        cause, parameter, _ = refusal(policy(Rule("all")), ALICE, text) or ("", "", "")
        assert (cause, parameter) == (Reason.INVALID_PARAMETER, "push_application_id")


def test_strict_policy_lets_members_of_a_group_register_known_ids_and_their_own() -> None:
    judge = policy(*strict_rules("push"))
    for application in (WML, "2", "x-alice:news", "vnd.alice:a.b", "VND.alice:a"):
        assert allowed(judge, ALICE, application)
        assert not allowed(judge, BOB, application)
        assert not allowed(judge, NOBODY, application)
    for application in ("vnd.alicex:a", "x-acme:alice:x", "vnd.acme:x", "7FFF"):
        assert not allowed(judge, ALICE, application)
    assert not allowed(judge, ALICE, ANYBODY)
    assert not allowed(judge, CAROL, "vnd.carol:a")  # her name is no pattern
    assert allowed(judge, CAROL, WML)
    assert not allowed(judge, CAPITAL, "vnd.alice:a")
    for owner in (ROOT, "in-process", file_owner(0, "/etc/a.toml")):
        assert allowed(judge, owner, ANYBODY)
        assert allowed(judge, owner, "vnd.acme:x")
    for owner in ("strange", file_owner(1001, "/a.toml"), "uid:1001/dbus::1.5"):
        assert not allowed(judge, owner)


def test_strict_policy_bounds_how_many_registrations_a_member_has() -> None:
    known = tuple(
        registration(ALICE, f"vnd.alice:{number}") for number in range(STRICT_REGISTRATIONS)
    )
    judge = policy(*strict_rules("push"), registrations=known)
    assert (refusal(judge, ALICE) or ("",))[0] is Reason.LIMIT_EXCEEDED
    assert allowed(judge, CAROL)

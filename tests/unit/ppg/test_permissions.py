"""What an initiator may do, and what the gateway says about its pushes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omapush.content.message import PushMessage as ContentMessage
from omapush.core.instants import HOUR_MS, Instant
from omapush.ota.interface import PushFlag
from omapush.pap import address as addressing
from omapush.pap import model
from omapush.pap.codes import StatusCode
from omapush.ppg.authentication import ANONYMOUS, Identified
from omapush.ppg.patterns import Filter, PatternError
from omapush.ppg.permissions import (
    EVERYTHING,
    Operation,
    Permissions,
    flags_of,
    granted,
    judge_content,
    judge_number,
    judge_operation,
    judge_quality_of_service,
    judge_recipient,
    judge_times,
    operation_of,
)
from omapush.ppg.provisioning import media_types

ANNA = model.Address("WAPPUSH=+441234567890/TYPE=PLMN@ppg.example.net")
PUSH = model.PushMessage("a@pi", (ANNA,))
ASKED: dict[Operation, model.Message] = {
    Operation.PUSH: PUSH,
    Operation.REPLACE: model.PushMessage("a@pi", (ANNA,), replace_push_id="b@pi"),
    Operation.CANCEL: model.CancelMessage("a@pi"),
    Operation.STATUS: model.StatusQueryMessage("a@pi"),
    Operation.CAPABILITIES: model.CcqMessage(ANNA),
}
AUTHENTICATED = Identified("weather", authenticated=True)
UNKNOWN = Identified(ANONYMOUS, authenticated=False)
METHOD = model.DeliveryMethod


def content(media_type: str = "text/vnd.wap.si", *more: tuple[str, str]) -> ContentMessage:
    return ContentMessage((("Content-Type", media_type), *more), b"x" * 100)


def application(value: str) -> tuple[str, str]:
    return ("X-Wap-Application-Id", value)


@pytest.mark.parametrize("operation", list(Operation))
def test_operation_is_refused_exactly_if_it_is_not_listed(operation: Operation) -> None:
    message = ASKED[operation]
    assert operation_of(message) is operation
    assert judge_operation(message, Permissions(operations=frozenset((operation,)))) is None
    others = Permissions(operations=frozenset(Operation) - {operation})
    refusal = judge_operation(message, others)
    assert refusal is not None
    assert refusal.code is StatusCode.FORBIDDEN
    assert operation.value in refusal.desc


def test_message_that_no_initiator_sends_is_no_operation() -> None:
    answer = model.BadMessageResponse(2000)
    assert operation_of(answer) is None
    assert judge_operation(answer, Permissions(operations=frozenset())) is None


def test_recipient_is_refused_by_place_and_the_pattern_is_for_the_log_alone() -> None:
    permissions = Permissions(recipients=Filter(("PLMN:+44*",), ("PLMN:+447*",)))
    address = addressing.parse("WAPPUSH=+447700900123/hidden=1/TYPE=PLMN@ppg")
    refusal = judge_recipient(address, "recipient 2 of 3", permissions)
    assert refusal is not None
    assert refusal.desc == "recipient 2 of 3 is not allowed"
    assert refusal.rule == "recipients: deny PLMN:+447*"


def test_number_size_and_age_are_refused_above_the_limit_and_not_at_it() -> None:
    permissions = Permissions(max_recipients=2, max_content_octets=100, max_age_ms=HOUR_MS)
    assert judge_number(2, permissions) is None
    assert judge_number(3, permissions) is not None
    assert judge_content(content(), permissions) is None
    larger = ContentMessage(content().headers, b"x" * 101)
    assert judge_content(larger, permissions) is not None
    due_at = Instant(5_000)
    assert judge_times(due_at, None, permissions) is None
    assert judge_times(due_at, Instant(due_at + HOUR_MS), permissions) is None
    refusal = judge_times(due_at, Instant(due_at + HOUR_MS + 1), permissions)
    assert refusal is not None
    assert refusal.rule == "max_age_hours"


@pytest.mark.parametrize("method", list(METHOD))
def test_delivery_method_is_refused_only_if_it_was_asked_for_by_name(method: METHOD) -> None:
    only = Permissions(delivery_methods=frozenset((METHOD.UNCONFIRMED,)))
    wish = model.QualityOfService(delivery_method=method)
    free = (METHOD.UNCONFIRMED, METHOD.PREFERCONFIRMED, METHOD.NOTSPECIFIED)
    assert (judge_quality_of_service(wish, only) is None) is (method in free)
    assert judge_quality_of_service(wish, EVERYTHING) is None
    assert judge_quality_of_service(None, only) is None
    assert not only.may_confirm


def test_permissions_without_a_delivery_method_are_refused() -> None:
    with pytest.raises(PatternError):
        Permissions(delivery_methods=frozenset((METHOD.ONESHOT,)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"content_types": Filter(("text",))},
        {"application_ids": Filter(deny=("no id",))},
        {"recipients": Filter(deny=("+447700900123",))},
    ],
)
def test_permissions_with_a_pattern_that_never_matches_are_refused(
    wrong: dict[str, Filter],
) -> None:
    with pytest.raises(PatternError):
        Permissions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("permissions", "pushed", "rule"),
    [
        (Permissions(content_types=Filter(("text/*",))), content("Text/Plain; a=b"), None),
        (Permissions(content_types=Filter(("text/*",))), content("image/gif"), "not in allow"),
        (
            Permissions(content_types=Filter(deny=("text/vnd.wap.sl",))),
            content("TEXT/vnd.wap.SL ;charset=utf-8"),
            "deny text/vnd.wap.sl",
        ),
        # A second header, or a list, that some client may believe.
        (
            Permissions(content_types=Filter(deny=("text/vnd.wap.sl",))),
            content("text/plain", ("content-type", "text/vnd.wap.sl")),
            "deny text/vnd.wap.sl",
        ),
        (
            Permissions(content_types=Filter(deny=("text/vnd.wap.sl",))),
            content("text/plain, text/vnd.wap.sl"),
            "deny text/vnd.wap.sl",
        ),
        (Permissions(application_ids=Filter(("2",))), content(), None),
        (
            Permissions(application_ids=Filter(deny=("x-wap-application:mms.ua",))),
            content("a/b", application("4")),
            "deny x-wap-application:mms.ua",
        ),
        # Goes out as code 4 (PPG 5.1.2.1.2).
        (
            Permissions(application_ids=Filter(deny=("x-wap-application:mms.ua",))),
            content("a/b", application("x-example:mine;app-encoding=4")),
            "deny x-wap-application:mms.ua",
        ),
        (
            Permissions(application_ids=Filter(("x-example:*",))),
            content("a/b", application("x-example:mine;app-encoding=4")),
            "not in allow",
        ),
    ],
)
def test_content_is_judged_by_media_type_and_application(
    permissions: Permissions, pushed: ContentMessage, rule: str | None
) -> None:
    refusal = judge_content(pushed, permissions)
    if rule is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.rule.endswith(rule)
        assert "deny" not in refusal.desc


@pytest.mark.parametrize(
    "pushed",
    [
        content("application/vnd.wap.connectivity-wbxml; SEC=1; MAC=00"),
        content("text/vnd.wap.connectivity-xml"),
        content("application/vnd.syncml.notification"),
        content("application/vnd.wap.sia"),
        content("application/vnd.oma.drm.rights+wbxml"),
        content("application/octet-stream", application("x-wap-application:push.sia")),
        content("application/octet-stream", application("904B")),
        content("application/octet-stream", application("7")),
        content("application/octet-stream", application("x-a:b;app-encoding=8")),
        content("application/octet-stream", application("2"), application("7")),
        content("text/plain , Application/Vnd.Wap.SIA"),
    ],
)
def test_content_that_configures_devices_needs_permission(pushed: ContentMessage) -> None:
    refusal = judge_content(pushed, EVERYTHING)
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (StatusCode.FORBIDDEN, "provisioning")
    assert judge_content(pushed, Permissions(provisioning=True)) is None


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_content_type_is_judged_without_an_error(value: str) -> None:
    assert all(found == found.lower() for found in media_types([value]))
    judge_content(content(value), Permissions(content_types=Filter(("text/*",))))


def test_wish_for_high_priority_is_lowered_and_nothing_else() -> None:
    high = model.QualityOfService(priority=model.Priority.HIGH, bearer="SMS")
    message = model.PushMessage("a@pi", (ANNA,), quality_of_service=high)
    lowered = granted(message, Permissions(high_priority=False)).quality_of_service
    assert lowered == model.QualityOfService(priority=model.Priority.MEDIUM, bearer="SMS")
    assert granted(message, EVERYTHING) is message
    assert granted(PUSH, Permissions(high_priority=False)) is PUSH
    low = model.PushMessage(
        "a@pi", (ANNA,), quality_of_service=model.QualityOfService(model.Priority.LOW)
    )
    assert granted(low, Permissions(high_priority=False)) is low


@pytest.mark.parametrize(
    ("identified", "permissions", "headers", "flags"),
    [
        (AUTHENTICATED, EVERYTHING, (), PushFlag.INITIATOR_AUTHENTICATED),
        (UNKNOWN, EVERYTHING, (), PushFlag.NONE),
        (UNKNOWN, Permissions(trusted=True), (), PushFlag.CONTENT_TRUSTED),
        (
            AUTHENTICATED,
            Permissions(trusted=True),
            (),
            PushFlag.INITIATOR_AUTHENTICATED | PushFlag.CONTENT_TRUSTED,
        ),
        (
            AUTHENTICATED,
            EVERYTHING,
            (("X-Wap-Initiator-URI", "http://bank.example/"),),
            PushFlag.NONE,
        ),
        (
            AUTHENTICATED,
            Permissions(initiator_uris=("http://weather.example/*",)),
            (("X-Wap-Initiator-URI", "http://weather.example/si"),),
            PushFlag.INITIATOR_AUTHENTICATED,
        ),
        (
            AUTHENTICATED,
            Permissions(initiator_uris=("http://weather.example/*",)),
            (
                ("X-Wap-Initiator-URI", "http://weather.example/si"),
                ("x-wap-initiator-uri", "http://bank.example/"),
            ),
            PushFlag.NONE,
        ),
        # What stands for the initiator's URI when it is missing (Push Message 5.2).
        (
            AUTHENTICATED,
            EVERYTHING,
            (("X-Wap-Content-URI", "http://bank.example/"),),
            PushFlag.NONE,
        ),
        (AUTHENTICATED, EVERYTHING, (("Content-Location", "http://bank.example/"),), PushFlag.NONE),
    ],
)
def test_flags_say_no_more_than_is_known(
    identified: Identified,
    permissions: Permissions,
    headers: tuple[tuple[str, str], ...],
    flags: PushFlag,
) -> None:
    assert flags_of(identified, permissions, content("text/plain", *headers)) == flags

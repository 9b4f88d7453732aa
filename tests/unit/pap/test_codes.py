"""Status codes (PAP 8.13, 8.14)."""

from __future__ import annotations

import pytest

from omapush.pap.codes import CodeClass, StatusCode, abort_code, class_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (1000, CodeClass.SUCCESS),
        (1500, CodeClass.SUCCESS),
        (2007, CodeClass.CLIENT_ERROR),
        (21000, CodeClass.CLIENT_ERROR),
        (3999, CodeClass.SERVER_ERROR),
        (4503, CodeClass.SERVICE_FAILURE),
        (5238, CodeClass.MOBILE_ABORT),
        (6000, None),
        (999, None),
        (100000, None),
    ],
)
def test_class_is_the_first_digit_also_of_codes_that_nobody_knows(
    code: int, expected: CodeClass | None
) -> None:
    assert class_of(code) is expected


@pytest.mark.parametrize(("status", "code"), [(234, 5234), (238, 5238), (600, 5600), (1000, 5000)])
def test_abort_is_five_and_the_status_in_decimal(status: int, code: int) -> None:
    assert abort_code(status) == code


def test_every_code_has_a_class() -> None:
    assert all(class_of(code) for code in StatusCode)

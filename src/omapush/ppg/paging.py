"""How the operator's pages give long lists: so many at a time."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

PAGE = 100
LARGEST_PAGE = 1_000


def page_size(request: Request) -> int:
    """Return how many ``?limit=N`` asks for; default: :data:`PAGE`.

    :raises HTTPException: that is no number, or none that is allowed.
    """
    limit = request.query_params.get("limit", str(PAGE))
    if not limit.isascii() or not limit.isdecimal() or not 1 <= int(limit[:9]) <= LARGEST_PAGE:
        raise HTTPException(400, f"limit is not between 1 and {LARGEST_PAGE}\n")
    return int(limit[:9])

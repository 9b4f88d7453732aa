"""What can be set about the client's own application: what it takes, and what it does with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from omapush.client.applications import is_media_range
from omapush.client.built_in.inbox import MAX_INDICATIONS
from omapush.client.built_in.services import Followed
from omapush.daemon.settings_table import Table as _Table


def _media_range(text: str) -> str:
    if not is_media_range(text):
        raise ValueError("is no MIME type and no range such as text/*")
    return text


class BuiltInTable(_Table):
    """[built_in]"""

    enabled: bool = Field(
        default=False,
        description="the client itself takes pushes for the WML user agent, where pushes go that "
        "name no application, while no application is registered for it",
    )
    service_loading: Followed = Field(
        Followed.NOBODY,
        description="whose service loadings (SL) are followed: nobody's, those whose content the "
        "gateway trusts, also those whose initiator it authenticated, or everybody's",
    )
    loading_hosts: list[str] = Field(
        ["*"], description="patterns of hosts that services may be loaded from"
    )
    cached_types: list[Annotated[str, AfterValidator(_media_range)]] = Field(
        ["text/vnd.wap.wml", "application/vnd.wap.wmlc", "image/vnd.wap.wbmp"],
        description="types of content that may be pushed into the cache",
    )
    cache_octets: int = Field(
        1 << 20, ge=0, description="size of the cache, in memory; 0: there is none"
    )
    trust_everyone: bool = Field(
        default=False,
        description="everybody may change the cache; default: whom the gateway trusts, and "
        "authenticated initiators under their own authority",
    )


class InboxTable(_Table):
    """[inbox]"""

    path: Path = Field(
        Path("omapush-inbox.db"),
        description="SQLite file of the service indications that [built_in] takes",
    )
    capacity: int = Field(
        MAX_INDICATIONS, ge=1, le=10_000, description="indications kept; the least urgent go first"
    )

"""What every table of the settings has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table whose keys are all known, and which nobody changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

"""The page on the client: the settings that stand there are those of the examples, and valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from omapush.daemon.settings import ClientSettings
from omapush.daemon.settings_file import load_settings

ROOT = Path(__file__).parents[3]
BLOCKS = re.findall(
    r"^```toml\n(.*?)^```", (ROOT / "docs/client.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("name", ["client.toml", "client/behind-a-network.toml"])
def test_example_stands_on_the_page_and_is_valid(name: str) -> None:
    example = ROOT / "examples" / name
    assert example.read_text("utf-8") in BLOCKS
    load_settings(ClientSettings, example)

"""What scenarios share: the examples, as they stand but for the ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from omapush.testing.daemons import free_port

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PORTS = {"gateway": 8080, "terminal": 4035, "listener": 8090}
"""The ports that the examples name."""


@pytest.fixture
def ports() -> dict[str, int]:
    """Return ports that nobody uses, by who is to listen there."""
    return {who: free_port() for who in PORTS}


@pytest.fixture
def examples(tmp_path: Path, ports: dict[str, int]) -> Path:
    """Return a copy of the examples on ports that nobody uses."""
    for example in (path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".sh", ".toml")):
        text = example.read_text(encoding="utf-8")
        for who, stated in PORTS.items():
            for between in (":", '", '):
                there = f"127.0.0.1{between}"
                text = text.replace(f"{there}{stated}", f"{there}{ports[who]}")
        if example.name == "gateway.toml":  # says nothing of the addresses that are the defaults
            text += f'\n[pap]\nlisten = "127.0.0.1:{ports["gateway"]}"\n'
            text += '[admin]\nlisten = "127.0.0.1:0"\n'
        copy = tmp_path / example.relative_to(EXAMPLES)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text, encoding="utf-8")
    return tmp_path

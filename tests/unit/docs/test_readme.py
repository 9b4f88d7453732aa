"""What README and documentation print of the examples is what the tests execute."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from omapush.daemon.ppg import check_ppg_settings
from omapush.daemon.settings import PpgSettings
from omapush.daemon.settings_file import load_settings

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("name", ["gateway.toml", "client.toml", "application.py", "initiator.py"])
def test_readme_shows_exactly_the_example(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = (EXAMPLES / name).read_text(encoding="utf-8")
    language = {".py": "python", ".toml": "toml"}[Path(name).suffix]
    assert f"```{language}\n{example}```\n" in readme


@pytest.mark.parametrize("name", ["application.py", "initiator.py"])
def test_example_is_short(name: str) -> None:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text), clean=False) or ""
    lines = text.replace(docstring, "").splitlines()
    assert len([line for line in lines if line.strip('" ')]) <= 25


def test_quickstart_includes_every_example() -> None:
    quickstart = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    for example in EXAMPLES.iterdir():
        if example.is_file():
            assert f"literalinclude}} ../examples/{example.name}" in quickstart


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_links_to_files_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_gateway_of_the_example_with_what_is_commented_out_is_good(tmp_path: Path) -> None:
    example = (EXAMPLES / "gateway.toml").read_text(encoding="utf-8")
    _, _, commented = example.partition("See docs/terminals.md.\n")
    whole = tmp_path / "gateway.toml"
    more = "".join(line.removeprefix("#").lstrip() + "\n" for line in commented.splitlines())
    whole.write_text(example + more, encoding="utf-8")
    settings = load_settings(PpgSettings, whole)
    check_ppg_settings(settings)
    assert [client.ota_http_dials_in for client in settings.clients] == [False, True]


def test_toml_in_the_pages_is_toml() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    blocks = [
        block
        for page in pages
        for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert blocks
    for block in blocks:
        tomllib.loads(block)

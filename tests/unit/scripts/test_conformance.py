"""The conformance page says only what can be true."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]

FRAME = """
coming = ["OTA-SIP"]

[[document]]
key = "AD 2.3"
name = "OMA-AD-Push-V2_3"
title = "Push Architecture 2.3"
"""
GOOD = """
[[requirement]]
id = "AD-6.1-1"
documents = ["AD 2.3"]
clause = "6.1"
level = "should"
requirement = "An initiator is authenticated | one way or another."
state = "implemented"
where = ["omapush.ppg.door::open_door"]
tests = ["tests/unit/test_door.py::test_door_opens", "tests/unit/test_door.py::TestDoor::test_shut"]
"""


@pytest.fixture(scope="module")
def conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "conformance_script", ROOT / "scripts" / "conformance.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project that its own data file describes truthfully."""
    write(tmp_path, "src/omapush/ppg/__init__.py", "")
    write(tmp_path, "src/omapush/ppg/door.py", "def open_door() -> None: ...\n")
    write(
        tmp_path,
        "tests/unit/test_door.py",
        "async def test_door_opens(): ...\n\nclass TestDoor:\n    def test_shut(self): ...\n",
    )
    write(tmp_path, "docs/conformance.toml", FRAME + GOOD)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def faults(conformance: ModuleType, project: Path, data: str) -> list[str]:
    write(project, "docs/conformance.toml", data)
    found: list[str] = conformance.load(project / "docs/conformance.toml", project).faults
    return found


def test_generator_writes_page_that_check_then_accepts(
    conformance: ModuleType, project: Path
) -> None:
    assert conformance.main([], project) == 0
    page = (project / "docs/conformance.md").read_text(encoding="utf-8")
    assert "| Push Architecture 2.3 (OMA-AD-Push-V2_3) | 1 | 0 | 0 | 0 | 0 | 1 |" in page
    assert "authenticated \\| one way" in page
    assert "`tests/unit/test_door.py::test_door_opens`" in page
    assert conformance.main(["--check"], project) == 0


def test_check_refuses_stale_page_and_leaves_it_alone(
    conformance: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, "docs/conformance.md", "old\n")
    assert conformance.main(["--check"], project) == 1
    assert "stale" in capsys.readouterr().err
    assert (project / "docs/conformance.md").read_text(encoding="utf-8") == "old\n"


def test_check_refuses_absent_page(conformance: ModuleType, project: Path) -> None:
    assert conformance.main(["--check"], project) == 1


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("omapush.ppg.door::open_door", "omapush.ppg.window", "no module omapush.ppg.window"),
        ("door::open_door", "door::shut_door", "no shut_door in omapush.ppg.door"),
        ("unit/test_door.py::test_door_opens", "unit/test_gate.py", "no test file"),
        ("::test_door_opens", "::test_door_shuts", "no test_door_shuts in tests/unit/test_door.py"),
        ("TestDoor::test_shut", "TestDoor::test_open", "no TestDoor::test_open"),
        ("tests/unit/test_door.py::test_door", "src/omapush/ppg/door.py::open", "no test file"),
        ('state = "implemented"', 'state = "done"', "unknown state 'done'"),
        ('state = "implemented"', "", "no state"),
        ('state = "implemented"', 'state = "partial"', "no missing"),
        ('state = "implemented"', 'state = "planned"\nby = ["OTA-XYZ"]', "where has no place"),
        ('level = "should"', 'level = "perhaps"', "unknown level 'perhaps'"),
        ('documents = ["AD 2.3"]', 'documents = ["AD 9"]', "unknown document 'AD 9'"),
        ('documents = ["AD 2.3"]', 'documents = "AD 2.3"', "documents is not a list"),
        ('clause = "6.1"', "clause = 6.1", "clause is not a string"),
        ('clause = "6.1"', 'clause = "6.1"\nclauze = "6.2"', "clauze has no place"),
        ('id = "AD-6.1-1"', 'id = "AD-6.1-2"', "AD-6.1-1: missing from its series"),
        ('id = "AD-6.1-1"', "", "requirement number 1: no id"),
    ],
)
def test_generator_refuses_entry_that_cannot_be_true(
    conformance: ModuleType, project: Path, old: str, new: str, fault: str
) -> None:
    assert old in GOOD
    found = faults(conformance, project, FRAME + GOOD.replace(old, new, 1))
    assert any(fault in line for line in found), found


def test_generator_knows_the_suites_that_contract_tests_run(
    conformance: ModuleType, project: Path
) -> None:
    suite = "src/omapush/testing/door_contract.py"
    write(project, suite, "class DoorContract:\n    def test_opens(self): ...\n")
    for name, expected in (
        ("opens", []),
        ("shuts", [f"there is no DoorContract::test_shuts in {suite}"]),
    ):
        reference = f"{suite}::DoorContract::test_{name}"
        data = FRAME + GOOD.replace("tests/unit/test_door.py::test_door_opens", reference)
        assert faults(conformance, project, data) == [f"AD-6.1-1: {fault}" for fault in expected]


def test_generator_refuses_id_used_twice(conformance: ModuleType, project: Path) -> None:
    assert "AD-6.1-1: used 2 times" in faults(conformance, project, FRAME + GOOD + GOOD)


def test_generator_refuses_plan_without_known_part(conformance: ModuleType, project: Path) -> None:
    head = GOOD.partition("state =")[0]
    found = faults(conformance, project, FRAME + head + 'state = "planned"\nby = ["OTA-FOO"]\n')
    assert found == ["AD-6.1-1: unknown coming part 'OTA-FOO'"]


def test_generator_refuses_document_without_requirements(
    conformance: ModuleType, project: Path
) -> None:
    second = '\n[[document]]\nkey = "RD"\nname = "OMA-RD"\ntitle = "Requirements"\n'
    assert any(
        line.startswith("RD: no") for line in faults(conformance, project, FRAME + second + GOOD)
    )


@pytest.mark.parametrize("text", ["this is not TOML", 'coming = ["OTA-SIP"]\n'])
def test_generator_reports_file_without_frame_and_exits_with_1(
    conformance: ModuleType, project: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, "docs/conformance.toml", text)
    assert conformance.main([], project) == 1
    assert "conformance.toml" in capsys.readouterr().err


def test_faulty_data_never_overwrites_the_page(conformance: ModuleType, project: Path) -> None:
    write(project, "docs/conformance.md", "old\n")
    write(project, "docs/conformance.toml", FRAME + GOOD + GOOD)
    assert conformance.main([], project) == 1
    assert (project / "docs/conformance.md").read_text(encoding="utf-8") == "old\n"


def test_page_of_this_project_is_up_to_date(conformance: ModuleType) -> None:
    assert conformance.main(["--check"], ROOT) == 0

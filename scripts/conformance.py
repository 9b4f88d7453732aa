"""Write ``docs/conformance.md`` from ``docs/conformance.toml``, or check that it is up to date.

The data file has one ``[[requirement]]`` for each requirement of the founding documents. This
program refuses what cannot be true: a requirement called implemented whose module or test does not
exist, an id that is missing or used twice, a state nobody knows, a promise without saying which
coming part keeps it.

``scripts/conformance.py`` writes the page. ``scripts/conformance.py --check`` writes nothing and
exits with 1, each fault on a line of its own, if the data is faulty or the page is stale.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STATES = ("implemented", "partial", "planned", "refused", "not applicable")
LEVELS = {
    "MUST": "",
    "MUST NOT": "",
    "SHALL": "",
    "SHOULD": "",
    "MAY": "",
    "must": "the word in lower case, as the document has it",
    "should": "likewise",
    "may": "likewise",
    "described": "behaviour that the document states as a fact, without one of these words",
    "assumption": "what the document takes for granted of those who use it",
    "exception": "lifts another requirement",
    "example": "given by a normative sentence as an example",
    "mandatory": "a mandatory item of the static conformance table",
    "optional": "an optional item of the static conformance table",
    "informative": "explains, binds nobody",
    "rule": "binds, and is told here without the key word of the document",
    "own": "our order and our answers, where the document leaves them open",
    "case": "what every implementation should be tried with, by our own list",
}

# Which keys a requirement needs in each state, beyond those that all need.
NEEDED = {
    "implemented": ("where", "tests"),
    "partial": ("where", "tests", "missing", "by"),
    "planned": ("by",),
    "refused": ("because",),
    "not applicable": ("because",),
}
COMMON = ("id", "documents", "clause", "level", "requirement", "state")
LISTS = ("documents", "where", "tests", "by")
OPTIONAL = ("note",)
TEST_PLACES = ("tests/", "src/omapush/testing/")


class DataFault(Exception):
    """The data file cannot be read as TOML or lacks its frame."""


@dataclass(frozen=True)
class Document:
    """One of the founding documents."""

    key: str
    name: str
    title: str


@dataclass(frozen=True)
class Requirement:
    """One requirement, as the data file tells it; absent keys are empty."""

    id: str
    documents: tuple[str, ...]
    clause: str
    level: str
    requirement: str
    state: str
    where: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    missing: str = ""
    because: str = ""
    note: str = ""


@dataclass
class Conformance:
    """The data file, with every fault that was found in it."""

    documents: list[Document]
    coming: list[str]
    requirements: list[Requirement]
    faults: list[str] = field(default_factory=list)


def load(source: Path, root: Path = ROOT) -> Conformance:
    """Read the data file and judge it.

    :param root: the directory against which ``where`` and ``tests`` are looked up.
    :raises DataFault: the file is not TOML, or names no documents.
    """
    try:
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataFault(f"{source.name}: {error}") from error
    documents = [Document(**entry) for entry in data.get("document", [])]
    if not documents:
        raise DataFault(f"{source.name}: no [[document]]")
    result = Conformance(documents, list(data.get("coming", [])), [])
    for number, entry in enumerate(data.get("requirement", []), start=1):
        name = str(entry.get("id") or f"requirement number {number}")
        faults = list(_form_faults(entry))
        if not faults:
            requirement = _requirement(entry)
            faults = list(_meaning_faults(requirement, result, root))
            result.requirements.append(requirement)
        result.faults.extend(f"{name}: {fault}" for fault in faults)
    result.faults.extend(_id_faults(result))
    return result


def _form_faults(entry: Mapping[str, object]) -> Iterator[str]:
    """Yield what is wrong with the keys of one entry and their types."""
    state = entry.get("state")
    if state is not None and state not in STATES:
        yield f"unknown state {state!r}; known: {', '.join(STATES)}"
        return
    needed = COMMON + NEEDED.get(str(state), ())
    yield from (f"no {key}" for key in needed if not entry.get(key))
    known = {*needed, *OPTIONAL}
    yield from (f"{key} has no place in state {state}" for key in entry if key not in known)
    for key, value in entry.items():
        if key in LISTS and not _is_list_of_strings(value):
            yield f"{key} is not a list of strings"
        elif key not in LISTS and not isinstance(value, str):
            yield f"{key} is not a string"


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _requirement(entry: Mapping[str, object]) -> Requirement:
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Requirement(**values)  # type: ignore[arg-type]  # _form_faults has judged the types


def _meaning_faults(entry: Requirement, data: Conformance, root: Path) -> Iterator[str]:
    """Yield what one entry says that is not so."""
    if entry.level not in LEVELS:
        yield f"unknown level {entry.level!r}; known: {', '.join(LEVELS)}"
    known = {document.key for document in data.documents}
    yield from (f"unknown document {key!r}" for key in entry.documents if key not in known)
    yield from (f"unknown coming part {part!r}" for part in entry.by if part not in data.coming)
    for module in entry.where:
        yield from _module_faults(module, root)
    for test in entry.tests:
        yield from _test_faults(test, root)


def _module_faults(reference: str, root: Path) -> Iterator[str]:
    """``omapush.pap.xml`` or ``omapush.pap.xml::parse`` must exist."""
    module, _, name = reference.partition("::")
    base = root / "src" / Path(*module.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if not path.is_file():
        yield f"there is no module {module}"
    elif name and name not in _names(path):
        yield f"there is no {name} in {module}"


def _test_faults(reference: str, root: Path) -> Iterator[str]:
    """``tests/unit/pap/test_xml.py``, or with ``::test_name``, must exist.

    So must a test of the suites that ``omapush.testing`` holds and the contract tests run.
    """
    file, _, name = reference.partition("::")
    path = root / file
    if not file.startswith(TEST_PLACES) or not path.is_file():
        yield f"there is no test file {file}"
    elif name and name not in _names(path):
        yield f"there is no {name} in {file}"


def _names(path: Path) -> set[str]:
    """Return the functions and classes of a file, those inside classes as ``Class::name``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, defined):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names.update(
                f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, defined)
            )
    return names


def _id_faults(data: Conformance) -> Iterator[str]:
    counted = Counter(entry.id for entry in data.requirements)
    yield from (f"{name}: used {times} times" for name, times in counted.items() if times > 1)
    used = {key for entry in data.requirements for key in entry.documents}
    for document in data.documents:
        if document.key not in used:
            yield f"{document.key}: no requirement of this document is listed"
    yield from _gaps(counted)


def _gaps(ids: Iterable[str]) -> Iterator[str]:
    """Yield the numbers left out of a series: after AD-6.1-1 and AD-6.1-3, AD-6.1-2."""
    series: dict[str, set[int]] = {}
    for name in ids:
        stem = name.rstrip("0123456789")
        if stem != name:
            series.setdefault(stem, set()).add(int(name[len(stem) :]))
    for stem, numbers in series.items():
        missing = sorted(set(range(1, max(numbers) + 1)) - numbers)
        yield from (f"{stem}{number}: missing from its series" for number in missing)


HEAD = """\
<!-- Written by scripts/conformance.py from docs/conformance.toml. Edit that file, not this one. -->

# Conformance

Every requirement of the founding documents of OMA Push, in our own words, with what became of it.
The documents themselves are published by the Open Mobile Alliance and decide in case of doubt.

Of PAP 2.0, the PPG service, the push message and the OTA-HTTP part of Push OTA, on which they
build, this page has the items of the static conformance tables, and as rows of our own the rules
that are broken most often (PAP-RULE), the checks of a submission in their order (PPG-CHECK), and
the cases that every implementation should be tried with (PAP-CASE, OTA-HTTP-CASE).
"""


def render(data: Conformance) -> str:
    """Return the page: a summary, the legend, then one table for each group of documents."""
    parts = [HEAD, "## Summary\n", _summary(data), "## Legend\n", _legend(data)]
    groups: dict[tuple[str, ...], list[Requirement]] = {}
    for entry in data.requirements:
        groups.setdefault(_group(entry, data), []).append(entry)
    titles = {document.key: document.title for document in data.documents}
    for group, entries in groups.items():
        parts.append(f"## {' and '.join(titles[key] for key in group)}\n")
        parts.append(_table(entries, data))
    return "\n".join(parts)


def _group(entry: Requirement, data: Conformance) -> tuple[str, ...]:
    """Return the documents that are shown together with this one: those of the same title stem."""
    stem = entry.documents[0].split()[0]
    return tuple(doc.key for doc in data.documents if doc.key.split()[0] == stem)


def _summary(data: Conformance) -> str:
    lines = [
        _row(["Document", *STATES, "all"]),
        _row(["---", *["---:"] * (len(STATES) + 1)]),
    ]
    for document in data.documents:
        entries = [entry for entry in data.requirements if document.key in entry.documents]
        lines.append(_row([f"{document.title} ({document.name})", *_counts(entries)]))
    lines.append(_row(["Each requirement once", *_counts(data.requirements)]))
    return "\n".join(lines) + "\n"


def _counts(entries: list[Requirement]) -> list[str]:
    counted = Counter(entry.state for entry in entries)
    return [*(str(counted[state]) for state in STATES), str(len(entries))]


def _legend(data: Conformance) -> str:
    used = {entry.level for entry in data.requirements}
    levels = [
        f"* *{level}*: {meaning}" for level, meaning in LEVELS.items() if meaning and level in used
    ]
    text = [
        "*implemented*: in the modules named, tested by the tests named. *partial*: what is named",
        "is missing. *planned*: by the coming part named. *refused*: on purpose, with the reason.",
        "*not applicable*: binds no implementation, or none that does what this one does.",
        "",
        "Levels in capitals are the key words of RFC 2119. The others:",
        "",
        *levels,
    ]
    return "\n".join(text) + "\n"


def _table(entries: list[Requirement], data: Conformance) -> str:
    several = len(_group(entries[0], data)) > 1
    lines = [
        _row(["Id", "Clause", "Level", "Requirement", "State", "Where, and how we know"]),
        _row(["---"] * 6),
    ]
    for entry in entries:
        clause = entry.clause
        if several and len(entry.documents) == 1:
            clause += f" ({entry.documents[0].split()[-1]} only)"
        cells = [entry.id, clause, entry.level, entry.requirement, entry.state, _evidence(entry)]
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _evidence(entry: Requirement) -> str:
    parts = []
    if entry.missing:
        parts.append(f"Missing: {entry.missing}")
    if entry.by:
        parts.append(f"Coming with: {', '.join(entry.by)}.")
    if entry.because:
        parts.append(entry.because)
    if entry.note:
        parts.append(entry.note)
    if entry.where:
        parts.append(", ".join(f"`{module}`" for module in entry.where))
    if entry.tests:
        parts.append("Tests: " + ", ".join(f"`{test}`" for test in entry.tests))
    return "<br>".join(parts)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write or check the page; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on any fault")
    check = parser.parse_args(arguments).check
    page = root / "docs" / "conformance.md"
    try:
        data = load(root / "docs" / "conformance.toml", root)
    except DataFault as fault:
        print(fault, file=sys.stderr)
        return 1
    faults = list(data.faults)
    if not faults:
        text = render(data)
        if not check:
            page.write_text(text, encoding="utf-8")
        elif not page.is_file() or page.read_text(encoding="utf-8") != text:
            faults.append("docs/conformance.md is stale: run scripts/conformance.py")
    for fault_line in faults:
        print(fault_line, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

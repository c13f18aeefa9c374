"""The requirements, the tests that carry their ids, and the table of both."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
DOCUMENT = TESTS.parent / "docs" / "conformance.md"
PROFILES = ("1.0", "2.0", "3.0")
# Which profiles a range of versions touches; 2.0 stands for 2.0.1 as well.
APPLIES = {
    "all": PROFILES,
    "1.0-2.0": ("1.0", "2.0"),
    "2.0+": ("2.0", "3.0"),
    "2.0.1+": ("2.0", "3.0"),
    "3.0": ("3.0",),
}
STRENGTHS = ("SHALL", "SHALL NOT", "SHALL*", "SHOULD", "SHOULD NOT", "SHOULD*", "SHOULD NOT*", "MAY", "MAY*", "note")
HANDLINGS = ("tested", "chosen", "argued", "not ours")
SECTIONS = {
    "GEN": 13, "DISC": 23, "REQ": 19, "PRE": 38, "QRY": 6, "FHIR": 18, "HTTP": 9, "RESP": 8, "CARD": 24, "SUGG": 11,
    "ACT": 11, "LINK": 11, "OVR": 5, "SYS": 6, "FB": 16, "SEC": 30, "CORS": 8, "LOG": 7, "PERF": 7, "I18N": 4,
    "EXT": 6, "HOOK-PV": 8, "HOOK-OS": 16, "HOOK-SIGN": 1, "HOOK-DISP": 1, "HOOK-ENC": 1, "HOOK-OTH": 1, "HOOK-RES": 5,
    "ERR": 12, "CLI": 14,
}  # fmt: skip
PASSES, FAILS, UNTESTED, ELSEWHERE = "passes", "fails", "–", ""
_ROW = re.compile(r"^\| ([A-Z0-9-]+-\d+) \|(.*)\|$", re.MULTILINE)
_HEAD = """# Conformance with CDS Hooks

Written by `make conformance`. Requirements of CDS Hooks 1.0, 2.0 (with 2.0.1) and the draft of 3.0 in our own words,
each with its result for a client that is registered for that version; 2.0 is what other callers get. A star marks what
follows from another standard, from best practice or from how clients behave. *passes*: the tests that carry the id
passed in that version. *–*: no test, the reason stands beside it. Blank: the requirement is not part of that version.
"""


@dataclass(frozen=True)
class Requirement:
    """One numbered requirement. ``handling`` other than ``tested`` has a reason."""

    id: str
    strength: str
    versions: str
    binds: str
    says: str
    handling: str = "tested"
    reason: str = ""

    @property
    def section(self) -> str:
        return self.id.rpartition("-")[0]

    @property
    def profiles(self) -> tuple[str, ...]:
        return APPLIES[self.versions]


def requirements() -> tuple[Requirement, ...]:
    """Return all requirements in the order of their sections."""
    listed = [
        Requirement(id=name, **entry)
        for path in sorted((HERE / "requirements").glob("*.toml"))
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()
    ]
    order = list(SECTIONS)
    return tuple(sorted(listed, key=lambda one: (order.index(one.section), int(one.id.rpartition("-")[2]))))


def _marked(node: ast.AST) -> Iterator[str]:
    """Yield the ids in the requirement markers below a node."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "requirement":
            for argument in call.args:
                assert isinstance(argument, ast.Constant), "ids stand as texts in the marker"
                yield str(argument.value)


def carriers() -> dict[str, list[str]]:
    """Return the tests that carry each id, as ``path::function``."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.requirement(" not in text:
            continue
        for function in ast.parse(text).body:
            if not isinstance(function, ast.FunctionDef):
                continue
            place = f"{path.relative_to(TESTS).as_posix()}::{function.name}"
            for decorator in function.decorator_list:
                for name in _marked(decorator):
                    found.setdefault(name, []).append(place)
    return found


Results = Mapping[tuple[str, str], str]


def results_of(outcomes: list[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """Return the result of each id in each profile from (id, profile or "", outcome) of every test."""
    results: dict[tuple[str, str], str] = {}
    for name, profile, outcome in outcomes:
        for one in (profile,) if profile else PROFILES:
            worst = results.get((name, one), PASSES)
            results[name, one] = PASSES if worst == outcome == PASSES else FAILS
    return results


def cells_of(one: Requirement, results: Results) -> list[str]:
    """Return the results of a requirement, one for each profile."""
    return [results.get((one.id, p), UNTESTED) if p in one.profiles else ELSEWHERE for p in PROFILES]


def verdict(one: Requirement, results: Results) -> str:
    """Return what became of a requirement in one word."""
    cells = {cell for cell in cells_of(one, results) if cell}
    if FAILS in cells:
        return FAILS
    if one.handling in ("argued", "not ours"):
        return one.handling
    return PASSES if cells == {PASSES} else "untested"


def _shown_by(places: list[str]) -> str:
    files: dict[str, list[str]] = {}
    for place in places:
        path, _, function = place.partition("::")
        files.setdefault(path, []).append(function.removeprefix("test_").replace("_", " "))
    return "; ".join(f"`{path}`: {', '.join(dict.fromkeys(names))}" for path, names in files.items())


def _row(one: Requirement, results: Results, places: list[str]) -> str:
    handling = "" if one.handling == "tested" else f"**{one.handling}**: "
    why = " ".join(part for part in (f"{handling}{one.reason}".strip(), _shown_by(places)) if part)
    cells = [one.id, one.strength, one.versions, one.binds, one.says, *cells_of(one, results), why]
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def counts(results: Results) -> list[tuple[str, Counter[str]]]:
    """Return, for each strength, how many requirements had which verdict."""
    listed = requirements()
    return [(s, Counter(verdict(one, results) for one in listed if one.strength == s)) for s in STRENGTHS]


def render(results: Results) -> str:
    """Return the whole document."""
    shown = carriers()
    verdicts = (PASSES, FAILS, "argued", "not ours", "untested")
    lines = [_HEAD, f"| strength | all | {' | '.join(verdicts)} |", f"| --- |{' --- |' * (len(verdicts) + 1)}"]
    for strength, counted in counts(results):
        lines.append(f"| {strength} | {counted.total()} | {' | '.join(str(counted[name]) for name in verdicts)} |")
    section = ""
    for one in requirements():
        if one.section != section:
            section = one.section
            lines += [
                "",
                f"## {section}",
                "",
                "| id | strength | versions | binds | what | 1.0 | 2.0 | 3.0 | shown by, or why |",
            ]
            lines.append("| --- |" + " --- |" * 8)
        lines.append(_row(one, results, shown.get(one.id, [])))
    return "\n".join(lines) + "\n"


def kept_results() -> dict[tuple[str, str], str]:
    """Return the results that stand in the kept document."""
    found: dict[tuple[str, str], str] = {}
    for match in _ROW.finditer(DOCUMENT.read_text(encoding="utf-8")):
        cells = [cell.strip() for cell in match[2].split("|")]
        for profile, cell in zip(PROFILES, cells[4:7], strict=True):
            if cell in (PASSES, FAILS):
                found[match[1], profile] = cell
    return found

"""Modules, functions and rules stay small enough to be read at one sitting, and say what they are for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cds_service", "cards", "fhir_fixtures")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MODULE_LINES = 400
FUNCTION_LINES = 50
RULE_LINES = 20
# Lists of names, one a line: long, but nothing to understand.
LISTS = {"cds_service/domain/vocabulary.py"}
# A rule is a function from the context to one of these; the rest of ``rules`` is held to the function limit.
RULE_ANSWERS = {"Outcome", "Answer"}
FEWEST_RULES = 100
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the signature to the end, without decorators and docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_module_is_short_and_documented(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "no module docstring"
    assert path.stem not in FORBIDDEN_NAMES, "the name says nothing"
    if named(path) not in LISTS:
        assert len(text.splitlines()) <= MODULE_LINES


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    too_long = {f.name: body_lines(f) for f in functions(tree) if body_lines(f) > FUNCTION_LINES}
    assert too_long == {}


def test_clinical_rules_are_short_and_have_a_sentence() -> None:
    rules = {f"{named(path)}: {function.name}": function for path in MODULES for function in rules_of(path)}
    assert len(rules) > FEWEST_RULES
    assert {name: body_lines(function) for name, function in rules.items() if body_lines(function) > RULE_LINES} == {}
    assert [name for name, function in rules.items() if not ast.get_docstring(function)] == []


def rules_of(path: Path) -> Iterator[ast.FunctionDef]:
    """Functions of ``rules`` that are known as rules by what they return."""
    if path.is_relative_to(ROOT / "cds_service/rules"):
        for function in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(function, ast.FunctionDef):
                continue
            returned = function.returns.id if isinstance(function.returns, ast.Name) else ""
            if returned in RULE_ANSWERS and [argument.arg for argument in function.args.args] == ["context"]:
                yield function

"""The hot path runs in the form asked for: from its sources, or compiled with HOT_PATH_FORM=compiled."""

import importlib
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from cds_service.rules.catalogue import catalogue
from scripts.compile_hot_path import GROUPS, LEFT_OUT, PACKAGES, modules_of

ROOT = Path(__file__).parents[2]
COMPILED = os.environ.get("HOT_PATH_FORM") == "compiled"
FILES = [file for files in modules_of(ROOT).values() for file in files]


@pytest.mark.parametrize("file", FILES)
def test_module_is_of_the_form_asked_for(file: str) -> None:
    name = file.removesuffix(".py").replace("/", ".")
    place = str(importlib.import_module(name).__file__)
    assert place.endswith(tuple(EXTENSION_SUFFIXES) if COMPILED else ".py")


def test_every_pattern_finds_modules_and_every_exception_exists() -> None:
    assert [pattern for patterns in GROUPS.values() for pattern in patterns if not list(ROOT.glob(pattern))] == []
    assert [file for file in LEFT_OUT if not (ROOT / file).is_file()] == []


def test_every_rule_and_row_has_its_sentence() -> None:
    """A compiled function has no docstring, and those of rules and rows are what clinicians read."""
    assert [entry.id for entry in catalogue() if not entry.sentence.strip()] == []


def test_no_compiled_file_lies_among_the_sources() -> None:
    places = [ROOT / package for package in PACKAGES]
    assert [path.name for place in places for suffix in EXTENSION_SUFFIXES for path in place.rglob(f"*{suffix}")] == []

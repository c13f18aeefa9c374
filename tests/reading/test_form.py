"""The reader runs in the form that was asked for: from its sources, or with READER_FORM=compiled from the wheel."""

import importlib
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILED = os.environ.get("READER_FORM") == "compiled"
MODULES = ["domain.vocabulary"] + [
    f"reading.{path.stem}" for path in sorted((ROOT / "cds_service" / "reading").glob("*.py")) if path.stem[0] != "_"
]


@pytest.mark.parametrize("name", MODULES)
def test_module_is_of_the_form_asked_for(name: str) -> None:
    file = str(importlib.import_module(f"cds_service.{name}").__file__)
    assert file.endswith(tuple(EXTENSION_SUFFIXES) if COMPILED else ".py")


def test_no_compiled_file_lies_among_the_sources() -> None:
    assert [path.name for suffix in EXTENSION_SUFFIXES for path in (ROOT / "cds_service").rglob(f"*{suffix}")] == []

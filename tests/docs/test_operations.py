"""The operations documents: their settings exist, their links lead somewhere; tests/operations runs their commands."""

import re
from pathlib import Path

import pytest

from cds_service.config import read_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "docs/operations").glob("*.md"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_settings_exist_and_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for name in set(re.findall(r"MARROW_[A-Z_]*[A-Z]", text)):
        known = [setting for setting in dir(read_settings({})) if setting.startswith(name[len("MARROW_") :].lower())]
        # MARROW_MAX_… stands for several settings; any other name for one.
        assert known if f"{name}_…" in text else hasattr(read_settings({}), name.removeprefix("MARROW_").lower()), name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert target.startswith("http") or (document.parent / target).exists(), target

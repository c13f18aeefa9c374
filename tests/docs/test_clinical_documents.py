"""The generated documents on the knowledge are current."""

from pathlib import Path

import pytest

from cds_service.hooks.review.cases import load_cases
from cds_service.hooks.review.docs import KEPT, documents
from cds_service.hooks.review.handbook import build_handbook
from cds_service.hooks.review.sections import Review
from cds_service.knowledge.load import load_knowledge

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "clinical"


@pytest.mark.parametrize("name", [f"{name}.md" for name in KEPT])
def test_document_is_current(name: str) -> None:
    review = Review(build_handbook(load_knowledge()), load_cases(ROOT / "tests"))
    kept = (FOLDER / name).read_text(encoding="utf-8")
    assert kept == documents(review)[name], "run: make knowledge-docs"

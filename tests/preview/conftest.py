"""The preview over the real clinical middle, without HTTP."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import pytest

from cds_service.app import build_clinic, build_previews
from cds_service.config import Settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.changes import Changes
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.view import answer

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
GERMAN = (
    "MRT der Brustwirbelsäule. Befund: Th11 mit diffuser Sklerosierung und paravertebralem Ödem. Keine frische "
    "Fraktur, keine Osteolyse. Kein Abszess. Bandscheiben unauffällig.\nBeurteilung: Dichter Wirbelkörper Th11 mit "
    "paravertebralem Ödem. Eine Spondylodiszitis ist möglich."
)

Look = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def desk() -> Iterator[PreviewDesk]:
    with ThreadPoolExecutor(2) as pool:
        yield build_previews(build_clinic(), Settings(budget_seconds=60), pool)


def _look(desk: PreviewDesk, body: Any, language: Language = Language.EN) -> dict[str, Any]:
    return answer(desk.preview(body, language, NOW))


@pytest.fixture
def look(desk: PreviewDesk) -> Look:
    """Evaluate an input and return the whole answer."""
    return partial(_look, desk)


@pytest.fixture(scope="session")
def change(desk: PreviewDesk) -> Look:
    """Evaluate an input and return what would change it; the same input is evaluated once."""

    @cache
    def changes(body: str, language: Language) -> dict[str, Any]:
        return Changes(desk, desk.preview(json.loads(body), language, NOW)).answer(lambda: True)

    return lambda body, language=Language.EN: changes(json.dumps(body), language)

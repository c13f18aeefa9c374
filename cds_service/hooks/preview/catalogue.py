"""What the page offers to pick: groups, tests, orders and fixtures, named in every language; no data of a patient."""

from collections.abc import Callable
from typing import Any

import fhir_fixtures
from cds_service.domain.vocabulary import Language
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.words import Words, preview_words

_MOST_UNITS = 4


def _in_every_language(name: Callable[[Words], str]) -> dict[str, str]:
    return {language.value: name(words) for language, words in preview_words().items()}


def _fixture(name: str) -> dict[str, Any]:
    scenario = fhir_fixtures.scenario(name)
    return {
        "id": name,
        "hook": scenario.hook,
        "language": scenario.language,
        "asOf": scenario.as_of.date().isoformat(),
        "title": _in_every_language(lambda words: words.fixtures[name].title),
        "description": _in_every_language(lambda words: words.fixtures[name].description),
    }


def catalogue(desk: PreviewDesk, *, servers: bool) -> dict[str, Any]:
    """Return everything that can be picked; FHIR servers only for who may ask them (``servers``)."""
    codes = desk.knowledge.codes
    return {
        "languages": [language.value for language in Language],
        "reportLanguages": [language.value for language in Language],
        "groups": [
            {
                "id": pick.group.value,
                "kind": pick.kind.value,
                "label": _in_every_language(lambda words, pick=pick: words.group(pick.group)),  # type: ignore[misc]
                "words": {language.value: list(words) for language, words in pick.words.items()},
            }
            for pick in desk.picks.groups
        ],
        "analytes": [
            {
                "id": analyte.value,
                "label": _in_every_language(
                    lambda words, analyte=analyte: words.cards.name("analytes", analyte.value)  # type: ignore[misc]
                ),
                "unit": entry.unit,
                "units": list(dict.fromkeys((entry.unit, *entry.only_units, *entry.units.values())))[:_MOST_UNITS],
            }
            for analyte, entry in codes.labs.analytes.items()
        ],
        "orders": [
            {
                "id": kind.value,
                "label": _in_every_language(
                    lambda words, kind=kind: words.cards.name("orders", kind.value)  # type: ignore[misc]
                ),
            }
            for kind in desk.picks.orders()
        ],
        "fixtures": [_fixture(name) for name in fhir_fixtures.scenarios()],
        "servers": list(desk.listed_servers) if servers else [],
        "local": servers and desk.local_servers,
    }

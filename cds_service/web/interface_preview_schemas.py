"""Schemas of what goes into the preview and comes out of it, for the OpenAPI document."""

import fhir_fixtures
from cds_service.domain.vocabulary import Analyte, Indicator, Language, OrderKind
from cds_service.hooks.preview.picks import PickKind
from cds_service.web.interface_forms import COUNT, TEXT, WORDS, Schema, listed, or_null, record, ref
from cds_service.web.interface_preview import input_schema

_FLAG: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}
_LANGUAGE: Schema = {"enum": [language.value for language in Language]}
_LABELS: Schema = record({language.value: TEXT for language in Language})
_DAY: Schema = or_null({"type": "string", "format": "date"})
_INDICATOR: Schema = {"enum": [indicator.value for indicator in Indicator]}
_KIND: Schema = {"enum": ["present", "possible", "absent", "historical", "other"]}
_OF_REPORT = ("language", "title", "date")
_MISSING: Schema = listed(record({"id": TEXT, "label": TEXT}))


def _open(*names: str) -> Schema:
    """Describe an object by the members that it always has."""
    return {"type": "object", "required": list(names)}


def _typed() -> Schema:
    """Members of a typed report."""
    day: Schema = {"type": "string", "format": "date"}
    result = record(
        {
            "analyte": {"enum": [analyte.value for analyte in Analyte]},
            "name": TEXT,
            "code": TEXT,
            "value": {"type": ["number", "string"]},
            "unit": TEXT,
            "date": TEXT,
        },
        optional=("analyte", "name", "code", "unit", "date"),
    )
    years = {"type": "integer", "minimum": 0, "maximum": 130}
    patient = {"age": years, "sex": {"enum": ["female", "male"]}, "pregnant": _FLAG, "onset": day}
    kinds = {"enum": [kind.value for kind in PickKind]}
    pick = record({"group": TEXT, "kind": kinds, "on": day}, optional=("kind", "on"))
    order = {"enum": [kind.value for kind in OrderKind if kind is not OrderKind.OTHER]}
    report = record({"text": TEXT, "language": _LANGUAGE, "title": TEXT, "date": day}, optional=_OF_REPORT)
    return {
        "text": TEXT,
        "language": _LANGUAGE,
        "title": TEXT,
        "reportDate": day,
        "patient": record(patient, optional=tuple(patient)),
        "labs": listed(result),
        "conditions": listed(TEXT),
        "medications": listed(TEXT),
        "history": listed(pick),
        "orders": listed({"anyOf": [TEXT, record({"kind": order}), _open("resourceType")]}),
        "orderHook": {"enum": ["order-select", "order-sign"]},
        "reports": listed(report),
        "overlay": {"type": "string", "description": "TOML text of site values"},
    }


def _inputs() -> dict[str, Schema]:
    typed = _typed()
    texts = ("text", "language", "title", "labs", "conditions", "medications", "orders")
    fields: Schema = dict.fromkeys((*texts, "age", "sex", "pregnant", "onset", "cards", "fixture"), WORDS)
    server = {"server": {"type": "string", "format": "uri"}, "patient": TEXT, "report": TEXT, "overlay": WORDS}
    fixture = {"fixture": {"enum": list(fhir_fixtures.scenarios())}, "overlay": WORDS}
    side = {"input": ref("PreviewInput"), "language": _LANGUAGE, "overlay": WORDS, "asOf": TEXT}
    return {
        "TypedReport": record(typed, optional=tuple(name for name in typed if name != "text")),
        "PreviewForm": record(fields, optional=tuple(fields), closed=False),
        "FixtureInput": record(fixture, optional=("overlay",)),
        "ServerInput": record(server, optional=("report", "overlay")),
        "PatientQuery": record({"server": server["server"], "query": WORDS}, optional=("query",)),
        "PreviewInput": input_schema(),
        "PreviewSides": record(
            {
                "left": record(side, optional=("language", "overlay", "asOf")),
                "right": record(side, optional=tuple(side)),
            },
            closed=False,
        ),
    }


def _finding() -> Schema:
    place: Schema = {"type": "array", "items": COUNT, "minItems": 2, "maxItems": 2}
    return record(
        {
            "id": TEXT,
            "text": COUNT,
            "finding": TEXT,
            "label": TEXT,
            "status": TEXT,
            "statusLabel": TEXT,
            "kind": _KIND,
            "certainty": TEXT,
            "levels": listed(TEXT),
            "levelLabels": listed(TEXT),
            "span": place,
            "cue": or_null(WORDS),
            "cueSpan": or_null(place),
            "sentence": WORDS,
            "sentenceSpan": place,
            "section": TEXT,
            "sectionLabel": TEXT,
            "trend": or_null(TEXT),
            "trendLabel": WORDS,
            "qualifiers": listed(TEXT),
            "coded": _FLAG,
            "rules": listed(TEXT),
        }
    )


def _report() -> Schema:
    piece = record(
        {"text": TEXT, "start": COUNT, "end": COUNT, "findings": listed(TEXT), "cues": listed(TEXT)},
    )
    text = record({"element": WORDS, "text": WORDS, "segments": listed(piece)})
    return record(
        {
            "id": WORDS,
            "title": WORDS,
            "date": _DAY,
            "status": WORDS,
            "modality": TEXT,
            "region": TEXT,
            "language": or_null(_LANGUAGE),
            "leading": _FLAG,
            "used": _FLAG,
            "texts": listed(text),
            "findings": listed(ref("PreviewFinding")),
            "stated": listed(_open("id", "group", "label", "status", "kind", "span", "sentence", "rules")),
        }
    )


def _rule() -> Schema:
    return record(
        {
            "id": TEXT,
            "kind": {"enum": ["rule", "row", "order", "frame"]},
            "field": WORDS,
            "fieldLabel": WORDS,
            "label": WORDS,
            "labelLanguage": _LANGUAGE,
            "fired": _FLAG,
            "why": WORDS,
            "whyLanguage": _LANGUAGE,
            "missing": _MISSING,
            "findings": listed(TEXT),
            "causes": listed(TEXT),
            "cards": listed(TEXT),
            "evidence": listed(TEXT),
        }
    )


def _view() -> Schema:
    lane = _open("lane", "label", "row", "rowLabel", "card", "indicator", "shown", "suppressedBy", "suppressedByLanes")
    card = _open("uuid", "card", "text", "hook", "service", "indicator", "lane", "row", "levels", "missing", "rules")
    return record(
        {
            "language": _LANGUAGE,
            "asOf": TEXT,
            "knowledgeVersion": TEXT,
            "overlaid": listed(TEXT),
            "source": {"enum": ["typed", "bundle", "request", "fixture", "server"]},
            "note": WORDS,
            "patient": _open("age", "sex", "sexLabel", "pregnant"),
            "cards": listed(card),
            "reports": listed(ref("PreviewReport")),
            "spine": _open("levels", "discs", "elsewhere", "rows"),
            "timeline": _open("asOf", "onset", "reports", "series", "rows"),
            "rules": listed(ref("PreviewRule")),
            "lanes": listed(lane),
            "evidence": listed(_open("id", "authors", "title", "source", "year", "url")),
            "gaps": listed(_open("code", "resource", "element", "clinical", "label")),
            "conflicts": listed(_open("kind", "label", "sentences", "levelLabels")),
        }
    )


def _changes() -> Schema:
    card = {"card": TEXT, "text": TEXT, "indicator": _INDICATOR, "indicatorLabel": TEXT, "summary": TEXT}
    marked = card | {"mark": {"enum": ["same", "added", "changed"]}}
    option = record(
        {
            "id": TEXT,
            "value": TEXT,
            "label": TEXT,
            "changes": _FLAG,
            "cards": listed(record(marked)),
            "removed": listed(record(card)),
            "rulesFired": listed(TEXT),
            "rulesSilent": listed(TEXT),
        }
    )
    fact = record({"fact": TEXT, "label": TEXT, "state": TEXT, "stateLabel": TEXT, "options": listed(option)})
    near = record(
        {
            "rule": TEXT,
            "label": WORDS,
            "labelLanguage": _LANGUAGE,
            "missing": _MISSING,
            "by": listed(record({"fact": TEXT, "option": TEXT, "label": TEXT})),
        }
    )
    return record(
        {
            "base": listed(record(card)),
            "facts": listed(fact),
            "nearMisses": listed(near),
            "evaluated": COUNT,
            "complete": _FLAG,
        }
    )


def _outputs() -> dict[str, Schema]:
    difference = record(
        {
            "same": _FLAG,
            "cards": listed(_open("card", "mark", "left", "right", "what")),
            "findings": listed(_open("finding", "label", "status", "levelLabels", "mark")),
            "rules": listed(_open("rule", "label", "mark")),
            "values": listed(record({"name": TEXT, "left": TEXT, "right": TEXT})),
        }
    )
    call = record({"service": TEXT, "body": _OBJECT})
    test_case = record({"name": TEXT, "text": TEXT})
    reported = record({"id": WORDS, "date": WORDS, "title": WORDS})
    person = record({"id": TEXT, "name": WORDS, "birthDate": WORDS, "reports": listed(reported)})
    return {
        "Preview": record({"cards": listed(ref("Card")), "reasoning": _OBJECT, "view": ref("PreviewView")}),
        "PreviewView": _view(),
        "PreviewReport": _report(),
        "PreviewFinding": _finding(),
        "PreviewRule": _rule(),
        "PreviewChanges": _changes(),
        "PreviewComparison": record({"left": ref("Preview"), "right": ref("Preview"), "difference": difference}),
        "PreviewExport": record({"hookRequests": listed(call), "bundle": _OBJECT, "testCase": or_null(test_case)}),
        "PreviewPatients": record({"patients": listed(person), "more": _FLAG}),
        "PreviewCatalogue": record(
            {
                "languages": listed(_LANGUAGE),
                "reportLanguages": listed(_LANGUAGE),
                "groups": listed(record({"id": TEXT, "kind": TEXT, "label": _LABELS, "words": _OBJECT})),
                "analytes": listed(record({"id": TEXT, "label": _LABELS, "unit": TEXT, "units": listed(TEXT)})),
                "orders": listed(record({"id": TEXT, "label": _LABELS})),
                "fixtures": listed(
                    record(
                        {
                            "id": TEXT,
                            "hook": TEXT,
                            "language": _LANGUAGE,
                            "asOf": TEXT,
                            "title": _LABELS,
                            "description": _LABELS,
                        }
                    )
                ),
                "servers": listed(TEXT),
                "local": _FLAG,
            }
        ),
    }


def preview_schemas() -> dict[str, Schema]:
    """Return the schemas of the preview by name."""
    return {**_inputs(), **_outputs()}

"""Reports and markers over time, with the limits that the rules hold them against."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from cards.phrases import canonical_value, number, unit_text
from cds_service.domain.facts import LabValue, PatientFacts
from cds_service.domain.vocabulary import Analyte, ConditionGroup
from cds_service.hooks.preview.highlight import ReadReport
from cds_service.hooks.preview.words import Words
from cds_service.knowledge.thresholds import Thresholds
from cds_service.rules.measured import standing

_LIMITS = {
    Analyte.CRP: ("crp_upper_normal", "crp_raised", "crp_strong"),
    Analyte.ESR: ("esr_reassuring", "esr_high"),
}
_MOST_POINTS = 500


def _plain(text: str) -> str:
    return text


def _series(analyte: Analyte, labs: Iterable[LabValue], limits: Thresholds, words: Words) -> dict[str, Any] | None:
    own = [lab for lab in labs if lab.analyte is analyte and lab.collected is not None and lab.value is not None]
    if not own:
        return None
    ordered = sorted(own, key=standing)[-_MOST_POINTS:]
    unit = ordered[-1].unit
    return {
        "analyte": analyte.value,
        "label": words.cards.name("analytes", analyte.value),
        "unit": unit,
        "unitLabel": unit_text(unit),
        "points": [
            {
                "date": lab.collected.date().isoformat() if lab.collected else None,
                "value": lab.value,
                "comparator": lab.comparator.value if lab.comparator else "",
                "shown": canonical_value(lab, words.cards, _plain),
            }
            for lab in ordered
        ],
        "thresholds": [
            {
                "name": name,
                "value": getattr(limits, name).value,
                "label": words.name("phrases", name),
                "shown": f"{number(getattr(limits, name).value, words.cards)} {unit_text(unit)}",
            }
            for name in _LIMITS[analyte]
        ],
    }


def _onset(facts: PatientFacts) -> date | None:
    """Earliest charted day of back pain, as the form asks for it."""
    days = [c.onset for c in facts.conditions if ConditionGroup.BACK_PAIN in c.groups and c.onset is not None]
    return min((day for day in days if day <= facts.as_of.date()), default=None)


def timeline_view(
    facts: PatientFacts, reports: Iterable[ReadReport], limits: Thresholds, words: Words
) -> dict[str, Any]:
    """Return reports, CRP and ESR by day, with the same as rows of a table, oldest first."""
    dated = [
        {
            "id": one.report.provenance.reference,
            "date": one.report.date.date().isoformat() if one.report.date else None,
            "title": one.report.title,
            "leading": one.leading,
        }
        for one in reports
    ]
    found = [_series(analyte, facts.labs, limits, words) for analyte in _LIMITS]
    onset = _onset(facts)
    rows = [
        {"date": one["date"], "kind": "report", "label": words.name("phrases", "report"), "value": one["title"]}
        for one in dated
    ]
    rows += [
        {
            "date": lab.collected.date().isoformat() if lab.collected else None,
            "kind": lab.analyte.value,
            "label": words.cards.name("analytes", lab.analyte.value),
            "value": canonical_value(lab, words.cards, _plain),
        }
        for lab in facts.labs
        if lab.analyte in _LIMITS
    ]
    if onset is not None:
        rows.append({"date": onset.isoformat(), "kind": "onset", "label": words.name("phrases", "onset"), "value": ""})
    return {
        "asOf": facts.as_of.date().isoformat(),
        "onset": onset.isoformat() if onset else None,
        "reports": sorted(dated, key=lambda one: str(one["date"] or "")),
        "series": [one for one in found if one is not None],
        "rows": sorted(rows, key=lambda row: str(row["date"] or ""))[-_MOST_POINTS:],
    }

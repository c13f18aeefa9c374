"""Cards as a Task or a Flag in the chart, for results that arrive while nobody has the chart open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import tomli

from cards.build import SOURCE_LABEL
from cards.model import Card
from cds_service.domain.vocabulary import Language
from cds_service.errors import KnowledgeError

NoticeKind = Literal["Task", "Flag"]
STATE_SYSTEM = "https://marrow-cds.example/result-state"
_TEXTS = frozenset({"title", "origin", "assigned", "unassigned"})
_PRIORITIES = {"critical": "stat", "warning": "urgent"}
_EXTENSION = "http://hl7.org/fhir/StructureDefinition"
_FLAG_PRIORITY = "http://hl7.org/fhir/flag-priority-code"
_FLAG_PRIORITIES = {"critical": "PH", "warning": "PM"}
_FLAG_CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "clinical"}


@dataclass(frozen=True, slots=True)
class Notice:
    """What is written: ``report`` is the reference of the report that arrived, ``state`` names its state for ever.

    ``owner`` is the responsible clinician as a FHIR Reference, empty when nobody is known. ``labels`` are tags and
    security labels of what the cards come from, which the notice carries too.
    """

    cards: Sequence[Card]
    language: Language
    patient_id: str
    report: str
    state: str
    moment: datetime
    owner: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)

    @property
    def indicator(self) -> str:
        """The most serious indicator of the cards."""
        return "critical" if any(card.indicator == "critical" for card in self.cards) else "warning"


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    """Return the texts by id and language. Raises KnowledgeError when one is missing."""
    raw: dict[str, dict[str, str]] = tomli.loads((files("cards") / "notices.toml").read_text(encoding="utf-8"))
    wanted = {language.value for language in Language}
    if raw.keys() != _TEXTS or any(texts.keys() != wanted for texts in raw.values()):
        raise KnowledgeError(f"cards/notices.toml: needs {', '.join(sorted(_TEXTS))} in each language")
    return raw


def write_notice(notice: Notice, kind: NoticeKind) -> dict[str, Any]:
    """Return the resource to create: a Task for the responsible clinician, or a Flag for whoever opens the chart."""
    return _task(notice) if kind == "Task" else _flag(notice)


def _shell(notice: Notice, kind: NoticeKind) -> dict[str, Any]:
    shell: dict[str, Any] = {"resourceType": kind}
    if notice.labels:
        shell["meta"] = dict(notice.labels)
    identifier = [{"system": STATE_SYSTEM, "value": notice.state}]
    return shell | {"language": notice.language.value, "identifier": identifier}


def _task(notice: Notice) -> dict[str, Any]:
    language = notice.language.value
    name = notice.owner.get("display", "")
    asked = _words()["assigned"][language].format(name=name) if name else ""
    origin = " ".join(
        filter(None, (_words()["origin"][language], asked if notice.owner else _words()["unassigned"][language]))
    )
    task = _shell(notice, "Task") | {
        "status": "requested",
        "intent": "proposal",
        "priority": _PRIORITIES[notice.indicator],
        "code": {"text": _words()["title"][language]},
        "description": "\n".join(card.summary for card in notice.cards),
        "focus": {"reference": notice.report},
        "for": {"reference": f"Patient/{notice.patient_id}"},
        "authoredOn": notice.moment.isoformat(timespec="seconds"),
        "requester": {"display": SOURCE_LABEL},
        "note": [{"text": f"{card.summary}\n\n{card.detail}"} for card in notice.cards] + [{"text": origin}],
    }
    return task | ({"owner": dict(notice.owner)} if notice.owner else {})


def _flag(notice: Notice) -> dict[str, Any]:
    """Write the summaries only: a flag is read at a glance, and its details are the cards when the chart opens."""
    words = "\n".join((*(card.summary for card in notice.cards), _words()["origin"][notice.language.value]))
    coding = {"system": _FLAG_PRIORITY, "code": _FLAG_PRIORITIES[notice.indicator]}
    return _shell(notice, "Flag") | {
        "extension": [
            {"url": f"{_EXTENSION}/flag-detail", "valueReference": {"reference": notice.report}},
            {"url": f"{_EXTENSION}/flag-priority", "valueCodeableConcept": {"coding": [coding]}},
        ],
        "status": "active",
        "category": [{"coding": [_FLAG_CATEGORY]}],
        "code": {"text": words},
        "subject": {"reference": f"Patient/{notice.patient_id}"},
        "period": {"start": notice.moment.isoformat(timespec="seconds")},
    }

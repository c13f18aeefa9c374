"""Procedures, allergies, devices and demographics of the patient."""

import re
from collections.abc import Mapping, Sequence
from datetime import date

from cds_service.domain.facts import (
    AllergyFact,
    Demographics,
    DeviceFact,
    GapCode,
    ProcedureFact,
    Sex,
)
from cds_service.domain.vocabulary import DeviceGroup, DrugGroup, ProcedureGroup
from cds_service.fhir.matching import GroupFinder
from cds_service.fhir.moments import told_day, years_between
from cds_service.fhir.node import Concept, Node

_NOT_DONE = frozenset({"not-done", "preparation"})
_WITHDRAWN = frozenset({"entered-in-error"})
_PROCEDURE_STATUSES = frozenset({"in-progress", "on-hold", "stopped", "completed", "unknown", "aborted", "suspended"})
_GONE = frozenset({"inactive", "entered-in-error", "stopped", "completed", "not-done", "cancelled"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_OLDEST = 130
_SEXES = {"female": Sex.FEMALE, "male": Sex.MALE, "f": Sex.FEMALE, "m": Sex.MALE, "w": Sex.FEMALE}


def demographics(patient: Node) -> tuple[Demographics, date | None]:
    """Return age and sex, and the day of birth for ages of onset. What is missing becomes a clinical gap."""
    gender = patient.code("gender").lower()
    sex = _SEXES.get(gender)
    if sex is None:
        patient.note(GapCode.SEX_UNKNOWN, "gender", clinical=True)
    born = patient.day("birthDate")
    age = years_between(born, patient.intake.as_of.date()) if born else None
    if age is None or not 0 <= age <= _OLDEST:
        patient.note(GapCode.AGE_UNKNOWN, "birthDate", clinical=True)
        return Demographics(None, sex), None
    return Demographics(age, sex), born


class ProcedureReader:
    """Reads Procedures."""

    def __init__(self, finder: GroupFinder) -> None:
        self._finder = finder

    def read(self, node: Node, born: date | None) -> ProcedureFact | None:
        """Return the procedure; ``None`` for what was never done."""
        status = node.code("status").lower()
        if status in _WITHDRAWN:
            node.note(GapCode.WITHDRAWN, "status")
            return None
        if status in _NOT_DONE:
            return None
        if not status:
            node.note(GapCode.MISSING_STATUS, "status")
        elif status not in _PROCEDURE_STATUSES:
            node.note(GapCode.UNKNOWN_STATUS, "status")
        concept = node.concept("code")
        if not concept:
            node.note(GapCode.MISSING_CODE, "code")
            concept = Concept(node.notes_text())
        site = " ".join(place.label for place in node.concepts("bodySite"))
        joined = tuple(f"{text} {site}" for text in concept.words) if site else ()
        groups = frozenset(ProcedureGroup(name) for name in self._finder.groups(concept, *joined))
        return ProcedureFact(
            groups, concept.label, concept.codings, _performed(node, concept, born), node.provenance("code")
        )


def _performed(node: Node, concept: Concept, born: date | None) -> date | None:
    for stem in ("performed", "occurrence"):
        day = node.day(f"{stem}DateTime") or node.period_day(f"{stem}Period") or node.period_day(f"{stem}Period", "end")
        if day:
            return day
    today = node.intake.as_of.date()
    told = (node.text("performedString"), node.text("occurrenceString"), *concept.words)
    day = next(filter(None, (told_day(text, today) for text in told)), None)
    age = node.child("performedAge")
    years = age.number("value") if age else None
    if day is None and years is not None and born is not None and 0 <= years <= _OLDEST:
        return date(born.year + int(years), 1, 1)
    if day is None:
        node.note(GapCode.MISSING_DATE, "performedDateTime")
    return day


# The word for a severe reaction in the three languages, unless the word before denies it.
_ANAPHYLAXIS = re.compile(r"(?<!\bno )(?<!\bnot )(?<!\bkeine )(?<!\bohne )(?<!\bfără )\bana(?:ph|f)[yi]la")


class AllergyReader:
    """Reads AllergyIntolerances for the drug groups that rules ask for."""

    def __init__(self, drugs: GroupFinder) -> None:
        self._drugs = drugs

    def read(self, node: Node) -> AllergyFact | None:
        """Return the allergy; ``None`` for refuted and resolved ones."""
        if node.token("verificationStatus") in _REFUTED:
            node.note(GapCode.WITHDRAWN, "verificationStatus")
            return None
        if node.token("clinicalStatus") in {"inactive", "resolved"}:
            return None
        concept = node.concept("code")
        reactions = list(node.children("reaction"))
        substances = [reaction.concept("substance") for reaction in reactions]
        concepts = [found for found in (concept, *substances) if found]
        if not concepts:
            node.note(GapCode.MISSING_CODE, "code", clinical=True)
            return None
        groups: set[str] = set()
        for found in concepts:
            groups |= self._drugs.codes.find(found.codings).certain
            groups |= {match.group for text in found.words for match in self._drugs.terms.find(text)}
        label = next(found.label for found in concepts)
        return AllergyFact(
            frozenset(DrugGroup(name) for name in groups),
            label,
            _severe(node, reactions, (*concept.words, node.notes_text())),
            node.provenance("code"),
        )


def _severe(node: Node, reactions: list[Node], told: Sequence[str]) -> bool | None:
    """Tell whether a reaction was or can be severe, from its fields or the entry's own words; else it is unknown."""
    severities = {reaction.code("severity").lower() for reaction in reactions}
    shown = (concept.label for reaction in reactions for concept in reaction.concepts("manifestation"))
    words = " ".join((*shown, *told)).lower()
    criticality = node.code("criticality").lower()
    if "severe" in severities or criticality == "high" or _ANAPHYLAXIS.search(words):
        return True
    return False if criticality == "low" or severities & {"mild", "moderate"} else None


class DeviceReader:
    """Reads Devices and DeviceUseStatements."""

    def __init__(self, finder: GroupFinder) -> None:
        self._finder = finder

    def read(self, node: Node, others: Mapping[str, Node]) -> DeviceFact | None:
        """Return the device; ``None`` for what is no longer there."""
        if node.code("status").lower() in _GONE:
            return None
        concept, names = self._named(node)
        link = node.child("device")
        target = others.get(link.text("reference")) if link else None
        if target is not None:
            if target.code("status").lower() in _GONE:
                return None
            inner, more = self._named(target)
            concept, names = concept or inner, [*names, *more]
        elif link is not None:
            names.append(link.text("display"))
        groups = frozenset(DeviceGroup(name) for name in self._finder.groups(concept, *names))
        label = concept.label or next(filter(None, names), "")
        if not label:
            node.note(GapCode.MISSING_CODE, "type")
            return None
        return DeviceFact(groups, label, node.provenance("type"))

    @staticmethod
    def _named(node: Node) -> tuple[Concept, list[str]]:
        kinds = node.concepts("type")
        names = [
            name.text("name") or name.text("value") for name in (*node.children("deviceName"), *node.children("name"))
        ]
        if isinstance(node.body.get("displayName"), str):
            names.append(node.text("displayName"))
        first = kinds[0] if kinds else Concept()
        return first, [*(kind.label for kind in kinds[1:]), *filter(None, names)]

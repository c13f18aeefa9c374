"""Problem-list entries to known conditions: groups from codes and words, and what the entry says of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from cds_service.domain.facts import AllergyFact, DeviceFact, GapCode, KnownCondition, Medication, ProcedureFact
from cds_service.domain.vocabulary import ConditionGroup, DeviceGroup, DrugGroup, ProcedureGroup, Qualifier, Status
from cds_service.fhir.matching import Entry, GroupFinder
from cds_service.fhir.moments import told_day
from cds_service.fhir.node import Concept, Node
from cds_service.knowledge.code_groups import ConditionEntry

_ACTIVE = frozenset({"active", "recurrence", "relapse"})
_OVER = frozenset({"inactive", "remission", "resolved"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_UNSURE = frozenset({"provisional", "differential", "unconfirmed"})
_CERTAIN = frozenset({"confirmed"})
_WRITTEN = ("recordedDate", "assertedDate", "dateRecorded")
_DAYS_PER_YEAR = 365.25
# The same few thousand entries make up most problem lists.
_REMEMBERED = 2_048
_LONGEST_REMEMBERED = 2_000
# Of two words on one group the safer reading counts: what is said to be present wins over what is said to be past.
_RANK = {
    Status.PRESENT: 0,
    Status.POSSIBLE: 1,
    Status.HISTORICAL: 2,
    Status.QUESTION: 3,
    Status.UNKNOWN: 4,
    Status.ABSENT: 5,
    Status.OTHER_PERSON: 6,
}
# Groups that no condition group stands for; the others would only show the same entry twice.
_PROCEDURES_FROM_ENTRIES = frozenset({ProcedureGroup.VERTEBRAL_AUGMENTATION, ProcedureGroup.SPINE_BIOPSY})
_DEVICES_FROM_ENTRIES = frozenset(DeviceGroup) - {DeviceGroup.CENTRAL_LINE, DeviceGroup.PROSTHETIC_VALVE}


@dataclass(frozen=True, slots=True)
class EntryFinders:
    """Everything that words of a problem list may name besides a disease."""

    conditions: GroupFinder
    drugs: GroupFinder
    procedures: GroupFinder
    devices: GroupFinder
    entries: Mapping[ConditionGroup, ConditionEntry]


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What one problem-list entry gave."""

    conditions: tuple[KnownCondition, ...] = ()
    medications: tuple[Medication, ...] = ()
    procedures: tuple[ProcedureFact, ...] = ()
    allergies: tuple[AllergyFact, ...] = ()
    devices: tuple[DeviceFact, ...] = ()


@dataclass(frozen=True, slots=True)
class _Dates:
    onset: date | None
    recorded: date | None
    abated: date | None
    active: bool | None


@dataclass(frozen=True, slots=True)
class _Words:
    """What codes and texts of an entry say by themselves; ``unsupported`` when a code lacks the word it needs."""

    statuses: tuple[tuple[Status, frozenset[ConditionGroup]], ...]
    qualifiers: frozenset[Qualifier]
    unsupported: bool
    drugs: frozenset[DrugGroup]
    procedures: frozenset[ProcedureGroup]
    allergies: frozenset[DrugGroup]
    severe: bool | None
    devices: frozenset[DeviceGroup]


class ConditionReader:
    """Reads Conditions (and Observations that state a symptom the same way)."""

    def __init__(self, finders: EntryFinders) -> None:
        self._finders = finders
        self._words = lru_cache(maxsize=_REMEMBERED)(self._worded)

    def read(self, node: Node, born: date | None) -> EntryFacts:
        """Return the facts of a Condition. Refuted entries give nothing; unknown groups keep their text."""
        verification = node.token("verificationStatus")
        if verification in _REFUTED:
            node.note(GapCode.WITHDRAWN, "verificationStatus")
            return EntryFacts()
        if verification and verification not in _UNSURE | _CERTAIN:
            node.note(GapCode.UNKNOWN_STATUS, "verificationStatus")
        concept = node.concept("code")
        if not concept:
            node.note(GapCode.MISSING_CODE, "code", clinical=True)
            concept = Concept(node.notes_text())
        place = " ".join(part.label for part in node.concepts("bodySite"))
        dates = self._dates(node, concept, born)
        texts = tuple(f"{text} {place}".strip() for text in concept.words)
        return self.facts(node, concept, texts, dates, unsure=verification in _UNSURE)

    def facts(
        self, node: Node, concept: Concept, texts: tuple[str, ...], dates: "_Dates", *, unsure: bool = False
    ) -> EntryFacts:
        """Return the facts that codes and texts of an entry give."""
        words = (self._words if _is_short(concept, texts) else self._worded)(concept, texts)
        if words.unsupported:
            node.note(GapCode.AMBIGUOUS_VALUE, "code", clinical=not texts)
        place = node.provenance("code")
        return EntryFacts(
            conditions=tuple(
                KnownCondition(
                    groups=groups,
                    text=concept.label,
                    codes=concept.codings,
                    onset=dates.onset,
                    recorded=dates.recorded,
                    abated=dates.abated,
                    active=dates.active,
                    provenance=place,
                    status=Status.POSSIBLE if unsure and status is Status.PRESENT else status,
                    qualifiers=words.qualifiers,
                )
                for status, groups in words.statuses
            ),
            medications=self._medications(node, concept, words.drugs, dates) if words.drugs else (),
            procedures=(ProcedureFact(words.procedures, concept.label, concept.codings, dates.onset, place),)
            if words.procedures
            else (),
            allergies=(AllergyFact(words.allergies, concept.label, words.severe, place),) if words.allergies else (),
            devices=(DeviceFact(words.devices, concept.label, place),) if words.devices else (),
        )

    def _worded(self, concept: Concept, texts: tuple[str, ...]) -> "_Words":
        """Work out what codes and texts say, whoever has them and whenever; remembered."""
        read = [self._finders.conditions.read(text) for text in texts]
        statuses, unsupported = self._statuses(concept, read, texts)
        allergies, severe = self._allergies(concept, texts)
        return _Words(
            statuses=tuple(_by_status(statuses)),
            qualifiers=frozenset[Qualifier]().union(*(entry.qualifiers for entry in read)),
            unsupported=unsupported,
            drugs=self._drugs(concept, texts),
            procedures=self._procedures(texts),
            allergies=allergies,
            severe=severe,
            devices=self._devices(concept, texts),
        )

    # ---- groups ----

    def _statuses(
        self, concept: Concept, read: Iterable[Entry], texts: tuple[str, ...]
    ) -> tuple[dict[ConditionGroup, Status], bool]:
        """Return groups with their status, and whether a code alone was not enough for another one."""
        worded: dict[ConditionGroup, Status] = {}
        for entry in read:
            for match in entry.matches:
                group = ConditionGroup(match.group)
                if group not in worded or _RANK[match.status] < _RANK[worded[group]]:
                    worded[group] = match.status
        coded = self._finders.conditions.codes.find(concept.codings)
        past = any(self._finders.conditions.cues.has(text, "history") for text in texts)
        for name in coded.certain:
            group = ConditionGroup(name)
            # a code stands for the disease itself; words can make it past or somebody else's, never absent
            if worded.get(group, Status.ABSENT) is Status.ABSENT:
                worded[group] = Status.HISTORICAL if past and group not in worded else Status.PRESENT
        unsupported = coded.additive - {group.value for group in worded}
        return self._with_history(worded), bool(unsupported)

    def _with_history(self, statuses: Mapping[ConditionGroup, Status]) -> dict[ConditionGroup, Status]:
        """Make a past event that still counts a present fact; past cancer is a history of cancer."""
        result = dict(statuses)
        if statuses.get(ConditionGroup.CANCER) is Status.HISTORICAL:
            result.setdefault(ConditionGroup.CANCER_HISTORY, Status.PRESENT)
        for group, status in result.items():
            entry = self._finders.entries[group]
            if (status is Status.HISTORICAL and entry.history) or (status is Status.OTHER_PERSON and entry.exposure):
                result[group] = Status.PRESENT
        return result

    # ---- other facts in the words ----

    def _drugs(self, concept: Concept, texts: tuple[str, ...]) -> frozenset[DrugGroup]:
        """Return the groups of a drug that an entry says is taken ("long-term steroid use")."""
        cues = self._finders.drugs.cues
        if any(cues.has(text, "allergy") for text in texts):
            return frozenset()
        coded = self._finders.drugs.codes.find(concept.codings).certain
        worded = {
            match.group
            for text in texts
            if cues.has(text, "therapy")
            for match in self._finders.drugs.read(text).matches
            if match.status is Status.PRESENT
        }
        return frozenset(DrugGroup(name) for name in coded | worded) - {DrugGroup.GADOLINIUM}

    @staticmethod
    def _medications(
        node: Node, concept: Concept, groups: frozenset[DrugGroup], dates: "_Dates"
    ) -> tuple[Medication, ...]:
        return (
            Medication(
                groups=groups,
                text=concept.label,
                codes=concept.codings,
                start=dates.onset,
                end=dates.abated,
                running=dates.active is not False,
                provenance=node.provenance("code"),
            ),
        )

    def _procedures(self, texts: tuple[str, ...]) -> frozenset[ProcedureGroup]:
        found = {
            ProcedureGroup(match.group)
            for text in texts
            for match in self._finders.procedures.read(text).matches
            if match.status in {Status.PRESENT, Status.HISTORICAL}
        }
        return frozenset(found) & _PROCEDURES_FROM_ENTRIES

    def _allergies(self, concept: Concept, texts: tuple[str, ...]) -> tuple[frozenset[DrugGroup], bool | None]:
        """Return the groups of drugs that an entry calls an allergy to, and whether it calls it severe."""
        cues = self._finders.drugs.cues
        allergic = [text for text in texts if cues.has(text, "allergy")]
        found = {DrugGroup(m.group) for text in allergic for m in self._finders.drugs.terms.find(text)}
        if DrugGroup.GADOLINIUM.value in self._finders.drugs.codes.find(concept.codings).certain:
            found.add(DrugGroup.GADOLINIUM)
        negated = any(
            match.status is Status.ABSENT for text in allergic for match in self._finders.drugs.read(text).matches
        )
        if negated:
            return frozenset(), None
        severe = any(word in text.lower() for text in allergic for word in ("anaphyla", "anafila", "severe", "schwer"))
        return frozenset(found), severe or None

    def _devices(self, concept: Concept, texts: tuple[str, ...]) -> frozenset[DeviceGroup]:
        found = set(self._finders.devices.codes.find(concept.codings).certain)
        for text in texts:
            found.update(
                match.group
                for match in self._finders.devices.read(text).matches
                if match.status in {Status.PRESENT, Status.HISTORICAL}
            )
        return frozenset(DeviceGroup(name) for name in found) & _DEVICES_FROM_ENTRIES

    # ---- dates ----

    def _dates(self, node: Node, concept: Concept, born: date | None) -> "_Dates":
        recorded = next(filter(None, (node.day(name) for name in _WRITTEN)), None)
        abated, over = _abatement(node, born)
        clinical = node.token("clinicalStatus")
        active = True if clinical in _ACTIVE else (False if clinical in _OVER or over else None)
        if clinical and clinical not in _ACTIVE | _OVER:
            node.note(GapCode.UNKNOWN_STATUS, "clinicalStatus")
        onset = node.day("onsetDateTime") or node.period_day("onsetPeriod") or _at_age(node, "onsetAge", born)
        reference = recorded or node.intake.as_of.date()
        if onset is None:
            told = (node.text("onsetString"), *concept.words)
            onset = next(filter(None, (told_day(text, reference) for text in told)), None)
        return _Dates(onset, recorded, abated, active)


def _is_short(concept: Concept, texts: tuple[str, ...]) -> bool:
    """Tell whether an entry is one that may be remembered; what is longer than any problem is read each time."""
    shown = sum(len(coding.code) + len(coding.display) + len(coding.system) for coding in concept.codings)
    return shown + len(concept.text) + sum(map(len, texts)) <= _LONGEST_REMEMBERED


def dated(onset: date | None, *, active: bool | None = None) -> "_Dates":
    """Dates of an entry that is no Condition: when it was seen."""
    return _Dates(onset, onset, None, active)


def _abatement(node: Node, born: date | None) -> tuple[date | None, bool]:
    """Day of abatement and whether the entry is over."""
    day = (
        node.day("abatementDateTime")
        or node.period_day("abatementPeriod", "end")
        or _at_age(node, "abatementAge", born)
    )
    flagged = node.flag("abatementBoolean") if "abatementBoolean" in node.body else None
    if day is not None:
        return day, day <= node.intake.as_of.date()
    return None, bool(flagged) or bool(node.text("abatementString"))


def _at_age(node: Node, name: str, born: date | None) -> date | None:
    """Day on which the patient had an age; years only."""
    age = node.child(name)
    years = age.number("value") if age else None
    if years is None or born is None or not 0 <= years <= 130:  # noqa: PLR2004 - the longest human life
        return None
    return born + timedelta(days=int(years * _DAYS_PER_YEAR))


def _by_status(statuses: Mapping[ConditionGroup, Status]) -> Iterator[tuple[Status, frozenset[ConditionGroup]]]:
    """Yield the groups of an entry by what it says of them; denied groups are left out, an entry without any stays."""
    kept = {group: status for group, status in statuses.items() if status is not Status.ABSENT}
    if not kept:
        yield (Status.ABSENT if statuses else Status.PRESENT), frozenset()
        return
    for status in sorted(set(kept.values()), key=lambda item: _RANK[item]):
        yield status, frozenset(group for group, own in kept.items() if own is status)

"""Facts sorted once by the words that rules ask for, so that a question is a look-up and no walk over the chart.

Every rule asks several such questions and most answers are empty: a chart holds few of the words that there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cds_service.domain.assessment import FindingCause
from cds_service.domain.facts import DeviceFact, LabValue, Medication, PatientFacts, ProcedureFact
from cds_service.domain.vocabulary import Status
from cds_service.rules.history import HistoryItem
from cds_service.rules.polarity import Weight, weight

Fact = TypeVar("Fact")
# Marks before the word of a finding that is denied, and of one of which anything is said.
DENIED, NAMED = "-", "~"


class ByWord(Generic[Fact]):
    """Facts by the words of a vocabulary that they carry. An answer keeps the order in which they were added."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._places: dict[str, list[int]] = {}

    def add(self, words: Iterable[str], fact: Fact) -> None:
        """Put one fact behind those that are there."""
        place = len(self._facts)
        self._facts.append(fact)
        for word in words:
            self._places.setdefault(word, []).append(place)

    def words(self) -> Iterable[str]:
        """Words under which there is anything."""
        return self._places

    def of(self, words: Sequence[str]) -> tuple[Fact, ...]:
        """Facts that carry one of the words or several of them, each once."""
        known = self._places
        hits = [known[word] for word in words if word in known]
        if not hits:
            return ()
        facts = self._facts
        if len(hits) == 1:
            return tuple([facts[place] for place in hits[0]])
        return tuple([facts[place] for place in sorted({place for hit in hits for place in hit})])


@dataclass(slots=True)
class Stated:
    """Statements of the current reports by finding: all, those present, those present or possible, those denied."""

    named: ByWord[FindingCause]
    present: ByWord[FindingCause]
    possible: ByWord[FindingCause]
    absent: ByWord[FindingCause]

    def words(self) -> set[str]:
        """Findings that count, with a mark those that are denied and those of which anything is said."""
        denied = [f"{DENIED}{word}" for word in self.absent.words()]
        return {*self.possible.words(), *denied, *[f"{NAMED}{word}" for word in self.named.words()]}


def by_finding(findings: Iterable[FindingCause]) -> Stated:
    """Sort statements by finding."""
    named: ByWord[FindingCause] = ByWord()
    present: ByWord[FindingCause] = ByWord()
    possible: ByWord[FindingCause] = ByWord()
    absent: ByWord[FindingCause] = ByWord()
    for cause in findings:
        counts, words = weight(cause.finding), (cause.finding.finding,)
        named.add(words, cause)
        if counts is Weight.ABSENT:
            absent.add(words, cause)
        elif counts >= Weight.POSSIBLE:
            possible.add(words, cause)
            if counts is Weight.PRESENT:
                present.add(words, cause)
    return Stated(named, present, possible, absent)


@dataclass(slots=True)
class Charted:
    """The chart by word: history that is true, history that is or was true, results, drugs, procedures, devices.

    Results stand in the order of the chart, without those dated in the future; drugs may be stopped.
    """

    true: ByWord[HistoryItem]
    ever: ByWord[HistoryItem]
    results: ByWord[LabValue]
    drugs: ByWord[Medication]
    procedures: ByWord[ProcedureFact]
    devices: ByWord[DeviceFact]

    def words(self) -> set[str]:
        """All words under which the chart holds something."""
        of_all = (self.ever, self.results, self.drugs, self.procedures, self.devices)
        return {word for charted in of_all for word in charted.words()}


def by_group(facts: PatientFacts, history: Iterable[HistoryItem]) -> Charted:
    """Sort the facts of a chart, which stand in one order, and its history."""
    chart = Charted(ByWord(), ByWord(), ByWord(), ByWord(), ByWord(), ByWord())
    for item in history:
        if item.status is Status.PRESENT or item.status is Status.HISTORICAL:
            chart.ever.add(item.groups, item)
            if item.status is Status.PRESENT and not item.over:
                chart.true.add(item.groups, item)
    for lab in facts.labs:
        if lab.collected is None or lab.collected <= facts.as_of:
            chart.results.add((lab.analyte,), lab)
    for drug in facts.medications:
        chart.drugs.add(drug.groups, drug)
    for procedure in facts.procedures:
        chart.procedures.add(procedure.groups, procedure)
    for device in facts.devices:
        chart.devices.add(device.groups, device)
    return chart

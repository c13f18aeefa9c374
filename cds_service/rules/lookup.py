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
_NOWHERE: list[int] = []
# Marks before the word of a finding that is denied, and of one of which anything is said.
DENIED, NAMED = "-", "~"


class ByWord(Generic[Fact]):
    """Facts by the words of a vocabulary that they carry. An answer keeps the order in which the facts stand."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._places: dict[str, list[int]] = {}

    def put(self, word: str, place: int) -> None:
        """Say that the fact at a place carries a word; places of a word come in their order."""
        places = self._places.get(word)
        if places is None:
            self._places[word] = [place]
        else:
            places.append(place)

    def words(self) -> Iterable[str]:
        """Words under which there is anything."""
        return self._places

    def of(self, words: Sequence[str]) -> tuple[Fact, ...]:
        """Facts that carry one of the words or several of them, each once."""
        known, facts = self._places, self._facts
        if len(words) == 1:
            places = known.get(words[0], _NOWHERE)
        else:
            hits = [known[word] for word in words if word in known]
            if len(hits) > 1:
                places = sorted({place for hit in hits for place in hit})
            else:
                places = hits[0] if hits else _NOWHERE
        return tuple([facts[place] for place in places]) if places else ()


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


def by_finding(findings: Sequence[FindingCause]) -> Stated:
    """Sort statements by finding."""
    stated = Stated(ByWord(findings), ByWord(findings), ByWord(findings), ByWord(findings))
    for place, cause in enumerate(findings):
        word, counts = cause.finding.finding, weight(cause.finding)
        stated.named.put(word, place)
        if counts is Weight.ABSENT:
            stated.absent.put(word, place)
        elif counts >= Weight.POSSIBLE:
            stated.possible.put(word, place)
            if counts is Weight.PRESENT:
                stated.present.put(word, place)
    return stated


_Charted = TypeVar("_Charted", Medication, ProcedureFact, DeviceFact)


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


def by_group(facts: PatientFacts, history: Sequence[HistoryItem]) -> Charted:
    """Sort the facts of a chart, which stand in one order, and its history."""
    true, ever, results = ByWord(history), ByWord(history), ByWord(facts.labs)
    drugs, procedures, devices = ByWord(facts.medications), ByWord(facts.procedures), ByWord(facts.devices)
    for place, item in enumerate(history):
        if item.status is Status.PRESENT or item.status is Status.HISTORICAL:
            for group in item.groups:
                ever.put(group, place)
                if not item.over:
                    true.put(group, place)
    for place, lab in enumerate(facts.labs):
        if lab.collected is None or lab.collected <= facts.as_of:
            results.put(lab.analyte, place)
    _put_groups(drugs, facts.medications)
    _put_groups(procedures, facts.procedures)
    _put_groups(devices, facts.devices)
    return Charted(true, ever, results, drugs, procedures, devices)


def _put_groups(index: ByWord[_Charted], facts: Sequence[_Charted]) -> None:
    for place, fact in enumerate(facts):
        for group in fact.groups:
            index.put(group, place)

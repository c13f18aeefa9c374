"""Observations that state a symptom or a risk ("pain worse", "injecting drug use") instead of a measured value."""

from cds_service.fhir.answers import answer_of
from cds_service.fhir.conditions import ConditionReader, EntryFacts, dated
from cds_service.fhir.node import Concept, Node

_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
_CATEGORIES = frozenset({"exam", "survey", "social-history", "symptom", "activity", "functional-mental-status", "sdoh"})


class SymptomReader:
    """Reads findings of examination, history and questionnaires with the words of the problem list."""

    def __init__(self, conditions: ConditionReader) -> None:
        self._conditions = conditions

    def read(self, node: Node) -> EntryFacts:
        """Return what an Observation states; a denied question gives nothing."""
        if node.code("status").lower() in _WITHDRAWN or not states_symptoms(node):
            return EntryFacts()
        question = node.concept("code")
        value = node.concept("valueCodeableConcept")
        answer = value.label or node.text("valueString")
        confirmed = answer_of(node)
        if confirmed is False:
            return EntryFacts()
        if confirmed:
            stated = question
        elif answer:
            # the answer carries the meaning ("Pain": "worse than last week"); the question alone states nothing
            stated = Concept(f"{question.label}: {answer}" if question.label else answer, value.codings)
        else:
            return EntryFacts()
        texts = tuple(dict.fromkeys((*stated.words, *value.words, *filter(None, (f"{question.label} {answer}",)))))
        day = node.day("effectiveDateTime") or node.period_day("effectivePeriod") or node.day("issued")
        facts = self._conditions.facts(node, stated, stated.words if confirmed else texts, dated(day, active=True))
        recognised = tuple(condition for condition in facts.conditions if condition.groups)
        return EntryFacts(recognised, facts.medications, facts.procedures, facts.allergies, facts.devices)


def states_symptoms(node: Node) -> bool:
    """Tell whether an Observation is of a category whose findings are read in words."""
    return any(coding.code in _CATEGORIES for concept in node.concepts("category") for coding in concept.codings)

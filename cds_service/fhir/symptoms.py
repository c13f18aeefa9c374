"""Observations that state a symptom or a risk ("pain worse", "injecting drug use") instead of a measured value."""

from cds_service.fhir.conditions import ConditionReader, EntryFacts, dated
from cds_service.fhir.node import Concept, Node

_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
_CATEGORIES = frozenset({"exam", "survey", "social-history", "symptom", "activity", "functional-mental-status", "sdoh"})
_ABSENT = frozenset({"373067005", "260385009", "2667000", "LA32-8", "N", "260415000"})
_PRESENT = frozenset({"373066001", "10828004", "52101004", "LA33-6", "Y", "260373001"})
_DENIAL = ("no", "nein", "nu", "negative", "negativ", "absent", "none", "keine", "never", "nie", "niciodată", "denies")
_CONFIRMATION = ("yes", "ja", "da", "present", "positive", "positiv", "pozitiv", "vorhanden", "prezent")


class SymptomReader:
    """Reads findings of examination, history and questionnaires with the words of the problem list."""

    def __init__(self, conditions: ConditionReader) -> None:
        self._conditions = conditions

    def read(self, node: Node) -> EntryFacts:
        """Return what an Observation states; a denied question gives nothing."""
        categories = {coding.code for concept in node.concepts("category") for coding in concept.codings}
        if node.code("status").lower() in _WITHDRAWN or not (categories & _CATEGORIES):
            return EntryFacts()
        question = node.concept("code")
        value = node.concept("valueCodeableConcept")
        answer = value.label or node.text("valueString")
        flag = node.flag("valueBoolean") if "valueBoolean" in node.body else None
        codes = {coding.code for coding in value.codings}
        if flag is False or codes & _ABSENT or answer.lower().rstrip(".") in _DENIAL:
            return EntryFacts()
        confirmed = flag is True or bool(codes & _PRESENT) or answer.lower().rstrip(".") in _CONFIRMATION
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

"""Tells the symptoms of the patient that a report names outside its history: before the findings, or as a remark."""

from typing import Final

from cds_service.domain.vocabulary import ConditionGroup, Section
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.asked import SYMPTOMS
from cds_service.reading.phrases import WordMatch
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Words

_GRAMMAR: Final = load_grammar().told
# with the palsy of one root, which tells a weakness from one of the cord
_RED_FLAGS: Final = SYMPTOMS - {
    ConditionGroup.NIGHT_SWEATS, ConditionGroup.WEIGHT_LOSS, ConditionGroup.SUBFEBRILE,
}  # fmt: skip
# a description of images speaks of the patient in words of its own
# a first line that names no finding is taken for the title of the examination
_OPENING: Final = frozenset({Section.BODY, Section.TECHNIQUE})
_DESCRIBING: Final = frozenset({Section.FINDINGS, Section.IMPRESSION, Section.ADDENDUM})
_PERSONS: Final = _GRAMMAR["persons"]
_PERSONS_SHORT: Final = frozenset(_GRAMMAR["persons_short"])
_CONDITIONAL: Final = _GRAMMAR["conditional"]
_CONDITIONS: Final = frozenset(_GRAMMAR["conditions"])
_OF_IMAGES: Final = _GRAMMAR["of_images"]


def may_tell(sentence: Sentence) -> bool:
    """Tell the sections outside the history in which a symptom of the patient may be named."""
    return sentence.section in _OPENING or sentence.section in _DESCRIBING


def is_told(words: Words, sentence: Sentence, match: WordMatch) -> bool:
    """Tell whether a sentence outside the history says a red flag of the patient."""
    if ConditionGroup(match.id) not in _RED_FLAGS or words.words[match.first].startswith(_OF_IMAGES):
        return False
    said = words.words[sentence.first : sentence.end]
    if any(word in _CONDITIONS or word.startswith(_CONDITIONAL) for word in said):
        return False
    person = any(word in _PERSONS_SHORT or word.startswith(_PERSONS) for word in said)
    return person or sentence.section in _OPENING

"""Tells what a question asks for from the symptom or known disease that it is asked for.

Nobody asks a radiologist whether the patient has fever: "?cord compression, leg weakness" states the weakness.
"""

from collections.abc import Sequence
from typing import Final

from cds_service.domain.vocabulary import ConditionGroup
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.assertion import Cue
from cds_service.reading.lexicon import overlapping
from cds_service.reading.phrases import WordMatch
from cds_service.reading.words import Gap, Words

# what a patient has or has not, and no image shows
SYMPTOMS: Final = frozenset(
    {
        ConditionGroup.SADDLE_ANESTHESIA, ConditionGroup.BLADDER_BOWEL_DYSFUNCTION, ConditionGroup.LIMB_WEAKNESS,
        ConditionGroup.URINARY_RETENTION_INCONTINENCE, ConditionGroup.URINARY_RETENTION, ConditionGroup.PARAPLEGIA,
        ConditionGroup.FECAL_INCONTINENCE, ConditionGroup.SINGLE_ROOT_PARESIS, ConditionGroup.UNABLE_TO_WALK,
        ConditionGroup.SENSORY_LEVEL, ConditionGroup.FEVER, ConditionGroup.CHILLS, ConditionGroup.NIGHT_SWEATS,
        ConditionGroup.SUBFEBRILE, ConditionGroup.WEIGHT_LOSS,
    }
)  # fmt: skip
# what is known of the patient, and may be asked for as well
_DISEASES: Final = frozenset(
    {
        ConditionGroup.CANCER, ConditionGroup.CANCER_HISTORY, ConditionGroup.MYELOMA, ConditionGroup.LYMPHOMA_LEUKEMIA,
        ConditionGroup.INTRAVENOUS_DRUG_USE, ConditionGroup.DIALYSIS, ConditionGroup.DIABETES, ConditionGroup.HIV,
        ConditionGroup.IMMUNOSUPPRESSION, ConditionGroup.BACTEREMIA, ConditionGroup.ENDOCARDITIS,
    }
)  # fmt: skip
_DOUBTS: Final = frozenset({"question", "possible", "suspected", "probable"})
_GRAMMAR: Final = load_grammar().asked
_LINKS: Final = frozenset(_GRAMMAR["links"])
_PERSONS: Final = _GRAMMAR["persons"]
_IN: Final = frozenset(_GRAMMAR["in"])
_ADDING: Final = frozenset(_GRAMMAR["adding"])
_OR: Final = frozenset(_GRAMMAR["or"])
# "r/o fracture, malignancy" names one more disease to exclude, "r/o fracture, breast cancer 2019" tells of the patient
_LEAST_TOLD: Final = 2


def without_questions(
    words: Words, bounds: tuple[int, int], cues: Sequence[Cue], match: WordMatch, *, asked: bool
) -> tuple[list[Cue], bool]:
    """Return the cues that act on a group in the sentence ``bounds``, and whether its question mark is about it."""
    group = ConditionGroup(match.id)
    if group not in SYMPTOMS | _DISEASES:
        return list(cues), asked
    dropped = [cue.hit for cue in cues if cue.kind in _DOUBTS and _is_apart(words, bounds, cue, match, group)]
    # German "Ausschluss" is a denial as well
    kept = [cue for cue in cues if not any(overlapping(hit, cue.hit.first, cue.hit.last) for hit in dropped)]
    return kept, asked and _is_asked(words, bounds, match, group)


def _is_apart(words: Words, bounds: tuple[int, int], cue: Cue, match: WordMatch, group: ConditionGroup) -> bool:
    if cue.hit.last < match.first:
        return _parted(words, bounds, (cue.hit.last + 1, match.first), match, group)
    return cue.hit.first > match.last and _parted(words, bounds, (match.last, cue.hit.first), match, group)


def _is_asked(words: Words, bounds: tuple[int, int], match: WordMatch, group: ConditionGroup) -> bool:
    """Tell whether a question mark before or behind the words of a group stands in the same part of the sentence."""
    first, end = bounds
    marks = [n for n in range(first, end) if "?" in words.between(n)]
    behind = words.text[words.ends[end - 1] : words.ends[end - 1] + 3]
    if any(n <= match.first and not _parted(words, bounds, (n, match.first), match, group) for n in marks):
        return True
    if "?" in behind:
        return not _parted(words, bounds, (match.last, end - 1), match, group)
    return not marks


def _parted(
    words: Words, bounds: tuple[int, int], between: tuple[int, int], match: WordMatch, group: ConditionGroup
) -> bool:
    """Tell whether a comma or "in a patient with" stands between the words of a question and those of a group."""
    low, high = between
    linked = any(_links(words, n, group) for n in range(low + 1, high))
    if linked or not any(words.gaps[n] != Gap.SOFT for n in range(low + 1, high + 1)):
        return linked
    if group in SYMPTOMS:
        return True
    begin, end = match.first, match.last + 1
    while begin > bounds[0] and words.gaps[begin] == Gap.SOFT:
        begin -= 1
    while end < bounds[1] and words.gaps[end] == Gap.SOFT:
        end += 1
    told = end - begin >= _LEAST_TOLD or group is ConditionGroup.INTRAVENOUS_DRUG_USE
    return told and not any(words.words[n] in _OR for n in range(low, bounds[1]))


def _links(words: Words, index: int, group: ConditionGroup) -> bool:
    word = words.words[index]
    if word in _ADDING:
        return group in SYMPTOMS
    following = words.words[index + 1 : index + 3]
    return word in _LINKS or (word in _IN and any(w.startswith(_PERSONS) for w in following))

"""Reads what stands around a finding: qualifiers, change over time, percentages and sizes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from cds_service.domain.facts import TextFinding
from cds_service.domain.vocabulary import FindingId, Qualifier, Trend
from cds_service.knowledge.grammar import load_grammar
from cds_service.reading.lexicon import Hit
from cds_service.reading.mentions import Mention
from cds_service.reading.sentences import Sentence
from cds_service.reading.words import Gap, Words

_AGE: Final = frozenset({Qualifier.ACUTE, Qualifier.OLD})
_NEAR: Final = 5
# a sentence of its own that only tells a change
_CHANGE_ALONE: Final = 12
_COMPARED: Final = frozenset(load_grammar().reference["compared"])
_PRIMARY: Final = (
    "cancer", "carcinom", "karzinom", "krebs", "melanom", "lymphom", "limfom", "myelom", "mielom", "sarkom", "sarcom",
    "hypernephrom", "malign",
)  # fmt: skip
_MILLIMETRES_REACH: Final = 10
_PERCENT_REACH: Final = 14
_MM_PER_CM: Final = 10
_LARGEST_MM: Final = 600
_LENGTH_UNITS: Final = frozenset({"mm", "cm"})
_QUALIFIERS: Final = {qualifier.value: qualifier for qualifier in Qualifier}
# the disc that these are named with explains none of them
_OF_INFECTION: Final = frozenset(
    {
        FindingId.DISC_FLUID, FindingId.DISC_ENHANCEMENT, FindingId.ENDPLATE_EROSION, FindingId.INFECTION_STATED,
        FindingId.ABSCESS_EPIDURAL, FindingId.ABSCESS_PARASPINAL, FindingId.DISC_DESTROYED,
    }
)  # fmt: skip
# qualifiers that hold for a whole sentence; all others must stand close to the finding
_SENTENCE_WIDE: Final = frozenset(
    {
        Qualifier.CANAL_COMPROMISE, Qualifier.WITHOUT_COMPRESSION, Qualifier.DEGENERATIVE_CAUSE, Qualifier.BY_LESION,
        Qualifier.RIM_ENHANCING, Qualifier.EXPLAINED_BENIGN, Qualifier.BACKGROUND_MARROW, Qualifier.ENDPLATE_BAND,
        Qualifier.RED_MARROW, Qualifier.PATHOLOGIC, Qualifier.OSTEOPOROTIC, Qualifier.TRAUMATIC, Qualifier.BURST,
        Qualifier.INSUFFICIENCY, Qualifier.PLAIN_T2_ONLY, Qualifier.EPIDURAL, Qualifier.PARAVERTEBRAL,
        Qualifier.PREVERTEBRAL, Qualifier.PSOAS, Qualifier.CONTACT_ONLY, Qualifier.MALIGNANT, Qualifier.INFECTIOUS,
    }
)  # fmt: skip


def qualifiers_of(words: Words, mention: Mention, hits: Sequence[Hit], denials: Sequence[Hit]) -> frozenset[Qualifier]:
    """Return the qualifiers of a mention; those under a denial right before them ("no acute ...") do not count."""
    found = set(mention.qualifiers)
    suspicious = mention.finding in _OF_INFECTION
    denied_words = {denial.last + 1 for denial in denials}
    for hit in hits:
        qualifier = _QUALIFIERS[hit.name]
        wide = qualifier in _SENTENCE_WIDE
        if not wide and not _near(words, mention, hit):
            continue
        inside = mention.first <= hit.first <= mention.last
        denied = qualifier is not Qualifier.WITHOUT_COMPRESSION and hit.first in denied_words
        if (inside or not denied) and not (suspicious and qualifier is Qualifier.DEGENERATIVE_CAUSE):
            found.add(qualifier)
    return frozenset(found)


def _near(words: Words, mention: Mention, hit: Hit) -> bool:
    if hit.last < mention.from_:
        low, high = hit.last, mention.from_
    elif hit.first > mention.to:
        low, high = mention.to, hit.first
    else:
        return True
    if high - low > _NEAR or (hit.name == Qualifier.KNOWN and _names_cancer(words, low, high)):
        return False
    allowed = Gap.COMMA if hit.name in _AGE else Gap.SOFT
    return all(words.gaps[index] <= allowed for index in range(low + 1, high + 1))


def _names_cancer(words: Words, low: int, high: int) -> bool:
    """Tell that what is known is the cancer named between, not its spread: "known prostate cancer, metastases"."""
    return any(part in words.words[index] for index in range(low + 1, high) for part in _PRIMARY)


def trend_of(words: Words, mention: Mention, hits: Sequence[Hit]) -> Trend | None:
    """Return the change that stands nearest to a mention in its sentence."""
    best: tuple[int, Trend] | None = None
    for hit in hits:
        low, high = (hit.last, mention.first) if hit.last < mention.first else (mention.last, hit.first)
        between = range(min(low, high) + 1, min(max(low, high), low + 40) + 1)
        distance = max(high - low, 0) + 3 * sum(words.gaps[index] != Gap.SOFT for index in between)
        # "im Vergleich zur Voruntersuchung vom 3.5.2024 unverändert": what is compared with does not part the two
        distance -= sum(words.words[index].isdigit() or words.words[index] in _COMPARED for index in between)
        if distance <= _NEAR + 4 and (best is None or distance < best[0]):
            best = (distance, Trend(hit.name))
    return best[1] if best else None


def with_change(
    words: Words, sentences: Sequence[Sentence], trends: Sequence[Hit], found: list[TextFinding]
) -> list[TextFinding]:
    """Give the findings of a sentence the change that a short one after it states: "Unchanged since then"."""
    firsts = [hit.first for hit in trends]
    stating = {finding.sentence_span.start for finding in found}
    changes: dict[int, Trend] = {}
    for before, sentence in pairwise(sentences):
        hit = bisect_left(firsts, sentence.first)
        short = sentence.end - sentence.first <= _CHANGE_ALONE and sentence.section is before.section
        told = hit < len(firsts) and firsts[hit] < sentence.end
        if short and told and words.starts[sentence.first] not in stating:
            changes[words.starts[before.first]] = Trend(trends[hit].name)
    return [
        replace(f, trend=changes[f.sentence_span.start]) if f.trend is None and f.sentence_span.start in changes else f
        for f in found
    ]


def percent_of(words: Words, mention: Mention, bounds: tuple[int, int]) -> float | None:
    """Return a stated percentage near a mention, the upper end of a range."""
    low, high = max(bounds[0], mention.from_ - 6), min(bounds[1], mention.to + _PERCENT_REACH)
    if not any(map(str.isdigit, words.words[low:high])):
        return None
    for index in range(high - 1, low - 1, -1):
        if not words.words[index].isdigit() or len(words.words[index]) > 3:  # noqa: PLR2004
            continue
        after = words.between(index + 1) if index + 1 < len(words) else words.text[words.ends[index] :][:3]
        following = words.words[index + 1] if index + 1 < len(words) else ""
        value = int(words.words[index])
        if (after.lstrip().startswith("%") or following in {"percent", "prozent", "procente"}) and 0 < value <= 100:  # noqa: PLR2004
            return float(value)
    return None


def millimetres_of(words: Words, mention: Mention, bounds: tuple[int, int]) -> float | None:
    """Return the largest stated size near a mention in millimetres."""
    low, high = max(bounds[0], mention.from_ - _MILLIMETRES_REACH), min(bounds[1], mention.to + _MILLIMETRES_REACH)
    if _LENGTH_UNITS.isdisjoint(words.words[low:high]):
        return None
    sizes = []
    for index in range(low, high):
        unit = words.words[index]
        if unit not in _LENGTH_UNITS or index == low or not words.words[index - 1].isdigit():
            continue
        number = words.words[index - 1]
        if index - 1 > low and words.between(index - 1) in {".", ","} and words.words[index - 2].isdigit():
            number = f"{words.words[index - 2]}.{number}"
        size = float(number[:8]) * (_MM_PER_CM if unit == "cm" else 1)
        if 0 < size <= _LARGEST_MM:
            sizes.append(size)
    return max(sizes) if sizes else None

"""Gives a finding without a level the place of the one lesion that a text speaks of."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Final

from cds_service.domain.facts import TextFinding
from cds_service.domain.vocabulary import FindingId, Status
from cds_service.reading.corrections import moved
from cds_service.reading.level_names import INDEX
from cds_service.reading.lexicon import Hits
from cds_service.reading.words import REMEMBERED_WORDS, Words, cut

_STANDING: Final = frozenset({Status.PRESENT, Status.POSSIBLE})
# what a text concludes of its lesion, and what a lesion does to the canal; the curve, the density and the
# enhancement of a spine, and an abscess beside it, have a place of their own or none
_OF_THE_LESION: Final = frozenset(
    {
        FindingId.METASTASIS, FindingId.TUMOR, FindingId.INFECTION_STATED, FindingId.SPINAL_HEMATOMA,
        FindingId.ABSCESS_EPIDURAL, FindingId.CORD, FindingId.CAUDA, FindingId.RETROPULSION, FindingId.CORD_SIGNAL,
        FindingId.ENDPLATE_EROSION, FindingId.SCHMORL,
    }
)  # fmt: skip
# what belongs to a disc takes the place of a segment only
_OF_THE_SEGMENT = frozenset(
    {
        FindingId.DISC_HERNIATION, FindingId.DISC_DEGENERATION, FindingId.ENDPLATE_DEGENERATION, FindingId.MODIC1,
        FindingId.ROOT,
    }
)  # fmt: skip
_PLURAL = ("discs", "disks", "levels", "bandscheiben", "discuri", "multilevel", "multisegment", "multietaj")
# what a text that tells of many places may mean anywhere
_SPREADING: Final = frozenset({FindingId.METASTASIS, FindingId.TUMOR})
_BROKEN: Final = frozenset({FindingId.FRACTURE, FindingId.HEIGHT_LOSS})
# words that tell of more than one place, as beginnings
_MANY: Final = (
    "multipl", "several", "many", "numerous", "innumer", "diffus", "widespread", "dissemin", "scatter", "throughout",
    "every", "whole", "entire", "other", "additional", "elsewhere", "ribs", "vertebrae", "bodies", "multifocal",
    "mehrere", "zahlreich", "weitere", "ubrig", "gesamt", "disseminiert", "wirbelkorpern", "numeroase", "restul",
    "celelalte", "toate",
)  # fmt: skip
_REGIONS: Final = {
    "cervical": "C", "thoracic": "T", "dorsal": "T", "lumbar": "L", "sacr": "S", "hws": "C", "bws": "T", "lws": "L",
    "thorakal": "T", "lumbal": "L", "zervikal": "C", "toracal": "T", "lombar": "L",
}  # fmt: skip
_STEMS: Final = tuple(_REGIONS)


def placed(findings: Sequence[TextFinding], described: Sequence[Hits], words: Words) -> list[TextFinding]:
    """Return the findings of one text; ``described`` holds what each sentence of its description names.

    A fragment in the canal is one of the vertebra that broke last; every other finding needs a text of one place.
    """
    findings = moved(findings, [group for here in described for group in here.levels], words)
    place = _only([group.levels for here in described for group in here.levels if not group.root])
    found: list[TextFinding] = []
    broken: tuple[str, ...] = ()
    sentence: tuple[int, int] | None = None
    for finding in findings:
        if finding.finding in _BROKEN and finding.status is Status.PRESENT:
            broken = finding.levels or broken
            sentence = (finding.text_index, finding.sentence_span.start)
        if (
            not finding.levels
            and len(broken) == 1
            and sentence == (finding.text_index, finding.sentence_span.start)
            and (finding.finding is FindingId.RETROPULSION or _is_narrow(finding))
        ):
            # "fracture of L1 ... without retropulsion", "... and stenosis of the canal"
            found.append(replace(finding, levels=broken))
            continue
        if finding.levels or finding.status not in _STANDING or not _is_of_place(finding, place):
            found.append(finding)
            continue
        levels = broken if finding.finding is FindingId.RETROPULSION and len(broken) == 1 else place
        fits = bool(levels) and _may_be_there(finding, levels)
        fits = fits and not (finding.finding in _SPREADING and any(map(_tells_many, _without_names(words.words))))
        found.append(replace(finding, levels=levels) if fits else finding)
    return found


def _only(named: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the one place of a text: a vertebra, the segment of two neighbours, or a stretch named each time alike."""
    groups = {tuple(sorted(levels)) for levels in named}
    if len(groups) == 1:
        return named[0] if len(named[0]) == 1 or _is_stretch(named[0]) else ()
    bodies = {part for levels in groups for level in levels for part in level.split("-")}
    segments = {levels[0] for levels in groups if len(levels) == 1 and "-" in levels[0]}
    return (segments.pop(),) if len(bodies) == 2 and len(segments) == 1 else ()  # noqa: PLR2004


def _is_of_place(finding: TextFinding, place: tuple[str, ...]) -> bool:
    """Tell what belongs to the one lesion of a text, a disc only where that is a segment."""
    if finding.finding in _OF_THE_SEGMENT:
        segment = len(place) == 1 and "-" in place[0]
        return segment and not any(word.startswith(_PLURAL) for word in cut(finding.sentence).words)
    return finding.finding in _OF_THE_LESION


def _is_narrow(finding: TextFinding) -> bool:
    return finding.finding is FindingId.CANAL_STENOSIS and finding.status in _STANDING


def _is_stretch(levels: tuple[str, ...]) -> bool:
    numbers = sorted(INDEX[level] for level in levels if "-" not in level)
    return len(numbers) == len(levels) and numbers[-1] - numbers[0] == len(numbers) - 1


def _may_be_there(finding: TextFinding, levels: tuple[str, ...]) -> bool:
    """Tell a finding whose sentence names neither several places nor another part of the spine."""
    words = cut(finding.sentence).words
    named = [word for word in words if word.startswith(_STEMS)]
    regions = {region for word in named for stem, region in _REGIONS.items() if word.startswith(stem)}
    return not any(map(_tells_many, words)) and (not regions or any(level[0] in regions for level in levels))


def _without_names(words: Sequence[str]) -> Iterator[str]:
    """Leave out the "diffuse" of "diffuse large B-cell lymphoma", which is a name."""
    return (one for one, two in pairwise((*words, "")) if two != "large")


@lru_cache(maxsize=REMEMBERED_WORDS)
def _tells_many(word: str) -> bool:
    return word.startswith(_MANY)

"""Tells from title and text how a report was imaged and which body region it is about, in three languages."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from cds_service.domain.vocabulary import BodyRegion, Modality
from cds_service.knowledge.examination import load_examination_terms
from cds_service.reading.phrases import TermIndex, WordMatch, outermost
from cds_service.reading.words import Words, cut

# Only the beginning of a text names the examination; later mentions are usually of other examinations.
_OPENING_CHARACTERS: Final = 720
# Most reports of a site carry one of some dozen titles.
_MOST_TITLES: Final = 256
_LONGEST_TITLE: Final = 200

_INDEX: Final = TermIndex(load_examination_terms())
_UNSPECIFIC: Final = frozenset({BodyRegion.SPINE, BodyRegion.OTHER, BodyRegion.PELVIS})
_ELSEWHERE: Final = frozenset({BodyRegion.OTHER, BodyRegion.UNKNOWN})
_SPINE_PARTS: Final = frozenset({BodyRegion.CERVICAL, BodyRegion.THORACIC, BodyRegion.LUMBAR})


def examination(title: str, text: str) -> tuple[Modality, BodyRegion]:
    """Return modality and region; the title decides, else the opening of the text. Unknown stays unknown."""
    modality, region = Modality.UNKNOWN, BodyRegion.UNKNOWN
    places: tuple[Callable[[], Sequence[WordMatch]], ...] = (
        lambda: _headed(title, text),
        lambda: _in_first_line(text),
        lambda: _named(cut(text[:_OPENING_CHARACTERS])),
    )
    for place in places:
        if modality is not Modality.UNKNOWN and region is not BodyRegion.UNKNOWN:
            break
        matches = place()
        modality = _modality(matches) if modality is Modality.UNKNOWN else modality
        region = _region(matches) if region is BodyRegion.UNKNOWN else region
    return modality, region


def examined_region(title: str, words: Words) -> BodyRegion:
    """Return the region alone, of a text that is cut into words already."""
    region = _region(_headed(title, words.text))
    if region is BodyRegion.UNKNOWN:
        region = _region(_in_first_line(words.text))
    return region if region is not BodyRegion.UNKNOWN else _region(_named(words.opening(_OPENING_CHARACTERS)))


def _headed(title: str, text: str) -> Sequence[WordMatch]:
    """Return what the title names; what the first line names where that knows better."""
    in_title = _in_title(title) if len(title) <= _LONGEST_TITLE else _named(cut(title))
    if _region(in_title) in _ELSEWHERE:
        in_line = _in_first_line(text)
        if _modality([m for m in in_line if m.first == 0]) not in {Modality.UNKNOWN, Modality.MR}:
            # the text opens with the name of another method, and the title does not name the spine
            return in_line
    return in_title


@lru_cache(maxsize=_MOST_TITLES)
def _in_title(title: str) -> Sequence[WordMatch]:
    return tuple(_named(cut(title)))


def _in_first_line(text: str) -> Sequence[WordMatch]:
    return _named(cut(_first_line(text)))


def _first_line(text: str) -> str:
    """Return the first line that holds letters, as far as its first full stop."""
    first = next((line for line in text[:_OPENING_CHARACTERS].splitlines() if any(c.isalpha() for c in line)), "")
    sentence_end = first.find(". ")
    return first if sentence_end < 0 else first[:sentence_end]


def _named(words: Words) -> Sequence[WordMatch]:
    return outermost(_INDEX.find(words))


def _modality(matches: Sequence[WordMatch]) -> Modality:
    """Return the first modality named; a combined PET counts as PET wherever it stands beside CT or MR."""
    named = [m for m in matches if m.id.startswith("m:")]
    if not named:
        return Modality.UNKNOWN
    if any(m.id == f"m:{Modality.PET}" and m.first <= named[0].last + 1 for m in named):
        return Modality.PET
    return Modality(named[0].id[2:])


def _region(matches: Sequence[WordMatch]) -> BodyRegion:
    """Return the region named; parts of the spine win over "spine", and several parts are told together."""
    named = list(dict.fromkeys(BodyRegion(m.id[2:]) for m in matches if m.id.startswith("r:")))
    exact = [r for r in named if r not in _UNSPECIFIC]
    if not exact:
        order = (BodyRegion.SPINE, BodyRegion.OTHER, BodyRegion.PELVIS)
        return next((r for r in order if r in named), BodyRegion.UNKNOWN)
    if BodyRegion.WHOLE_SPINE in exact or set(exact) >= _SPINE_PARTS:
        return BodyRegion.WHOLE_SPINE
    if BodyRegion.THORACOLUMBAR in exact or set(exact) >= {BodyRegion.THORACIC, BodyRegion.LUMBAR}:
        return BodyRegion.THORACOLUMBAR
    return exact[0]

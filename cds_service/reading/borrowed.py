"""Tells words of anatomy that other parts of the body have as well as the spine."""

from collections.abc import Sequence
from typing import Final

from cds_service.reading.lexicon import OTHER, Hit
from cds_service.reading.words import Gap, Words

# anatomy that is of the spine only in a report about the spine
_BORROWED: Final = frozenset({"meninges", "epidural", "corner", "ligament", "soft_tissue", "marrow", "subchondral"})
_OF: Final = frozenset({"of", "the", "der", "des", "de", "al", "a"})
_BORROWED_WORDS: Final = frozenset(
    {
        "body", "bodies", "superior", "inferior", "lower", "upper", "anterior", "posterior", "half", "same", "these",
        "region", "regions", "areas", "intraosseous", "korper", "corp", "corpul", "corpului", "corpuri", "corpurile",
        "canal", "canals", "kanal", "canalul", "canalului", "plateau", "plateaus", "platou", "platoul", "platoului",
        "wall", "walls", "cortex", "margin", "border", "surface", "corner", "back", "of", "dura", "dural", "csf",
        "subarachnoid", "space", "spaces", "nerve", "nerves",
    }
)  # fmt: skip
# organs that metastases come from far more often than they go to: "prostate metastasis"
_PRIMARIES: Final = ("prostat", "breast", "mamma", "thyroid", "schilddrus")
_CARCINOMAS: Final = ("karzinom", "carcinom", "cancer", "krebs")
# Romanian and English name the organ behind the disease: "neoplasm mamar", "cancer of the breast"
_NAMED_FIRST: Final = ("neoplasm", "cancer", "carcinom", "adenocarcinom")
# what was irradiated is not where the fracture is: "sacral insufficiency fracture after irradiation of the pelvis"
_IRRADIATIONS: Final = ("irradi", "iradi", "radiat", "radiother", "radioter", "bestrahl", "strahlenther")
_LINKS: Final = frozenset({"de", "of", "the", "la", "to", "der", "des", "am", "im"})
# "renal cell carcinoma"
_CELL: Final = frozenset({"cell", "cells"})


def is_borrowed(words: Words, anatomy: Hit) -> bool:
    """Tell a word that other parts of the body have as well: the plateau of a tibia, the body of a jaw."""
    return anatomy.name in _BORROWED or _BORROWED_WORDS.issuperset(words.words[anatomy.first : anatomy.last + 1])


def without_origins(words: Words, anatomy: Sequence[Hit], named: Hit) -> list[Hit]:
    """Leave out organs that only name a carcinoma, alone or with its metastasis, and those that were irradiated.

    "Nierenzellkarzinommetastase", "after pelvic irradiation". The carcinoma itself, where it is what is ``named``,
    keeps its organ: "neoplasm mamar".
    """
    return [
        a
        for a in anatomy
        if a.name != OTHER
        or not (
            any(stem in word for word in words.words[a.first : _end_of_organ(words, a)] for stem in _CARCINOMAS)
            or words.words[min(a.last + 1, len(words) - 1)].startswith(_IRRADIATIONS)
            or _is_organ_of(words, a, named)
            or (
                words.words[a.first].startswith(_PRIMARIES)
                and words.words[min(a.last + 1, len(words) - 1)].startswith("metasta")
            )
        )
    ]


def _end_of_organ(words: Words, organ: Hit) -> int:
    """Return where the words end that may name a carcinoma with its organ."""
    celled = organ.last + 1 < len(words) and words.words[organ.last + 1] in _CELL
    return organ.last + 2 + celled


def _is_organ_of(words: Words, organ: Hit, named: Hit) -> bool:
    """Tell an organ that stands behind the name of its carcinoma or of its treatment, which is not what is named."""
    index = organ.first - 1
    while index > max(0, organ.first - 3) and words.words[index] in _LINKS:
        index -= 1
    if any(words.gaps[n] != Gap.SOFT for n in range(max(index + 1, 1), organ.first + 1)):
        return False
    return 0 <= index != named.first and words.words[index].startswith((*_NAMED_FIRST, *_IRRADIATIONS))


def belongs_elsewhere(words: Words, anatomy: Hit, named: Sequence[Hit]) -> bool:
    """Tell "the mandibular body" and "the body of the sternum" beside a spine that the sentence names as well."""
    return _BORROWED_WORDS.issuperset(words.words[anatomy.first : anatomy.last + 1]) and any(
        other.name == OTHER and _adjoins(words, anatomy, other) for other in named
    )


def _adjoins(words: Words, one: Hit, two: Hit) -> bool:
    low, high = (one.last, two.first) if one.last < two.first else (two.last, one.first)
    between = words.words[low + 1 : high]
    return high > low and (not between or (one.last < two.first and set(between) <= _OF))

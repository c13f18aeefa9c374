"""Tells words of anatomy that other parts of the body have as well as the spine."""

from collections.abc import Sequence

from cds_service.reading.lexicon import OTHER, Hit
from cds_service.reading.words import Words

# anatomy that is of the spine only in a report about the spine
_BORROWED = frozenset({"meninges", "epidural", "corner", "ligament", "soft_tissue", "marrow", "subchondral"})
_BORROWED_WORDS = frozenset(
    {
        "body", "bodies", "superior", "inferior", "lower", "upper", "anterior", "posterior", "half", "same", "these",
        "region", "regions", "areas", "intraosseous", "korper", "corp", "corpul", "corpului", "corpuri", "corpurile",
        "canal", "canals", "kanal", "canalul", "canalului", "plateau", "plateaus", "platou", "platoul", "platoului",
        "wall", "walls", "cortex", "margin", "border", "surface", "corner", "back", "of", "dura", "dural", "csf",
        "subarachnoid", "space", "spaces", "nerve", "nerves",
    }
)  # fmt: skip
# organs that metastases come from far more often than they go to: "prostate metastasis"
_PRIMARIES = ("prostat", "breast", "mamma", "thyroid", "schilddrus")
_CARCINOMAS = ("karzinom", "carcinom", "cancer", "krebs")


def is_borrowed(words: Words, anatomy: Hit) -> bool:
    """Tell a word that other parts of the body have as well: the plateau of a tibia, the body of a jaw."""
    return anatomy.name in _BORROWED or _BORROWED_WORDS.issuperset(words.words[anatomy.first : anatomy.last + 1])


def without_origins(words: Words, anatomy: Sequence[Hit]) -> list[Hit]:
    """Leave out organs that only name a carcinoma, alone or with its metastasis: "Nierenzellkarzinommetastase"."""
    return [
        a
        for a in anatomy
        if a.name != OTHER
        or not (
            any(stem in word for word in words.words[a.first : a.last + 2] for stem in _CARCINOMAS)
            or (
                words.words[a.first].startswith(_PRIMARIES)
                and words.words[min(a.last + 1, len(words) - 1)].startswith("metasta")
            )
        )
    ]

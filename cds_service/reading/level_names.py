"""Reads levels that are named in words: ordinals, junctions, atlas and axis."""

from typing import Final

from cds_service.reading.level_words import (
    AND_WORDS,
    GERMAN_ORDINAL_REGIONS,
    JUNCTIONS,
    NAMED,
    NAMED_WORDS,
    ORDINAL_NUMBER,
    ORDINAL_REGIONS,
    ORDINALS,
    ROMANIAN_ORDINALS,
    ROMANIAN_REGIONS,
)
from cds_service.reading.words import Gap, Words

COUNT: Final = {"C": 7, "T": 12, "L": 5, "S": 5}
ORDER: Final[tuple[str, ...]] = tuple(f"{region}{n}" for region in "CTLS" for n in range(1, COUNT[region] + 1))
INDEX: Final = {name: number for number, name in enumerate(ORDER)}
_LONGEST_LIST: Final = 8


def vertebra(region: str, number: str) -> str | None:
    """Return the name of a vertebra, None where there is none of that number."""
    name = f"{region}{int(number)}"
    return name if name in INDEX else None


def named(words: Words, index: int) -> tuple[int, tuple[str, ...]] | None:
    """Read levels in words: "11th thoracic vertebral body", "2. LWK", "lumbosacral junction", "dens".

    Returns the last word and the levels.
    """
    word = words.words[index]
    if word in NAMED_WORDS and not (word == "axis" and "dens" in words.words):
        return (index, (NAMED_WORDS[word],))
    after = words.words[index + 1] if index + 1 < len(words) else ""
    number = ORDINALS.get(word)
    if number is None and word[:1].isdigit() and (match := ORDINAL_NUMBER.fullmatch(word)):
        number = int(match[1]) if len(word) > len(match[1]) or words.between(index + 1).startswith(".") else None
    if number:
        return _ordinal(words, index, number)
    before = words.words[index - 1] if index else ""
    for stem, (level, partners) in NAMED.items():
        if word.startswith(stem):
            if not partners or after.startswith(partners) or before.startswith(JUNCTIONS):
                return (index, (level,))
            return None
    return None


def _ordinal(words: Words, index: int, number: int) -> tuple[int, tuple[str, ...]] | None:
    """Read "11th thoracic vertebra", "des ersten Lendenwirbels", "primei vertebre lombare"."""
    if words.words[index] in ROMANIAN_ORDINALS:
        return _romanian(words, index, number)
    last, numbers = index + 1, [number]
    while last + 1 < len(words) and len(numbers) < _LONGEST_LIST and (more := _further_ordinal(words, last)):
        numbers.append(more[0])
        last = more[1] + 1
    after = words.words[last] if last < len(words) else ""
    # "1. Cervical spondylosis" is the first of a list, "1. Lendenwirbel" a vertebra
    regions = GERMAN_ORDINAL_REGIONS if words.words[index].isdigit() else ORDINAL_REGIONS
    for start, region in regions:
        if after.startswith(start):
            names = tuple(name for one in numbers if (name := vertebra(region, str(one))))
            return (last, names) if len(names) == len(numbers) else None
    return None


def _further_ordinal(words: Words, index: int) -> tuple[int, int] | None:
    """Read the next member of "third, fourth and fifth lumbar vertebrae", and its word."""
    place = index + 1 if words.words[index] in AND_WORDS else index
    if place == index and words.gaps[index] != Gap.COMMA:
        return None
    word = words.words[place]
    number = ORDINALS.get(word)
    if number is None and (match := ORDINAL_NUMBER.fullmatch(word)) and len(word) > len(match[1]):
        number = int(match[1])
    return (number, place) if number else None


def _romanian(words: Words, index: int, number: int) -> tuple[int, tuple[str, ...]] | None:
    """Read "primei vertebre lombare" and "vertebrei a doua lombare"."""
    around = words.words[max(0, index - 3) : index + 2]
    if not any(word.startswith(("vertebr", "corp")) for word in around):
        return None
    for place in range(index + 1, min(index + 4, len(words))):
        for start, region in ROMANIAN_REGIONS:
            if words.words[place].startswith(start) and (name := vertebra(region, str(number))):
                return (place, (name,))
    return None

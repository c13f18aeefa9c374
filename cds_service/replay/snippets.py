"""Takes what could tell the patient out of the sentences that a reviewer gets to see."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cds_service.domain.assessment import FindingCause, PlannedCard

_LONGEST: Final = 300
_LONG_NUMBER = re.compile(r"\d[\d./:-]{3,}")
_MONTH = "(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|okt|oct|nov|noi|dez|dec|iun|iul|ian|mär)[a-zăâîșțäöü]{0,9}"
_SPELT_DATE = re.compile(
    rf"\b(?:\d{{1,2}}(?:st|nd|rd|th|\.)?[ ])?{_MONTH}\.?[ ]\d{{1,4}}(?:,?[ ]\d{{4}})?", re.IGNORECASE
)
# A title, and what follows it as long as it is written like a name.
_TITLED = re.compile(
    r"\b((?i:mr|mrs|ms|dr|prof|herrn?|frau|fr|hr|dl|dna|d-na|domnul|doamna|pacientul|pacienta|patientin|patient)\b\.?)"
    r"(?:[ ](?:(?i:dr|prof|med)\b\.?|von|van|de|zu)){0,3}(?:[ ][A-ZÄÖÜĂÂÎȘȚ][\wäöüßăâîșț'-]{1,30}){1,3}"
)
_WORD = re.compile(r"[^\W\d_]+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_WRITTEN_OUT: Final = {ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue"}
# endings of a case, "Müllers" and "Stănescului"; a shorter name with one could be any word
_LONGEST_ENDING: Final = 3
_SHORTEST_STEM: Final = 5
_CONTACT = re.compile(r"\S{1,80}@\S{1,80}|\bhttps?://\S{1,200}")


def names_of(patient: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of the patient's names and addresses in all spellings; those of one letter are no use."""
    words: set[str] = set()
    for part in ("name", "address", "contact"):
        _collect(patient.get(part), words, 0)
    return frozenset(words)


def snippet(card: PlannedCard, names: Iterable[str]) -> str:
    """Return the sentences behind ``card`` with dates, long numbers, names and addresses replaced by dots."""
    sentences = dict.fromkeys(cause.finding.sentence for cause in card.causes if isinstance(cause, FindingCause))
    text = " … ".join(" ".join(sentence.split()) for sentence in sentences)
    return masked(text, names)[:_LONGEST]


def masked(text: str, names: Iterable[str]) -> str:
    """Return ``text`` with dates, numbers of four and more signs, names, e-mail and web addresses replaced by dots.

    ``names`` are words as ``names_of`` gives them; marks, ways of writing an umlaut and endings make no difference.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    for pattern in (_CONTACT, _SPELT_DATE, _LONG_NUMBER):
        text = pattern.sub("…", text)
    text = _TITLED.sub(r"\1 …", text)
    known = frozenset(names)
    return _WORD.sub(lambda match: "…" if _is_name(match[0], known) else match[0], text)


def _is_name(word: str, known: frozenset[str]) -> bool:
    """Tell a name also with an ending: "Müllers", "Stănescului"."""
    for plain in _spellings(word):
        ends = range(max(_SHORTEST_STEM, len(plain) - _LONGEST_ENDING), len(plain))
        if plain in known or any(plain[:end] in known for end in ends):
            return True
    return False


def _spellings(word: str) -> set[str]:
    """Return a word in small letters without marks, and with umlauts written out."""
    low = unicodedata.normalize("NFKC", word).casefold()
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", low) if not unicodedata.combining(sign))
    return {bare, low.translate(_WRITTEN_OUT), bare.replace("ae", "a").replace("oe", "o").replace("ue", "u")}


def _collect(value: Any, words: set[str], depth: int) -> None:
    if isinstance(value, str):
        plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", value))
        words.update(spelt for word in _WORD.findall(plain) if len(word) > 1 for spelt in _spellings(word))
    elif depth < 4:  # noqa: PLR2004 - a name is not nested deeper
        members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        for member in members:
            _collect(member, words, depth + 1)

"""Takes what could tell the patient out of the sentences that a reviewer gets to see."""

import re
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
_CONTACT = re.compile(r"\S{1,80}@\S{1,80}|\bhttps?://\S{1,200}")


def names_of(patient: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of the patient's names and addresses, in small letters; those of one letter are no use."""
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
    """Return ``text`` with dates, numbers of four and more signs, names, e-mail and web addresses replaced by dots."""
    for pattern in (_CONTACT, _SPELT_DATE, _LONG_NUMBER):
        text = pattern.sub("…", text)
    text = _TITLED.sub(r"\1 …", text)
    known = frozenset(names)
    return re.sub(r"[^\W\d_]+", lambda match: "…" if match[0].casefold() in known else match[0], text)


def _collect(value: Any, words: set[str], depth: int) -> None:
    if isinstance(value, str):
        words.update(word.casefold() for word in re.findall(r"[^\W\d_]{2,}", value))
    elif depth < 4:  # noqa: PLR2004 - a name is not nested deeper
        members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        for member in members:
            _collect(member, words, depth + 1)

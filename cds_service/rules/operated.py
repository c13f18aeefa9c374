"""How long ago an operation was that a report names: "status post discectomy L4/5 3 weeks ago", "fusion in 2012"."""

import re
from datetime import date, timedelta

from cds_service.domain.assessment import FindingCause
from cds_service.domain.vocabulary import FindingId, Status
from cds_service.rules.context import RuleContext

# Days since the operation at most; "recently" without a number counts as one within the year.
_DAYS_OF_UNIT = {"day": 1, "tag": 1, "zil": 1, "wee": 7, "woc": 7, "săp": 7, "sap": 7, "mon": 30, "lun": 30}
_NUMBER_WORDS = {
    "a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "einem": 1, "einer": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5,
    "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwölf": 12, "o": 1, "un": 1, "doi": 2,
    "două": 2, "trei": 3, "patru": 4, "cinci": 5, "șase": 6, "șapte": 7, "opt": 8, "nouă": 9, "zece": 10,
}  # fmt: skip
_UNIT = r"(days?|weeks?|months?|tage?n?|wochen?|monate?n?|zile?|săptămâni?|săptămână|saptamani?|luni?|lună)"
_COUNT = rf"(\d{{1,3}}|{'|'.join(sorted(_NUMBER_WORDS, key=len, reverse=True))})"
_SINCE = re.compile(
    rf"\b(?:vor|acum|în urmă cu|in urma cu|nach) {_COUNT} (?:de )?{_UNIT}\b"
    rf"|\b{_COUNT}[ -](?:de )?{_UNIT}"
    r" (?:ago|earlier|before|previously|prior|after|post\w*|following|nach|zuvor|după|anterior)\b"
)
_RECENT = re.compile(r"\b(?:recent(?:ly)?|kürzlich\w*|rezent\w*|unlängst|recentă|recente)\b")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_NAMING = (FindingId.POSTOPERATIVE, FindingId.IMPLANT, FindingId.CEMENT)
_LETTERS = 3


def _days_ago(sentence: str) -> int | None:
    """Shortest time since the operation that the sentence names; ``None`` when it names none."""
    text = " ".join(sentence.casefold().split())
    days = []
    for groups in _SINCE.findall(text):
        number, unit = groups[0] or groups[2], groups[1] or groups[3]
        count = int(number) if number.isdigit() else _NUMBER_WORDS[number]
        days.append(count * _DAYS_OF_UNIT[unit[:_LETTERS]])
    if not days and _RECENT.search(text):
        return 0
    return min(days, default=None)


def of_past_years(sentence: str, today: date, limit: timedelta) -> bool:
    """Tell whether a sentence names years and none of them reaches into the time that counts."""
    years = [int(year) for year in _YEAR.findall(sentence)]
    return bool(years) and max(years) < (today - limit).year


def operated_within(context: RuleContext, limit_days: float) -> tuple[FindingCause, ...]:
    """Operations at the spine that the findings name with a time of at most ``limit_days`` before today."""
    found = []
    for cause in context.named(*_NAMING):
        finding = cause.finding
        done = finding.status in {Status.PRESENT, Status.HISTORICAL}
        ago = _days_ago(finding.sentence) if done else None
        since_report = context.days_since(cause.reported_on) or 0
        if ago is not None and ago + since_report <= limit_days:
            found.append(cause)
    return tuple(found)

"""Pregnancy, gestational age and the time after birth, from observations and problem-list entries."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TypeAlias

from cds_service.domain.facts import GapCode, KnownCondition, LabValue, Pregnancy
from cds_service.domain.vocabulary import Analyte, ConditionGroup, Status
from cds_service.fhir.node import Concept, Node

# Day of the statement; pregnant, weeks, after birth: each may be unknown.
_State: TypeAlias = tuple[date, bool | None, int | None, bool | None]

_TERM = timedelta(weeks=40)
_LONGEST_PREGNANCY = timedelta(weeks=43)
_POSTPARTUM = timedelta(days=365)
_TEST_COUNTS = timedelta(days=42)
_LONGEST_WEEKS = 43
_STATUS = frozenset({"82810-3", "11449-6"})
_WEEKS = frozenset({"18185-9", "49051-6", "11884-4", "11885-1", "57714-8"})
_DUE = frozenset({"11778-8", "11779-6", "11780-4"})
_LAST_PERIOD = frozenset({"8665-2"})
_FEEDING = frozenset({"63895-7"})
_READ = _STATUS | _WEEKS | _DUE | _LAST_PERIOD | _FEEDING
_PREGNANT = frozenset({"77386006", "LA15173-0"})
_NOT_PREGNANT = frozenset({"60001007", "LA26683-5"})
_YES = re.compile(
    r"\b(?:yes|ja|da|pregnant|schwanger|gravid[aă]?|însărcinat[aă]|insarcinata|positive|pozitiv[aă]?|positiv)\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\b(?:no|not|non|nein|nicht|nu|negative|negativ[aă]?|keine?)\b", re.IGNORECASE)
_TOLD_WEEKS = re.compile(
    r"\b(\d{1,2})(?:\s?\+\s?\d)?\.?\s?(?:ssw|weeks?|wks?|wochen|s[ăa]pt[ăa]m[âa]ni|s\.?a\.?g?\.?|sa)(?!\w)",
    re.IGNORECASE,
)


def is_about_pregnancy(concept: Concept) -> bool:
    """Tell whether an Observation of this code is one of those that are read here."""
    return any(coding.code in _READ for coding in concept.codings)


def pregnancy(
    observations: Iterable[Node], conditions: Iterable[KnownCondition], labs: Iterable[LabValue], today: date
) -> Pregnancy:
    """Return the state today; the newest statement wins, and one older than a pregnancy lasts says nothing."""
    states: list[_State] = []
    for node in observations:
        states.extend(_observed(node, today))
    for condition in conditions:
        states.extend(_charted(condition, today))
    states.extend(_tested(labs, today))
    states.sort(key=lambda state: state[0])
    pregnant: bool | None = None
    weeks: int | None = None
    after: bool | None = None
    for _, is_pregnant, in_weeks, is_after in states:
        pregnant = is_pregnant if is_pregnant is not None else pregnant
        weeks = in_weeks if in_weeks is not None else weeks
        after = is_after if is_after is not None else after
    return Pregnancy(pregnant, weeks if pregnant else None, after)


def _observed(node: Node, today: date) -> Iterator[_State]:
    if node.code("status").lower() in {"entered-in-error", "cancelled"}:
        node.note(GapCode.WITHDRAWN, "status", clinical=True)
        return
    codes = {coding.code for coding in node.concept("code").codings}
    day = node.day("effectiveDateTime") or node.period_day("effectivePeriod") or node.day("issued") or today
    if codes & _FEEDING and today - day <= _POSTPARTUM:
        yield day, None, None, _answer(node)
    elif today - day <= _LONGEST_PREGNANCY:
        if codes & _STATUS:
            yield day, _answer(node), None, None
        yield from _timed(node, codes, day, today)


def _timed(node: Node, codes: set[str], day: date, today: date) -> Iterator[_State]:
    """Gestational age from its own value, from the due date, or from the last period."""
    quantity = node.child("valueQuantity") if codes & _WEEKS else None
    number = quantity.number("value") if quantity else None
    if quantity is not None and number is not None:
        days = number if {quantity.text("code"), quantity.text("unit")} & {"d", "days"} else number * 7
        yield from _dated_from(today - day + timedelta(days=days), day)
    told = _day_of(node) if codes & (_DUE | _LAST_PERIOD) else None
    if told is not None and codes & _DUE:
        yield from _dated_from(_TERM - (told - today), day)
    elif told is not None:
        # a last period alone does not make a pregnancy, it only dates one
        yield day, None, _in_weeks(today - told), None


def _dated_from(age: timedelta, day: date) -> Iterator[_State]:
    weeks = _in_weeks(age)
    if weeks is not None:
        yield day, True, weeks, None


def _in_weeks(age: timedelta) -> int | None:
    return age.days // 7 if timedelta() <= age <= _LONGEST_PREGNANCY else None


def _day_of(node: Node) -> date | None:
    """Day given as value; a due date lies in the future and is no flaw."""
    value = node.body.get("valueDateTime")
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        node.note(GapCode.INVALID_DATE, "valueDateTime")
        return None


def _answer(node: Node) -> bool | None:
    concept = node.concept("valueCodeableConcept")
    codes = {coding.code for coding in concept.codings}
    if codes & _NOT_PREGNANT:
        return False
    if codes & _PREGNANT:
        return True
    flag = node.flag("valueBoolean")
    if flag is not None:
        return flag
    words = concept.label or node.text("valueString")
    if _NO.search(words):
        return False
    return True if _YES.search(words) else None


def _charted(condition: KnownCondition, today: date) -> Iterator[_State]:
    if condition.status is not Status.PRESENT:
        return
    since = condition.onset or condition.recorded
    if ConditionGroup.PREGNANCY in condition.groups and condition.active is not False:
        recent = since is None or today - since <= _LONGEST_PREGNANCY
        if recent:
            yield since or today, True, _told_weeks(condition, today), None
    if ConditionGroup.POSTPARTUM in condition.groups and condition.active is not False:
        recent = since is None or today - since <= _POSTPARTUM
        if recent:
            yield since or today, None, None, True


def _told_weeks(condition: KnownCondition, today: date) -> int | None:
    """Weeks written in the entry or its code (Z3A.24), carried on to today from the day it was recorded."""
    written = condition.recorded or today
    passed = max(0, (today - written).days // 7)
    code = next((c.code for c in condition.codes if c.code.upper().startswith("Z3A.")), "")
    match = _TOLD_WEEKS.search(condition.text)
    digits = code[4:6] if code else (match.group(1) if match else "")
    weeks = int(digits) + passed if digits.isdigit() else None
    return weeks if weeks is not None and 0 < weeks <= _LONGEST_WEEKS else None


def _tested(labs: Iterable[LabValue], today: date) -> Iterator[_State]:
    for lab in labs:
        if lab.analyte is Analyte.PREGNANCY_TEST and lab.positive and lab.collected is not None:
            day = lab.collected.date()
            if today - day <= _TEST_COUNTS:
                yield day, True, None, None

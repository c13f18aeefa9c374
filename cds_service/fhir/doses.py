"""Reads daily doses from structured dosages and from words such as "Prednisolon 20 mg 1-0-0"."""

import re

from cds_service.fhir.node import Node

_MG = {
    "mg": 1.0,
    "milligram": 1.0,
    "milligrams": 1.0,
    "g": 1000.0,
    "gram": 1000.0,
    "ug": 0.001,
    "mcg": 0.001,
    "µg": 0.001,
}
_UNITS_OF_INTAKE = (
    "tab",
    "pill",
    "{pill}",
    "{tab",
    "kaps",
    "caps",
    "cps",
    "cp",
    "comp",
    "stück",
    "stk",
    "amp",
    "dose",
    "1",
    "",
)
_STRENGTH = re.compile(
    r"(?<![\d.,])(\d{1,5}(?:[.,]\d{1,3})?)\s?(mg|g|µg|mcg|ug|milligrams?)\b(?!\s?/\s?(?:ml|m2|l|kg))", re.IGNORECASE
)
_SCHEME = re.compile(
    r"(?<![\d/.,-])(\d{1,2}(?:[.,]5)?|½)-(\d{1,2}(?:[.,]5)?|½)-(\d{1,2}(?:[.,]5)?|½)(?:-(\d{1,2}(?:[.,]5)?|½))?(?![\d/-])"
)
_TIMES = re.compile(
    r"\b(\d{1,2})\s?(?:x|×|mal|times|ori|dd)\b|\b(\d)\s?[x×]\s?\d\b|(\d{1,2})\s?/\s?(?:d|day|tag|zi)\b", re.IGNORECASE
)


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


_WORDS = (
    (_any("every other day", "alternate days", r"jeden (?:2\.|zweiten) tag", "la (?:2|două|doua) zile"), 0.5),
    (_any("once (?:a )?week(?:ly)?", "weekly", "wöchentlich", "1x/woche", "pro woche", "s[ăa]pt[ăa]m[âa]nal"), 1 / 7),
    (_any("bid", r"b\.i\.d\.?", "twice (?:a )?da(?:y|ily)", "zweimal täglich", "every 12 h(?:ours)?", "q12h"), 2.0),
    (_any("de dou[ăa] ori pe zi", "la 12 ore", "alle 12 (?:h|stunden)"), 2.0),
    (_any("tid", r"t\.i\.d\.?", "three times (?:a )?da(?:y|ily)", "dreimal täglich", "every 8 h(?:ours)?", "q8h"), 3.0),
    (_any("de trei ori pe zi", "la 8 ore", "alle 8 (?:h|stunden)"), 3.0),
    (_any("qid", r"q\.i\.d\.?", "four times (?:a )?da(?:y|ily)", "viermal täglich", "every 6 h(?:ours)?", "q6h"), 4.0),
    (_any("de patru ori pe zi", "la 6 ore", "alle 6 (?:h|stunden)"), 4.0),
)
_PERIOD_DAYS = {"h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0, "min": 1 / 1440, "s": 1 / 86400, "a": 365.0}
_LONGEST = 300
_HIGHEST_MG = 100_000.0


def daily_dose_mg(text: str, dosages: list[Node]) -> float | None:
    """Milligrams a day, or None when neither the dosage nor the words say so.

    Several dosages of one order are stages of a plan; the highest counts, as it decides about masking and risk.
    """
    strength = _strength(text)
    doses = [dose for dose in (_structured(dosage, strength) for dosage in dosages) if dose is not None]
    if not doses:
        told = " ".join([text, *(dosage.text("text") for dosage in dosages)])
        dose = _told(told, strength)
        doses = [] if dose is None else [dose]
    return max(doses) if doses and 0 < max(doses) <= _HIGHEST_MG else None


def _strength(text: str) -> float | None:
    match = _STRENGTH.search(text[:_LONGEST])
    return _decimal(match.group(1)) * _MG[match.group(2).lower()] if match else None


def _structured(dosage: Node, strength: float | None) -> float | None:
    amount = _amount(dosage, strength)
    times = _times_a_day(dosage)
    if amount is None or times is None:
        return None
    return amount * times


def _amount(dosage: Node, strength: float | None) -> float | None:
    rates = [*dosage.children("doseAndRate"), dosage]
    for rate in rates:
        quantity = rate.child("doseQuantity") or rate.child("dose") or _high(rate.child("doseRange"))
        value = quantity.number("value") if quantity else None
        if quantity is None or value is None:
            continue
        unit = (quantity.text("unit") or quantity.text("code")).lower()
        if unit in _MG:
            return value * _MG[unit]
        if strength is not None and unit.startswith(_UNITS_OF_INTAKE):
            return value * strength
    return None


def _high(bounds: Node | None) -> Node | None:
    return bounds.child("high") or bounds.child("low") if bounds else None


def _times_a_day(dosage: Node) -> float | None:
    timing = dosage.child("timing")
    if timing is None:
        return _times_told(dosage.text("text"))
    repeat = timing.child("repeat")
    if repeat is not None:
        frequency = repeat.number("frequency") or (1.0 if repeat.has("period") else None)
        days = _PERIOD_DAYS.get(repeat.code("periodUnit"))
        period = repeat.number("period") or 1.0
        if frequency is not None and days is not None:
            return frequency / (period * days)
        meals = repeat.body.get("when")
        if isinstance(meals, list) and meals:
            return float(len(meals))
    code = timing.concept("code")
    told = {"BID": 2.0, "TID": 3.0, "QID": 4.0, "QD": 1.0, "AM": 1.0, "PM": 1.0, "QOD": 0.5, "Q8H": 3.0, "Q6H": 4.0}
    coded = next((told[c.code.upper()] for c in code.codings if c.code.upper() in told), None)
    return coded or _times_told(code.text or dosage.text("text"))


def _times_told(text: str) -> float | None:
    """Return how many times a day words tell; None when they tell nothing."""
    entry = text[:_LONGEST]
    scheme = _SCHEME.search(entry)
    if scheme:
        return sum(0.5 if part == "½" else _decimal(part) for part in scheme.groups() if part) or None
    told = next((times for pattern, times in _WORDS if pattern.search(entry)), None)
    if told is not None:
        return told
    match = _TIMES.search(entry)
    return float(next(filter(None, match.groups()))) if match else None


def _told(text: str, strength: float | None) -> float | None:
    """Dose in words: a strength without any word on how often is taken once a day."""
    amount = strength if strength is not None else _strength(text)
    if amount is None:
        return None
    return amount * (_times_told(text) or 1.0)


def _decimal(number: str) -> float:
    return float(number.replace(",", "."))

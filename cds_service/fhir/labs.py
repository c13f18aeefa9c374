"""Observations to laboratory values and vital signs in canonical units, or a gap that says why not."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from math import isclose

from cds_service.domain.facts import Comparator, GapCode, LabValue
from cds_service.domain.vocabulary import Analyte
from cds_service.fhir.node import Concept, Node
from cds_service.fhir.quantities import LONGEST_TEXT, Measure, decimal, read_quantity, read_written
from cds_service.fhir.raised import RaisedWords
from cds_service.fhir.units import Conversion, UnitConverter, spelled
from cds_service.knowledge.code_groups import CodeSystem, LabEntry, pairs, phrases, system_of
from cds_service.knowledge.codes import Labs
from cds_service.reading.phrases import PhraseMatcher

STATUSES = frozenset({"registered", "preliminary", "final", "amended", "corrected"})
_WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
_RANGE_WRITTEN = re.compile(
    r"\s*(?:(\d{1,9}(?:[.,]\d{1,6})?)\s*(?:-|–|bis|to)\s*|(?:<|<=|≤|bis|up to)\s*)(\d{1,9}(?:[.,]\d{1,6})?).{0,40}"
)
_MOMENTS = ("effectiveDateTime", "effectiveInstant")
_TITRE = re.compile(r"\b1\s?[:/]\s?(\d{2,6})\b")
# agglutination from 1:160 on speaks for brucellosis
_POSITIVE_TITRE = 160
# Two laboratories round the same amount in two units differently.
_ROUNDED = 0.02
_VALUES = (
    "valueQuantity", "valueString", "valueCodeableConcept", "valueInteger", "valueBoolean", "valueRange", "valueRatio",
    "valueSampledData", "valueDecimal", "valueText",
)  # fmt: skip
_POSITIVE_CODES = frozenset(
    {"POS", "DET", "RR", "A", "AA", "10828004", "260373001", "52101004", "LA6576-8", "LA11882-0"}
)
_NEGATIVE_CODES = frozenset({"NEG", "ND", "NR", "N", "260385009", "260415000", "2667000", "LA6577-6", "LA11883-8"})
_UNKNOWN_CODES = frozenset({"IND", "E", "42425007", "82334004", "385432009", "LA11884-6", "LA11885-3"})


@dataclass(frozen=True, slots=True)
class _Frame:
    """What holds for every value of one Observation: when it was collected, its status, and its members."""

    collected: datetime | None
    status: str
    members: Mapping[str, Node]


class LabReader:
    """Reads Observations. Matchers and unit factors are prepared once."""

    def __init__(self, labs: Labs) -> None:
        self._labs = labs
        self._converter = UnitConverter(labs)
        self._snomed = {code: name for name, lab in labs.analytes.items() for code in lab.snomed.verified}
        terms: dict[str, tuple[str, ...]] = {"!": labs.other_specimen}
        for name, lab in labs.analytes.items():
            terms[f"+{name}"] = phrases(lab.terms.all())
            if lab.unless:
                terms[f"-{name}"] = phrases(lab.unless)
        self._pairs: list[tuple[Analyte, bool, tuple[str, ...]]] = []
        for name, lab in labs.analytes.items():
            for listed, counts in ((lab.terms.all(), True), (lab.unless, False)):
                for words in pairs(listed):
                    keys = tuple(f"&{word}" for word in words)
                    terms.update({key: (word,) for key, word in zip(keys, words, strict=True)})
                    self._pairs.append((name, counts, keys))
        self._names = PhraseMatcher(terms)
        self._named = lru_cache(maxsize=2048)(self._name)
        self._results = PhraseMatcher(
            {"positive": labs.positive.all(), "negative": labs.negative.all(), "unknown": labs.indeterminate.all()}
        )
        self._raised = RaisedWords(labs)

    def read(self, node: Node, members: Mapping[str, Node], concept: Concept) -> list[LabValue]:
        """Return the values of one Observation of the code ``concept``, with its components.

        ``members`` resolve ``hasMember`` references. Tests that nobody reads cost one look at their code.
        """
        analyte = self.analyte(concept)
        panel = node.has("component")
        if analyte is None and not panel and concept:
            return []
        status = self._status(node, clinical=analyte is not None)
        if status is None:
            return []
        frame = _Frame(self._collected(node, clinical=analyte is not None), status, members)
        own = self._one(node, analyte, frame, expected=not panel and not node.has("hasMember"))
        if not concept:
            node.note(GapCode.MISSING_CODE, "code", clinical=node.has("valueQuantity"))
        return [*own, *(value for child in node.children("component") for value in self._part(child, frame))]

    def read_timeless(self, node: Node, concept: Concept) -> tuple[LabValue, ...]:
        """Return the numbers of a result or a panel without status and time; nothing when it states anything else."""
        analyte = self.analyte(concept)
        frame = _Frame(None, "", {})
        if node.has("component"):
            # a panel with the code of a test may state its result in a note as well, and one without a code has a flaw
            plain = analyte is None and bool(concept)
            parts = [self._part(child, frame) for child in node.children("component")] if plain else []
            found = [value for values in parts for value in values]
        else:
            found = self._one(node, analyte, frame, expected=False)
        return tuple(found) if all(value.value is not None for value in found) else ()

    def _part(self, child: Node, frame: _Frame) -> list[LabValue]:
        concept = child.concept("code")
        if not concept:
            child.note(GapCode.MISSING_CODE, "code", clinical=child.has("valueQuantity"))
        return self._one(child, self.analyte(concept), frame, expected=True)

    def read_report(self, node: Node) -> list[LabValue]:
        """Return the result that a laboratory report states as text (cultures); its Observations are read apart."""
        analyte = self._stated(node)
        if analyte is None:
            return []
        status = self._status(node, clinical=True)
        if status is None:
            return []
        parts = [node.text("conclusion"), *(concept.label for concept in node.concepts("conclusionCode"))]
        text = "; ".join(dict.fromkeys(part for part in parts if part))[:LONGEST_TEXT]
        if not text:
            return []
        lab = self._labs.analytes[analyte]
        blank = LabValue(
            analyte, None, lab.unit, self._collected(node, clinical=True), node.provenance(), status=status
        )
        return self._worded(node, blank, lab, text)

    def states_results(self, node: Node) -> bool:
        """Tell whether a laboratory report is one of a test whose result it states as text."""
        return self._stated(node) is not None

    def _stated(self, node: Node) -> Analyte | None:
        analyte = self.analyte(node.concept("code"))
        return analyte if analyte is not None and self._labs.analytes[analyte].qualitative else None

    # ---- frame ----

    def _status(self, node: Node, *, clinical: bool) -> str | None:
        status = node.code("status").lower()
        if status in _WITHDRAWN:
            node.note(GapCode.WITHDRAWN, "status", clinical=clinical)
            return None
        if not status:
            node.note(GapCode.MISSING_STATUS, "status")
        elif status not in STATUSES:
            node.note(GapCode.UNKNOWN_STATUS, "status")
            return "unknown"
        return status or "unknown"

    def _collected(self, node: Node, *, clinical: bool) -> datetime | None:
        for name in _MOMENTS:
            read = node.moment(name, clinical=clinical)
            if read is not None:
                return read.value
        period = node.child("effectivePeriod")
        for end in ("end", "start"):
            read = period.moment(end) if period else None
            if read is not None:
                return read.value
        issued = node.moment("issued", clinical=clinical)
        if issued is not None:
            if issued.whole_day:
                node.note(GapCode.INVALID_DATE, "issued", flaw="no-time")
            return issued.value
        if not any(node.has(name) for name in (*_MOMENTS, "effectivePeriod", "issued")):
            node.note(GapCode.MISSING_DATE, "effectiveDateTime", clinical=clinical)
        return None

    # ---- which test ----

    def analyte(self, concept: Concept) -> Analyte | None:
        """Analyte of an Observation or component, by code, else by its name; ``None`` for tests that nobody reads."""
        loincs = [c.code for c in concept.codings if system_of(c.system) is CodeSystem.LOINC]
        if any(code in self._labs.ignored_loinc for code in loincs):
            return None
        listed = next((self._labs.by_loinc[code] for code in loincs if code in self._labs.by_loinc), None)
        if listed is not None:
            return listed
        snomeds = [c.code for c in concept.codings if system_of(c.system) is CodeSystem.SNOMED]
        by_snomed = next((self._snomed[code] for code in snomeds if code in self._snomed), None)
        return by_snomed or next(filter(None, (self._named(text) for text in concept.words)), None)

    def _name(self, text: str) -> Analyte | None:
        """Return the analyte that a name means; remembered, as a laboratory has few hundred names."""
        found = self._names.find(text[:LONGEST_TEXT])
        ids = {match.id for match in found}
        if "!" in ids and not ids & {f"+{Analyte.OTHER_CULTURE}", f"+{Analyte.PREGNANCY_TEST}"}:
            return None
        barred = {name for name, counts, keys in self._pairs if not counts and ids.issuperset(keys)}
        named = [(m.end - m.start, m.id[1:]) for m in found if m.id[0] == "+" and f"-{m.id[1:]}" not in ids]
        named += [(0, name) for name, counts, keys in self._pairs if counts and ids.issuperset(keys)]
        allowed = [(size, name) for size, name in named if name not in barred]
        # of two names in one text the longer is the more exact one ("lactate" in "lactate dehydrogenase")
        return Analyte(max(allowed)[1]) if allowed else None

    # ---- values ----

    def _one(self, node: Node, analyte: Analyte | None, frame: _Frame, *, expected: bool) -> list[LabValue]:
        if analyte is None:
            return []
        lab = self._labs.analytes[analyte]
        blank = LabValue(analyte, None, lab.unit, frame.collected, node.provenance(), status=frame.status)
        measures = tuple(self._measures(node, lab))
        measure = measures[0] if measures else None
        if not all(self._same(measures[0], other, analyte) for other in measures):
            node.note(GapCode.AMBIGUOUS_VALUE, "value", clinical=True, analyte=analyte)
            return []
        if measure is not None and not (lab.qualitative and lab.unit == "1"):
            unsized = f"{measure.comparator or ''}{measure.value:g} {measure.unit}".strip()
            raised = [replace(blank, text=unsized, reported=unsized, positive=True)]
            return list(self._numeric(node, blank, measure)) or (raised if self._raised.flagged(node, analyte) else [])
        text = f"{measure.value:g} {measure.unit}".strip() if measure else self._result_text(node, frame)
        if text or lab.qualitative:
            found = self._worded(node, blank, lab, text)
            if found:
                return found
        if expected and not text:
            node.note(GapCode.MISSING_VALUE, "value", clinical=frame.status != "registered", analyte=analyte)
        alone = not text and self._raised.flagged(node, analyte)
        return [replace(blank, text="H", reported="H", positive=True)] if alone else []

    def _measures(self, node: Node, lab: LabEntry) -> Iterator[Measure]:
        """Yield every number that the result states, the most exact element first; usually there is one."""
        given = [name for name in _VALUES if node.has(name)]
        if len(given) > 1:
            node.note(GapCode.AMBIGUOUS_VALUE, "value")
        quantity = node.child("valueQuantity") if "valueQuantity" in given else None
        found = read_quantity(quantity) if quantity is not None else None
        if found is not None:
            yield found
        for name in ("valueInteger", "valueDecimal"):
            number = node.number(name) if name in given else None
            if number is not None:
                yield Measure(number, "", None, node.place(name))
        texts = {name: node.text(name) for name in ("valueString", "valueText") if name in given}
        for name, text in (texts if given else {"note": node.notes_text()}).items():
            written = None if lab.qualitative else read_written(text)
            if written is not None and (given or written.unit):
                yield replace(written, element=node.place(name))

    def _same(self, one: Measure, other: Measure, analyte: Analyte) -> bool:
        """Tell whether two numbers state one result: the same number, or the same amount in other units."""
        if one.comparator != other.comparator:
            return False
        if not (one.unit and other.unit) or spelled(one.unit) == spelled(other.unit):
            return one.value == other.value
        first, second = (self._converter.conversion(measure.unit, analyte) for measure in (one, other))
        if first is None or second is None:
            return False
        return isclose(first.apply(one.value), second.apply(other.value), rel_tol=_ROUNDED)

    def _numeric(self, node: Node, blank: LabValue, measure: Measure) -> Iterator[LabValue]:
        lab = self._labs.analytes[blank.analyte]
        if not measure.unit and not lab.unitless:
            node.note(GapCode.MISSING_UNIT, "value", clinical=True, analyte=blank.analyte)
            return
        conversion = self._converter.conversion(measure.unit or "1", blank.analyte)
        if conversion is None:
            node.note(GapCode.UNKNOWN_UNIT, "value", clinical=True, analyte=blank.analyte)
            return
        value = conversion.apply(measure.value)
        low, high = lab.plausible
        if not low <= value <= high:
            # far off after a conversion that is only approximate: no laboratory reports this test in that unit
            flaw = GapCode.UNKNOWN_UNIT if conversion.approximate else GapCode.IMPLAUSIBLE_VALUE
            node.note(flaw, "value", clinical=True, analyte=blank.analyte)
            return
        if conversion.approximate:
            node.note(GapCode.CONVERTED_VALUE, "value", analyte=blank.analyte)
        lower, upper = self._limits(node, blank.analyte, measure.unit, conversion)
        positive = value > 0 and measure.comparator not in {Comparator.LT, Comparator.LE} if lab.qualitative else None
        yield replace(
            blank,
            value=value,
            comparator=measure.comparator,
            lower_normal=lower,
            upper_normal=upper,
            reported=f"{measure.comparator or ''}{measure.value:g} {measure.unit}".strip(),
            positive=positive,
            converted=conversion.approximate,
        )

    def _limits(
        self, node: Node, analyte: Analyte, unit: str, conversion: Conversion
    ) -> tuple[float | None, float | None]:
        """Lower and upper normal limit in the canonical unit; limits without unit have that of the value."""
        for limits in node.children("referenceRange"):
            kind = limits.concept("type")
            if any(coding.code not in {"normal", ""} for coding in kind.codings):
                continue
            low, high = limits.child("low"), limits.child("high")
            if low is None and high is None:
                match = _RANGE_WRITTEN.fullmatch(limits.text("text"))
                ends = (decimal(match.group(1)), decimal(match.group(2))) if match else (None, None)
                return tuple(None if end is None else conversion.apply(end) for end in ends)  # type: ignore[return-value]
            return self._limit(low, analyte, unit), self._limit(high, analyte, unit)
        return None, None

    def _limit(self, quantity: Node | None, analyte: Analyte, unit: str) -> float | None:
        found = read_quantity(quantity) if quantity else None
        conversion = self._converter.conversion(found.unit or unit or "1", analyte) if found else None
        return conversion.apply(found.value) if found and conversion else None

    # ---- text results ----

    def _result_text(self, node: Node, frame: _Frame) -> str:
        concept = node.concept("valueCodeableConcept")
        parts = [concept.label, node.text("valueString")]
        flag = node.flag("valueBoolean")
        if flag is not None:
            parts.append("positive" if flag else "negative")
        if not any(parts):
            parts += [note for note in (node.notes_text(),) if note]
            parts += [self._member_text(link, frame) for link in node.children("hasMember")]
        return "; ".join(dict.fromkeys(part for part in parts if part))[:LONGEST_TEXT]

    def _member_text(self, link: Node, frame: _Frame) -> str:
        member = frame.members.get(link.text("reference"))
        if member is None:
            return link.text("display")
        return member.concept("valueCodeableConcept").label or member.text("valueString")

    def _worded(self, node: Node, blank: LabValue, lab: LabEntry, text: str) -> list[LabValue]:
        positive = self._positive(node, text, culture=blank.analyte in {Analyte.BLOOD_CULTURE, Analyte.OTHER_CULTURE})
        if lab.qualitative and (text or positive is not None):
            return [replace(blank, text=text, reported=text, positive=positive)]
        if text and self._raised.said(node, blank.analyte, text):
            return [replace(blank, text=text, reported=text, positive=True)]
        if text:
            node.note(GapCode.INVALID_VALUE, "value", clinical=True, analyte=blank.analyte)
        return []

    def _positive(self, node: Node, text: str, *, culture: bool) -> bool | None:
        """Read codes first, then words. A culture that names a germ without any such word has grown."""
        codes = {c.code for c in node.concept("valueCodeableConcept").codings}
        codes |= {c.code for concept in node.concepts("interpretation") for c in concept.codings}
        for listed, answer in ((_UNKNOWN_CODES, None), (_POSITIVE_CODES, True), (_NEGATIVE_CODES, False)):
            if codes & listed:
                return answer
        titre = _TITRE.search(text)
        if titre is not None:
            return True if int(titre.group(1)) >= _POSITIVE_TITRE else None
        found = self._results.find(text)
        negative = [m for m in found if m.id == "negative"]
        apart = [m for m in found if m.id == "positive" and not any(n.start <= m.start < n.end for n in negative)]
        if any(m.id == "unknown" for m in found):
            return None
        if negative:
            # "no growth" beside "positive in one bottle" is no clear answer
            return None if apart else False
        return True if apart or (culture and text) else None


def without_repeats(values: Iterable[LabValue]) -> tuple[LabValue, ...]:
    """Drop results that came twice: same test, same moment, same value; the first stays."""
    kept: dict[tuple[object, ...], LabValue] = {}
    for value in values:
        key = (value.analyte, value.collected, value.value, value.comparator, value.text)
        kept.setdefault(key, value)
    return tuple(kept.values())

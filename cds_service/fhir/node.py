"""Reads elements of one JSON object of a resource: usable content is kept, every deviation becomes a gap."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, final

import orjson

from cds_service.domain.facts import Coding, GapCode, Provenance
from cds_service.fhir.gaps import GapLog
from cds_service.fhir.moments import Moment, read_moment

# A clock that is a little ahead, or a day without zone, is no future date.
CLOCK_SKEW = timedelta(days=1)
_NUMBER = re.compile(r"[+-]?\d{1,12}(?:[.,]\d{1,12})?")
_LONGEST_TEXT = 200_000
# Concepts that are remembered, and the most characters of one of them.
_CONCEPTS = 4_096
_LONGEST_CONCEPT = 1_000


@dataclass(frozen=True, slots=True)
class Concept:
    """A CodeableConcept: its own text and its codings."""

    text: str = ""
    codings: tuple[Coding, ...] = ()

    @property
    def label(self) -> str:
        """The words to show: the text, else the first display, else the first code."""
        shown = next((coding.display for coding in self.codings if coding.display), "")
        return self.text or shown or next((coding.code for coding in self.codings if coding.code), "")

    @property
    def words(self) -> tuple[str, ...]:
        """All texts to look for terms in, without repeats."""
        return tuple(dict.fromkeys(part for part in (self.text, *(c.display for c in self.codings)) if part))

    def __bool__(self) -> bool:
        """Tell whether there is anything in it."""
        return bool(self.text or self.codings)


@dataclass(frozen=True, slots=True)
class Intake:
    """Where gaps go and what "now" is while resources are read."""

    log: GapLog
    as_of: datetime

    @property
    def zone(self) -> tzinfo:
        """Time zone of dates that name none."""
        zone = self.as_of.tzinfo
        if zone is None:
            raise ValueError("as_of needs a time zone")
        return zone


@final
class Node:
    """One JSON object at ``path`` of the resource ``reference``. Nobody changes it once it is made.

    Where it stands is put into words only when a gap or a fact asks for it: a request makes thousands of these.
    """

    __slots__ = ("_index", "_name", "_up", "body", "intake", "reference")

    def __init__(
        self,
        body: Mapping[str, Any],
        reference: str,
        intake: Intake,
        path: str = "",
        up: "Node | None" = None,
        index: int = -1,
    ) -> None:
        self.body = body
        self.reference = reference
        self.intake = intake
        self._name = path
        self._up = up
        self._index = index

    @property
    def path(self) -> str:
        """Element path from the resource on; empty for the resource itself."""
        place = self._name if self._up is None else self._up.place(self._name)
        return place if self._index < 0 else f"{place}[{self._index}]"

    def place(self, name: str) -> str:
        """Element path of a member."""
        path = self.path
        return f"{path}.{name}" if path else name

    def provenance(self, name: str = "") -> Provenance:
        """Where a fact from here was read."""
        return Provenance(self.reference, self.place(name) if name else self.path)

    def note(self, code: GapCode, name: str = "", *, clinical: bool = False, **params: str) -> None:
        """Note a gap at a member of this object."""
        place = self.place(name) if name else self.path
        self.intake.log.add(code, self.reference, place, clinical=clinical, **params)

    def has(self, name: str) -> bool:
        """Tell whether a member is there with any content."""
        return self.body.get(name) not in (None, "", [], {})

    def text(self, name: str) -> str:
        """Return a string member without surrounding blanks; a number is taken as its digits."""
        value = self.body.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            if len(value) > _LONGEST_TEXT:
                self.note(GapCode.REPORT_TRUNCATED, name, clinical=True)
            return value[:_LONGEST_TEXT].strip()
        if value == []:
            return ""
        if isinstance(value, list) and isinstance(value[0], str):
            self.note(GapCode.INVALID_TYPE, name)
            return value[0][:_LONGEST_TEXT].strip()
        self.note(GapCode.INVALID_TYPE, name)
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""

    def code(self, name: str) -> str:
        """Code member: its text, or the first code of a CodeableConcept or Coding put in its place."""
        value = self.body.get(name)
        if value is not None and not isinstance(value, str) and isinstance(value, Mapping):
            self.note(GapCode.INVALID_TYPE, name)
            concept = Node(value, self.reference, self.intake, name, self).as_concept()
            return next((coding.code for coding in concept.codings), concept.text).strip()
        return self.text(name)

    def token(self, name: str) -> str:
        """Return the code of a CodeableConcept member in small letters; a plain code is taken with a gap."""
        concept = self.concept(name)
        return next((coding.code for coding in concept.codings if coding.code), concept.text).strip().lower()

    def child(self, name: str) -> "Node | None":
        """Object member; the first object of an array put in its place."""
        return next(self.children(name), None) if isinstance(self.body.get(name), list) else self._one(name)

    def _one(self, name: str) -> "Node | None":
        value = self.body.get(name)
        if value is None:
            return None
        if isinstance(value, (dict, Mapping)):
            return Node(value, self.reference, self.intake, name, self)
        if value != "":
            self.note(GapCode.INVALID_TYPE, name)
        return None

    def children(self, name: str) -> Iterator["Node"]:
        """Objects of an array member; a single object counts as an array of one."""
        value = self.body.get(name)
        if value is None or value == "":
            return
        if not isinstance(value, list):
            if isinstance(value, Mapping):
                yield Node(value, self.reference, self.intake, name, self)
            else:
                self.note(GapCode.INVALID_TYPE, name)
            return
        for index, item in enumerate(value):
            if isinstance(item, (dict, Mapping)):
                yield Node(item, self.reference, self.intake, name, self, index)
            elif item is not None:
                self.note(GapCode.INVALID_TYPE, f"{name}[{index}]")

    def number(self, name: str) -> float | None:
        """Finite number; a number written as text is taken with a gap."""
        value = self.body.get(name)
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int | float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            self.note(GapCode.INVALID_TYPE, name)
            return float(value.strip().replace(",", "."))
        if value != "":
            self.note(GapCode.INVALID_VALUE, name)
        return None

    def flag(self, name: str) -> bool | None:
        """Boolean member, three-valued."""
        value = self.body.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            self.note(GapCode.INVALID_TYPE, name)
            return value.lower() == "true"
        if value is not None:
            self.note(GapCode.INVALID_TYPE, name)
        return None

    def concept(self, name: str) -> Concept:
        """CodeableConcept member; also a Coding, a text, or the ``concept`` of an R5 CodeableReference in its place."""
        value = self.body.get(name)
        plain = _plain_concept(value) if type(value) is dict else None
        if plain is not None:
            return plain
        if isinstance(value, str) and value.strip():
            self.note(GapCode.INVALID_TYPE, name)
            return Concept(value[:_LONGEST_TEXT].strip())
        found = self.child(name)
        return found.as_concept() if found else Concept()

    def concepts(self, name: str) -> list[Concept]:
        """All CodeableConcepts of an array member."""
        value = self.body.get(name)
        if isinstance(value, str):
            return [self.concept(name)] if value.strip() else []
        if value is None:
            return []
        return [concept for concept in (child.as_concept() for child in self.children(name)) if concept]

    def as_concept(self) -> Concept:
        """Read this object as a CodeableConcept."""
        plain = _plain_concept(self.body)
        if plain is not None:
            return plain
        if "concept" in self.body and isinstance(self.body["concept"], Mapping):
            return self.concept("concept")
        if "coding" not in self.body and "code" in self.body:
            return Concept("", (self._coding(),))
        codings = tuple(child._coding() for child in self.children("coding"))  # noqa: SLF001 - the same class
        return Concept(self.text("text"), tuple(c for c in codings if c.code or c.display))

    def _coding(self) -> Coding:
        return Coding(self.text("system"), self.text("code"), self.text("display"))

    def moment(self, name: str, *, clinical: bool = False) -> Moment | None:
        """Date or time; gaps for what deviates, for what cannot be read, and for what lies in the future (refused)."""
        value = self.body.get(name)
        if value is None or value == "":
            return None
        read = read_moment(value, self.intake.zone) if isinstance(value, str) else None
        if read is None:
            self.note(GapCode.INVALID_DATE, name, clinical=clinical)
            return None
        if read.flaw:
            self.note(GapCode.INVALID_DATE, name, flaw=read.flaw)
        if read.value > self.intake.as_of + CLOCK_SKEW:
            self.note(GapCode.FUTURE_DATE, name, clinical=clinical)
            return None
        return read

    def day(self, name: str) -> date | None:
        """Day of a date or time that is not in the future."""
        read = self.moment(name)
        return read.value.date() if read else None

    def period_day(self, name: str, end: str = "start") -> date | None:
        """First (or last) day of a Period member."""
        period = self.child(name)
        return period.day(end) if period else None

    def reference_to(self, name: str) -> str:
        """Return the reference of a Reference member as written, empty when there is none."""
        value = self.body.get(name)
        if isinstance(value, str):
            self.note(GapCode.INVALID_TYPE, name)
            return value.strip()
        target = self.child(name)
        if target is None:
            return ""
        if isinstance(target.body.get("reference"), Mapping):
            return target.reference_to("reference")
        return target.text("reference")

    def notes_text(self) -> str:
        """All annotation texts of this object."""
        return " ".join(filter(None, (note.text("text") for note in self.children("note"))))


def _plain_concept(body: Mapping[str, Any]) -> Concept | None:
    """Return a CodeableConcept that is written as it should be; anything else has to be read with care."""
    codings, text = body.get("coding", [] if "code" not in body else None), body.get("text", "")
    if type(codings) is not list or type(text) is not str or "concept" in body:
        return None
    parts: list[str] = [text]
    for coding in codings:
        if type(coding) is not dict:
            return None
        parts.append(coding.get("system", ""))
        parts.append(coding.get("code", ""))
        parts.append(coding.get("display", ""))
    length = 0
    for part in parts:
        if type(part) is not str:
            return None
        length += len(part)
    return _concept(tuple(parts)) if length <= _LONGEST_CONCEPT else None


@lru_cache(maxsize=_CONCEPTS)
def _concept(parts: tuple[str, ...]) -> Concept:
    """Make a concept of its text, and system, code and display of each coding. The same few thousand make up charts."""
    plain = [part.strip() for part in parts]
    codings = [Coding(*plain[at : at + 3]) for at in range(1, len(plain), 3)]
    return Concept(plain[0], tuple(coding for coding in codings if coding.code or coding.display))


def unheard(raw: bytes) -> Node | None:
    """Return an object from JSON whose flaws nobody hears of; ``None`` when it is no JSON."""
    try:
        value: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return Node(value, "", Intake(GapLog(), datetime.min.replace(tzinfo=UTC)))

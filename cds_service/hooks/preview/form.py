"""The typed form of a preview: checked member by member, every fault named, turned into FHIR resources."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from cds_service.domain.vocabulary import Analyte, Language, OrderKind
from cds_service.hooks.entries import Resource
from cds_service.hooks.preview import resources
from cds_service.hooks.preview.inputs import ORDER_TYPES, PreviewInput
from cds_service.hooks.preview.picks import Picks, resource_of
from cds_service.hooks.request import FieldProblem, InvalidRequest
from cds_service.hooks.services import LOINC, Hook
from cds_service.knowledge.codes import Codes

_MAX_AGE = 130
_LONGEST_REPORT = 2_000_000
_LONGEST_WORDS = 2_000
_MOST_ROWS = 200
_MOST_REPORTS = 20
_MOST_ORDERS = 50
MEMBERS = frozenset(
    {"text", "language", "title", "reportDate", "patient", "labs", "conditions", "medications", "history", "orders"}
    | {"orderHook", "reports", "overlay"}
)
_PATIENT_MEMBERS = frozenset({"age", "sex", "pregnant", "onset"})
_LAB_MEMBERS = frozenset({"name", "code", "analyte", "value", "unit", "date"})
_PICK_MEMBERS = frozenset({"group", "kind", "on"})
_REPORT_MEMBERS = frozenset({"text", "language", "title", "date"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_VITAL_SIGNS = (
    Analyte.TEMPERATURE,
    Analyte.HEART_RATE,
    Analyte.RESPIRATORY_RATE,
    Analyte.SYSTOLIC_PRESSURE,
    Analyte.PAIN_SCORE,
)


class Form:
    """Reads the members of a typed preview and collects what is wrong with them."""

    def __init__(self, body: Mapping[str, Any], as_of: datetime, codes: Codes, picks: Picks) -> None:
        self._body = body
        self._as_of = as_of
        self._codes = codes
        self._picks = picks
        self.problems: list[FieldProblem] = []

    def wrong(self, field: str, text: str, code: str = "invalid") -> None:
        """Note what is wrong with a member."""
        self.problems.append(FieldProblem(field, text, code))

    def refuse_unknown(self, given: Mapping[str, Any], known: frozenset[str], path: str = "") -> None:
        """Name members that nobody reads: a misspelt one would silently change the answer."""
        for name in sorted(map(str, given.keys() - known)):
            # what is no plain name may be part of a record, and the answer goes into the log of the client
            shown = name if _NAME.fullmatch(name) else "?"
            self.wrong(f"{path}{shown}", "is not a member of this form")

    # ---- plain values ----

    def _words(self, value: Any, path: str, longest: int = _LONGEST_WORDS) -> str:
        if value in (None, ""):
            return ""
        if not isinstance(value, str):
            self.wrong(path, "must be a string")
            return ""
        if len(value) > longest:
            self.wrong(path, f"is longer than {longest} characters", "too-long")
            return ""
        return value

    def _day(self, value: Any, path: str, default: str = "") -> str:
        if value in (None, ""):
            return default
        try:
            date.fromisoformat(str(value)[:10])
        except ValueError:
            self.wrong(path, "must be a date such as 2026-03-31")
        return str(value)

    def _language(self, value: Any, path: str) -> str:
        if value in (None, ""):
            return ""
        if value not in tuple(Language):
            self.wrong(path, f"must be one of {', '.join(Language)}")
            return ""
        return str(value)

    def _rows(self, name: str, most: int = _MOST_ROWS) -> list[Any]:
        listed = self._body.get(name) or []
        if not isinstance(listed, list):
            self.wrong(name, "must be an array")
            return []
        if len(listed) > most:
            self.wrong(name, f"has more than {most} entries", "too-long")
            return []
        return listed

    # ---- reports ----

    def reports(self) -> Iterator[Resource]:
        """Return the report and the further ones beside it."""
        text = self._body.get("text")
        if not isinstance(text, str) or not text.strip():
            self.wrong("text", "must be the text of a report", "required")
            text = ""
        yield resources.report(
            "report",
            self._words(text, "text", _LONGEST_REPORT),
            self._words(self._body.get("title"), "title"),
            self._language(self._body.get("language"), "language"),
            self._day(self._body.get("reportDate"), "reportDate", self._as_of.isoformat()),
        )
        for index, given in enumerate(self._rows("reports", _MOST_REPORTS)):
            yield self._further(given, index)

    def _further(self, given: Any, index: int) -> Resource:
        path = f"reports[{index}]"
        if not isinstance(given, dict) or not isinstance(given.get("text"), str) or not given["text"].strip():
            self.wrong(path, "must be an object with the text of a report", "required")
            return {}
        self.refuse_unknown(given, _REPORT_MEMBERS, f"{path}.")
        return resources.report(
            f"report-{index + 1}",
            self._words(given["text"], f"{path}.text", _LONGEST_REPORT),
            self._words(given.get("title"), f"{path}.title"),
            self._language(given.get("language"), f"{path}.language"),
            self._day(given.get("date"), f"{path}.date", self._as_of.isoformat()),
        )

    # ---- patient ----

    def patient(self) -> Iterator[Resource]:
        """Return the Patient, and what was answered about pregnancy and onset."""
        given = self._body.get("patient") or {}
        if not isinstance(given, dict):
            self.wrong("patient", "must be an object")
            given = {}
        self.refuse_unknown(given, _PATIENT_MEMBERS, "patient.")
        yield self._person(given)
        pregnant = given.get("pregnant")
        if isinstance(pregnant, bool):
            yield resources.pregnancy(self._as_of, pregnant=pregnant)
        elif pregnant is not None:
            self.wrong("patient.pregnant", "must be true or false")
        onset = self._day(given.get("onset"), "patient.onset")
        if onset:
            yield resources.condition("onset", "Back pain", onset)

    def _person(self, given: Mapping[str, Any]) -> Resource:
        patient: Resource = {"resourceType": "Patient", "id": resources.PATIENT_ID}
        age = given.get("age")
        if isinstance(age, int) and not isinstance(age, bool) and 0 <= age <= _MAX_AGE:
            patient["birthDate"] = f"{self._as_of.year - age:04}-01-01"
        elif age is not None:
            self.wrong("patient.age", f"must be a whole number of years from 0 to {_MAX_AGE}")
        sex = given.get("sex")
        if sex in ("female", "male"):
            patient["gender"] = sex
        elif sex not in (None, ""):
            self.wrong("patient.sex", "must be female or male")
        return patient

    # ---- results ----

    def labs(self) -> Iterator[Resource]:
        """Return the results."""
        for index, given in enumerate(self._rows("labs")):
            yield self._lab(given, index)

    def _lab(self, given: Any, index: int) -> Resource:
        path = f"labs[{index}]"
        if not isinstance(given, dict) or not any(given.get(name) for name in ("name", "code", "analyte")):
            self.wrong(path, "must be an object with name, code or analyte", "required")
            return {}
        self.refuse_unknown(given, _LAB_MEMBERS, f"{path}.")
        value = given.get("value")
        known = isinstance(value, int | float) and not isinstance(value, bool)
        if not known and not (isinstance(value, str) and value.strip()):
            self.wrong(f"{path}.value", "must be a number or a text", "required")
        analyte = given.get("analyte")
        return resources.lab(
            f"lab-{index}",
            self._code(given, path),
            value if known else self._words(value, f"{path}.value") if isinstance(value, str) else "",
            self._words(str(given.get("unit") or ""), f"{path}.unit"),
            self._day(given.get("date"), f"{path}.date", self._as_of.isoformat()),
            vital=analyte in _VITAL_SIGNS,
        )

    def _code(self, given: Mapping[str, Any], path: str) -> Resource:
        name = self._words(str(given.get("name") or ""), f"{path}.name")
        code: Resource = {"text": name} if name else {}
        if given.get("code"):
            code["coding"] = [{"system": LOINC, "code": self._words(str(given["code"]), f"{path}.code")}]
        analyte = given.get("analyte")
        if analyte in (None, ""):
            return code
        if analyte not in tuple(Analyte):
            self.wrong(f"{path}.analyte", "is not a test that this service reads")
            return code
        entry = self._codes.labs.analytes[Analyte(analyte)]
        coding = [{"system": LOINC, "code": entry.loinc.verified[0]}] if entry.loinc.verified else []
        return {"text": name or entry.terms.en[0]} | ({"coding": coding} if coding else {})

    # ---- history, drugs, orders ----

    def texts(self, name: str, most: int = _MOST_ROWS) -> list[str]:
        """Return a list of words as typed."""
        value = self._body.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(name, "must be an array of strings")
            return []
        rows = [self._words(item, f"{name}[{index}]") for index, item in enumerate(self._rows(name, most))]
        return [item.strip() for item in rows if item.strip()]

    def history(self) -> Iterator[Resource]:
        """Return what was picked from our groups."""
        today = self._as_of.date().isoformat()
        for index, given in enumerate(self._rows("history")):
            path = f"history[{index}]"
            group = given.get("group") if isinstance(given, dict) else None
            if not isinstance(group, str) or not group:
                self.wrong(path, "must be an object with group", "required")
                continue
            self.refuse_unknown(given, _PICK_MEMBERS, f"{path}.")
            pick = self._picks.find(group, str(given.get("kind") or ""))
            if pick is None:
                self.wrong(f"{path}.group", "is not a group of this service")
                continue
            yield resource_of(pick, f"history-{index}", self._day(given.get("on"), f"{path}.on"), today)

    def orders(self) -> Iterator[Resource]:
        """Return the draft orders: words, picks of a sort, or whole resources."""
        for index, given in enumerate(self._rows("orders", _MOST_ORDERS)):
            path, identity = f"orders[{index}]", f"order-{index}"
            if isinstance(given, str):
                if given.strip():
                    yield resources.order(identity, self._words(given, path).strip())
            elif isinstance(given, dict) and given.get("resourceType") in tuple(ORDER_TYPES):
                yield {**given, "id": str(given.get("id") or identity)}
            elif isinstance(given, dict) and given.get("kind") in tuple(self._picks.orders()):
                self.refuse_unknown(given, frozenset({"kind"}), f"{path}.")
                yield self._picks.order(OrderKind(given["kind"]), identity)
            else:
                self.wrong(path, "must be words, a kind of order of this service, or a draft resource")

    def order_hook(self) -> Hook:
        """Return the hook that looks at the orders."""
        given = self._body.get("orderHook")
        if given in (None, "", Hook.ORDER_SELECT.value):
            return Hook.ORDER_SELECT
        if given != Hook.ORDER_SIGN.value:
            self.wrong("orderHook", f"must be {Hook.ORDER_SELECT.value} or {Hook.ORDER_SIGN.value}")
        return Hook.ORDER_SIGN


def from_form(body: Mapping[str, Any], as_of: datetime, codes: Codes, picks: Picks) -> PreviewInput:
    """Return the chart that a typed form stands for. Raises InvalidRequest naming every unusable member."""
    form = Form(body, as_of, codes, picks)
    form.refuse_unknown(body, MEMBERS)
    today = as_of.date().isoformat()
    made = [
        *form.patient(),
        *form.reports(),
        *form.labs(),
        *(resources.condition(f"condition-{i}", text) for i, text in enumerate(form.texts("conditions"))),
        *(resources.medication(f"medication-{i}", text, today) for i, text in enumerate(form.texts("medications"))),
        *form.history(),
    ]
    orders = tuple(form.orders())
    hook = form.order_hook()
    if form.problems:
        raise InvalidRequest(tuple(form.problems))
    return PreviewInput(resources.PATIENT_ID, tuple(made), orders, order_hook=hook, source="typed")

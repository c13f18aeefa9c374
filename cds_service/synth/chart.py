"""The chart of one synthetic patient over time, and the outcome of each finished report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cds_service.domain.outcome import Outcome
from cds_service.synth.case import Case, Cases, Variant, chart_words
from cds_service.synth.draw import Draw
from cds_service.synth.resources import Builder, Resource, quantity, stamp
from cds_service.synth.wording import Writer

_LIMIT: Final = 10.0  # mg/L, above which a CRP counts as raised
_MG_PER_DL: Final = 10.0  # mg/L in 1 mg/dL
_EVEN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Patient:
    """All resources of a patient, and a label for each finished imaging report: patient, report, outcome."""

    resources: Sequence[Resource]
    labels: Sequence[tuple[str, str, Outcome]]


class Charts:
    """Makes patients by number: the same seed and number give the same patient, whoever else is made."""

    def __init__(self, seed: int, values: Mapping[str, float], languages: Sequence[str]) -> None:
        self._seed = seed
        self._values = values
        self._cases = Cases(values, languages)

    def patient(self, number: int) -> Patient:
        """Return the patient of a number."""
        draw = Draw(self._seed, number)
        case = self._cases.draw(draw)
        course = _Course(f"s{self._seed}p{number}", case, draw, self._values)
        course.before()
        course.first()
        again = case.variant.follow and draw.chance(self._values["follow_up"])
        if again and course.unnamed:
            course.becomes_known(course.later(self._cases.variants[case.variant.follow]))
        else:
            course.becomes_known(case.moment)
            if again:
                course.later(self._cases.variants[case.variant.follow])
        return Patient(course.builder.made, course.labels)


class _Course:
    """One patient's chart while it is written."""

    def __init__(self, patient_id: str, case: Case, draw: Draw, values: Mapping[str, float]) -> None:
        self.builder = Builder(patient_id, case.language)
        self.labels: list[tuple[str, str, Outcome]] = []
        self._case = case
        self._draw = draw
        self._values = values
        self._writer = Writer(case, draw, values)
        self._words = chart_words()
        self._infected = case.variant.infected
        # An infection whose first report is unspecific is only found by the second, if there is one.
        self.unnamed = case.variant.name == "early_infection"

    def before(self) -> None:
        """Write what was there before the illness: the person, old history, drugs, reports of other parts."""
        case, draw, builder, language = self._case, self._draw, self.builder, self._case.language
        builder.patient(
            name=f"Synthetic-{builder.patient_id}",
            given=draw.pick(self._words["given"][language]),
            female=case.female,
            born=case.moment.year - case.age - 1,
        )
        if draw.chance(self._values["host_risk"] * (3 if self._infected else 1)):
            host = draw.pick(self._words["hosts"])
            builder.condition(host["code"], host[language], onset=self._past(400, 4000), recorded=self._past(100, 399))
        self._tumour()
        if draw.chance(self._values["anticoagulant"]):
            builder.drug(draw.pick(self._words["drugs"]["anticoagulants"]), self._past(20, 900))
        if draw.chance(self._values["analgesic"]):
            builder.drug(draw.pick(self._words["drugs"]["analgesics"]), self._past(1, 40))
        if draw.chance(self._values["allergy"]):
            builder.allergy(draw.pick(self._words["allergies"]), case.moment - timedelta(days=draw.whole(60, 3000)))
        if case.variant.outcome is Outcome.POSTOPERATIVE:
            builder.procedure("fusion", case.moment - timedelta(days=draw.whole(150, 215)))
        self._other_reports()

    def first(self) -> None:
        """Write the first report of the illness with the results that were there."""
        case, draw, builder = self._case, self._draw, self.builder
        pain = self._words["diagnoses"]["normal"][case.language]
        started = case.moment - timedelta(weeks=case.weeks)
        builder.condition("M54.5", pain, onset=started, recorded=self._past(1, 6))
        self._report(case.variant, case.moment)
        missing = self._values["crp_missing"] / (3 if self._infected else 1)
        if not draw.chance(missing):
            self._laboratory(case.moment - timedelta(hours=draw.whole(4, 60)))
        if draw.chance(self._values["routine_results"]):
            routine = case.moment - timedelta(hours=draw.whole(4, 200))
            self._result("CREATININE", routine, draw.whole(50, 115), "umol/L")
            self._result("PLATELETS", routine, draw.whole(150, 390), "10*9/L")
        if self._infected or draw.chance(0.3):
            self._temperature(case.moment - timedelta(hours=draw.whole(3, 20)))

    def becomes_known(self, moment: datetime) -> None:
        """Write what only became known after the report of ``moment``: what proved an infection, and the diagnosis."""
        case, draw = self._case, self._draw
        if self._infected:
            self._infection_proved(moment)
        if draw.chance(self._values["diagnosis_coded"]):
            name = self._words["diagnoses"][case.variant.name][case.language]
            onset, recorded = case.moment - timedelta(weeks=case.weeks), moment + timedelta(days=draw.whole(2, 15))
            self.builder.condition(case.variant.icd10, name, onset=onset, recorded=recorded)

    def later(self, variant: Variant) -> datetime:
        """Write a second report of the same place, weeks later, with a further CRP; return when it was issued."""
        again = self._case.moment + timedelta(days=self._draw.whole(*((9, 21) if self.unnamed else (40, 110))))
        treated = self._infected and not self.unnamed
        self._crp(again - timedelta(hours=30), self._draw.spread(2, 30) if treated else self._crp_value())
        self._report(variant, again)
        return again

    def _past(self, nearest: int, farthest: int) -> datetime | None:
        """Return a day before the report, or none where the entry has no date."""
        days = self._draw.whole(nearest, farthest)
        if self._draw.chance(self._values["entry_undated"]):
            return None
        return self._case.moment - timedelta(days=days)

    def _tumour(self) -> None:
        values, known = self._values, self._case.variant.tumour
        if self._draw.chance(values["cancer_known" if known else "cancer_history"]):
            tumour = self._writer.tumour
            text, active = tumour[self._case.language], known or self._draw.chance(0.2)
            onset, recorded = self._past(400, 4000), self._past(200, 399)
            self.builder.condition(tumour["code"], text, onset=onset, recorded=recorded, active=active)

    def _other_reports(self) -> None:
        draw, values, moment = self._draw, self._values, self._case.moment
        if draw.chance(values["other_report"]):
            title, text = self._writer.unrelated()
            earlier = moment - timedelta(days=draw.whole(20, 240))
            visit = self._visit({self._case.language: title}, earlier)
            other = self.builder.report({self._case.language: title}, text)
            other.update(visit, issued=stamp(earlier))
            self._label(other, Outcome.NONE)
        if draw.chance(values["laboratory_report"]):
            self.builder.laboratory_report(moment - timedelta(days=draw.whole(1, 300)))
        if draw.chance(values["preliminary_report"]):
            imaging = self._words["imaging"][self._case.place.region]
            text = self._writer.report(self._case.variant)
            early = self.builder.report(imaging, text, status="preliminary")
            early["issued"] = stamp(moment - timedelta(hours=2))

    def _report(self, variant: Variant, moment: datetime) -> None:
        draw, values = self._draw, self._values
        imaging = self._words["imaging"][self._case.place.region]
        text = "" if draw.chance(values["report_without_text"]) else self._writer.report(variant)
        visit = self._visit(imaging, moment)
        report = self.builder.report(imaging, text, attached=draw.chance(values["text_attached"]))
        report.update(visit)
        if not draw.chance(values["report_undated"]):
            report["effectiveDateTime"] = stamp(moment - timedelta(hours=1))
            report["issued"] = stamp(moment)
        self._label(report, variant.outcome)

    def _visit(self, imaging: Mapping[str, str], moment: datetime) -> Resource:
        """Write encounter and order, and return how the report names them; sometimes nobody knows who asked."""
        if self._draw.chance(self._values["department_missing"]):
            return {}
        encounter, order = self.builder.visit(self._case.department, self._case.clinician, imaging, moment)
        return {"encounter": {"reference": encounter}, "basedOn": [{"reference": order}]}

    def _label(self, report: Resource, outcome: Outcome) -> None:
        self.labels.append((self.builder.patient_id, report["id"], outcome))

    def _laboratory(self, moment: datetime) -> None:
        draw = self._draw
        crp = self._crp_value()
        self._crp(moment, crp)
        raised = crp > _LIMIT
        if draw.chance(0.4):
            self._result("ESR", moment, draw.whole(30, 110) if raised else draw.whole(2, 19), "mm/h")
        if draw.chance(0.6):
            self._result("WBC", moment, round(draw.between(8, 17) if raised else draw.between(4, 10), 1), "10*9/L")
        if draw.chance(0.4):
            low = self._case.variant.name == "myeloma"
            self._result("HEMOGLOBIN", moment, round(draw.between(8, 10.5) if low else draw.between(12, 16), 1), "g/dL")

    def _crp_value(self) -> float:
        """Draw a CRP in mg/L."""
        kind = "tuberculous" if self._case.variant.name == "tuberculous" else "infection"
        name = f"crp_raised_{kind if self._infected else 'otherwise'}"
        if not self._draw.chance(self._values[name]):
            return self._draw.spread(0.6, 9.5)
        return self._draw.spread(15, 260) if self._infected else self._draw.spread(10.5, 60)

    def _crp(self, moment: datetime, milligrams: float) -> None:
        if self._draw.chance(self._values["unit_mg_dl"]):
            self._result("CRP", moment, round(milligrams / _MG_PER_DL, 2), "mg/dL")
        else:
            self._result("CRP", moment, round(milligrams, 1), "mg/L")

    def _result(self, kind: str, moment: datetime, value: float, unit: str) -> None:
        """Add a number as such, as text, or without its unit or date, as charts have them."""
        draw, told = self._draw, quantity(value, unit)
        if draw.chance(self._values["value_as_text"]):
            decimal = "." if self._case.language == "en" else ","
            told = {"valueString": f"{value} {unit}".replace(".", decimal)}
        elif draw.chance(self._values["unit_missing"]):
            told = {"valueQuantity": {"value": value}}
        result = self.builder.result(kind, moment, **told)
        if draw.chance(self._values["entry_undated"]):
            del result["effectiveDateTime"], result["issued"]

    def _temperature(self, moment: datetime) -> None:
        fever = self._infected and self._draw.chance(self._values["fever_infection"])
        value = self._draw.between(38.3, 39.8) if fever else self._draw.between(36.0, 37.4)
        self._result("TEMPERATURE", moment, round(value, 1), "Cel")

    def _infection_proved(self, moment: datetime) -> None:
        """Write cultures, biopsy, antibiotic and the course of the CRP after the report that showed the infection."""
        draw = self._draw
        organism = {"valueString": draw.pick(self._words["results"]["organisms"])}
        sterile = {"valueString": self._words["results"]["sterile"][self._case.language]}
        after = moment + timedelta(days=draw.whole(2, 5))
        grown = draw.chance(self._values["blood_culture_positive"])
        self.builder.result("BLOOD_CULTURE", after, **(organism if grown else sterile))
        if draw.chance(self._values["biopsy_share"]):
            taken = moment + timedelta(days=draw.whole(3, 8))
            self.builder.procedure("biopsy", taken)
            found = draw.chance(self._values["biopsy_yield"])
            self.builder.result("TISSUE_CULTURE", taken + timedelta(days=4), **(organism if found else sterile))
        self.builder.drug(draw.pick(self._words["drugs"]["antibiotics"]), after)
        value = draw.spread(60, 250)
        for week in range(1, draw.whole(1, 3) + 1):
            value *= draw.between(0.4, 0.8)
            self._crp(moment + timedelta(days=7 * week), value)


def label(told: tuple[str, str, Outcome]) -> dict[str, Any]:
    """Return a label as a line of the label file."""
    patient, report, outcome = told
    return {"patient": patient, "report": report, "outcome": outcome.value}

"""What would change this? The same patient with one fact supposed otherwise, judged by the same rules.

Nothing is predicted: each cell is an evaluation. A rule that is silent now and fires under a supposed fact is a near
miss of that fact.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cards.phrases import canonical_value, day, number, unit_text
from cds_service.domain.assessment import RuleResult
from cds_service.domain.facts import PatientFacts
from cds_service.hooks.evaluate import Evaluation
from cds_service.hooks.preview.desk import Preview, PreviewDesk
from cds_service.hooks.preview.judged import missing_view
from cds_service.hooks.preview.words import Words, preview_words
from cds_service.hooks.writing import WrittenCard
from cds_service.rules.supposed import SUPPOSED, UNKNOWN, Option, Supposed, suppositions

_MOST_OPTIONS = 90


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Cards and fired rules of one set of facts."""

    written: tuple[WrittenCard, ...]
    fired: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Tried:
    """An option with what it gives."""

    fact: Supposed
    option: Option
    outcome: _Outcome


def _text(text: str) -> str:
    return text


class Changes:
    """Tries the supposed facts of one preview."""

    def __init__(self, desk: PreviewDesk, preview: Preview) -> None:
        self._desk = desk
        self._preview = preview
        self._evaluator = desk.rejudged(preview)
        self._words = preview_words()[preview.language]
        self._base = self._of([one.evaluation for one in preview.shown], [one.written for one in preview.shown])

    def answer(self, in_time: Callable[[], bool]) -> dict[str, Any]:
        """Return the matrix and the near misses; what is not tried while there is time is left out and said."""
        if not self._preview.shown:
            return {"base": [], "facts": [], "nearMisses": [], "evaluated": 0, "complete": True}
        facts = self._preview.shown[-1].evaluation.facts
        limits = self._preview.knowledge.thresholds
        tried: list[_Tried] = []
        complete = True
        for supposed in suppositions(facts, limits, self._words.group):
            for option in supposed.options:
                if len(tried) >= _MOST_OPTIONS or not in_time():
                    complete = False
                    break
                tried.append(_Tried(supposed, option, self._outcome(option.facts)))
        return {
            "base": [_card(one, self._words) for one in self._base.written],
            "facts": self._facts(tried),
            "nearMisses": self._near_misses(tried),
            "evaluated": len(tried),
            "complete": complete,
        }

    # ---- evaluation ----

    def _outcome(self, facts: PatientFacts) -> _Outcome:
        evaluations, written = [], []
        for one in self._preview.shown:
            # The view of the chart never sees the draft orders, and neither does its supposed twin.
            seen = replace(facts, orders=one.evaluation.facts.orders)
            assessment = self._evaluator.judge(one.hook, seen)
            evaluations.append(Evaluation(seen, assessment))
            same = assessment.cards == one.evaluation.assessment.cards and assessment.labs == (
                one.evaluation.assessment.labs
            )
            written.append(one.written if same else self._desk.write(self._preview, evaluations[-1]))
        return self._of(evaluations, written)

    @staticmethod
    def _of(evaluations: Sequence[Evaluation], written: Sequence[tuple[WrittenCard, ...]]) -> _Outcome:
        results = [result for one in evaluations for result in one.assessment.rules]
        return _Outcome(
            tuple(card for cards in written for card in cards),
            frozenset(result.rule_id for result in results if result.fired),
        )

    # ---- the answer ----

    def _facts(self, tried: Sequence[_Tried]) -> list[dict[str, Any]]:
        by_fact: dict[str, list[_Tried]] = {}
        for one in tried:
            by_fact.setdefault(one.fact.id, []).append(one)
        listed = [self._fact(cells[0].fact, cells) for cells in by_fact.values()]
        return sorted(listed, key=lambda fact: not any(option["changes"] for option in fact["options"]))

    def _fact(self, fact: Supposed, cells: Iterable[_Tried]) -> dict[str, Any]:
        return {
            "fact": fact.id,
            "label": self._words.name("facts", fact.id),
            "state": fact.state,
            "stateLabel": self._state(fact),
            "options": [self._option(cell) for cell in cells],
        }

    def _state(self, fact: Supposed) -> str:
        label = self._words.filled("states", fact.state)
        if fact.value is None or fact.state == UNKNOWN:
            return label
        shown = canonical_value(fact.value, self._words.cards, _text)
        return f"{label} ({shown}, {day(fact.value.collected, self._words.cards)})"

    def _option(self, cell: _Tried) -> dict[str, Any]:
        before = {_key(one): one for one in self._base.written}
        after = {_key(one): one for one in cell.outcome.written}
        cards = [_card(one, self._words) | {"mark": _mark(before.get(key), one)} for key, one in after.items()]
        removed = [_card(one, self._words) for key, one in before.items() if key not in after]
        return {
            "id": f"{cell.fact.id}-{cell.option.id}",
            "value": cell.option.id,
            "label": self._option_label(cell.option),
            "changes": bool(removed) or any(card["mark"] != "same" for card in cards),
            "cards": cards,
            "removed": removed,
            "rulesFired": sorted(cell.outcome.fired - self._base.fired),
            "rulesSilent": sorted(self._base.fired - cell.outcome.fired),
        }

    def _option_label(self, option: Option) -> str:
        """Return the name of an option; a number stands with the unit of its test."""
        kind = option.id.partition("-")[0]
        values = dict(option.values)
        label = self._words.filled("options", kind, **values)
        shown = [
            f"{number(lab.value, self._words.cards)} {unit_text(lab.unit)}".strip()
            for lab in option.facts.labs
            if lab.provenance == SUPPOSED and lab.value is not None
        ]
        return f"{label} ({', '.join(shown)})" if shown else label

    def _near_misses(self, tried: Sequence[_Tried]) -> list[dict[str, Any]]:
        """Return rules that are silent now and fire under a supposed fact, or that say themselves what they lack."""
        silent: dict[str, RuleResult] = {}
        for one in self._preview.shown:
            for result in one.evaluation.assessment.rules:
                if not result.fired and result.rule_id not in self._base.fired:
                    silent.setdefault(result.rule_id, result)
        by: dict[str, list[dict[str, str]]] = {name: [] for name, result in silent.items() if result.missing}
        for cell in tried:
            for rule in sorted(cell.outcome.fired - self._base.fired):
                by.setdefault(rule, []).append(
                    {
                        "fact": cell.fact.id,
                        "option": f"{cell.fact.id}-{cell.option.id}",
                        "label": f"{self._words.name('facts', cell.fact.id)}: {self._option_label(cell.option)}",
                    }
                )
        return [
            {
                "rule": rule,
                "label": self._words.sentence(rule)[0],
                "labelLanguage": self._words.sentence(rule)[1].value,
                "missing": missing_view(silent[rule].missing if rule in silent else (), self._words),
                "by": options,
            }
            for rule, options in by.items()
        ]


def _key(written: WrittenCard) -> tuple[str, str]:
    order = written.plan.order.provenance.reference if written.plan.order else ""
    return written.plan.card_id, order


def _card(written: WrittenCard, words: Words) -> dict[str, Any]:
    plan = written.plan
    return {
        "card": plan.card_id,
        "text": plan.text_id,
        "indicator": plan.indicator.value,
        "indicatorLabel": words.name("indicators", plan.indicator.value),
        "summary": written.card.summary,
    }


def _mark(before: WrittenCard | None, after: WrittenCard) -> str:
    if before is None:
        return "added"
    same = (
        before.plan.text_id == after.plan.text_id
        and before.plan.indicator is after.plan.indicator
        and before.card.summary == after.card.summary
    )
    return "same" if same else "changed"

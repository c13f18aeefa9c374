"""The report of a replay as one HTML file: charts, tables, samples, and what the figures cannot tell."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined, Template

from cds_service.domain.outcome import DANGEROUS
from cds_service.domain.vocabulary import Indicator, Lane
from cds_service.replay.drawing import Bar, Interval, Part, bars, columns, intervals, number
from cds_service.rules.catalogue import EntryKind, catalogue

LANE_NAMES: Final[Mapping[str, str]] = {
    Lane.SAFETY: "A Safety",
    Lane.INFECTION: "B Infection",
    Lane.MALIGNANCY: "C Malignancy",
    Lane.BENIGN: "D Benign cause",
    Lane.PLAN: "E Plan",
    Lane.CONFLICT: "Contradiction",
    Lane.SCOPE: "Out of scope",
    Lane.UNREAD: "Unread report",
    Lane.ORDER: "Order",
}
_URGENT_FIRST: Final = (Indicator.CRITICAL, Indicator.WARNING, Indicator.INFO)
_SHOWN: Final = 15  # entries of a long list in a chart or table; the tables of the replay hold all
_FEW: Final = 20  # reports below which a rate is shown as a hint only
_NOT_STATED: Final = "not stated"
_RATES: Final = ("sensitivity", "specificity", "ppv")
_RATE_NAMES: Final = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ppv": "Positive predictive value"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with the numbers behind it. ``rows`` are the cells of the table, the first a heading."""

    title: str
    text: str
    drawing: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    legend: bool = False


def page(summary: Mapping[str, Any]) -> str:
    """Return the whole document for the summary of a replay; it needs no script and nothing from elsewhere."""
    labelled = summary.get("labelled")
    return _template().render(
        summary=summary,
        tiles=_tiles(summary),
        lanes=_lanes(summary),
        months=_months(summary),
        departments=_departments(summary),
        load=_load(summary),
        cards=_cards(summary),
        rules=_rules(summary),
        facts=_facts(summary),
        unread=_unread(summary),
        gaps=summary["gaps"][:_SHOWN],
        groups=_groups(summary),
        samples=_samples(summary),
        labelled=labelled,
        rates=_rates(labelled) if labelled else [],
        dangerous=[outcome.value for outcome in DANGEROUS],
        indicators=[indicator.value for indicator in _URGENT_FIRST],
        shown=_SHOWN,
        lane_names=LANE_NAMES,
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = number
    environment.filters["named"] = lambda text: text or _NOT_STATED
    environment.filters["column"] = _column
    return environment.from_string(files("cds_service.replay").joinpath("templates/report.html").read_text("utf-8"))


@cache
def _sentences() -> Mapping[str, str]:
    """Return the sentence of each rule and row; a knowledge of another day may have others."""
    return {entry.id: entry.sentence for entry in catalogue()}


@cache
def _rows() -> frozenset[str]:
    """Return the rows of the lanes' tables: one of each lane always holds, so that they say less than rules."""
    return frozenset(entry.id for entry in catalogue() if entry.kind is EntryKind.ROW)


def _tiles(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the leading figures: value, name, explanation."""
    reports = summary["reports"]
    urgent = sum(one["cards"] for one in summary["lanes"] if one["indicator"] != Indicator.INFO)
    critical = sum(one["cards"] for one in summary["lanes"] if one["indicator"] == Indicator.CRITICAL)
    unread, failed = sum(summary["unread"].values()), sum(summary["errors"].values())
    return [
        (number(reports), "reports judged", f"of {number(summary['counts']['patients'])} patients"),
        (_share(summary["reports_with_card"], reports), "with at least one card", ""),
        (number(_rate(summary["cards_total"], reports)), "cards per 100 reports", ""),
        (number(_rate(urgent, reports)), "warnings and critical cards per 100 reports", ""),
        (number(_rate(critical, reports)), "critical cards per 100 reports", ""),
        (number(unread), "reports unread", _share(unread, reports)),
        (number(failed), "evaluations failed", _share(failed, reports)),
    ]


def _lanes(summary: Mapping[str, Any]) -> Figure:
    reports = summary["reports"]
    found = {(one["lane"], one["indicator"]): one for one in summary["lanes"]}
    present = [lane for lane in LANE_NAMES if any(lane == known for known, _ in found)]
    present += sorted({lane for lane, _ in found} - set(LANE_NAMES))
    cards = {lane: {indicator: found[lane, indicator]["cards"] for known, indicator in found if known == lane}
             for lane in present}  # fmt: skip
    rows = [
        [
            _lane(lane),
            indicator.value,
            number(one["cards"]),
            number(one["reports"]),
            number(_rate(one["cards"], reports)),
        ]
        for lane in present
        for indicator in _URGENT_FIRST
        if (one := found.get((lane, indicator.value)))
    ]
    return Figure(
        "Cards per 100 reports, by lane",
        "A report may give up to four cards, at most one of a lane.",
        bars([_bar(_lane(lane), cards[lane], reports) for lane in present], "Cards per 100 reports by lane", "per 100"),
        ("Lane", "Indicator", "Cards", "Reports", "Per 100 reports"),
        rows,
        legend=True,
    )


def _months(summary: Mapping[str, Any]) -> Figure:
    months = summary["months"]
    return Figure(
        "Cards per 100 reports, by month",
        f"Pale columns rest on fewer than {_FEW} reports and jump by chance.",
        columns(
            [_bar(one["month"], _over_lanes(one["cards"]), one["reports"]) for one in months],
            "Cards per 100 reports by month",
            "per 100",
        ),
        ("Month", "Reports", *(indicator.value for indicator in _URGENT_FIRST)),
        [[one["month"], number(one["reports"]), *_counts(one["cards"])] for one in months],
        legend=True,
    )


def _departments(summary: Mapping[str, Any]) -> Figure:
    departments, weeks = summary["departments"], summary["load"]["weeks"]
    return Figure(
        "Cards per 100 reports, by ordering department",
        (f"The {_SHOWN} departments with most reports. " if len(departments) > _SHOWN else "")
        + f"Pale bars rest on fewer than {_FEW} reports.",
        bars(
            [
                _bar(one["department"] or _NOT_STATED, _over_lanes(one["cards"]), one["reports"])
                for one in departments[:_SHOWN]
            ],
            "Cards per 100 reports by ordering department",
            "per 100",
        ),
        (
            "Department",
            "Reports",
            "Clinicians",
            *(indicator.value for indicator in _URGENT_FIRST),
            "Urgent per 100 reports",
            "Urgent per clinician and week",
        ),
        [
            [
                one["department"] or _NOT_STATED,
                number(one["reports"]),
                number(one["clinicians"]),
                *_counts(one["cards"]),
                number(_rate(_urgent(one["cards"]), one["reports"])),
                number(_urgent(one["cards"]) / (one["clinicians"] * weeks)) if one["clinicians"] else "–",
            ]
            for one in departments
        ],
        legend=True,
    )


def _load(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, float]]]:
    names = {"reports": "Reports", "cards": "Cards", "urgent": "Warnings and critical cards"}
    told = summary["load"]["per_clinician_week"]
    return [(title, told[name]) for name, title in names.items()]


def _cards(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the most frequent cards with the sentence of the row that gave them."""
    reports = summary["reports"]
    return [
        {**one, "rate": _rate(one["cards"], reports), "sentence": _sentences().get(one["row"], "")}
        for one in summary["cards"][:_SHOWN]
    ]


def _rules(summary: Mapping[str, Any]) -> Figure:
    fired = [one for one in summary["rules"] if one["fired"] and one["rule"] not in _rows()]
    top = fired[:_SHOWN]
    return Figure(
        "Rules that fired most",
        "Reports in which a rule held, alone or with others.",
        bars(
            [Bar(one["rule"], [Part("accent", "fired", one["fired"])]) for one in top],
            "Rules that fired most",
            "reports",
        ),
        ("Rule", "Fired", "Facts missing", "What it says"),
        [
            [one["rule"], number(one["fired"]), number(one["missing"]), _sentences().get(one["rule"], "")]
            for one in fired[: 3 * _SHOWN]
        ],
    )


def _facts(summary: Mapping[str, Any]) -> Figure | None:
    """Return which facts rules lacked; nothing where none was missing."""
    missing = Counter(summary.get("missing_facts", {})).most_common()
    if not missing:
        return None
    return Figure(
        "Facts that were missing",
        "Reports in which a rule could not be decided without this fact.",
        bars(
            [Bar(name, [Part("quiet", "missing", many)]) for name, many in missing[:_SHOWN]],
            "Facts that were missing",
            "reports",
        ),
        ("Fact", "Reports"),
        [[name, number(many)] for name, many in missing],
    )


def _unread(summary: Mapping[str, Any]) -> Figure | None:
    """Return why reports gave nothing; nothing where all were read and judged."""
    reasons = [(name, many, "warning") for name, many in Counter(summary["unread"]).most_common()]
    reasons += [(f"failed: {name}", many, "critical") for name, many in Counter(summary["errors"]).most_common()]
    if not reasons:
        return None
    return Figure(
        "Reports unread, and evaluations that failed",
        "An unread report gives a card that says so where a spine MRI would have been looked at; "
        "a failed evaluation gives nothing here and an error to the caller in use.",
        bars(
            [Bar(name, [Part(kind, "reports", many)]) for name, many, kind in reasons],
            "Reports unread and evaluations failed",
            "reports",
        ),
        ("Reason", "Reports", "Share"),
        [[name, number(many), _share(many, summary["reports"])] for name, many, _ in reasons],
    )


def _groups(summary: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return what the reports were: language, modality, region."""
    names = {"languages": "Language", "modalities": "Modality", "regions": "Region"}
    return [
        (
            title,
            [
                (value or _NOT_STATED, number(many), _share(many, summary["reports"]))
                for value, many in Counter(summary[name]).most_common()
            ],
        )
        for name, title in names.items()
    ]


def _samples(summary: Mapping[str, Any]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    by_lane: dict[str, list[Mapping[str, Any]]] = {}
    for one in summary["samples"]:
        by_lane.setdefault(one["lane"], []).append(one)
    order = [*LANE_NAMES, *sorted(set(by_lane) - set(LANE_NAMES))]
    return [(_lane(lane), by_lane[lane]) for lane in order if lane in by_lane]


def _rates(labelled: Mapping[str, Any]) -> list[Figure]:
    """Return a figure for each threshold: sensitivity, specificity and predictive value of each lane."""
    thresholds = dict.fromkeys(one["threshold"] for one in labelled["lanes"])
    return [_rates_at(threshold, labelled["lanes"]) for threshold in thresholds]


def _rates_at(threshold: str, lanes: Iterable[Mapping[str, Any]]) -> Figure:
    chosen = [one for one in lanes if one["threshold"] == threshold]
    rows = [
        Interval(
            f"{_lane(one['lane'])}, {'PPV' if rate == 'ppv' else rate}",
            one[rate]["value"],
            one[rate]["low"],
            one[rate]["high"],
            _interval(one[rate]),
        )
        for one in chosen
        for rate in _RATES
    ]
    return Figure(
        f"Right and wrong calls: {threshold}",
        "",
        intervals(rows, f"Sensitivity, specificity and predictive value by lane, {threshold}"),
        ("Lane", "Looks for", "Right calls", "False calls", "Missed", "Rightly silent", "Left out",
         *(_RATE_NAMES[rate] for rate in _RATES)),
        [
            [
                _lane(one["lane"]),
                ", ".join(one["outcomes"]),
                *(number(one[name]) for name in ("tp", "fp", "fn", "tn", "left_out")),
                *(_interval(one[rate]) for rate in _RATES),
            ]
            for one in chosen
        ],
    )  # fmt: skip


def _interval(rate: Mapping[str, Any]) -> str:
    if rate["value"] is None:
        return "no case"
    return f"{rate['value']:.1%} ({rate['low']:.1%} – {rate['high']:.1%})"


def _bar(label: str, cards: Mapping[str, int], reports: int) -> Bar:
    """Return cards by indicator as a bar per 100 reports, the most urgent first."""
    parts = [Part(one.value, one.value, _rate(cards.get(one.value, 0), reports)) for one in _URGENT_FIRST]
    return Bar(label, parts, pale=reports < _FEW)


def _over_lanes(cards: Mapping[str, Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for own in cards.values():
        total.update(own)
    return total


def _counts(cards: Mapping[str, Mapping[str, int]]) -> list[str]:
    total = _over_lanes(cards)
    return [number(total[indicator.value]) for indicator in _URGENT_FIRST]


def _urgent(cards: Mapping[str, Mapping[str, int]]) -> int:
    total = _over_lanes(cards)
    return total[Indicator.WARNING.value] + total[Indicator.CRITICAL.value]


def _lane(lane: str) -> str:
    return LANE_NAMES.get(lane, lane)


def _column(told: str) -> str:
    """Name a column of the confusion matrix."""
    lane, _, indicator = told.partition(" ")
    return f"{_lane(lane)}, {indicator}" if lane in LANE_NAMES else told


def _rate(many: float, reports: int) -> float:
    return 100 * many / reports if reports else 0.0


def _share(many: int, of: int) -> str:
    return f"{many / of:.1%}" if of else "–"

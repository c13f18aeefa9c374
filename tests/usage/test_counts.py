"""What the report counts: every card once, what was reported last, and a rate that stands beside its interval."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from sqlalchemy import text

from cards.catalogue import OVERRIDE_REASON_SYSTEM
from cds_service.domain.proportion import wilson
from cds_service.errors import RequestError
from cds_service.hooks.usage import FURTHER, NO_REASON, NO_REGISTRY, NOT_KEPT, UsageDesk, period, usage_rows
from cds_service.security.quota import Throttled
from cds_service.store.connection import Database
from cds_service.store.database import SqlStore
from cds_service.store.records import Outcome
from cds_service.store.usage import reading_usage
from tests.store.keeping import keep
from tests.usage import cohort
from tests.usage.cohort import EAST, LAST, WEST, answer, card

TODAY = date(2026, 11, 21)
Report = Callable[..., dict[str, Any]]


@pytest.fixture
def report(url: str, store: SqlStore) -> Iterator[Report]:
    del store
    database = Database(url)
    yield UsageDesk(partial(reading_usage, database, 60.0), lambda: TODAY).report
    database.close()


def member(found: dict[str, Any], group: str, name: str) -> dict[str, Any]:
    return next(one for one in found[group] if one["id"] == name)


def test_every_card_is_counted_once_in_each_group(store: SqlStore, report: Report) -> None:
    cohort.fill(store)
    found = report()
    total = found["total"]
    assert (total["shown"], total["accepted"], total["overridden"]) == (
        cohort.SHOWN,
        cohort.ACCEPTED,
        cohort.OVERRIDDEN,
    )
    for group in ("cards", "clients", "services", "indicators", "months"):
        for name in ("shown", "accepted", "overridden", "unanswered"):
            assert sum(one[name] for one in found[group]) == total[name], (group, name)
    # A card counts for each of its rules.
    assert sum(one["shown"] for one in found["rules"]) == sum(len(group[0]) * group[3] for group in cohort.GROUPS)
    assert {one["id"] for one in found["clients"]} == {EAST, WEST, NO_REGISTRY, NOT_KEPT}
    assert [one["id"] for one in found["months"]] == sorted(one["id"] for one in found["months"])
    assert total["shown"] == total["accepted"] + total["overridden"] + total["unanswered"]


def test_the_rule_that_annoys_stands_out_and_the_one_of_few_answers_is_called_so(
    store: SqlStore, report: Report
) -> None:
    cohort.fill(store)
    found = report()
    annoying, few = member(found, "rules", "TRG-FRACTURE"), member(found, "rules", "MAL-PAGET-CERTAIN")
    expected = wilson(80, 90)
    assert annoying["overrideRate"] == {name: expected[name] for name in ("value", "low", "high")}
    assert (annoying["standsOut"], annoying["fewAnswers"]) == (True, False)
    # Two of two overridden is the highest rate of all, and no reason to come first.
    assert few["overrideRate"]["value"] == 1.0
    assert (few["standsOut"], few["fewAnswers"]) == (False, True)
    assert {found["rules"][0]["id"], found["rules"][1]["id"]} == {"TRG-FRACTURE", "LAB-CRP-NORMAL"}
    unanswered = member(found, "rules", "TRG-CONTRADICTION")
    assert unanswered["overrideRate"]["value"] is None
    assert not unanswered["standsOut"]


def test_what_was_reported_last_counts(store: SqlStore, report: Report) -> None:
    one = card("one", LAST, ["R"])
    keep(store, [one])
    store.record_feedback([answer(one, Outcome.OVERRIDDEN), answer(one, Outcome.ACCEPTED)])
    found = report()["total"]
    assert (found["shown"], found["accepted"], found["overridden"]) == (1, 1, 0)


def test_cards_that_offered_nothing_are_told_apart(store: SqlStore, report: Report) -> None:
    silent, offering = card("silent", LAST, ["SILENT"], suggestions=()), card("offering", LAST, ["OFFERING"])
    keep(store, [silent, offering])
    store.record_feedback([answer(silent, Outcome.OVERRIDDEN), answer(offering, Outcome.OVERRIDDEN)])
    found = report()
    assert member(found, "rules", "SILENT")["nothingToAccept"]
    assert not member(found, "rules", "OFFERING")["nothingToAccept"]


def test_reasons_are_ours_or_given_often_and_never_free_text(store: SqlStore, report: Report) -> None:
    cards = [card(f"card-{number}", LAST, ["R"]) for number in range(12)]
    keep(store, cards)
    given = [(OVERRIDE_REASON_SYSTEM, "palliative")] + [("urn:site", "often")] * 5
    given += [("urn:site", "Mueller"), ("urn:site", "Anna Muster 1.2.1950"), (OVERRIDE_REASON_SYSTEM, "unknown-one")]
    told = [
        answer(one, Outcome.OVERRIDDEN, reason_system=system, reason_code=code)
        for one, (system, code) in zip(cards, given, strict=False)
    ]
    store.record_feedback([*told, answer(cards[9], Outcome.OVERRIDDEN, reason_system="", reason_code="")])
    found = report()
    expected = {"palliative": 1, "site:often": 5, FURTHER: 3, NO_REASON: 1}
    assert {one["code"]: one["cards"] for one in found["total"]["reasons"]} == expected
    assert {one["code"]: one["cards"] for one in member(found, "rules", "R")["reasons"]} == expected


def test_no_patient_no_comment_and_no_display_comes_out(store: SqlStore, report: Report) -> None:
    cohort.fill(store)
    found = orjson.dumps(report()).decode() + str(usage_rows(report()))
    for planted in (cohort.PATIENT, cohort.COMMENT, cohort.DISPLAY, "Planted", "0c6d5c1a", "00000001-0000"):
        assert planted not in found


def test_days_and_client_limit_it(store: SqlStore, report: Report) -> None:
    first, second = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    moments = {"before": first - timedelta(seconds=1), "first": first, "last": second}
    moments["after"] = datetime(2026, 4, 1, tzinfo=UTC)
    keep(store, [card(name, at, [name]) for name, at in moments.items()])
    keep(store, [card("west", first, ["west"], client=WEST), card("open", first, ["open"], client="")])
    assert {one["id"] for one in report("2026-03-01", "2026-03-31")["rules"]} == {"first", "last", "west", "open"}
    assert {one["id"] for one in report("2026-03-01", "2026-03-31", WEST)["rules"]} == {"west"}
    assert {one["id"] for one in report("2026-03-01", "2026-03-31", "")["rules"]} == {"open"}
    assert report("2026-05-01", "2026-05-31")["total"]["shown"] == 0


def test_time_from_report_to_its_first_card(store: SqlStore, report: Report) -> None:
    issued = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)

    def of(name: str, minutes: float, patient: str, **changes: object) -> Any:
        at = issued + timedelta(minutes=minutes)
        return card(name, at, ["R"], **({"patient": patient, "report_at": issued} | changes))

    keep(
        store,
        [
            of("first", 59, "p1"),
            of("first, beside", 59, "p1"),
            of("first, seen again", 9000, "p1"),
            of("second", 65, "p2"),
            of("third", 3 * 1440, "p3"),
            of("fourth, of years ago", 900 * 1440 - 400 * 1440, "p4"),
            of("clock of the report is ahead", -30, "p5"),
            of("no report", 5, "p6", report_at=None),
            of("order", 5, "p7", service="marrow-edema-order-sign"),
        ],
    )
    waits = report("2026-01-01", "2199-12-31")["reportToCard"]
    assert waits["reports"] == 5
    assert [one["reports"] for one in waits["classes"]] == [2, 1, 0, 0, 1, 0, 1]
    assert waits["medianMinutes"] == 70
    assert waits["ninetiethMinutes"] == (400 * 1440) + 10
    # A report counts in the window of its first card only.
    assert report("2026-10-04", "2026-10-08")["reportToCard"]["reports"] == 1


def test_feedback_on_cards_of_others_is_counted_apart(store: SqlStore, report: Report) -> None:
    store.record_feedback([answer(card("elsewhere", LAST, ["R"]), Outcome.ACCEPTED)])
    found = report()
    assert found["feedbackOnUnknownCards"] == 1
    assert found["total"]["accepted"] == 0


def test_memory_does_not_grow_with_the_cards(url: str, store: SqlStore, report: Report) -> None:
    def peak() -> int:
        tracemalloc.start()
        report()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    if url.startswith("postgresql"):
        pytest.skip("the same queries; the rows are read in the same steps")
    rules = [f"R-{number}" for number in range(40)]
    kept = 0
    peaks = []
    for wanted in (2000, 12000):
        keep(
            store,
            [
                card(f"{number}", LAST - timedelta(minutes=number), (rules[number % 40], rules[number % 39]))
                for number in range(kept, wanted)
            ],
        )
        kept = wanted
        report()
        peaks.append(peak())
    assert peaks[1] < 1.5 * peaks[0]


def test_question_may_take_longer_than_one_of_a_call(url: str, store: SqlStore) -> None:
    del store
    if url.startswith("sqlite"):
        pytest.skip("questions to a file have no limit")
    database = Database(url)
    with reading_usage(database, 60.0) as reader:
        # Calls give up after a second and a half.
        assert reader._connection.execute(text("SELECT 1 FROM pg_sleep(2)")).scalar() == 1
    with database.engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar() == "1s"
    database.close()


def test_only_one_report_is_written_at_a_time() -> None:
    inside, leave = threading.Event(), threading.Event()

    class Slow:
        def __enter__(self) -> Any:
            inside.set()
            assert leave.wait(60)
            raise RequestError("enough", field="x")

        def __exit__(self, *_: object) -> None:
            return

    desk = UsageDesk(Slow, lambda: TODAY)

    def first() -> None:
        with pytest.raises(RequestError):
            desk.report()

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(60)
    with pytest.raises(Throttled) as refused:
        desk.report()
    assert refused.value.status == 503
    leave.set()
    thread.join()
    with pytest.raises(RequestError, match="enough"):
        desk.report()


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [("2026-13-01", "", "from"), ("", "soon", "to"), ("2026-03-02", "2026-03-01", "from"), ("1999-12-31", "", "from"),
     ("", "2200-01-01", "to")],
)  # fmt: skip
def test_days_that_are_none_are_named(first: str, last: str, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        period(TODAY, first, last)
    assert refused.value.field == field


def test_twelve_months_are_shown_unless_told_otherwise() -> None:
    assert period(TODAY).first == date(2025, 12, 1)
    assert period(date(2026, 12, 31)).first == date(2026, 1, 1)
    assert period(TODAY, last="2000-03-01").first == date(2000, 1, 1)

"""Dashboard and alerts ask for metrics and labels that there are; each alert fires when it should, and is explained."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from cds_service.telemetry.catalogue import BY_NAME, METRICS, Kind
from tests.servers.fixtures import made_or_skipped
from tests.servers.processes import program

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations"
DASHBOARD = OPERATIONS / "grafana-dashboard.json"
ALERTS = OPERATIONS / "alerts.yml"
# What Prometheus itself puts on every series.
OUTSIDE = {"job", "instance"}
PARTS = re.compile(r"_(bucket|sum|count)$")


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the dashboard, with the title of its panel."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


EXPRESSIONS = [*queries(), *((rule["alert"], rule["expr"]) for rule in alerts())]


def base_of(name: str) -> str:
    short = PARTS.sub("", name)
    return short if short in BY_NAME and BY_NAME[short].kind is Kind.HISTOGRAM else name


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS, ids=[title for title, _ in EXPRESSIONS])
def test_expression_asks_for_what_there_is(title: str, expression: str) -> None:
    names = re.findall(r"\b(?:marrow_[a-z_]+|up)\b", expression)
    assert names, title
    known = OUTSIDE | {"le"}
    for name in names:
        if name != "up":
            metric = BY_NAME[base_of(name)]
            assert (metric.kind is Kind.HISTOGRAM) == (name != metric.name), name
            known |= set(metric.labels)
    for name, chosen in re.findall(r"\b(marrow_[a-z_]+)\{([^}]*)\}", expression):
        labels = {*BY_NAME[base_of(name)].labels, *OUTSIDE}
        assert set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", chosen)) <= labels, chosen
    for grouped in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        assert {label.strip() for label in grouped.split(",")} <= known, grouped


def test_every_metric_is_looked_at_somewhere() -> None:
    asked = {base_of(name) for _, expression in EXPRESSIONS for name in re.findall(r"\bmarrow_[a-z_]+", expression)}
    assert {metric.name for metric in METRICS} - asked == set()


def test_panels_stand_beside_each_other() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_is_explained_and_no_other() -> None:
    page = (OPERATIONS / "monitoring.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(Marrow\w+)` \|", page, re.MULTILINE)
    assert sorted(explained) == sorted(rule["alert"] for rule in alerts())
    assert {rule["labels"]["severity"] for rule in alerts()} == {"page", "ticket"}


def test_every_metric_is_explained_and_no_other() -> None:
    page = (OPERATIONS / "monitoring.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(marrow_\w+)` \|", page, re.MULTILINE)
    assert sorted(explained) == sorted(BY_NAME)


def promtool(*arguments: str, folder: Path) -> None:
    tool = made_or_skipped(lambda: program("promtool", "prometheus"))
    done = subprocess.run([tool, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_alerts(tmp_path: Path) -> None:
    promtool("check", "rules", str(ALERTS), folder=tmp_path)


JOB = 'job="marrow-cds",instance="a:8000"'
HOOK = f'{JOB},endpoint="hook.call"'
VIEW = f'{JOB},service="view"'
# For each alert the series that make it fire, in the notation of promtool: start, step a minute, times.
FIRING: dict[str, dict[str, str]] = {
    "MarrowDown": {f"up{{{JOB}}}": "0x30"},
    "MarrowFailing": {
        f'marrow_requests_total{{{HOOK},status="200"}}': "0+60x30",
        f'marrow_requests_total{{{HOOK},status="500"}}': "0+3x30",
    },
    "MarrowCrashed": {f'marrow_refusals_total{{{JOB},status="500",reason="exception"}}': "0x20 1x10"},
    "MarrowSlow": {
        f'marrow_call_seconds_bucket{{{VIEW},le="0.5"}}': "0+90x40",
        f'marrow_call_seconds_bucket{{{VIEW},le="1.0"}}': "0+100x40",
        f'marrow_call_seconds_bucket{{{VIEW},le="+Inf"}}': "0+100x40",
    },
    "MarrowOverloaded": {f'marrow_refusals_total{{{JOB},status="503",reason="throttled"}}': "0+1x30"},
    "MarrowNearlyFull": {
        f'marrow_places{{{JOB},state="used"}}': "15x30",
        f'marrow_places{{{JOB},state="total"}}': "16x30",
        f'marrow_places{{{JOB},state="waiting"}}': "2x30",
    },
    "MarrowKeepsNothing": {f"marrow_store_keeps{{{JOB}}}": "0x30"},
    "MarrowRecordsLost": {f'marrow_unrecorded_total{{{JOB},what="cards"}}': "0x25 1x5"},
    "MarrowDatabaseAway": {f"marrow_store_up{{{JOB}}}": "0x30"},
    "MarrowSpoolWaits": {
        f'marrow_spool_files{{{JOB},spool="store"}}': "2x40",
        f"marrow_store_up{{{JOB}}}": "1x40",
    },
    "MarrowSpoolFills": {
        f'marrow_spool_bytes{{{JOB},spool="store"}}': "60x40",
        f'marrow_spool_limit_bytes{{{JOB},spool="store"}}': "100x40",
    },
    "MarrowSpoolPutAside": {f'marrow_spool_aside_files{{{JOB},spool="store"}}': "1x40"},
    "MarrowSpoolDiscards": {f'marrow_spool_discarded_rows{{{JOB},spool="store"}}': "0x20 7x20"},
    "MarrowSpoolWithoutReserve": {f'marrow_spool_reserve_bytes{{{JOB},spool="store"}}': "0x40"},
    "MarrowCallersRefused": {f'marrow_refusals_total{{{JOB},status="401",reason="expired"}}': "0+30x40"},
    "MarrowChartsMissing": {
        f'marrow_calls_total{{{VIEW},client="x",status="412"}}': "0+10x60",
        f'marrow_calls_total{{{VIEW},client="x",status="200"}}': "0+90x60",
    },
    "MarrowDataMissing": {
        f'marrow_gaps_total{{{VIEW},code="prefetch-missing"}}': "0+10x1008 10090+100x40",
        f"marrow_call_seconds_count{{{VIEW}}}": "0+100x1060",
    },
    "MarrowFhirServerFails": {
        f'marrow_fhir_fetches_total{{{JOB},outcome="timeout"}}': "0+5x60",
        f'marrow_fhir_fetches_total{{{JOB},outcome="ok"}}': "0+5x60",
    },
    "MarrowResultsFail": {f'marrow_requests_total{{{JOB},endpoint="results.notified",status="503"}}': "0+1x60"},
    "MarrowNoCalls": {f"marrow_call_seconds_count{{{VIEW}}}": "0+10x1010 10100x40"},
    "MarrowFeedbackUnread": {f"marrow_feedback_refused_total{{{VIEW}}}": "0+1x60"},
    "MarrowWorkersRestart": {
        f"marrow_worker_starts_total{{{JOB}}}": "2+1x60",
        f"marrow_workers{{{JOB}}}": "2x60",
    },
    "MarrowMemory": {f"marrow_worker_memory_bytes{{{JOB}}}": "600000000x60"},
    "MarrowVersionsDiffer": {
        f'marrow_build_info{{{JOB},version="1",knowledge="a"}}': "1x120",
        'marrow_build_info{job="marrow-cds",instance="b:8000",version="1",knowledge="b"}': "1x120",
    },
    "MarrowMetricsLost": {f"marrow_metrics_lost_total{{{JOB}}}": "0+1x60"},
}
# A service with nothing wrong: none of the alerts.
HEALTHY = {
    f"up{{{JOB}}}": "1x120",
    f'marrow_build_info{{{JOB},version="1",knowledge="a"}}': "1x120",
    f'marrow_requests_total{{{HOOK},status="200"}}': "0+60x120",
    f'marrow_requests_total{{{HOOK},status="500"}}': "0x120",
    f'marrow_call_seconds_bucket{{{VIEW},le="0.5"}}': "0+60x120",
    f'marrow_call_seconds_bucket{{{VIEW},le="+Inf"}}': "0+60x120",
    f'marrow_calls_total{{{VIEW},client="x",status="200"}}': "0+60x120",
    f'marrow_refusals_total{{{JOB},status="401",reason="expired"}}': "0x60 1x60",
    f'marrow_places{{{JOB},state="used"}}': "2x120",
    f'marrow_places{{{JOB},state="total"}}': "16x120",
    f'marrow_places{{{JOB},state="waiting"}}': "0x120",
    f"marrow_store_up{{{JOB}}}": "1x120",
    f"marrow_store_keeps{{{JOB}}}": "1x120",
    f'marrow_unrecorded_total{{{JOB},what="cards"}}': "3x120",
    f'marrow_spool_files{{{JOB},spool="store"}}': "0x120",
    f'marrow_spool_bytes{{{JOB},spool="store"}}': "0x120",
    f'marrow_spool_limit_bytes{{{JOB},spool="store"}}': "100x120",
    f"marrow_worker_starts_total{{{JOB}}}": "2x120",
    f"marrow_workers{{{JOB}}}": "2x120",
    f"marrow_worker_memory_bytes{{{JOB}}}": "160000000x120",
}
# What is compared with the week before is played at a slower pace; a step of a series is an interval.
WEEKLY = {"MarrowDataMissing": 1027, "MarrowNoCalls": 1025}
LATER = {"MarrowVersionsDiffer": 90, "MarrowChartsMissing": 50}


def case(name: str, series: dict[str, str], at: int, interval: int = 1, *, firing: bool = True) -> dict[str, Any]:
    return {
        "interval": f"{interval}m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f'group(ALERTS{{alertname="{name}",alertstate="firing"}})',
                "eval_time": f"{at * interval}m",
                "exp_samples": [{"labels": "{}", "value": 1}] if firing else [],
            }
        ],
    }


def play(tmp_path: Path, cases: list[dict[str, Any]], interval: int = 1) -> None:
    shutil.copy(ALERTS, tmp_path / "alerts.yml")
    tests = {"rule_files": ["alerts.yml"], "evaluation_interval": f"{interval}m", "tests": cases}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    promtool("test", "rules", "tests.yml", folder=tmp_path)


def test_every_alert_fires_when_it_should(tmp_path: Path) -> None:
    assert set(FIRING) == {rule["alert"] for rule in alerts()}
    soon = {name: series for name, series in FIRING.items() if name not in WEEKLY}
    play(tmp_path, [case(name, series, LATER.get(name, 28)) for name, series in soon.items()])
    play(tmp_path, [case(name, FIRING[name], at, 10) for name, at in WEEKLY.items()], 10)


def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    watched = case("any", HEALTHY, 110, firing=False)
    watched["promql_expr_test"][0]["expr"] = 'group(ALERTS{alertstate="firing"})'
    play(tmp_path, [watched])

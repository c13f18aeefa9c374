"""A real Prometheus scrapes a real service, and every panel of the dashboard has something to show."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service.hooks.services import PATIENT_VIEW
from tests.servers.fixtures import made_or_skipped
from tests.servers.processes import Server, free_port, program
from tests.servers.service import Service
from tests.telemetry.calls import ADDRESS, call_of
from tests.telemetry.planted import fhir_server
from tests.telemetry.test_board_and_alerts import ALERTS, alerts, panels

SECRET = "sixteen letters or more"
BEARER = {"Authorization": f"Bearer {SECRET}"}
# Beyond the times of a rate, so that each has two scrapes to compare.
RANGE = "5m"


class Prometheus:
    """A Prometheus of this test alone, which scrapes every second."""

    def __init__(self, folder: Path, target: str) -> None:
        binary = made_or_skipped(lambda: program("prometheus", "prometheus"))
        self.url = f"http://127.0.0.1:{free_port()}"
        settings = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [
                {
                    "job_name": "marrow-cds",
                    "authorization": {"credentials": SECRET},
                    "static_configs": [{"targets": [target]}],
                }
            ],
        }
        # JSON is YAML as well.
        (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
        command = [
            binary,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'series'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ]
        self.server = Server(command, folder / "prometheus.log", self.is_ready)

    def is_ready(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/-/ready", timeout=5).ok
        return False

    def ask(self, query: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=30).json()
        assert answer["status"] == "success", (query, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def until(self, query: str) -> None:
        """Ask until there is an answer."""
        for _ in range(600):
            if self.ask(query):
                return
            time.sleep(0.2)
        raise AssertionError(f"no answer to {query}")


@dataclass(frozen=True)
class Hospital:
    """A service, and the FHIR server beside it, by its base address."""

    service: Service
    fhir: str


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    report = call_of("epidural-abscess-weakness")["prefetch"]["reports"]["entry"][0]["resource"]
    with fhir_server(report) as fhir:
        settings = {
            "BUDGET_SECONDS": "60",
            "FHIR_ORIGINS": fhir.removesuffix("/fhir"),
            "RESULTS_FHIR": fhir,
            "RESULTS_SECRET": SECRET,
            "METRICS_SECRET": SECRET,
        }
        found = Service(tmp_path, settings)
        found.server.start()
        try:
            yield Hospital(found, fhir)
        finally:
            found.stop()


def traffic(hospital: Hospital) -> None:
    """Calls of every kind that a board shows: with cards, feedback, refusals, fetches, held back cards, results."""
    service = hospital.service
    body = call_of("t11-before-labs")
    answer = requests.post(f"{service.url}{ADDRESS}", json=body, timeout=60).json()
    for outcome, more in (("overridden", {"overrideReason": {"userComment": "no"}}), ("accepted", {})):
        items = [
            {
                "card": card["uuid"],
                "outcome": outcome,
                "outcomeTimestamp": "2026-11-21T10:00:00Z",
                "acceptedSuggestions": [{"id": "one"}],
            }
            | more
            for card in answer["cards"]
        ]
        requests.post(f"{service.url}{ADDRESS}/feedback", json={"feedback": items}, timeout=60)
    requests.post(f"{service.url}{ADDRESS}", json=body, timeout=60)
    requests.post(f"{service.url}{ADDRESS}", json={}, timeout=60)
    sent = {key: value for key, value in body["prefetch"].items() if key in {"patient", "reports"}}
    requests.post(f"{service.url}{ADDRESS}", json=body | {"prefetch": sent}, timeout=60)
    requests.post(f"{service.url}{ADDRESS}", json=body | {"prefetch": sent, "fhirServer": hospital.fhir}, timeout=60)
    requests.put(f"{service.url}/results/DiagnosticReport/gone", headers=BEARER, timeout=60)


def test_every_panel_shows_something_of_a_real_service(tmp_path: Path, hospital: Hospital) -> None:
    prometheus = Prometheus(tmp_path, hospital.service.url.removeprefix("http://"))
    prometheus.server.start()
    try:
        prometheus.until("marrow_workers == 2")
        # Two rounds with scrapes between, since a rate needs a series twice.
        for number in (1, 2):
            traffic(hospital)
            prometheus.until(f"sum(marrow_results_total) >= {number}")
        prometheus.until(f"rate(marrow_results_total[{RANGE}]) > 0")
        prometheus.until(f"rate(marrow_cards_held_back_total[{RANGE}]) > 0")
        empty = []
        for panel in panels():
            for target in panel.get("targets", ()):
                query = target["expr"].replace("$__rate_interval", RANGE).replace("$__range", RANGE)
                query = re.sub(r"\$(job|instance)", ".+", query)
                if not prometheus.ask(query):
                    empty.append((panel["title"], query))
        assert empty == []
        (calls,) = prometheus.ask('sum(marrow_requests_total{endpoint="hook.call"})')
        assert float(calls["value"][1]) == 10
        (stages,) = prometheus.ask(
            f'count(count by (stage) (marrow_stage_seconds_count{{service="{PATIENT_VIEW.id}"}}))'
        )
        assert float(stages["value"][1]) == 9
        rules = requests.get(f"{prometheus.url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        assert {rule["name"]: rule["health"] for group in rules for rule in group["rules"]} == {
            rule["alert"]: "ok" for rule in alerts()
        }
    finally:
        prometheus.server.stop()


def test_prometheus_reads_the_page_as_its_linter_wants_it(hospital: Hospital) -> None:
    tool = made_or_skipped(lambda: program("promtool", "prometheus"))
    traffic(hospital)
    page = requests.get(f"{hospital.service.url}/metrics", headers=BEARER, timeout=30).content
    done = subprocess.run([tool, "check", "metrics"], input=page, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()

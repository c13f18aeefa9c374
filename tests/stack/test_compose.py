"""The compose file: what the image needs is there, and the service runs without rights that it does not need."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from cds_service.config import read_settings
from tests.docs.test_operations import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROFILES = {"fhir": ["fhir"], "prometheus": ["monitoring"], "grafana": ["monitoring"]}


def test_topology_is_the_one_of_make_stack() -> None:
    assert set(SERVICES) == {"marrow-cds", "postgresql", "redis", *PROFILES}
    assert {
        name: service.get("profiles", []) for name, service in SERVICES.items() if "profiles" in service
    } == PROFILES
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        # What always runs must not wait for what a profile brings.
        needed = [SERVICES[name] for name in service.get("depends_on", ())]
        assert all(set(one.get("profiles", ())) <= set(service.get("profiles", ())) for one in needed)
        sources = {mount.split(":")[0] for mount in service.get("volumes", ())}
        assert {source for source in sources if not source.startswith("./")} <= set(COMPOSE["volumes"])
        assert all((ROOT / source).is_file() for source in sources if source.startswith("./"))
        assert ("image" in service) != ("build" in service)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert re.fullmatch(r"[\w/]+:v?\d[\w.]*", service.get("image", "image:1"))


def test_service_has_no_rights_that_it_does_not_need() -> None:
    service = SERVICES["marrow-cds"]
    assert service["read_only"] is True
    assert service["user"] == "10001"
    assert service["cap_drop"] == ["ALL"]
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--uid 10001" in image
    assert "USER 10001" in image


def test_no_neighbour_needs_a_capability_that_it_does_not_have() -> None:
    # The entry point of this image changes from root to its user, which takes a capability.
    assert SERVICES["redis"]["cap_drop"] == ["ALL"]
    assert SERVICES["redis"]["user"] == "999"


def test_settings_are_known_and_lead_to_the_neighbours() -> None:
    settings = read_settings(SERVICES["marrow-cds"]["environment"])
    assert settings.workers == 2
    assert "@postgresql/" in settings.database
    assert settings.redis_url.startswith("redis://redis:")
    assert settings.fhir_origins == ("http://fhir:8080",)


def test_prometheus_asks_the_service_with_its_secret_and_grafana_asks_prometheus() -> None:
    settings = read_settings(SERVICES["marrow-cds"]["environment"])
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    (job,) = prometheus["scrape_configs"]
    assert job["authorization"]["credentials"] == settings.metrics_secret
    assert job["static_configs"] == [{"targets": ["marrow-cds:8000"]}]
    assert job.get("metrics_path", "/metrics") == "/metrics"
    mounted = {mount.split(":")[1] for mount in SERVICES["prometheus"]["volumes"]}
    assert set(prometheus["rule_files"]) <= mounted
    grafana = yaml.safe_load((ROOT / "deploy/grafana/datasource.yml").read_text(encoding="utf-8"))
    assert [source["url"] for source in grafana["datasources"]] == ["http://prometheus:9090"]
    boards = yaml.safe_load((ROOT / "deploy/grafana/dashboards.yml").read_text(encoding="utf-8"))
    folder = boards["providers"][0]["options"]["path"]
    assert any(mount.split(":")[1].startswith(f"{folder}/") for mount in SERVICES["grafana"]["volumes"])


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not there to read the file")
def test_client_accepts_the_file() -> None:
    subprocess.run(["docker-compose", "-f", ROOT / "docker-compose.yml", "config", "--quiet"], check=True)


def test_image_keeps_the_extras_that_it_is_run_with() -> None:
    pins = (ROOT / "requirements-run.lock").read_text(encoding="utf-8")
    assert {name for name in ("psycopg", "redis", "granian", "alembic") if f"\n{name}==" in f"\n{pins}"} == {
        "psycopg", "redis", "granian", "alembic",
    }  # fmt: skip
    assert "requirements-run.lock" in Path(ROOT / "Dockerfile").read_text(encoding="utf-8")

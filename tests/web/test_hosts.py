"""A service without registry answers to the names of this machine only."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

VIEW = "/cds-services/marrow-edema-patient-view"


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST"])
def test_names_of_this_machine_are_answered(world: Any, patient_view: dict[str, Any], host: str) -> None:
    assert world.client().post(VIEW, json=patient_view, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example", "attacker.example:8000", "127.0.0.1.attacker.example", "localhost.attacker.example",
        "localhost@attacker.example", "2130706433", "0x7f.1", "192.168.0.4", "[::ffff:192.168.0.4]", "[::1", "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [VIEW, "/preview"])
def test_page_that_lets_its_name_lead_here_gets_nothing(
    world: Any, patient_view: dict[str, Any], host: str, path: str
) -> None:
    refused = world.client().post(path, json=patient_view, headers={"Host": host})
    assert refused.status_code in {400, 421}
    assert "cards" not in refused.json
    assert world.middle.calls == []


def test_public_name_is_answered_and_with_a_registry_every_name(world: Any, patient_view: dict[str, Any]) -> None:
    settings = world.backend.settings
    named = world.client(settings=replace(settings, public_url="http://cds.example.org"))
    assert named.post(VIEW, json=patient_view, headers={"Host": "CDS.example.org"}).status_code == 200
    known = world.client(settings=replace(settings, clients=Path("clients.toml")))
    assert known.post(VIEW, json=patient_view, headers={"Host": "anything.example"}).status_code == 200

"""Write the ready hook requests in fhir_fixtures/hooks from the scenarios and the services' prefetch templates."""  # noqa: INP001 - a script, no package

import json
from pathlib import Path

import fhir_fixtures
from cds_service.hooks.services import SERVICES

FOLDER = Path(__file__).parents[1] / "fhir_fixtures" / "hooks"
READY = ("t11-before-labs", "epidural-abscess-weakness", "kyphoplasty-raised-crp", "antibiotic-before-cultures")

for name in READY:
    hook = fhir_fixtures.scenario(name).hook
    service = next(service for service in SERVICES if service.hook == hook)
    request = fhir_fixtures.hook_request(name, service.to_wire())
    text = json.dumps(request, ensure_ascii=False, indent=2) + "\n"
    (FOLDER / f"{name}.{hook}.json").write_text(text, encoding="utf-8")

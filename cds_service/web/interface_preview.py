"""The paths of the preview in the OpenAPI document, with an example of each form of input."""

from cds_service.domain.vocabulary import Language
from cds_service.hooks.services import SERVICES
from cds_service.web.interface_forms import listed, ref
from cds_service.web.interface_parts import ACCEPT_LANGUAGE, HTML, JSON, Part, answers, body, call_name

_REFUSED = (400, 401, 403, 404, 412, 413, 415, 503)
_TAG = ["For people"]
_AS_OF: Part = {
    "name": "asOf",
    "in": "query",
    "description": "Look at the chart as on that day.",
    "schema": {"type": "string", "format": "date"},
}
_LANGUAGE: Part = {
    "name": "language",
    "in": "query",
    "description": "Language of the answer; left out, the accepted one.",
    "schema": {"enum": [language.value for language in Language]},
}
_TYPED: Part = {
    "text": "MRI lumbar spine. Marrow edema of L4 and L5 with fluid signal in the disc between.",
    "patient": {"age": 61, "sex": "male"},
    "labs": [{"analyte": "CRP", "value": 84, "unit": "mg/L"}],
    "history": [{"group": "DIABETES"}],
    "orders": [{"kind": "VERTEBRAL_AUGMENTATION"}],
}
_EXAMPLES: Part = {
    "typed": {"summary": "A report with a result and an order", "value": _TYPED},
    "fixture": {"summary": "A synthetic patient", "value": {"fixture": "t11-before-labs"}},
    "bundle": {
        "summary": "A FHIR Bundle",
        "value": {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [
                {"resource": {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1960-05-01"}},
                {
                    "resource": {
                        "resourceType": "DiagnosticReport",
                        "id": "r",
                        "status": "final",
                        "code": {"text": "MRI lumbar spine"},
                        "subject": {"reference": "Patient/p"},
                        "conclusion": "Marrow edema of L4.",
                    }
                },
            ],
        },
    },
}


def _input(*forms: str) -> Part:
    described = body(ref("PreviewInput"), *forms)
    described["content"][JSON]["examples"] = _EXAMPLES
    return described


def _answered(operation: str, summary: str, asked: Part, schema: str, description: str, *, html: bool = True) -> Part:
    responses = answers(description, ref(schema), *_REFUSED)
    for code in ("200", "400", "404", "412") if html else ():
        responses[code]["content"][HTML] = {"schema": {"type": "string"}}
    return {
        "operationId": operation,
        "summary": summary,
        "tags": _TAG,
        "security": [{"secret": []}, {}],
        "parameters": [_AS_OF, _LANGUAGE, ACCEPT_LANGUAGE],
        "requestBody": asked,
        "responses": responses,
    }


def _comparison() -> Part:
    asked = body(ref("PreviewSides"))
    overlay = '[parameters]\ncrp_raised = { value = 6, reason = "own assay" }\n'
    asked["content"][JSON]["examples"] = {
        "languages": {
            "summary": "The same in two languages",
            "value": {"left": {"input": _TYPED, "language": "de"}, "right": {"language": "ro"}},
        },
        "overlay": {
            "summary": "With and without site values",
            "value": {"left": {"input": _TYPED}, "right": {"overlay": overlay}},
        },
    }
    return asked


def _page() -> Part:
    described = answers("The page.", {"type": "string"}, 403, label=HTML)
    described |= {code: part for code, part in answers("", {}, 400, 404, 503).items() if code in {"400", "404", "503"}}
    return {
        "operationId": "preview-form",
        "summary": "The page: what the service would say, and why",
        "tags": _TAG,
        "parameters": [_LANGUAGE],
        "responses": described,
    }


def _catalogue() -> Part:
    return {
        "operationId": "preview-catalogue",
        "summary": "What can be picked: groups, tests, orders, synthetic patients, servers",
        "tags": _TAG,
        "responses": answers(
            "Everything in every language; no data of a patient.", ref("PreviewCatalogue"), 403, 404, 503
        ),
    }


def _any_call() -> list[Part]:
    return [ref(call_name(service)) for service in SERVICES]


def input_schema() -> Part:
    """Describe the forms of input."""
    bundle: Part = {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": "Bundle"}, "entry": listed({"type": "object"})},
    }
    return {"anyOf": [ref("TypedReport"), ref("FixtureInput"), ref("ServerInput"), bundle, *_any_call()]}


def _evaluated() -> dict[str, Part]:
    return {
        "/preview/changes": {
            "post": _answered(
                "preview-changes",
                "What would change the answer: each missing or changeable fact supposed otherwise",
                _input(),
                "PreviewChanges",
                "The cards under each supposed fact, and the rules that it would make fire.",
            )
        },
        "/preview/compare": {
            "post": _answered(
                "preview-compare",
                "Two evaluations and what differs: languages, site values, reports or days",
                _comparison(),
                "PreviewComparison",
                "Both answers and the difference.",
            )
        },
        "/preview/export": {
            "post": _answered(
                "preview-export",
                "The same input as hook calls, as Bundle and as test case",
                _input(),
                "PreviewExport",
                "Calls that give the same cards.",
                html=False,
            )
        },
    }


def preview_paths() -> dict[str, Part]:
    """Return the paths of the preview."""
    evaluated = _answered(
        "preview",
        "Evaluate a report, a Bundle, a call, a synthetic patient or one of a FHIR server; nothing is kept",
        _input("application/x-www-form-urlencoded", "multipart/form-data"),
        "Preview",
        "Cards with the whole chain of reasons behind them.",
    )
    patients = _answered(
        "preview-patients",
        "Patients of a FHIR server that may be asked, who have reports of spine imaging",
        body(ref("PatientQuery")),
        "PreviewPatients",
        "The patients, the newest report first.",
        html=False,
    )
    return {
        "/preview": {"get": _page(), "post": evaluated},
        **_evaluated(),
        "/preview/patients": {"post": patients},
        "/preview/catalogue": {"get": _catalogue()},
    }

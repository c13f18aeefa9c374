"""The path of the report on usage in the OpenAPI document, and the schema of its JSON."""

from cds_service.domain.vocabulary import Language
from cds_service.hooks.usage import GROUPS
from cds_service.web.interface_forms import COUNT, TEXT, WORDS, Schema, listed, or_null, record, ref
from cds_service.web.interface_parts import HTML, Part, answers

_SHARE: Schema = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}
_FLAG: Schema = {"type": "boolean"}
_DAY: Schema = {"type": "string", "format": "date"}


def usage_path() -> Part:
    """Describe ``GET /about/usage``."""
    part: Part = {
        "operationId": "usage",
        "summary": "How cards are taken up",
        "description": "Counts of cards and of what clinicians did with them; answers in a trial, elsewhere behind the "
        "secret of the operator, as bearer token or as password of any name.",
        "tags": ["For operators"],
        "security": [{"secret": []}, {"password": []}, {}],
        "parameters": [
            {"name": "from", "in": "query", "description": "First day (UTC).", "schema": _DAY},
            {"name": "to", "in": "query", "description": "Last day (UTC).", "schema": _DAY},
            {"name": "client", "in": "query", "description": "Issuer of one caller.", "schema": WORDS},
            {"name": "format", "in": "query", "schema": {"enum": ["html", "json", "csv"]}},
            {"name": "language", "in": "query", "schema": {"enum": [language.value for language in Language]}},
        ],
        "responses": answers("The report.", ref("Usage"), *(400, 401, 403, 404, 503)),
    }
    for label in (HTML, "text/csv"):
        part["responses"]["200"]["content"][label] = {"schema": {"type": "string"}}
    return part


def usage_schemas() -> dict[str, Schema]:
    """Return the schemas by name."""
    tally: Schema = {
        "shown": COUNT,
        "accepted": COUNT,
        "overridden": COUNT,
        "unanswered": COUNT,
        "overrideRate": record({"value": _SHARE, "low": _SHARE, "high": _SHARE}),
        "fewAnswers": _FLAG,
        "nothingToAccept": _FLAG,
        "standsOut": _FLAG,
        "reasons": listed(record({"code": TEXT, "cards": COUNT})),
    }
    waits = record(
        {
            "reports": COUNT,
            "medianMinutes": or_null(COUNT),
            "ninetiethMinutes": or_null(COUNT),
            "classes": listed(record({"belowMinutes": or_null(COUNT), "reports": COUNT})),
        }
    )
    whole: Schema = {"from": _DAY, "to": _DAY, "client": or_null(WORDS), "fewAnswersBelow": COUNT}
    whole |= {"total": record(tally)}
    whole |= {name: listed(record({"id": WORDS} | tally)) for name in GROUPS}
    return {"Usage": record(whole | {"reportToCard": waits, "feedbackOnUnknownCards": COUNT})}

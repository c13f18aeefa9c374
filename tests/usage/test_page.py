"""The page on usage, its JSON and CSV, and who may see them."""

import base64
import csv
import io
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from selectolax.lexbor import LexborHTMLParser

from cds_service.app import create_app
from cds_service.config import Settings
from cds_service.domain.vocabulary import Language
from cds_service.hooks.usage import COLUMNS
from cds_service.store.database import SqlStore
from cds_service.web.usage import csv_text
from tests.usage import cohort

SECRET = "a secret for operators"


def settings(folder: Path, **changes: object) -> Settings:
    return Settings(**({"state_dir": folder, "budget_seconds": 60.0} | changes))  # type: ignore[arg-type]  # by name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("state")
    store = SqlStore(settings(place).database)
    store.open()
    cohort.fill(store)
    store.close()
    return place


@pytest.fixture(scope="module")
def app(folder: Path) -> Flask:
    return create_app(settings(folder))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


PERIOD = "from=2025-12-01&to=2026-11-30"


def test_forms_by_preference_and_by_name(client: FlaskClient) -> None:
    assert client.get("/about/usage").mimetype == "text/html"
    for form, label in (("json", "application/json"), ("csv", "text/csv"), ("html", "text/html")):
        for answer in (
            client.get(f"/about/usage?format={form}"),
            client.get("/about/usage", headers={"Accept": label}),
        ):
            assert (answer.status_code, answer.mimetype) == (200, label)
            assert answer.headers["Cache-Control"] == "no-store"
            assert {"Accept", "Authorization"} <= set(answer.vary)


def test_json_and_csv_say_the_same(client: FlaskClient) -> None:
    found = client.get(f"/about/usage?format=json&{PERIOD}").json
    assert found is not None
    rows = list(csv.DictReader(io.StringIO(client.get(f"/about/usage?format=csv&{PERIOD}").text)))
    assert tuple(rows[0]) == COLUMNS
    assert int(rows[0]["shown"]) == found["total"]["shown"] == cohort.SHOWN
    by_rule = {row["id"]: row for row in rows if row["group"] == "rules"}
    for one in found["rules"]:
        assert int(by_rule[one["id"]]["overridden"]) == one["overridden"]
    assert by_rule["TRG-FRACTURE"]["stands_out"] == "yes"
    assert "already-done " in by_rule["TRG-FRACTURE"]["reasons"]


@pytest.mark.parametrize("language", list(Language))
def test_page_shows_rates_marks_and_sentences_in_each_language(client: FlaskClient, language: Language) -> None:
    answer = client.get(f"/about/usage?language={language}&{PERIOD}")
    assert answer.headers["Content-Language"] == language
    page = LexborHTMLParser(answer.text)
    row = next(one for one in page.css("table.usage tbody tr") if "TRG-FRACTURE" in one.text())
    assert "89 %" in row.text()
    assert row.css_first("strong.stands-out")
    sentence = row.css_first("th small")
    assert sentence
    assert len(sentence.text()) > 10
    assert page.css("svg .rate.stands-out")
    assert page.css("svg rect.overridden")
    ids = [str(node.attributes["id"]) for node in page.css("[id]")]
    assert len(ids) == len(set(ids))


def test_page_loads_from_this_service_alone_and_needs_no_script(client: FlaskClient) -> None:
    answer = client.get("/about/usage")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert " style=" not in answer.text
    assert set(re.findall(r"<script[^>]*>", answer.text)) == {'<script src="/static/theme.js">'}


def test_page_holds_no_patient_no_comment_and_no_display(client: FlaskClient) -> None:
    for form in ("html", "json", "csv"):
        text = client.get(f"/about/usage?format={form}&{PERIOD}").text
        for planted in (cohort.PATIENT, cohort.COMMENT, "Planted", "00000001-0000"):
            assert planted not in text


def test_empty_period_is_said(client: FlaskClient) -> None:
    assert "No card was given" in client.get("/about/usage?from=2001-01-01&to=2001-02-01&language=en").text


def test_what_is_asked_for_is_shown_as_text(client: FlaskClient) -> None:
    answer = client.get("/about/usage", query_string={"client": '"><script>x</script>', "language": "en"})
    assert answer.status_code == 200
    assert "<script>x" not in answer.text


@pytest.mark.parametrize(
    ("query", "field"), [("from=x", "from"), ("format=xml", "format"), ("language=fr", "language")]
)
def test_wrong_question_is_named(client: FlaskClient, query: str, field: str) -> None:
    answer = client.get(f"/about/usage?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["issue"][0]["expression"] == [field]


def test_beyond_this_machine_it_is_closed_unless_a_secret_is_set(folder: Path) -> None:
    closed = create_app(settings(folder, host="0.0.0.0", allow_open=True)).test_client()  # noqa: S104 - the case
    assert closed.get("/about/usage").status_code == 404
    assert "/about/usage" not in closed.get("/about/knowledge").text
    opened = create_app(settings(folder, host="0.0.0.0", allow_open=True, usage_secret=SECRET)).test_client()  # noqa: S104
    refused = opened.get("/about/usage")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    for wrong in ("Bearer x", "Bearer ", "Basic !", "Basic " + base64.b64encode(b"operator:x").decode(), SECRET):
        assert opened.get("/about/usage", headers={"Authorization": wrong}).status_code == 401, wrong
    password = base64.b64encode(f"operator:{SECRET}".encode()).decode()
    for right in (f"Bearer {SECRET}", f"Basic {password}"):
        assert opened.get("/about/usage", headers={"Authorization": right}).status_code == 200


def test_cell_that_begins_like_a_formula_is_no_formula() -> None:
    rate = {"value": None, "low": None, "high": None}
    row = {"id": "=1+1", "shown": 1, "accepted": 0, "overridden": 0, "unanswered": 1, "overrideRate": rate}
    row |= {"fewAnswers": True, "standsOut": False, "nothingToAccept": False, "reasons": []}
    groups = dict.fromkeys(("cards", "clients", "services", "indicators", "months"), ())
    text = csv_text({"total": row, "rules": (row,), **groups})
    assert "'=1+1" in text
    assert ",=1+1" not in text

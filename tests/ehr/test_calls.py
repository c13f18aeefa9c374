"""Calls end in time, are tried again when that helps, and fail in words."""

from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses

from cds_service.ehr.calls import TRIES, CallFailed, Calls, Timing, outcome_text

URL = "http://fhir.example.org/r4/metadata"


class Watch:
    """A clock that only pauses move, and the pauses made."""

    def __init__(self, chance: float = 0.5) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.timing = Timing(lambda: self.now, self.pause, lambda: chance)

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def ask(calls: Calls, headers: Callable[[], dict[str, str]] = dict) -> Any:
    return calls.send("GET", URL, name="server X", headers=headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@responses.activate
def test_a_busy_server_is_asked_again_after_a_pause_that_grows(status: int) -> None:
    watch = Watch()
    for _ in range(TRIES - 1):
        responses.get(URL, status=status, body="<html>busy</html>", content_type="text/html")
    responses.get(URL, json={"a": 1})
    assert ask(Calls(60, watch.timing)).body == {"a": 1}
    assert watch.pauses == [0.5, 1.0, 2.0]


@responses.activate
def test_the_pause_is_a_random_part_of_its_limit() -> None:
    watch = Watch(chance=0.01)
    responses.get(URL, status=503)
    responses.get(URL, json={})
    ask(Calls(60, watch.timing))
    assert watch.pauses == [0.01]


@responses.activate
def test_the_pause_is_never_shorter_than_the_server_wants() -> None:
    watch = Watch()
    responses.get(URL, status=429, headers={"Retry-After": "7"})
    responses.get(URL, json={})
    ask(Calls(60, watch.timing))
    assert watch.pauses == [7.0]


@responses.activate
def test_a_server_that_wants_a_pause_beyond_the_limit_is_left_alone() -> None:
    watch = Watch()
    responses.get(URL, status=503, headers={"Retry-After": "120"})
    with pytest.raises(CallFailed, match="server X is busy and wants another try later than the time limit of 60 s"):
        ask(Calls(60, watch.timing))
    assert watch.pauses == []


@responses.activate
def test_the_last_refusal_is_the_answer() -> None:
    responses.get(URL, status=503, json={"resourceType": "OperationOutcome"})
    answer = ask(Calls(60, Watch().timing))
    assert answer.status == 503
    assert len(responses.calls) == TRIES


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
@responses.activate
def test_other_refusals_are_not_repeated(status: int) -> None:
    responses.get(URL, status=status, json={})
    assert ask(Calls(60, Watch().timing)).status == status
    assert len(responses.calls) == 1


@responses.activate
def test_each_try_has_headers_of_its_own() -> None:
    numbers = iter("123")
    responses.get(URL, status=503)
    responses.get(URL, json={})
    ask(Calls(60, Watch().timing), lambda: {"Authorization": next(numbers)})
    assert [call.request.headers["Authorization"] for call in responses.calls] == ["1", "2"]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (requests.exceptions.ConnectTimeout(), "does not answer (timeout)"),
        (requests.exceptions.ConnectionError(), "does not answer (connection failed: is it running?)"),
        (requests.exceptions.SSLError(), "does not answer (its certificate is not trusted)"),
        (requests.exceptions.ProxyError(), "does not answer (the proxy refuses)"),
        (requests.exceptions.ChunkedEncodingError(), "does not answer (the answer broke off)"),
    ],
)
@responses.activate
def test_no_answer_is_said_in_words_after_all_tries(failure: Exception, words: str) -> None:
    responses.get(URL, body=failure)
    with pytest.raises(CallFailed) as raised:
        ask(Calls(60, Watch().timing))
    assert words in str(raised.value)
    assert len(responses.calls) == TRIES


def test_what_is_no_address_is_not_tried_twice() -> None:
    watch = Watch()
    with pytest.raises(CallFailed, match="not an address"):
        Calls(60, watch.timing).send("GET", "fhir.example.org", name="X", headers=dict)
    assert watch.pauses == []


@responses.activate
def test_a_page_instead_of_json_is_named() -> None:
    responses.get(URL, body="<html>", content_type="text/html")
    with pytest.raises(CallFailed, match="HTTP 200 with text/html that is not JSON: is the address right"):
        ask(Calls(60, Watch().timing))


@responses.activate
def test_a_redirect_is_not_followed() -> None:
    responses.get(URL, status=301, headers={"Location": "https://elsewhere.example.org/"})
    with pytest.raises(CallFailed, match=r"sends callers on to https://elsewhere\.example\.org/: give that address"):
        ask(Calls(60, Watch().timing))


@responses.activate
def test_one_time_limit_holds_for_all_calls() -> None:
    watch = Watch()
    responses.get(URL, json={})
    calls = Calls(60, watch.timing)
    ask(calls)
    watch.now += 60
    with pytest.raises(CallFailed, match="did not answer within the time limit of 60 s"):
        ask(calls)
    assert len(responses.calls) == 1


@responses.activate
def test_an_answer_that_comes_drop_by_drop_ends_at_the_limit() -> None:
    watch = Watch()
    responses.get(URL, body=b"{" + b" " * 200_000 + b"}")
    ticks = iter([0.0, 0.0, 61.0])
    timing = Timing(lambda: next(ticks), watch.pause, lambda: 0.0)
    with pytest.raises(CallFailed, match="time limit"):
        ask(Calls(60, timing))


@responses.activate
def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.ehr.calls.MAX_BYTES", 1024 * 1024)
    responses.get(URL, body=b" " * 1_200_000)
    with pytest.raises(CallFailed, match="more than 1 MiB"):
        ask(Calls(60, Watch().timing))


@responses.activate
def test_credentials_of_the_user_do_not_travel_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "netrc").write_text("machine fhir.example.org login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    responses.get(URL, json={})
    ask(Calls(60, Watch().timing))
    assert "Authorization" not in responses.calls[0].request.headers


def test_outcome_is_told_in_one_line() -> None:
    issue = {"severity": "error", "details": {"text": "No\nsuch"}, "diagnostics": "thing"}
    assert outcome_text({"issue": [issue, {"diagnostics": "more"}, 3]}) == "No such: thing; more"
    assert outcome_text({"issue": {}}) == ""
    assert outcome_text(None) == ""
    assert len(outcome_text({"issue": [{"diagnostics": "x" * 9000}]})) == 500

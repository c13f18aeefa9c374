"""A FHIR server in memory, hand-written for tests: reads, searches, transactions; keeps what it was asked."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from werkzeug import Request, Response
from werkzeug.serving import make_server

from tests.servers.in_thread import in_thread

Resource = dict[str, Any]
MAX_PAGE = 20


class RefusedError(Exception):
    """A request that the server does not carry out."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class StubFhir:
    """``failures`` maps a path to statuses that its next calls get instead; ``token`` is asked for when it is set."""

    token: str = ""
    held: dict[str, Resource] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[str, list[int]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    base: str = ""
    counter: Counter[str] = field(default_factory=Counter)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        path = request.path.removeprefix("/fhir").strip("/")
        self.asked.append((request.method, f"{path}?{request.query_string.decode()}".rstrip("?")))
        return self._answer(request, path)(environ, start_response)

    def _answer(self, request: Request, path: str) -> Response:
        if waiting := self.failures.get(path.partition("?")[0]):
            return outcome(waiting.pop(0), "made to fail")
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return outcome(401, "no")
        try:
            return as_json(self._result(request, path))
        except RefusedError as refused:
            return outcome(refused.status, str(refused))

    def _result(self, request: Request, path: str) -> Resource:
        if path == "metadata":
            return {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
        if request.method == "POST" and not path:
            return self.transaction(request.get_json())
        if request.method == "DELETE":
            self.delete(path)
            return {"resourceType": "OperationOutcome", "issue": []}
        if "/" in path:
            return self.read(path)
        return self.search(path, request.query_string.decode())

    def read(self, path: str) -> Resource:
        if path in self.deleted:
            raise RefusedError(410, "gone")
        if path not in self.held:
            raise RefusedError(404, "not known")
        return self.held[path]

    def search(self, kind: str, query: str) -> Resource:
        given = dict(parse_qsl(query))
        found = self.matching(kind, query)
        start, size = int(given.get("_offset", 0)), min(int(given.get("_count", MAX_PAGE)), MAX_PAGE)
        page = found[start : start + size]
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": []}
        bundle["entry"] = [{"fullUrl": f"{self.base}/{name(one)}", "resource": one} for one in page]
        if "_include" in given:
            subjects = {one["subject"]["reference"] for one in page if "subject" in one}
            bundle["entry"] += [{"resource": self.held[one]} for one in sorted(subjects) if one in self.held]
        if start + size < len(found):
            plain = re.sub(r"&_offset=\d+", "", query)
            following = f"{self.base}/{kind}?{plain}&_offset={start + size}"
            bundle["link"].append({"relation": "next", "url": following})
        return bundle

    def matching(self, kind: str, query: str) -> list[Resource]:
        found = [one for one in self.held.values() if one["resourceType"] == kind]
        for parameter, value in parse_qsl(query):
            if parameter in TESTS:
                found = [one for one in found if TESTS[parameter](one, set(value.split(",")))]
        return found

    def delete(self, path: str) -> None:
        users = [name(one) for one in self.held.values() if f"'{path}'" in repr(one) and name(one) != path]
        if users:
            raise RefusedError(409, f"{users[0]} refers to {path}")
        if self.held.pop(path, None):
            self.deleted.add(path)

    def transaction(self, bundle: Resource) -> Resource:
        before = deepcopy(self.held)
        try:
            places = {one["fullUrl"]: self._place(one) for one in bundle["entry"] if one.get("fullUrl")}
            done = [self._carry_out(one, places) for one in bundle["entry"]]
        except RefusedError:
            self.held = before
            raise
        responses = [{"response": {"status": "200", "location": f"{place}/_history/1"}} for place in done]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": responses}

    def _place(self, entry: Resource) -> str:
        kind, query = entry["resource"]["resourceType"], entry["request"]["url"].partition("?")[2]
        condition = entry["request"].get("ifNoneExist", query)
        known = self.matching(kind, condition) if condition else []
        if known:
            return name(known[0])
        if entry["request"]["method"] == "POST":
            self.counter[kind] += 1
            return f"{kind}/new-{self.counter[kind]}"
        place = name(entry["resource"])
        if query and place in self.deleted:
            raise RefusedError(409, "the id was used before")
        return place

    def _carry_out(self, entry: Resource, places: dict[str, str]) -> str:
        request = entry["request"]
        if request["method"] == "DELETE":
            self.delete(request["url"])
            return str(request["url"])
        place = places[entry["fullUrl"]]
        if request["method"] == "POST" and place in self.held:
            return place
        text = deepcopy(entry["resource"])
        self.held[place] = replaced(text, places) | {"id": place.partition("/")[2]}
        self.deleted.discard(place)
        return place


def name(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def replaced(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: replaced(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def tokens(listed: Any, code: str = "code") -> set[str]:
    return {f"{one.get('system', '')}|{one.get(code)}" for one in listed or ()}


def concepts(value: Any) -> set[str]:
    several = value if isinstance(value, list) else [value or {}]
    return {token for one in several for token in tokens(one.get("coding"))}


TESTS: dict[str, Any] = {
    "_id": lambda one, wanted: one["id"] in wanted,
    "_tag": lambda one, wanted: tokens(one.get("meta", {}).get("tag")) & wanted,
    "identifier": lambda one, wanted: tokens(one.get("identifier"), "value") & wanted,
    "code": lambda one, wanted: concepts(one.get("code")) & wanted,
    "category": lambda one, wanted: concepts(one.get("category")) & wanted,
    "patient": lambda one, wanted: (one.get("subject") or one.get("patient") or {}).get("reference", "")[8:] in wanted,
}


def as_json(body: Resource, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/fhir+json")


def outcome(status: int, text: str) -> Response:
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    return as_json({"resourceType": "OperationOutcome", "issue": [issue]}, status)


@contextmanager
def listening(application: Any) -> Iterator[str]:
    """Serve an application on a free port of this machine."""
    with in_thread(make_server("127.0.0.1", 0, application, threaded=True)) as origin:
        yield origin


@contextmanager
def serving(stub: StubFhir) -> Iterator[str]:
    """Serve a stub; gives its base address."""
    with listening(stub) as origin:
        stub.base = f"{origin}/fhir"
        yield stub.base


def paths(stub: StubFhir) -> list[str]:
    """What was asked, without parameters."""
    return [urlsplit(asked).path for _, asked in stub.asked]

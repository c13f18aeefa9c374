"""Callers of the running service: signed hook calls and feedback, and afterwards the question what became of them."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import create_engine, text

import fhir_fixtures
from cds_service.ehr.signing import Signer, load_key
from cds_service.hooks.services import PATIENT_VIEW

ISSUER = "https://ehr.example.org"
PUBLIC = "https://cds.example.org"
# A patient whose red flag must stand on every answer.
SCENARIO, RED_FLAG = "epidural-abscess-weakness", "C01"
CALLERS = 4
PATH = f"/cds-services/{PATIENT_VIEW.id}"


class Clock:
    """The clock of the callers, which may be moved."""

    hours = 0.0

    def time(self) -> float:
        """Return seconds since 1970."""
        return time.time() + 3600 * self.hours

    def now(self) -> datetime:
        """Return the moment in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)


def registry(folder: Path, clock: Clock) -> tuple[Path, Signer]:
    """Write a registry of one EHR and return it beside what signs for that EHR."""
    key, clients = folder / "key.pem", folder / "clients.toml"
    private = ec.generate_private_key(ec.SECP384R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    loaded = load_key(key)
    (folder / "keys.json").write_text(json.dumps({"keys": [loaded.public()]}))
    clients.write_text(f'[[client]]\nissuer = "{ISSUER}"\nname = "EHR"\njwks = "keys.json"\nrate = "9999/second"\n')
    return clients, Signer(loaded, ISSUER, clock.time, lambda: str(uuid.uuid4()))


@dataclass
class Outcome:
    """What the callers saw. ``refused`` counts statuses, ``unanswered`` calls whose connection broke."""

    sent: int = 0
    answered: int = 0
    unanswered: int = 0
    red_flags: int = 0
    replays_taken: int = 0
    slowest: float = 0.0
    refused: Counter[int] = field(default_factory=Counter)
    calls: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)

    @property
    def expected(self) -> int:
        """Rows that must be found: one a call, one a card, one a reported outcome."""
        return len(self.calls) + len(self.cards) + len(self.feedback)


class Callers:
    """Four EHRs that call the service at once."""

    def __init__(self, address: str, signer: Signer, clock: Clock) -> None:
        self._address = address
        self._signer = signer
        self.clock = clock
        self.first: tuple[Any, str] | None = None
        self.details: list[str] = []
        self.body = fhir_fixtures.hook_request(SCENARIO, PATIENT_VIEW.to_wire(), datetime.now(UTC))
        self._lock = threading.Lock()
        self.seen = Outcome()

    def run(self, number: int, after: int = -1, event: Callable[[], None] | None = None) -> None:
        """Make so many calls, each with feedback on its first card; ``event`` happens in the midst, after so many."""
        waiting = list(range(number))

        def work() -> None:
            while True:
                with self._lock:
                    if not waiting:
                        return
                    one = waiting.pop(0)
                if one == after and event is not None:
                    event()
                self._call()

        threads = [threading.Thread(target=work) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _call(self) -> None:
        body = self.body | {"hookInstance": str(uuid.uuid4())}
        token = self._signer.authorization(PUBLIC + PATH)
        answer, call = self._post(PATH, body, token)
        if answer is None:
            return
        cards = answer["cards"]
        with self._lock:
            self.first = self.first or (body, token)
            self.details += [card.get("detail", "") for card in cards]
            self.seen.calls.append(call)
            self.seen.cards += [card["uuid"] for card in cards]
            self.seen.red_flags += any(card["source"]["topic"]["code"] == RED_FLAG for card in cards)
        self._replay(body, token)
        moment = self.clock.now().isoformat(timespec="seconds")
        told = {"card": cards[0]["uuid"], "outcome": "overridden", "outcomeTimestamp": moment}
        path = f"{PATH}/feedback"
        kept, call = self._post(path, {"feedback": [told]}, self._signer.authorization(PUBLIC + path))
        if kept is not None:
            with self._lock:
                self.seen.calls.append(call)
                self.seen.feedback.append(cards[0]["uuid"])

    def first_again(self) -> int:
        """Send the first call that was answered once more, with its token, and return the status."""
        assert self.first is not None
        body, token = self.first
        return requests.post(self._address + PATH, json=body, headers={"Authorization": token}, timeout=120).status_code

    def _replay(self, body: dict[str, Any], token: str) -> None:
        """Send a used token again; it must never be good for a second call."""
        try:
            again = requests.post(self._address + PATH, json=body, headers={"Authorization": token}, timeout=120)
        except requests.RequestException:
            return
        with self._lock:
            self.seen.replays_taken += again.ok

    def _post(self, path: str, body: dict[str, Any], token: str) -> tuple[Any, str]:
        call = str(uuid.uuid4())
        began = time.monotonic()
        try:
            headers = {"Authorization": token, "X-Request-Id": call}
            answer = requests.post(self._address + path, json=body, headers=headers, timeout=120)
        except requests.RequestException:
            answer = None
        with self._lock:
            self.seen.sent += 1
            self.seen.slowest = max(self.seen.slowest, time.monotonic() - began)
            if answer is None:
                self.seen.unanswered += 1
            elif answer.status_code == 200:
                self.seen.answered += 1
                return answer.json(), call
            else:
                self.seen.refused[answer.status_code] += 1
        return None, call


def found(url: str, seen: Outcome) -> Counter[str]:
    """How many of the expected rows are in the database, and what is there twice."""
    engine = create_engine(url)
    with engine.connect() as connection:
        stored = {
            "calls": connection.execute(text("SELECT request_id FROM audit_event")).scalars().all(),
            "cards": connection.execute(text("SELECT uuid FROM issued_card")).scalars().all(),
            "feedback": connection.execute(text("SELECT card FROM feedback")).scalars().all(),
        }
        again = connection.execute(text("SELECT card FROM feedback WHERE repeats > 0")).scalars().all()
    engine.dispose()
    rows = Counter({name: len(set(getattr(seen, name)) & set(values)) for name, values in stored.items()})
    answered = set(seen.calls)
    rows["twice"] = len(set(seen.feedback) & set(again)) + sum(
        number - 1 for name, number in Counter(stored["calls"]).items() if name in answered
    )
    return rows

"""A patient's whole course against the whole stack: two workers, PostgreSQL, Redis and HAPI FHIR."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cds_service.ehr.signing import load_key
from cds_service.store.audit import AuditStore
from cds_service.store.database import SqlStore
from tests.hapi import test_course as course
from tests.hapi.bedside import ISSUER, PUBLIC, Ward
from tests.servers.postgresql import PostgreSQL
from tests.servers.redis import Redis
from tests.servers.stack import service_with_stores


class StackWard(Ward):
    """A ward whose clock is the one of the running service."""

    clock: Path

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "moved" and isinstance(value, timedelta) and hasattr(self, "clock"):
            self.clock.write_text(str(value.total_seconds() / 3600))


@pytest.fixture
def at(hapi: str, tmp_path: Path, postgresql: PostgreSQL, own_redis: Redis) -> Iterator[StackWard]:
    key, clients = tmp_path / "key.pem", tmp_path / "clients.toml"
    private = ec.generate_private_key(ec.SECP384R1())
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [load_key(key).public()]}))
    clients.write_text(f'[[client]]\nissuer = "{ISSUER}"\nname = "EHR"\njwks = "keys.json"\nrate = "600/minute"\n')
    database = postgresql.new_database()
    settings = {"DATABASE_URL": database, "CLIENTS": str(clients), "PUBLIC_URL": PUBLIC, "BUDGET_SECONDS": "60"}
    settings |= {"FHIR_ORIGINS": hapi.removesuffix("/fhir")}
    with service_with_stores(tmp_path, postgresql, own_redis, settings) as service:
        store = SqlStore(database)
        ward = StackWard(hapi, service.url, key, store)
        ward.clock = service.clock
        yield ward
        audit = AuditStore(database)
        calls = [record.action for record in audit.records()]
        assert calls.count("hook") > 5, "each call is on record in PostgreSQL"
        store.close()
        audit.close()


def test_raised_markers(at: StackWard) -> None:
    course.test_raised_markers_lead_to_biopsy_and_its_warning(at, "in the stack")


def test_normal_markers(at: StackWard) -> None:
    course.test_normal_markers_lead_to_a_plan_and_to_re_evaluation(at, "in the stack")

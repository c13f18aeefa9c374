"""Composition root: puts the parts of the service together from its settings and gives the Flask application."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Protocol

from flask import Flask

import cds_service
from cards.build import CardWriter
from cds_service.config import MEBIBYTE, Settings
from cds_service.fhir.extract import FactExtractor
from cds_service.fhir.remembered import RememberedReadings
from cds_service.hooks.access import AccessPolicy, FhirAccess
from cds_service.hooks.answer import HookDesk
from cds_service.hooks.audit import AuditDesk
from cds_service.hooks.evaluate import Evaluator
from cds_service.hooks.memory import AdviceMemory
from cds_service.hooks.prefetch import FetchLimits, PrefetchCompleter
from cds_service.hooks.preview.desk import PreviewDesk
from cds_service.hooks.preview.servers import ChartServers
from cds_service.hooks.preview.time import CallTime
from cds_service.hooks.repeat import RepeatLock
from cds_service.hooks.results.desk import ResultDesk
from cds_service.hooks.results.records import ResultServer
from cds_service.hooks.review.handbook import build_handbook
from cds_service.hooks.transport import HttpTransport
from cds_service.hooks.usage import UsageDesk
from cds_service.hooks.writing import CardDesk
from cds_service.identity import new_uuid
from cds_service.knowledge.load import Knowledge, load_knowledge
from cds_service.reading.read import Reader
from cds_service.rules.engine import Engine
from cds_service.rules.repeat import repeat_span
from cds_service.security.clients import ClientDirectory
from cds_service.security.outbound import Outbound
from cds_service.security.quota import Quotas
from cds_service.security.replay import SharedTokens
from cds_service.security.shared_redis import RedisTokens, SharedRedis
from cds_service.security.trust import build_trust
from cds_service.store.assembly import Stores, open_stores, spools
from cds_service.store.connection import Database
from cds_service.store.database import load_hash_key
from cds_service.store.records import StoreError
from cds_service.store.repeats import RepeatStore
from cds_service.store.shares import UsedShares
from cds_service.store.tokens import MachineTokens
from cds_service.store.usage import reading_usage
from cds_service.telemetry.board import Board
from cds_service.telemetry.desk import Telemetry
from cds_service.telemetry.metrics import Metrics, Series
from cds_service.telemetry.tracing import Tracer
from cds_service.web.backend import Backend
from cds_service.web.site import build_site

# Part of the budget of a call that fetching may use; the rest is for reading and writing the cards.
_FETCH_SHARE = 0.8
# A result also has its report read first and its outcome written last.
_RESULT_FETCH_SHARE = 0.6
# What a single question of the report on usage may take.
_USAGE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Clinic:
    """The clinical middle of the service, loaded once: knowledge, reader, evaluation and card writer."""

    knowledge: Knowledge
    reader: Reader
    readings: RememberedReadings
    evaluator: Evaluator
    writer: CardWriter


@cache
def build_clinic(overlay: Path | None = None) -> Clinic:
    """Load all knowledge and words, once in a process. Raises KnowledgeError naming file and key."""
    knowledge = load_knowledge(overlay)
    reader = Reader(knowledge.findings, knowledge.languages, knowledge.codes.conditions)
    remembered = RememberedReadings(reader, knowledge.version)
    return Clinic(
        knowledge=knowledge,
        reader=reader,
        readings=remembered,
        evaluator=Evaluator(FactExtractor(knowledge, remembered), Engine(knowledge)),
        writer=CardWriter(),
    )


def build_previews(
    clinic: Clinic, settings: Settings, pool: ThreadPoolExecutor, access: AccessPolicy | None = None
) -> PreviewDesk:
    """Return the desk that evaluates and keeps nothing; with an ``access`` it asks FHIR servers where it may."""
    limits = FetchLimits(settings.budget_seconds * _FETCH_SHARE, settings.max_pages, settings.max_entries)
    completer = PrefetchCompleter(limits, pool, time.monotonic)
    start = partial(CallTime, settings.budget_seconds, time.monotonic)
    servers = None
    if access is not None and settings.preview_charts:
        servers = ChartServers(
            lambda call: access.open(call, None),
            clinic.knowledge.codes.imaging,
            settings.budget_seconds * _FETCH_SHARE,
            listed=settings.fhir_origins,
            local=settings.trial,
        )
    return PreviewDesk(completer, clinic.evaluator, card_desk(clinic, settings), clinic.knowledge, start, servers)


def card_desk(clinic: Clinic, settings: Settings) -> CardDesk:
    """Return the desk that writes cards with links to the public address."""
    return CardDesk(clinic.writer, settings.base_url, new_uuid)


def build_repeats(clinic: Clinic, settings: Settings, hash_key: bytes, states: RepeatStore) -> RepeatLock:
    """Return the lock that holds acknowledged cards back, on the states that the store keeps."""
    limits = clinic.knowledge.thresholds
    return RepeatLock(states, hash_key, lambda card: repeat_span(card, limits), enabled=settings.repeat_lock)


def build_results(
    clinic: Clinic, settings: Settings, pool: ThreadPoolExecutor, outbound: Outbound, telemetry: Telemetry
) -> ResultDesk | None:
    """Return the desk that a FHIR server notifies of results, ``None`` where none is set up. Raises ConfigError."""
    settings.check_results()
    if not settings.results_fhir:
        return None
    base, token = settings.results_fhir, settings.results_token
    transport = HttpTransport(settings.max_body_bytes, outbound, telemetry.metrics.fetched)
    reads = FhirAccess(base, token, transport, lambda: False)
    limits = FetchLimits(settings.budget_seconds * _RESULT_FETCH_SHARE, settings.max_pages, settings.max_entries)
    return ResultDesk(
        server=ResultServer(base, token, reads, outbound, time.monotonic),
        completer=PrefetchCompleter(limits, pool, time.monotonic),
        evaluator=clinic.evaluator,
        cards=card_desk(clinic, settings),
        kind=settings.results_as,
        language=settings.language,
        seconds=settings.budget_seconds,
        clock=time.monotonic,
    )


def build_usage(settings: Settings) -> UsageDesk:
    """Put together what counts how cards are taken up; it has a connection of its own, so that no call waits for it."""
    reading = partial(reading_usage, Database(settings.database), _USAGE_SECONDS)
    return UsageDesk(reading, lambda: datetime.now(UTC).date())


def build_telemetry(settings: Settings, clinic: Clinic, stores: Stores, board: Board | None) -> Telemetry:
    """Put together what counts and traces; workers share a ``board``. Raises ConfigError."""
    metrics = Metrics(board)
    metrics.follow(partial(_of_databases, stores))
    metrics.follow(partial(_of_memory, "readings", clinic.readings))
    info = ("marrow_build_info", cds_service.__version__, clinic.knowledge.version)
    tracer = Tracer(settings.otlp_endpoint) if settings.otlp_endpoint else None
    return Telemetry(
        metrics, [lambda: [(info, 1.0)], partial(_of_store, stores), partial(_of_spools, settings)], tracer
    )


class _Memory(Protocol):
    hits: int
    misses: int


def _of_memory(name: str, memory: _Memory) -> Iterable[tuple[Series, float]]:
    yield ("marrow_cache_lookups_total", name, "hit"), memory.hits
    yield ("marrow_cache_lookups_total", name, "miss"), memory.misses


def _of_databases(stores: Stores) -> Iterable[tuple[Series, float]]:
    for name, database in stores.databases.items():
        opened, used = database.connections()
        yield ("marrow_database_connections", name, "open"), opened
        yield ("marrow_database_connections", name, "used"), used


def _of_store(stores: Stores) -> Iterable[tuple[Series, float]]:
    try:
        stores.cards.check()
        answers = True
    except StoreError:
        answers = False
    yield ("marrow_store_up",), float(answers)
    yield ("marrow_store_keeps",), float(answers or stores.cards.can_write())


def _of_spools(settings: Settings) -> Iterable[tuple[Series, float]]:
    for name, spool in spools(settings).items():
        files, size = spool.sizes()
        yield ("marrow_spool_files", name), files
        yield ("marrow_spool_bytes", name), size
        yield ("marrow_spool_aside_files", name), spool.aside()[0]
        yield ("marrow_spool_discarded_rows", name), spool.discarded
        if settings.spool_reserve_megabytes:
            yield ("marrow_spool_reserve_bytes", name), spool.reserve
        yield ("marrow_spool_limit_bytes", name), settings.spool_megabytes * MEBIBYTE


def _of_records(backend: Backend) -> Iterable[tuple[Series, float]]:
    yield ("marrow_unrecorded_total", "cards"), backend.audit.unrecorded_cards
    yield ("marrow_unrecorded_total", "calls"), backend.audit.unrecorded_calls


def _time_of(seconds: float) -> Callable[[], bool]:
    """Begin the time of one call; the answer says whether some of it is left."""
    ends = time.monotonic() + seconds
    return lambda: time.monotonic() < ends


def _shares(settings: Settings, stores: Stores) -> UsedShares | None:
    """Return where several processes count together; one that has its database alone counts for itself."""
    database = stores.databases["store"]
    return UsedShares(database) if settings.workers > 1 or not database.is_file else None


def build_service(settings: Settings, board: Board | None = None) -> tuple[Backend, ClientDirectory | None]:
    """Put the running service together, with its registry of callers if it keeps one; workers share a ``board``.

    Raises KnowledgeError, ConfigError and StoreError naming what is wrong.
    """
    clinic = build_clinic(settings.knowledge_overlay)
    stores = open_stores(settings)
    telemetry = build_telemetry(settings, clinic, stores, board)
    redis = SharedRedis(settings.redis_url) if settings.redis_url else None
    tokens = RedisTokens(redis, stores.cards, StoreError) if redis is not None else stores.cards
    spare = MachineTokens(f"sqlite:///{(settings.state_path / 'seen-tokens.sqlite').absolute()}")
    trust = build_trust(settings, SharedTokens(tokens, StoreError, spare))
    hash_key = load_hash_key(settings.patient_hash_key, settings.state_path)
    pool = ThreadPoolExecutor(max_workers=2 * settings.threads + 8, thread_name_prefix="fhir")
    limits = FetchLimits(settings.budget_seconds * _FETCH_SHARE, settings.max_pages, settings.max_entries)
    transport = HttpTransport(settings.max_body_bytes, trust.outbound, telemetry.metrics.fetched)
    access = AccessPolicy(settings.fhir_origins, transport, time.monotonic, local=settings.trial)
    memory = AdviceMemory(settings.remember_seconds, clinic.knowledge.version, time.monotonic)
    telemetry.metrics.follow(partial(_of_memory, "answers", memory))
    backend = Backend(
        settings=settings,
        hooks=HookDesk(
            completer=PrefetchCompleter(limits, pool, time.monotonic),
            open_access=access.open,
            evaluator=clinic.evaluator,
            cards=card_desk(clinic, settings),
            hash_key=hash_key,
            start=partial(_time_of, settings.budget_seconds),
            repeats=build_repeats(clinic, settings, hash_key, stores.shown),
            memory=memory,
        ),
        previews=build_previews(clinic, settings, pool, access),
        store=stores.cards,
        verifier=trust.verifier,
        quotas=Quotas(redis, _shares(settings, stores), StoreError),
        audit=AuditDesk(
            stores.calls,
            hash_key,
            lambda: datetime.now(UTC),
            clinic.knowledge.version,
            answer_unrecorded=settings.answer_unrecorded,
        ),
        clock=lambda: datetime.now(UTC),
        knowledge_version=clinic.knowledge.version,
        handbook=build_handbook(clinic.knowledge),
        results=build_results(clinic, settings, pool, trust.outbound, telemetry),
        directory=trust.directory,
        telemetry=telemetry,
        usage=build_usage(settings),
    )
    telemetry.metrics.follow(partial(_of_records, backend))
    return backend, trust.directory


def build_backend(settings: Settings) -> Backend:
    """Put the running service together. Raises KnowledgeError, ConfigError and StoreError naming what is wrong."""
    return build_service(settings)[0]


def create_app(settings: Settings) -> Flask:
    """Return the service as a WSGI application."""
    return build_site(build_backend(settings))

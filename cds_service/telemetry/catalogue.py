"""Every metric of the service: its name, what it counts, and the labels that tell its series apart.

Values of labels come from closed lists of this service, from its knowledge and from the registry of callers. What a
caller may word (ids, texts, codes of a site, addresses) is never one.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What becomes of the numbers of several processes. Counters of processes that ended go on counting."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    # Added up over the processes that run.
    GAUGE = "gauge"
    # The largest of the processes that run.
    LARGEST = "largest"
    # Known to whichever process is asked, the same for all of them.
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``bounds`` are the upper bounds of the buckets of a histogram, in seconds."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


# A call takes a few milliseconds; the time limit of one is 4 seconds unless set.
_CALL_BOUNDS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0)
_STAGE_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 4.0)
_FETCH_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)

_COUNTED, _TIMED, _GAUGE, _SHARED = Kind.COUNTER, Kind.HISTOGRAM, Kind.GAUGE, Kind.SHARED

METRICS: tuple[Metric, ...] = (
    Metric("marrow_requests_total", _COUNTED, "Answered requests of every kind.", ("endpoint", "status")),
    Metric("marrow_calls_total", _COUNTED, "Answered hook and feedback calls.", ("service", "client", "status")),
    Metric("marrow_call_seconds", _TIMED, "Time of whole hook calls.", ("service",), _CALL_BOUNDS),
    Metric("marrow_stage_seconds", _TIMED, "Time of the stages of a hook call.", ("service", "stage"), _STAGE_BOUNDS),
    Metric("marrow_cards_total", _COUNTED, "Cards that were answered.", ("service", "card", "indicator")),
    Metric("marrow_card_rules_total", _COUNTED, "Rules behind the cards, each of a card's.", ("service", "rule")),
    Metric("marrow_cards_held_back_total", _COUNTED, "Cards that the repeat lock kept back.", ("service",)),
    Metric("marrow_gaps_total", _COUNTED, "Data that were missing or could not be read.", ("service", "code")),
    Metric("marrow_prefetch_total", _COUNTED, "Prefetch keys that had to be fetched.", ("service", "key", "outcome")),
    Metric("marrow_feedback_total", _COUNTED, "Feedback that was kept.", ("service", "outcome", "reason")),
    Metric("marrow_feedback_refused_total", _COUNTED, "Items of feedback that could not be read.", ("service",)),
    Metric("marrow_refusals_total", _COUNTED, "Refused and failed requests.", ("status", "reason")),
    Metric("marrow_results_total", _COUNTED, "Reports that a FHIR server notified of.", ("outcome",)),
    Metric("marrow_fhir_fetches_total", _COUNTED, "Reads from FHIR servers of callers.", ("outcome",)),
    Metric("marrow_fhir_fetch_seconds", _TIMED, "Time of reads from FHIR servers.", (), _FETCH_BOUNDS),
    Metric("marrow_cache_lookups_total", _COUNTED, "Look-ups in a memory of the process.", ("cache", "result")),
    Metric("marrow_unrecorded_total", _COUNTED, "Records that were kept nowhere.", ("what",)),
    Metric("marrow_cpu_seconds_total", _COUNTED, "Processor time of the workers."),
    Metric("marrow_worker_starts_total", _COUNTED, "Workers that began to answer."),
    Metric("marrow_metrics_lost_total", _COUNTED, "Series for which there was no room."),
    Metric("marrow_workers", _SHARED, "Workers that answer."),
    Metric("marrow_workers_memory_bytes", _GAUGE, "Resident memory of all workers."),
    Metric("marrow_worker_memory_bytes", Kind.LARGEST, "Resident memory of the largest worker."),
    Metric("marrow_places", _GAUGE, "Places at which calls are answered; waiting are calls without.", ("state",)),
    Metric("marrow_database_connections", _GAUGE, "Connections to the database.", ("database", "state")),
    Metric("marrow_store_up", _SHARED, "1 when the database of the store answers."),
    Metric("marrow_store_keeps", _SHARED, "1 when rows are kept: in the database or in the spool."),
    Metric("marrow_spool_files", _SHARED, "Files that wait for the database.", ("spool",)),
    Metric("marrow_spool_bytes", _SHARED, "Bytes that wait for the database.", ("spool",)),
    Metric("marrow_spool_aside_files", _SHARED, "Files with rows that the database will never take.", ("spool",)),
    Metric("marrow_spool_discarded_rows", _SHARED, "Rows deleted because too many lay aside.", ("spool",)),
    Metric("marrow_spool_reserve_bytes", _SHARED, "Bytes of the disk that a spool holds in advance.", ("spool",)),
    Metric("marrow_spool_limit_bytes", _SHARED, "Bytes that a spool may hold.", ("spool",)),
    Metric("marrow_build_info", _SHARED, "1, with the versions of service and knowledge.", ("version", "knowledge")),
)

BY_NAME = {metric.name: metric for metric in METRICS}

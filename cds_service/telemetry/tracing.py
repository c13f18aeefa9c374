"""Traces of hook calls by OpenTelemetry, where they are wanted: one span for the call, one for each of its stages.

Spans are made when the call is answered, from the times that were noted, and sent by a thread of their own. A collector
that is slow or gone costs spans and nothing else.
"""

import os
import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from cds_service import __version__
from cds_service.errors import ConfigError
from cds_service.telemetry.calls import SeenCall

_TRACES_PATH = "/v1/traces"
_NANOSECONDS = 1_000_000_000
_FAILED = 500
_SEND_SECONDS = 5
_CLOSE_MILLISECONDS = 3000


@dataclass(frozen=True, slots=True)
class _Libraries:
    """The parts of OpenTelemetry, which are installed with an extra."""

    trace: Any
    sdk: Any
    ids: Any
    export: Any
    resources: Any
    exporter: Any


def _libraries() -> _Libraries:
    try:
        from opentelemetry import trace  # noqa: PLC0415 - where it is installed
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415
        from opentelemetry.sdk import resources  # noqa: PLC0415
        from opentelemetry.sdk import trace as sdk  # noqa: PLC0415
        from opentelemetry.sdk.trace import export, id_generator  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ConfigError("MARROW_OTLP_ENDPOINT: needs marrow-cds[telemetry]") from None
    return _Libraries(trace, sdk, id_generator, export, resources, trace_exporter.OTLPSpanExporter)


def require_tracing() -> None:
    """Raise ConfigError where traces cannot be made."""
    _libraries()


def traces_address(endpoint: str) -> str:
    """Return where spans are sent: the usual path below an address that names none."""
    return endpoint if endpoint.partition("://")[2].partition("/")[2] else f"{endpoint}{_TRACES_PATH}"


class Tracer:
    """Sends the spans of calls to a collector; ``exporter`` may be given, for tests. Raises ConfigError."""

    def __init__(self, endpoint: str, exporter: Any = None) -> None:
        found = _libraries()
        self._trace = found.trace
        self._ids = _ids_of(found.ids.IdGenerator)
        named = {"service.name": "marrow-cds", "service.version": __version__, "process.pid": os.getpid()}
        self._provider = found.sdk.TracerProvider(
            resource=found.resources.Resource.create(named), id_generator=self._ids, shutdown_on_exit=True
        )
        sender = exporter or found.exporter(endpoint=traces_address(endpoint), timeout=_SEND_SECONDS)
        self._provider.add_span_processor(found.export.BatchSpanProcessor(sender))
        self._tracer = self._provider.get_tracer("cds_service", __version__)

    def called(self, call: SeenCall) -> None:
        """Make the spans of an answered call."""
        begun = call.laps.begun_at
        ended = begun + round((time.perf_counter() - call.laps.begun) * _NANOSECONDS)
        self._ids.next_trace = int(call.trace, 16)
        root = self._tracer.start_span(
            f"cds-services {call.service}" if call.service else call.endpoint,
            context=self._parent_of(call),
            kind=self._trace.SpanKind.SERVER,
            attributes=_attributes(call),
            start_time=begun,
        )
        if root.is_recording():
            if call.status >= _FAILED:
                root.set_status(self._trace.StatusCode.ERROR)
            inside = self._trace.set_span_in_context(root)
            for stage, start, end in call.laps.spans():
                part = self._tracer.start_span(
                    stage.value, context=inside, start_time=begun + round(start * _NANOSECONDS)
                )
                part.end(begun + round(end * _NANOSECONDS))
        root.end(ended)

    def flush(self) -> None:
        """Send what waits."""
        self._provider.force_flush(_CLOSE_MILLISECONDS)

    def close(self) -> None:
        """Send what waits, and no more."""
        self._provider.shutdown()

    def _parent_of(self, call: SeenCall) -> Any:
        """Return the context of the caller's span, an empty one where there is none."""
        trace = self._trace
        if not call.parent:
            return trace.set_span_in_context(trace.INVALID_SPAN)
        flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if call.sampled else trace.TraceFlags.DEFAULT)
        known = trace.SpanContext(int(call.trace, 16), int(call.parent, 16), is_remote=True, trace_flags=flags)
        return trace.set_span_in_context(trace.NonRecordingSpan(known))


def _attributes(call: SeenCall) -> dict[str, Any]:
    """Return what a span says of its call."""
    found: dict[str, Any] = {
        "http.response.status_code": call.status,
        "marrow.endpoint": call.endpoint,
        "marrow.service": call.service,
        "marrow.client": call.client,
        "marrow.hook_instance": call.instance,
        "marrow.refused": call.refused,
        "marrow.cards": [card.card_id for card in call.cards],
        "marrow.indicators": [card.indicator for card in call.cards],
        "marrow.rules": sorted({rule for card in call.cards for rule in card.rule_ids}),
        "marrow.gaps": sorted(set(call.gaps)),
        "marrow.fetched": list(call.fetched),
    }
    return {name: value for name, value in found.items() if value}


def _ids_of(base: Any) -> Any:
    """Return a source of ids that gives each trace the id that was noted for it: the one that stands in the log."""

    class Noted(base):  # type: ignore[misc]  # the base is known at run time only
        def __init__(self) -> None:
            self._local = threading.local()

        @property
        def next_trace(self) -> int:
            return int(getattr(self._local, "trace", 0))

        @next_trace.setter
        def next_trace(self, trace: int) -> None:
            self._local.trace = trace

        def generate_trace_id(self) -> int:
            return self.next_trace or random.getrandbits(128)

        def generate_span_id(self) -> int:
            return random.getrandbits(64) or 1

        def is_trace_id_random(self) -> bool:
            return False

    return Noted()

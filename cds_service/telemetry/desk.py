"""Hears of every answered request and tells those who count and trace; nothing that it does harms an answer."""

import logging
from collections.abc import Iterable

from cds_service.telemetry.calls import SeenCall
from cds_service.telemetry.metrics import Metrics, Series, Source
from cds_service.telemetry.page import Page
from cds_service.telemetry.tracing import Tracer

_log = logging.getLogger("cds_service.telemetry")


class Telemetry:
    """The metrics of this process, their page, and the tracer where traces are wanted."""

    def __init__(
        self, metrics: Metrics | None = None, shared: Iterable[Source] = (), tracer: Tracer | None = None
    ) -> None:
        self.metrics = metrics or Metrics()
        self.page = Page(self.metrics, shared)
        self._tracer = tracer

    def called(self, call: SeenCall) -> None:
        """Take note of an answered request. A failure is logged and goes no further."""
        try:
            self.metrics.called(call)
            if self._tracer is not None and call.service:
                self._tracer.called(call)
        except Exception as error:  # noqa: BLE001 - the answer is ready; nobody must lose it over a number
            _log.error("a call was not counted: %s", type(error).__name__)

    def count(self, changes: Iterable[tuple[Series, float]]) -> None:
        """Count what is beside the request itself, with the same promise."""
        try:
            self.metrics.add(changes)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("something was not counted: %s", type(error).__name__)

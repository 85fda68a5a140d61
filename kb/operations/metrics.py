"""Metrics in Prometheus' text format: what the server processes count, and the state of the rest.

The counters of all server processes are added up from files in the data folder (the multiprocess
mode of ``prometheus_client``); queues, ages and sizes are looked up when somebody asks. Nothing of
this is imported while ``KB_METRICS`` is unset.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kb.database import Database
from kb.errors import KbError
from kb.mail.spool import Spool
from kb.notifications.outbox import Outbox
from kb.operations import heartbeats
from kb.search.generations.generation import Generations

_FOLDER = ".metrics"
#: prometheus_client reads it when it is imported, and then writes to files instead of memory.
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
#: Seconds. A suggestion takes milliseconds, an upload as long as the network does.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def metrics_folder(data: Path) -> Path:
    """Where the server processes of this data folder count, made for its owner only."""
    folder = data / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ[_VARIABLE] = str(folder)
    return folder


def clear_metrics(data: Path) -> None:
    """Start counting from zero, before the first server process does."""
    shutil.rmtree(data / _FOLDER, ignore_errors=True)


class RequestMetrics:
    """What one server process counts."""

    def __init__(self, data: Path) -> None:
        metrics_folder(data)
        from prometheus_client import CollectorRegistry, Counter, Histogram

        registry = CollectorRegistry()
        self.requests = Histogram(
            "askfirst_request_seconds",
            "Duration of requests in seconds, by route and class of status.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.suggestions = Counter(
            "askfirst_suggestions",
            "Suggestions: answered, partial (the time ran out) or abstained (none good enough).",
            ("outcome",),
            registry=registry,
        )
        self.overloaded = Counter(
            "askfirst_overloaded",
            "Requests refused with 503 because too many came at once.",
            registry=registry,
        )
        self.tickets = Counter("askfirst_tickets_filed", "Tickets filed.", registry=registry)
        self.refused_sign_ins = Counter(
            "askfirst_sign_ins_refused", "Sign-ins that were refused.", registry=registry
        )


class StateCollector:
    """Gauges of the installation. A part that cannot be read is left out and named as an error."""

    def __init__(self, data: Path, database: Database, clock: Callable[[], dt.datetime]) -> None:
        self._data = data
        self._database = database
        self._clock = clock

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        errors = GaugeMetricFamily(
            "askfirst_unreadable", "Parts that cannot be read just now.", labels=("part",)
        )
        for part, gauges in (
            ("outbox", self._outbox),
            ("mail", self._mail_in),
            ("worker", self._worker),
            ("index", self._index),
            ("disk", self._disk),
        ):
            try:
                for name, meaning, values in gauges():
                    family = GaugeMetricFamily(f"askfirst_{name}", meaning, labels=("queue",))
                    if isinstance(values, dict):
                        for queue, value in values.items():
                            family.add_metric((queue,), value)
                    else:
                        family = GaugeMetricFamily(f"askfirst_{name}", meaning, value=values)
                    yield family
            except (KbError, OSError, ValueError):
                errors.add_metric((part,), 1)
        yield errors

    def _outbox(self) -> Iterator[tuple[str, str, float | dict[str, int]]]:
        outbox, now = Outbox(self._database), self._clock()
        oldest = outbox.oldest_due(now)
        age = (now - oldest).total_seconds() if oldest else 0.0
        yield "outbox_waiting", "Messages that wait to be sent.", outbox.pending()
        yield "outbox_oldest_seconds", "How long the oldest message is due; 0: none is.", age
        yield "outbox_failed", "Messages that were given up.", outbox.failed()

    def _mail_in(self) -> Iterator[tuple[str, str, float]]:
        delayed = Spool(self._data / "mail").delayed()
        yield "mails_delayed", "Received e-mails that will be tried again.", delayed

    def _worker(self) -> Iterator[tuple[str, str, float]]:
        beat = heartbeats.last_beat(self._database, heartbeats.WORKER)
        if beat is not None:
            age = (self._clock() - beat).total_seconds()
            yield "worker_heartbeat_age_seconds", "Seconds since the worker was alive.", age

    def _index(self) -> Iterator[tuple[str, str, float]]:
        generation = Generations(self._data).current(trusted=True)
        if generation is not None:
            created = dt.datetime.fromisoformat(generation.manifest.created)
            age = (self._clock() - created).total_seconds()
            yield "index_age_seconds", "Seconds since the live generation was built.", age

    def _disk(self) -> Iterator[tuple[str, str, float]]:
        free = shutil.disk_usage(self._data).free
        yield "disk_free_bytes", "Free space on the disk of the data folder.", free
        yield "database_bytes", "Size of the database with its log.", self._database.size()


def start_metrics_server(
    host: str, port: int, data: Path, database: Database, clock: Callable[[], dt.datetime]
) -> Callable[[], None]:
    """Answer ``GET /metrics`` in a thread; what is returned stops that. Raises OSError."""
    folder = metrics_folder(data)
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]  # registers itself
    registry.register(StateCollector(data, database, clock))
    server, thread = start_http_server(port, host, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop

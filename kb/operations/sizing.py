"""How large an installation has to be: memory, disk, cores and arrangement, from measured costs.

The costs are in ``coefficients.toml``, which ``python -m bench.growth --write`` measures anew. What
is beyond the measured range is extrapolated, and the answer says so. The rest are assumptions about
how people work, which stand below and are printed with the answer.
"""

from __future__ import annotations

import math
import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

#: The share of a year's tickets that come in its busiest hour; eight busy hours a working day.
_BUSIEST_HOUR = 3 / (250 * 8)
#: Years for which tickets are kept, to tell how many come in one.
_YEARS = 3
#: Visitors who type a title for each ticket that is filed, and suggestions that each asks for.
_VISITORS_PER_TICKET, _SUGGESTIONS_PER_VISITOR = 5, 20
#: How often each pauses, so that the sentence encoder reads the title.
_PAUSES_PER_VISITOR = 2
#: Pages that an agent opens in a busy hour, and CPU of one in ms.
_PAGES_PER_AGENT, _CPU_MS_PER_PAGE = 120, 25
#: How busy cores may be, so that nobody waits when several ask at once.
_UTILISATION = 0.4
_GENERATIONS = 3
#: A portal process without its index, which processes share.
_PROCESS_BYTES = 200_000_000
_SYSTEM_BYTES = 500_000_000
#: Beyond these, a second machine also serves while the first one is restarted.
_CORES_OF_A_MACHINE, _AGENTS_OF_A_MACHINE = 8, 200

#: Beyond these, one SQLite file is still correct, but backups and reports take too long.
_SQLITE_TICKETS, _SQLITE_AGENTS = 2_000_000, 50


class Arrangement(StrEnum):
    """What runs where."""

    ONE_MACHINE = "one machine, SQLite"
    ONE_MACHINE_POSTGRESQL = "one machine, PostgreSQL"
    REPLICAS = "several portal machines, PostgreSQL, a store for the index"


@dataclass(frozen=True, slots=True)
class Workload:
    """What is planned: counts."""

    documents: int
    tickets: int
    agents: int


@dataclass(frozen=True, slots=True)
class Size:
    """``memory`` and ``cores`` are of each portal machine; disks in bytes. ``reading_hours`` is how
    long the sentence encoder takes to read all pages, in the background; 0 without it.
    """

    arrangement: str
    machines: int
    cores: int
    memory: int
    index_disk: int
    database_disk: int
    build_minutes: float
    reading_hours: float
    suggestion_ms: float
    measured_on: str
    extrapolated: bool
    assumptions: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"assumptions": list(self.assumptions)}


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """What OpenSearch needs beside the portal machines; bytes are for one copy of each index."""

    cores: int
    disk: int
    suggestion_ms: float


@cache
def _coefficients() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("coefficients.toml").read_text("utf-8"))


def measured_sizes() -> tuple[int, ...]:
    """The numbers of documents that were measured, rising."""
    return tuple(_coefficients()["documents"]["count"])


def required_size(load: Workload, *, encoder: bool) -> Size:
    """What the load needs, rounded up to what can be bought; with or without the sentence
    encoder.
    """
    costs = _coefficients()
    of_encoder = costs["encoder"] if encoder else dict.fromkeys(costs["encoder"], 0)
    of_documents = costs["documents"]
    sizes = of_documents["count"]
    index = _straight(load.documents, sizes, of_documents["index_bytes"])
    build_memory = _straight(load.documents, sizes, of_documents["build_memory_bytes"])
    build_seconds = _straight(load.documents, sizes, of_documents["build_cpu_seconds"])
    suggestion = _power(load.documents, sizes, of_documents["suggest_cpu_ms_p50"])

    cpu_seconds = (
        _visitors_per_hour(load) * _SUGGESTIONS_PER_VISITOR * suggestion
        + _visitors_per_hour(load) * _PAUSES_PER_VISITOR * of_encoder["cpu_ms_per_question"]
        + _tickets_per_hour(load) * costs["cpu_ms_per_ticket"]
        + load.agents * _PAGES_PER_AGENT * _CPU_MS_PER_PAGE
    ) / 1000
    busy_cores = cpu_seconds / 3600 / _UTILISATION

    # One more for the worker, which also builds the index.
    cores = _power_of_two(busy_cores + 1, least=2)
    machines = 1
    if cores > _CORES_OF_A_MACHINE or load.agents > _AGENTS_OF_A_MACHINE:
        machines = max(2, math.ceil(cores / _CORES_OF_A_MACHINE))
        cores = min(cores, _CORES_OF_A_MACHINE)

    # One more is the second process of a build, which writes the index for operators.
    processes = max(2, cores) + 1
    memory = _SYSTEM_BYTES + index + build_memory
    memory += processes * (_PROCESS_BYTES + of_encoder["process_bytes"])
    return Size(
        arrangement=_arrangement(load, machines).value,
        machines=machines,
        cores=cores,
        memory=_power_of_two(memory / 1e9, least=2) * 1_000_000_000,
        index_disk=round((_GENERATIONS + 1) * index),
        database_disk=2 * load.tickets * costs["database_bytes_per_ticket"],
        build_minutes=round(build_seconds / 60, 1),
        reading_hours=round(load.documents * of_encoder["cpu_ms_per_document"] / 3_600_000, 1),
        suggestion_ms=round(suggestion, 2),
        measured_on=costs["measured_on"],
        extrapolated=load.documents > max(sizes),
        assumptions=(
            f"Tickets are kept for {_YEARS} years, and the busiest hour has three times its share.",
            f"{_VISITORS_PER_TICKET} visitors type a title for each ticket that is filed. Each "
            f"asks for {_SUGGESTIONS_PER_VISITOR} suggestions and pauses {_PAUSES_PER_VISITOR} "
            "times.",
            f"An agent opens {_PAGES_PER_AGENT} pages in an hour.",
            f"Cores are busy for {_UTILISATION:.0%} of the busiest hour at most.",
            "Attachments, images and backups need further disk space.",
        ),
    )


def required_cluster(load: Workload) -> ClusterSize:
    """The cluster for ``KB_SEARCH=opensearch``. The portal machines need as much as without it."""
    costs = _coefficients()["opensearch"]
    suggestion = _power(load.documents, costs["suggest_documents"], costs["suggest_cpu_ms"])
    suggestions = _visitors_per_hour(load) * _SUGGESTIONS_PER_VISITOR
    busy_cores = suggestions * suggestion / 1000 / 3600 / _UTILISATION
    return ClusterSize(
        cores=_power_of_two(busy_cores, least=2),
        disk=(_GENERATIONS + 1) * load.documents * costs["index_bytes_per_document"],
        suggestion_ms=round(suggestion, 1),
    )


def _tickets_per_hour(load: Workload) -> float:
    return load.tickets / _YEARS * _BUSIEST_HOUR


def _visitors_per_hour(load: Workload) -> float:
    return _tickets_per_hour(load) * _VISITORS_PER_TICKET


def _straight(documents: int, sizes: Sequence[int], values: Sequence[float]) -> float:
    """On straight lines through the measured points: what each document adds to.

    >>> _straight(400, [100, 200], [1.0, 3.0])
    7.0
    """
    at = _segment(documents, sizes)
    (low, high), (less, more) = sizes[at : at + 2], values[at : at + 2]
    return max(0.0, less + (more - less) * (documents - low) / (high - low))


def _power(documents: int, sizes: Sequence[int], values: Sequence[float]) -> float:
    """On straight lines between the logarithms: the CPU of a suggestion, of which ten times as many
    documents take so many times as much.

    >>> round(_power(10_000, [10, 100, 1_000], [1.0, 2.0, 6.0]), 6)
    18.0
    """
    at = _segment(documents, sizes)
    (low, high), (less, more) = sizes[at : at + 2], values[at : at + 2]
    exponent = math.log(more / less) / math.log(high / low)
    return float(less * (max(documents, 1) / low) ** exponent)


def _segment(documents: int, sizes: Sequence[int]) -> int:
    """The position of the two sizes between which, or next to which, ``documents`` is."""
    return min(max(bisect_right(sizes, documents) - 1, 0), len(sizes) - 2)


def _arrangement(load: Workload, machines: int) -> Arrangement:
    if machines > 1:
        return Arrangement.REPLICAS
    if load.tickets > _SQLITE_TICKETS or load.agents > _SQLITE_AGENTS:
        return Arrangement.ONE_MACHINE_POSTGRESQL
    return Arrangement.ONE_MACHINE


def _power_of_two(value: float, *, least: int) -> int:
    """
    >>> _power_of_two(5.1, least=2), _power_of_two(0.2, least=2)
    (8, 2)
    """
    return max(least, 1 << math.ceil(math.log2(max(value, 1))))

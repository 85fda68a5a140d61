"""Metrics: the state of an installation, and where they may be read."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.operations import heartbeats
from kb.operations.metrics import StateCollector
from kb.settings import load_settings
from tests.world import FRIDAY, World, draft


@pytest.mark.parametrize(
    "text", ["0.0.0.0:9100", "8.8.8.8:9100", "[::]:9100", "example.com:9100", "9100", "127.0.0.1:0"]
)
def test_metrics_are_never_public(text: str) -> None:
    with pytest.raises(Misconfigured):
        load_settings({"KB_METRICS": text})


@pytest.mark.parametrize(
    "text", ["127.0.0.1:9100", "localhost:9100", "10.0.0.7:9100", "[::1]:9100"]
)
def test_an_address_of_ones_own_is_fine(text: str) -> None:
    settings = load_settings({"KB_METRICS": text})
    assert settings.metrics
    assert settings.metrics[1] == 9100


def values(world: World, now: dt.datetime) -> dict[str, float]:
    collector = StateCollector(world.data, world.database, lambda: now)
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_messages_the_worker_the_disk_and_the_database_are_gauged(world: World) -> None:
    world.desk.filing.file(draft("Paper jam"), world.alice, key="1", now=FRIDAY)
    heartbeats.beat(world.database, heartbeats.WORKER, FRIDAY)
    found = values(world, FRIDAY + dt.timedelta(minutes=20))
    assert found["askfirst_outbox_waitingmail"] == 2
    assert found["askfirst_outbox_failedmail"] == 0
    assert found["askfirst_mails_delayed"] == 0
    assert found["askfirst_outbox_oldest_seconds"] == 1200
    assert found["askfirst_worker_heartbeat_age_seconds"] == 1200
    assert found["askfirst_disk_free_bytes"] > 0
    assert found["askfirst_database_bytes"] > 4096


def test_a_part_that_cannot_be_read_is_named_and_the_rest_is_told(
    world: World, tmp_path: Path
) -> None:
    collector = StateCollector(tmp_path / "gone", world.database, lambda: FRIDAY)
    names = {family.name: family for family in collector.collect()}
    assert [s.labels["part"] for s in names["askfirst_unreadable"].samples] == ["disk"]
    assert "askfirst_outbox_waiting" in names

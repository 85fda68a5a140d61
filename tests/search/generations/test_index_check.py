"""The worker finds damage that nobody has written, and portals fall back."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from kb.search.generations.generation import Generations
from kb.search.generations.index_check import IndexCheck
from kb.search.searcher import Searcher
from tests.search.generations.test_verification import flip, follows, partition_file
from tests.search.library import ARTICLES, publish

NOON = dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def check(index_check: IndexCheck, now: dt.datetime) -> None:
    index_check.start_if_due(now)
    index_check.wait()


def test_damage_is_found_once_a_day_and_the_generation_before_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(tmp_path)
    publish(tmp_path, ARTICLES[:3])
    reader, generations = Searcher(tmp_path), Generations(tmp_path)
    index_check = IndexCheck(generations.problem)
    check(index_check, NOON)
    assert reader.generation == "000002"
    assert not caplog.records

    flip(partition_file(tmp_path, "000002"))
    check(index_check, NOON + dt.timedelta(hours=23))
    assert generations.pointer() == ("000002", True)
    with caplog.at_level(logging.ERROR):
        check(index_check, NOON + dt.timedelta(hours=24))
    assert "part-0.arrays" in caplog.text
    assert follows(reader, "000001")


def test_without_an_index_there_is_nothing_to_check(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    check(IndexCheck(Generations(tmp_path).problem), NOON)
    assert not caplog.records

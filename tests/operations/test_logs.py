"""A log record is one line, whatever somebody put into it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.operations import logs

HOSTILE = "alice\x1b[31m\r\n2026-01-01 INFO forged \u202egnp.exe \u2028 \x9b \ud800"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def written(log_format: str, message: str, **values: object) -> str:
    stream = io.StringIO()
    logs.set_up("INFO", log_format, stream)
    with logs.in_request("req-1"):
        logging.getLogger("askfirst.test").info("%s", message, extra=logs.facts(**values))
    return stream.getvalue()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_hostile_record_stays_one_printable_line(log_format: str) -> None:
    line = written(log_format, HOSTILE, address=HOSTILE)
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert "req-1" in line


@given(st.text())
def test_no_text_leaves_its_line(text: str) -> None:
    assert len(logs.escaped(text).splitlines()) <= 1


def test_json_records_hold_their_facts_by_name() -> None:
    record = json.loads(written("json", "signed in", person=7))
    assert record["message"] == "signed in"
    assert record["person"] == 7
    assert record["level"] == "INFO"
    assert record["request_id"] == "req-1"


@pytest.mark.parametrize(("level", "records"), [("DEBUG", 2), ("INFO", 1), ("WARNING", 0)])
def test_the_level_decides_what_is_written(level: str, records: int) -> None:
    stream = io.StringIO()
    logs.set_up(level, "text", stream)
    logger = logging.getLogger("askfirst.test")
    logger.info("one")
    logger.debug("two")
    assert len(stream.getvalue().splitlines()) == records


def test_a_traceback_is_written_below_its_record() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", "text", stream)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("askfirst.test").exception("failed")
    lines = stream.getvalue().splitlines()
    assert len(lines) > 2
    assert all(line.isprintable() and line.startswith("    ") for line in lines[1:] if line)

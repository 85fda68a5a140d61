"""A policy file that changes while it is in force: taken once it is sound and still, never while it
is broken.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.sla import policy_file
from kb.sla.policy_reload import PolicyWatch

EXAMPLE = Path(__file__).parents[2] / "content" / "policies.toml"
NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    copied = tmp_path / "policies.toml"
    copied.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return copied


@pytest.fixture
def watch(file: Path) -> PolicyWatch:
    return PolicyWatch(file, policy_file.load_policy(file))


def write(file: Path, text: str) -> None:
    """As an editor does; a time of its own, as two writes may share a tick of the file system."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_text(text, "utf-8")
    os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def test_a_file_that_is_left_alone_changes_nothing(watch: PolicyWatch) -> None:
    assert [watch.changed(NOW + n * SECOND) for n in range(4)] == [None] * 4


def test_a_change_counts_once_the_file_has_kept_still(file: Path, watch: PolicyWatch) -> None:
    write(file, file.read_text("utf-8").replace('title = "Commercial"', 'title = "Business"', 1))
    assert watch.changed(NOW) is None
    assert watch.changed(NOW) is None, "looked at once a second"
    policy = watch.changed(NOW + SECOND)
    assert policy is not None
    assert policy.levels["commercial"].title == "Business"
    assert watch.changed(NOW + 2 * SECOND) is None


def test_a_broken_file_is_told_once_and_what_is_sound_again_is_taken(
    file: Path, watch: PolicyWatch
) -> None:
    sound = file.read_text("utf-8")
    write(file, sound.replace('calendar = "business-days"', 'calendar = "busines-days"', 1))
    assert watch.changed(NOW) is None
    with pytest.raises(Misconfigured, match="busines-days"):
        watch.changed(NOW + SECOND)
    assert "busines-days" in watch.problem
    assert watch.changed(NOW + 2 * SECOND) is None
    assert watch.problem, "it is still broken"
    write(file, sound)
    assert [watch.changed(NOW + n * SECOND) for n in (3, 4)] == [None, None], "as it was"
    assert not watch.problem
    write(file, sound.replace('title = "Commercial"', 'title = "Business"', 1))
    assert [watch.changed(NOW + n * SECOND) is None for n in (5, 6)] == [True, False]


def test_a_file_that_is_gone_is_a_broken_one(file: Path, watch: PolicyWatch) -> None:
    file.unlink()
    assert watch.changed(NOW) is None
    with pytest.raises(Misconfigured, match="missing"):
        watch.changed(NOW + SECOND)


def test_a_touched_file_that_says_the_same_is_no_change(file: Path, watch: PolicyWatch) -> None:
    write(file, file.read_text("utf-8"))
    assert [watch.changed(NOW + n * SECOND) for n in range(3)] == [None] * 3


def test_the_calendar_of_closures_is_watched_too(file: Path) -> None:
    text = file.read_text("utf-8").replace(
        "[calendars.business-days]", '[calendars.business-days]\nics = "closed.ics"'
    )
    write(file, text)
    closures = file.parent / "closed.ics"
    begin, end = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\n", "END:VEVENT\r\nEND:VCALENDAR\r\n"
    closures.write_text(f"{begin}DTSTART;VALUE=DATE:20261126\r\n{end}", "utf-8", newline="")
    watch = PolicyWatch(file, policy_file.load_policy(file))
    assert watch.changed(NOW) is None
    write(closures, f"{begin}DTSTART;VALUE=DATE:20261127\r\n{end}")
    assert [watch.changed(NOW + n * SECOND) is None for n in (1, 2)] == [True, False]


def test_what_could_not_be_used_is_given_again(file: Path, watch: PolicyWatch) -> None:
    write(file, file.read_text("utf-8").replace('title = "Commercial"', 'title = "Business"', 1))
    assert watch.changed(NOW) is None
    assert watch.changed(NOW + SECOND) is not None
    watch.again()
    assert watch.changed(NOW + 2 * SECOND) is not None

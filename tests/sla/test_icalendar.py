"""Closures from an exported calendar; what cannot be followed exactly is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import Misconfigured
from kb.sla.calendar import SpecialHours
from kb.sla.icalendar import read_closures
from kb.sla.policy_file import load_policy
from tests.sla.calendars import BERLIN, HOUR, at
from tests.sla.test_policy_file import GOOD


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n"


def read(*events: str) -> tuple[SpecialHours, ...]:
    told: list[str] = []
    found = read_closures(
        calendar(*events), BERLIN, lambda line, sentence: told.append(f"{line}: {sentence}")
    )
    assert told == []
    return found


def refused(*events: str) -> list[tuple[int, str]]:
    told: list[tuple[int, str]] = []
    read_closures(calendar(*events), BERLIN, lambda line, sentence: told.append((line, sentence)))
    return told


def test_a_whole_day_closes_the_day() -> None:
    found = read("DTSTART;VALUE=DATE:20261228\r\nSUMMARY:Stock-taking\\, all day")
    assert found == (SpecialHours(2026, 12, 28, why="Stock-taking, all day"),)


def test_the_end_of_a_closure_of_several_days_is_not_closed() -> None:
    found = read(
        "DTSTART;VALUE=DATE:20261228\r\nDTEND;VALUE=DATE:20261231\r\nSUMMARY:Between\r\n  the years"
    )
    assert [special.day for special in found] == [28, 29, 30]
    assert found[0].why == "Between the years"


def test_a_part_of_a_day_is_moved_into_the_zone_of_the_calendar() -> None:
    half_day = (SpecialHours(2026, 6, 8, 13 * HOUR, 17 * HOUR, "closed"),)
    assert read("DTSTART:20260608T110000Z\r\nDTEND:20260608T150000Z") == half_day
    assert read("DTSTART;TZID=Europe/Berlin:20260608T130000\r\nDURATION:PT4H") == half_day
    assert read('DTSTART;TZID="America/New_York":20260608T070000\r\nDURATION:PT4H') == half_day
    assert read("DTSTART:20260608T130000\r\nDTEND:20260608T170000") == half_day


def test_a_yearly_event_closes_every_year() -> None:
    assert read("DTSTART;VALUE=DATE:20201224\r\nRRULE:FREQ=YEARLY") == (
        SpecialHours(None, 12, 24, why="closed"),
    )


def test_a_cancelled_event_and_an_alarm_close_nothing() -> None:
    assert read("DTSTART;VALUE=DATE:20261228\r\nSTATUS:CANCELLED") == ()
    alarm = (
        "DTSTART;VALUE=DATE:20261228\r\nBEGIN:VALARM\r\nSUMMARY:Beep\r\nDURATION:PT1H\r\nEND:VALARM"
    )
    assert read(alarm) == (SpecialHours(2026, 12, 28, why="closed"),)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("SUMMARY:When?", "DTSTART"),
        ("DTSTART:20260608T110000", "DTEND"),
        ("DTSTART;VALUE=DATE:20260231", "day"),
        ("DTSTART;VALUE=DATE:20260608\r\nRRULE:FREQ=WEEKLY", "FREQ=WEEKLY"),
        ("DTSTART;VALUE=DATE:20260608\r\nRRULE:FREQ=YEARLY;BYDAY=4TH", "BYDAY=4TH"),
        ("DTSTART;VALUE=DATE:20260608\r\nRRULE:FREQ=YEARLY\r\nEXDATE:20270608", "EXDATE"),
        ("DTSTART;VALUE=DATE:20260608\r\nDTEND;VALUE=DATE:20260601", "end"),
        ("DTSTART;VALUE=DATE:20260608\r\nDTEND;VALUE=DATE:20280601", "year"),
        ("DTSTART;TZID=Mars/Olympus:20260608T110000\r\nDURATION:PT1H", "Mars/Olympus"),
        ("DTSTART:20260608T110000\r\nDURATION:soon", "'soon'"),
    ],
)
def test_an_event_that_cannot_be_followed_is_refused_with_its_line(event: str, words: str) -> None:
    ((line, sentence),) = refused("DTSTART;VALUE=DATE:20260101", event)
    assert line == 6
    assert words.lower() in sentence.lower()


def test_the_policy_file_takes_closures_from_beside_it_and_tells_their_mistakes(
    tmp_path: Path,
) -> None:
    text = GOOD.replace('holidays = "DE-BE"', 'ics = "away.ics"')
    (tmp_path / "policies.toml").write_text(text, encoding="utf-8")
    (tmp_path / "away.ics").write_text(
        calendar("DTSTART;VALUE=DATE:20260608\r\nSUMMARY:Outing"), encoding="utf-8"
    )
    policy = load_policy(tmp_path / "policies.toml", today=dt.date(2026, 6, 1))
    assert not policy.calendars["office"].is_open(at("2026-06-08 10:00"))
    (tmp_path / "away.ics").write_text("hello", encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"policies\.toml:6: away\.ics, line 1: "):
        load_policy(tmp_path / "policies.toml", today=dt.date(2026, 6, 1))
    (tmp_path / "away.ics").write_text(
        calendar("DTSTART;VALUE=DATE:20260608T000000\r\nDTEND:20260609T000000")
    )
    assert (
        load_policy(tmp_path / "policies.toml", today=dt.date(2026, 6, 1)).version != policy.version
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("DTSTARENUL;:=P2026060T1Z\\ ,", max_size=30), max_size=6))
def test_no_event_however_odd_ends_in_a_traceback(lines: list[str]) -> None:
    told: list[int] = []
    text = calendar("\r\n".join(["DTSTART:20260608T110000Z", *lines]), "\r\n".join(lines))
    found = read_closures(text, BERLIN, lambda line, sentence: told.append(line))
    assert all(1 <= line <= text.count("\n") for line in told)
    assert all(0 <= special.start < special.end <= 86_400 for special in found)

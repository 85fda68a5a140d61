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

TODAY = dt.date(2026, 6, 1)


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n"


def read(*events: str) -> tuple[SpecialHours, ...]:
    told: list[str] = []
    found = read_closures(
        calendar(*events),
        BERLIN,
        lambda line, sentence: told.append(f"{line}: {sentence}"),
        today=TODAY,
    )
    assert told == []
    return found


def refused(*events: str) -> list[tuple[int, str]]:
    told: list[tuple[int, str]] = []
    read_closures(
        calendar(*events),
        BERLIN,
        lambda line, sentence: told.append((line, sentence)),
        today=TODAY,
    )
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


def days_of(closures: tuple[SpecialHours, ...], year: int) -> list[tuple[int, int]]:
    return sorted((each.month, each.day) for each in closures if each.year == year)


def test_a_weekly_series_ends_and_leaves_out_its_exceptions() -> None:
    weekly = read(
        "UID:a\r\nDTSTART;TZID=Europe/Berlin:20260605T150000\r\nDTEND;TZID=Europe/Berlin:"
        "20260605T170000\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\n"
        "EXDATE;TZID=Europe/Berlin:20260612T150000\r\nSUMMARY:Team meeting"
    )
    assert days_of(weekly, 2026) == [(6, 5), (6, 19), (6, 26)]
    assert {(each.start, each.end) for each in weekly} == {(15 * HOUR, 17 * HOUR)}


def test_the_last_friday_of_a_month_and_the_fourth_thursday_of_a_year() -> None:
    monthly = read("DTSTART;VALUE=DATE:20260130\r\nRRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20260401")
    assert days_of(monthly, 2026) == [(1, 30), (2, 27), (3, 27)]
    thanksgiving = read("DTSTART;VALUE=DATE:20241128\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH")
    assert days_of(thanksgiving, 2026) == [(11, 26)]
    assert days_of(thanksgiving, 2035) == [(11, 22)]


def test_a_moved_occurrence_closes_its_new_date_only() -> None:
    moved = read(
        "UID:m\r\nDTSTART;VALUE=DATE:20260601\r\nRRULE:FREQ=MONTHLY;COUNT=3",
        "UID:m\r\nRECURRENCE-ID;VALUE=DATE:20260701\r\nDTSTART;VALUE=DATE:20260703",
    )
    assert days_of(moved, 2026) == [(6, 1), (7, 3), (8, 1)]


def test_further_dates_and_a_zone_by_its_name_in_office_programs() -> None:
    dates = read("DTSTART;VALUE=DATE:20260601\r\nRDATE;VALUE=DATE:20260610,20260612")
    assert days_of(dates, 2026) == [(6, 1), (6, 10), (6, 12)]
    (part,) = read("DTSTART;TZID=W. Europe Standard Time:20260608T130000\r\nDURATION:PT4H")
    assert (part.start, part.end) == (13 * HOUR, 17 * HOUR)


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
        ("DTSTART;VALUE=DATE:20260231", "20260231"),
        ("DTSTART;VALUE=DATE:20260608\r\nRRULE:FREQ=HOURLY", "hourly"),
        ("DTSTART;VALUE=DATE:20260608\r\nRRULE:FREQ=OFTEN", "RRULE"),
        ("DTSTART;VALUE=DATE:20260608\r\nDTEND;VALUE=DATE:20260601", "end"),
        ("DTSTART;VALUE=DATE:20260608\r\nDTEND;VALUE=DATE:20280601", "year"),
        ("DTSTART;TZID=Mars/Olympus:20260608T110000\r\nDURATION:PT1H", "Mars/Olympus"),
        ("DTSTART:20260608T110000\r\nDURATION:soon", "DURATION"),
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
    found = read_closures(text, BERLIN, lambda line, sentence: told.append(line), today=TODAY)
    assert all(1 <= line <= text.count("\n") for line in told)
    assert all(0 <= special.start < special.end <= 86_400 for special in found)

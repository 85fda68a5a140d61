"""Business calendars: due times of real sites, night by night."""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest

from kb.errors import Invalid
from kb.sla.calendar import BusinessCalendar, CalendarVersions, SpecialHours
from kb.sla.open_time import (
    Budget,
    Pause,
    SpanState,
    Unit,
    compact,
    due_at,
    duration,
    span_text,
    to_timestamp,
)
from tests.sla.calendars import (
    BERLIN,
    HOUR,
    NEW_YORK,
    always,
    at,
    business_days,
    calendar,
    closing,
    days,
    hours,
    office,
    open_time,
    pause,
    working_days,
)

Vector = tuple[str, BusinessCalendar, str, Budget, tuple[Pause, ...], str]

SUN_NIGHT = BusinessCalendar(BERLIN, (*[hours((0, 6), (22, 24))] * 7,))
VECTORS: tuple[Vector, ...] = (
    (
        "24x7 over spring DST",
        always(NEW_YORK),
        "2026-03-08 00:30",
        open_time(4),
        (),
        "2026-03-08T05:30:00-04:00",
    ),
    (
        "24x7 over autumn DST",
        always(NEW_YORK),
        "2026-11-01 00:30",
        open_time(4),
        (),
        "2026-11-01T03:30:00-05:00",
    ),
    (
        "biz 24 h from Friday",
        business_days(),
        "2026-06-05 15:00",
        open_time(24),
        (),
        "2026-06-08T15:00:00+02:00",
    ),
    (
        "biz 24 h from Saturday",
        business_days(),
        "2026-06-06 11:00",
        open_time(24),
        (),
        "2026-06-09T00:00:00+02:00",
    ),
    (
        "biz 48 h, Monday is a holiday",
        business_days(d2026_05_25="Whit Monday"),
        "2026-05-22 15:00",
        open_time(48),
        (),
        "2026-05-27T15:00:00+02:00",
    ),
    (
        "biz 72 h, Friday is a holiday",
        business_days(d2026_12_25="Christmas Day"),
        "2026-12-23 10:00",
        open_time(72),
        (),
        "2026-12-29T10:00:00+01:00",
    ),
    (
        "off, 24 open hours",
        office(),
        "2026-06-05 15:00",
        open_time(24),
        (),
        "2026-06-10T15:00:00+02:00",
    ),
    (
        "off, Friday 16:30",
        office(),
        "2026-06-05 16:30",
        open_time(1),
        (),
        "2026-06-08T09:30:00+02:00",
    ),
    (
        "split day, Monday 12:30",
        calendar(hours((9, 13), (14, 18))),
        "2026-06-08 12:30",
        open_time(1),
        (),
        "2026-06-08T14:30:00+02:00",
    ),
    (
        "lunch as a partial closure",
        calendar(hours((9, 18)), closed=(closing("2026-06-08", 13, 14),)),
        "2026-06-08 12:30",
        open_time(1),
        (),
        "2026-06-08T14:30:00+02:00",
    ),
    (
        "off, paused over the weekend",
        office(),
        "2026-06-05 09:00",
        open_time(8),
        (pause("2026-06-05 16:00", "2026-06-08 10:00"),),
        "2026-06-08T11:00:00+02:00",
    ),
    (
        "off, pause wholly in the weekend",
        office(),
        "2026-06-05 09:00",
        open_time(12),
        (pause("2026-06-05 18:00", "2026-06-08 08:00"),),
        "2026-06-08T13:00:00+02:00",
    ),
    (
        "off, created exactly at closing",
        office(),
        "2026-06-05 17:00",
        open_time(1),
        (),
        "2026-06-08T10:00:00+02:00",
    ),
    (
        "24x7, two midnights",
        always(),
        "2026-06-05 20:00",
        open_time(30),
        (),
        "2026-06-07T02:00:00+02:00",
    ),
    (
        "22-06 shift, spring DST",
        SUN_NIGHT,
        "2026-03-28 23:00",
        open_time(4),
        (),
        "2026-03-29T04:00:00+02:00",
    ),
    (
        "22-06 shift, autumn DST",
        SUN_NIGHT,
        "2026-10-24 23:00",
        open_time(6),
        (),
        "2026-10-25T04:00:00+01:00",
    ),
    (
        "opens at 02:30 inside the spring gap",
        calendar((), hours((2.5, 12))),
        "2026-03-29 01:00",
        open_time(2),
        (),
        "2026-03-29T05:00:00+02:00",
    ),
    (
        "14 calendar days over spring DST",
        office(),
        "2026-03-20 15:00",
        days(14),
        (),
        "2026-04-03T15:00:00+02:00",
    ),
    (
        "336 h over spring DST",
        always(),
        "2026-03-20 15:00",
        open_time(336),
        (),
        "2026-04-03T16:00:00+02:00",
    ),
)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector[0] for vector in VECTORS])
def test_every_vector_has_its_due_time(vector: Vector) -> None:
    _, hours_, start, budget, pauses, due = vector
    derivation = hours_.add(at(start, hours_.zone), budget, pauses)
    assert derivation.due is not None
    assert derivation.due.astimezone(hours_.zone).isoformat() == due
    assert derivation.used_seconds == derivation.budget_seconds
    assert derivation.remaining_seconds == 0


def test_an_open_ended_pause_leaves_no_due_time_but_what_remains() -> None:
    derivation = office().add(at("2026-06-05 09:00"), open_time(8), [pause("2026-06-05 10:00")])
    assert derivation.due is None
    assert derivation.remaining_seconds == 7 * HOUR
    assert derivation.spans[-1].end is None
    assert derivation.spans[-1].state is SpanState.PAUSED


def test_a_calendar_that_never_opens_gives_no_due_time_and_ends() -> None:
    never = calendar(())
    derivation = never.add(at("2026-06-05 09:00"), open_time(1))
    assert (derivation.due, derivation.used_seconds) == (None, 0)
    assert "ten years" in derivation.spans[-1].why
    assert not never.opens_within_ten_years(dt.date(2026, 1, 1))
    assert never.next_open(at("2026-06-05 09:00")) is None


def test_a_calendar_that_opened_once_gives_no_due_time_beyond_it() -> None:
    once = calendar((), extra=(closing("2026-06-06", 10, 12),))
    assert once.add(at("2026-06-05 09:00"), open_time(2)).due == at("2026-06-06 12:00")
    derivation = once.add(at("2026-06-05 09:00"), open_time(3))
    assert derivation.due is None
    assert derivation.remaining_seconds == HOUR
    assert once.add(at("2026-06-05 09:00"), working_days(1)).due is None


def test_an_extra_opening_wins_over_a_closure_and_a_holiday() -> None:
    special = calendar(
        hours((9, 17)),
        closed=(closing("2026-12-25"),),
        extra=(closing("2026-12-25", 10, 14, "Christmas duty"),),
        holidays={dt.date(2026, 12, 25): "Christmas Day"},
    )
    derivation = special.add(at("2026-12-25 09:00"), open_time(4))
    assert derivation.due == at("2026-12-25 14:00")
    assert [span.why for span in derivation.spans] == ["closed", "Christmas duty"]


def test_a_yearly_closure_returns_and_a_leap_day_only_in_leap_years() -> None:
    new_year = calendar(
        hours((9, 17)), closed=(SpecialHours(None, 1, 1), SpecialHours(None, 2, 29))
    )
    assert not new_year.is_open(at("2027-01-01 10:00"))
    assert not new_year.is_open(at("2031-01-01 10:00"))
    assert not new_year.is_open(at("2028-02-29 10:00"))
    assert new_year.is_open(at("2027-03-01 10:00"))


def test_opening_is_half_open() -> None:
    assert not office().is_open(at("2026-06-05 08:59:59"))
    assert office().is_open(at("2026-06-05 09:00"))
    assert office().is_open(at("2026-06-05 16:59:59"))
    assert not office().is_open(at("2026-06-05 17:00"))
    assert office().next_open(at("2026-06-05 17:00")) == at("2026-06-08 09:00")
    assert office().next_open(at("2026-06-05 10:00")) == at("2026-06-05 10:00")


def test_a_repeated_time_opens_at_its_first_and_closes_at_its_last_occurrence() -> None:
    night = calendar((), hours((2.5, 2.75)))
    assert night.used(at("2026-10-25 00:00"), at("2026-10-25 12:00")) == 75 * 60
    assert night.next_open(at("2026-10-25 00:00")) == at("2026-10-25 02:30")


def test_a_span_wholly_inside_the_spring_gap_does_not_exist() -> None:
    night = calendar((), hours((2.25, 2.75)))
    assert night.used(at("2026-03-29 00:00"), at("2026-03-29 12:00")) == 0


def test_a_midnight_that_comes_twice_counts_once() -> None:
    havana = ZoneInfo("America/Havana")
    start, end = at("2026-10-31 12:00", havana), at("2026-11-01 12:00", havana)
    assert always(havana).used(start, end) == 25 * HOUR
    assert sum(span.seconds for span in always(havana).add(start, open_time(30)).spans) == 30 * HOUR


def test_a_date_that_a_country_skipped_has_no_opening() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert (
        always(apia).used(at("2011-12-29 12:00", apia), at("2011-12-31 12:00", apia)) == 24 * HOUR
    )


def test_start_is_an_instant_whatever_zone_it_is_written_in() -> None:
    start = at("2026-06-05 15:00")
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns"):
        assert office().add(start.astimezone(ZoneInfo(zone)), open_time(24)).due == at(
            "2026-06-10 15:00"
        )


def test_the_second_occurrence_of_a_repeated_time_is_a_later_start() -> None:
    first = always().add(at("2026-10-25 02:30"), open_time(1)).due
    second = always().add(at("2026-10-25 02:30", fold=1), open_time(1)).due
    assert first is not None
    assert second is not None
    assert second - first == dt.timedelta(hours=1)


def test_a_time_without_a_zone_is_refused() -> None:
    naive = at("2026-06-05 09:00").replace(tzinfo=None)
    with pytest.raises(Invalid, match=re.escape("+02:00")):
        office().add(naive, open_time(1))


@pytest.mark.parametrize("year", [1, 1899, 9999])
def test_a_time_that_no_calendar_reaches_is_refused(year: int) -> None:
    with pytest.raises(Invalid, match="1900 and 9998"):
        office().add(dt.datetime(year, 6, 5, tzinfo=dt.UTC), open_time(1))


def test_the_last_year_that_is_reached_ends_without_a_due_time() -> None:
    edge = dt.datetime(9998, 12, 31, tzinfo=dt.UTC)
    assert office().add(edge, Budget(3650, Unit.CALENDAR_DAYS)).due is None
    assert office().add(edge, Budget(3650, Unit.BUSINESS_DAYS)).due is None
    assert office().add(edge, open_time(87_600)).due is None


def test_a_pause_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(Invalid, match="before it starts"):
        office().add(
            at("2026-06-05 09:00"), open_time(1), [pause("2026-06-05 12:00", "2026-06-05 11:00")]
        )


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        ("2026-06-05 15:00", 3, "2026-06-10 15:00"),  # Friday afternoon: Monday, Tuesday, Wednesday
        (
            "2026-06-05 17:30",
            1,
            "2026-06-09 09:00",
        ),  # after closing: as if handed in on Monday morning
        ("2026-06-06 11:00", 1, "2026-06-09 09:00"),  # in the weekend: likewise
        ("2026-06-05 08:00", 1, "2026-06-08 09:00"),  # before opening
        ("2026-05-22 15:00", 1, "2026-05-26 15:00"),  # Whit Monday is not counted
    ],
)
def test_business_days_end_at_the_same_time_of_day(start: str, count: int, due: str) -> None:
    holidays = {dt.date(2026, 5, 25): "Whit Monday"}
    derivation = calendar(hours((9, 17)), holidays=holidays).add(at(start), working_days(count))
    assert derivation.due == at(due)


def test_business_days_are_paused_by_the_clock() -> None:
    derivation = office().add(
        at("2026-06-01 10:00"), working_days(2), [pause("2026-06-02 10:00", "2026-06-03 10:00")]
    )
    assert derivation.due == at("2026-06-04 10:00")


def test_the_derivation_has_no_hole_and_adds_up() -> None:
    derivation = office().add(
        at("2026-06-05 15:00"), open_time(12), [pause("2026-06-08 10:00", "2026-06-08 11:00")]
    )
    assert derivation.due == at("2026-06-09 12:00")
    for left, right in zip(derivation.spans, derivation.spans[1:], strict=False):
        assert left.end == right.start
    assert (
        sum(span.seconds for span in derivation.spans if span.state is SpanState.OPEN) == 12 * HOUR
    )
    assert [span_text(span, BERLIN) for span in compact(derivation.spans)] == [
        "Fri 5 Jun 15:00 to 17:00 open, 2 h (opening hours)",
        "Fri 5 Jun 17:00 to Mon 8 Jun 09:00 closed, 64 h (weekend)",
        "Mon 8 Jun 09:00 to 10:00 open, 1 h (opening hours)",
        "Mon 8 Jun 10:00 to 11:00 paused, 1 h (waiting for the customer)",
        "Mon 8 Jun 11:00 to 17:00 open, 6 h (opening hours)",
        "Mon 8 Jun 17:00 to Tue 9 Jun 09:00 closed, 16 h (outside opening hours)",
        "Tue 9 Jun 09:00 to 12:00 open, 3 h (opening hours)",
    ]


def test_the_derivation_of_business_days_shows_the_wait_for_the_opening() -> None:
    derivation = office().add(at("2026-06-05 17:30"), working_days(1))
    assert (
        sum(span.seconds for span in derivation.spans if span.state is SpanState.OPEN)
        == derivation.budget_seconds
    )
    assert derivation.spans[-1].state is SpanState.CLOSED
    assert derivation.spans[-1].end == at("2026-06-09 09:00")


def test_a_holiday_is_called_by_its_name_and_a_weekday_off_too() -> None:
    short_week = BusinessCalendar(
        BERLIN, (*[hours((9, 17))] * 4, (), (), ()), holidays={dt.date(2026, 5, 25): "Whit"}
    )
    whys = [
        span.why for span in compact(short_week.add(at("2026-05-21 16:00"), open_time(2)).spans)
    ]
    assert whys == ["opening hours", "closed on Fridays, weekend, Whit", "opening hours"]


def test_a_new_version_of_a_calendar_counts_only_from_its_day_on() -> None:
    change = to_timestamp(at("2026-06-09 00:00"))
    edited = CalendarVersions(((0, office()), (change, calendar(hours((9, 13))))))
    start = to_timestamp(at("2026-06-08 09:00"))
    assert due_at(edited, start, 8 * HOUR) == to_timestamp(at("2026-06-08 17:00"))
    assert due_at(edited, start, 16 * HOUR) == to_timestamp(at("2026-06-10 13:00"))
    assert edited.why(change - 8 * HOUR) == "opening hours"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59, "59 s"), (3600, "1 h"), (5430, "1 h 30 min 30 s"), (90_000, "25 h")],
)
def test_a_duration_is_shown_in_hours_minutes_and_seconds(seconds: int, shown: str) -> None:
    assert duration(seconds) == shown

"""Values on a page."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.documents import DocumentKind
from kb.search.results import Hit, Passage
from kb.sla.target import TargetState
from kb.tickets.ticket import TargetView
from webapp.formatting import (
    coupon_note,
    due_view,
    in_place,
    marked,
    moment,
    size,
    span_words,
    zone_name,
)

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
TEXT = st.text(max_size=60)


@given(TEXT, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6))
def test_a_highlight_is_the_text_with_marks_and_nothing_else(
    text: str, spans: list[tuple[int, int]]
) -> None:
    shown = str(marked(Passage(text, tuple(spans))))
    assert unescape(re.sub(r"</?mark>", "", shown)) == unescape(str(marked(Passage(text))))
    assert not re.search(r"<(?!/?mark>)", shown)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "Mon 23 Nov 11:00 CET"),
        ("Asia/Kolkata", "Mon 23 Nov 15:30 IST"),
        ("America/Sao_Paulo", "Mon 23 Nov 07:00 UTC−3"),
        ("Asia/Kathmandu", "Mon 23 Nov 15:45 UTC+5:45"),
        ("Pacific/Kiritimati", "Tue 24 Nov 00:00 UTC+14"),
    ],
)
def test_an_instant_is_told_in_the_readers_zone(zone: str, text: str) -> None:
    assert f"{moment(NOW, ZoneInfo(zone), NOW)} {zone_name(NOW, ZoneInfo(zone))}" == text


def test_summer_time_is_told_for_the_instant_and_the_year_when_it_is_another() -> None:
    june = dt.datetime(2027, 6, 7, 10, 0, tzinfo=dt.UTC)
    berlin = ZoneInfo("Europe/Berlin")
    assert f"{moment(june, berlin, NOW)} {zone_name(june, berlin)}" == "Mon 7 Jun 2027 12:00 CEST"


@pytest.mark.parametrize(
    ("due", "words", "tone"),
    [
        (
            TargetView(
                "first response", TargetState.RUNNING, NOW + dt.timedelta(hours=3, minutes=20)
            ),
            "Due in 3 h 20 min",
            "calm",
        ),
        (
            TargetView("first response", TargetState.RUNNING, NOW + dt.timedelta(minutes=59)),
            "Due in 59 min",
            "warn",
        ),
        (
            TargetView("first response", TargetState.RUNNING, NOW + dt.timedelta(days=2, hours=4)),
            "Due in 2 days 4 h",
            "calm",
        ),
        (
            TargetView("first response", TargetState.RUNNING, NOW - dt.timedelta(seconds=5)),
            "Overdue by less than a minute",
            "bad",
        ),
        (
            TargetView("first response", TargetState.BREACHED, NOW - dt.timedelta(days=1)),
            "Overdue by 1 day",
            "bad",
        ),
        (
            TargetView(
                "first response", TargetState.BREACHED, NOW - dt.timedelta(days=1), met_at=NOW
            ),
            "Breached",
            "bad",
        ),
        (TargetView("first response", TargetState.MET, NOW, met_at=NOW), "Met", "good"),
        (TargetView("first response", TargetState.PAUSED, NOW), "Paused", "quiet"),
        (TargetView("first response", TargetState.CANCELLED, NOW), "Cancelled", "quiet"),
        (TargetView("first response", TargetState.RUNNING, None), "No due time", "calm"),
    ],
)
def test_a_target_has_words_and_a_tone(due: TargetView, words: str, tone: str) -> None:
    view = due_view(due, NOW)
    assert (view.text, view.tone) == (words, tone)


@given(st.timedeltas(min_value=dt.timedelta(0), max_value=dt.timedelta(days=999)))
def test_a_span_is_never_told_longer_than_it_is(span: dt.timedelta) -> None:
    units = {"day": 1440, "days": 1440, "h": 60, "min": 1}
    told = sum(
        int(n) * units[unit] for n, unit in re.findall(r"(\d+) (days?|h|min)", span_words(span))
    )
    minutes = span.total_seconds() // 60
    assert told <= minutes < told + (60 if span.days else 1)


def test_sizes_are_told_in_decimal_units() -> None:
    assert [size(n) for n in (0, 999, 1500, 2_500_000)] == [
        "0 bytes",
        "999 bytes",
        "2 kB",
        "2.5 MB",
    ]


def test_what_is_left_of_priority_requests_is_told_in_words() -> None:
    assert coupon_note(None) == ""
    assert coupon_note(1)
    assert coupon_note(1) != coupon_note(5)
    assert "5" in coupon_note(5)


def test_an_address_names_the_first_and_the_last_words_of_a_passage() -> None:
    text = "… press the well-known button, then wait for the green light, and begin …"
    hit = Hit("doc/a", DocumentKind.DOC, "A", "/help/doc/a", 1.0, Passage(text))
    first, last = in_place(hit).split("#:~:text=")[1].split(",")
    assert unquote(first) == "press the well-known button, then"
    assert unquote(last) == "the green light, and begin"
    assert "-" not in first


def test_an_address_of_a_passage_without_text_is_that_of_its_heading() -> None:
    hit = Hit("doc/a", DocumentKind.DOC, "A", "/help/doc/a#s-b", 1.0, Passage(""))
    assert in_place(hit) == "/help/doc/a#s-b"

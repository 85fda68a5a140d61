"""The entitlement table: the first row that matches chooses the level."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from kb.errors import Invalid
from kb.sla.open_time import Budget, Unit
from kb.sla.policy import Entitlement, Goal, Level, LevelChoice, Severity, SlaPolicy, Threshold
from tests.sla.calendars import business_days


def policy(*rows: Entitlement) -> SlaPolicy:
    gold = Level("gold", "Gold", "business", first_response=Budget(3600))
    plain = Level("plain", "Plain", "business", first_response=Budget(7200))
    down = Severity("down", "Down", "Nothing works.", urgent=True)
    return SlaPolicy(
        "1",
        {"business": business_days()},
        {"gold": gold, "plain": plain},
        {"down": down},
        {},
        rows,
        {},
        {},
    )


def row(level: str, why: str = "because", **when: str) -> Entitlement:
    return Entitlement(
        {fact: frozenset(values.split()) for fact, values in when.items()}, level, why
    )


def test_the_first_row_that_matches_wins_and_says_why() -> None:
    choose = policy(
        row("gold", "A partner.", category="partner"), row("plain", "Everybody.")
    ).choose
    assert (choose({"category": "partner"}).level.key, choose({"category": "partner"}).why) == (
        "gold",
        "A partner.",
    )
    assert (choose({"category": "guest"}).level.key, choose({}).why) == ("plain", "Everybody.")


def test_every_condition_of_a_row_must_hold() -> None:
    choose = policy(row("gold", category="partner", severity="down"), row("plain")).choose
    assert choose({"category": "partner", "severity": "question"}).level.key == "plain"
    assert choose({"category": "partner", "severity": "down"}).level.key == "gold"


def test_a_star_means_any_value_but_none() -> None:
    choose = policy(row("gold", coupon="*"), row("plain")).choose
    assert choose({"coupon": "vip"}).level.key == "gold"
    assert choose({"coupon": " "}).level.key == "plain"
    assert choose({}).level.key == "plain"


def test_capitals_and_blanks_make_no_difference() -> None:
    assert (
        policy(row("gold", category="partner"), row("plain"))
        .choose({"category": " Partner "})
        .level.key
        == "gold"
    )


def test_a_policy_without_a_row_for_all_says_so_instead_of_guessing() -> None:
    with pytest.raises(Invalid, match="entitlement"):
        policy(row("gold", category="partner")).choose({})


def test_an_unknown_level_is_named_with_those_that_exist() -> None:
    with pytest.raises(Invalid, match=r"'silver'.*gold, plain"):
        policy().level("silver")


def test_an_urgent_severity_puts_any_level_into_the_urgent_lane() -> None:
    found = policy()
    assert found.urgent(found.level("plain"), "down")
    assert not found.urgent(found.level("plain"), "unheard-of")


def test_a_level_knows_the_budget_of_each_goal_and_its_calendar() -> None:
    found = policy()
    level = found.level("gold")
    assert [level.budgets[goal] for goal in Goal] == [Budget(3600), None, None]
    assert found.calendar(level).zone == ZoneInfo("Europe/Berlin")


def test_budgets_and_thresholds_are_shown_as_people_write_them() -> None:
    assert str(Budget(14, Unit.CALENDAR_DAYS)) == "14 calendar days"
    assert str(Budget(1, Unit.BUSINESS_DAYS)) == "1 business day"
    assert (str(Threshold(percent=50)), str(Threshold(lead=3600))) == ("50%", "3600s")


@pytest.mark.parametrize(
    ("since", "at", "level"),
    [
        ("2025-06-02", "2026-06-01", "paid"),
        ("2025-06-01", "2026-06-01", "free"),
        ("2024-02-29", "2025-02-28", "free"),
        ("", "2026-06-01", "paid"),
    ],
)
def test_a_support_term_ends_after_a_year(since: str, at: str, level: str) -> None:
    def day(text: str) -> dt.datetime:
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)

    paid = Level("paid", "Paid", "office", support="1 year", after_support="free")
    free = Level("free", "Free", "office")
    policy = SlaPolicy("1", {}, {"paid": paid, "free": free}, {}, {}, (), {}, {})
    choice = LevelChoice(paid, "Your organisation pays.")
    after = policy.after_term(choice, day(since) if since else None, day(at))
    assert after.level.key == level
    assert (after.why == choice.why) is (level == "paid")

"""The policies that are shipped keep the rules of three real sites.

B is a process-automation vendor, V a data-warehouse vendor, X a site-manager vendor; the default
policy of the help centre follows X.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from kb.sla.clock import SlaEvent, SlaEventKind, targets_at
from kb.sla.open_time import Budget, Unit
from kb.sla.policy import Development, Goal, LevelChange, SlaPolicy
from kb.sla.policy_file import load_policy
from kb.sla.target import TargetState
from tests.sla.calendars import HOUR, at, first_response_due

CONTENT = Path(__file__).parents[2] / "content"
TODAY = dt.date(2026, 6, 1)


@pytest.fixture(scope="module")
def b() -> SlaPolicy:
    return load_policy(CONTENT / "examples" / "process-automation" / "policies.toml", today=TODAY)


@pytest.fixture(scope="module")
def v() -> SlaPolicy:
    return load_policy(CONTENT / "examples" / "data-warehouse" / "policies.toml", today=TODAY)


@pytest.fixture(scope="module", params=["policies.toml", "examples/site-manager/policies.toml"])
def x(request: pytest.FixtureRequest) -> SlaPolicy:
    return load_policy(CONTENT / request.param, today=TODAY)


@pytest.fixture(scope="module")
def demo() -> SlaPolicy:
    return load_policy(CONTENT / "policies.toml", today=TODAY)


# B: a process-automation vendor

SIX = ("down", "compromised", "deployment", "before a date", "non-critical", "question")


def test_six_severities_in_order_each_with_a_written_definition(
    b: SlaPolicy, demo: SlaPolicy
) -> None:
    for policy in (b, demo):
        titles = [severity.title.lower() for severity in policy.severities.values()]
        assert len(titles) == 6
        assert all(word in title for word, title in zip(SIX, titles, strict=True))
        assert all(len(severity.definition) > 20 for severity in policy.severities.values())


def test_one_severity_carries_a_date(b: SlaPolicy, demo: SlaPolicy) -> None:
    for policy in (b, demo):
        dated = [key for key, severity in policy.severities.items() if severity.parameter == "date"]
        assert dated == ["delays-project"]


def test_a_severity_agreed_anew_moves_the_promise_from_the_start(b: SlaPolicy) -> None:
    events = [
        SlaEvent(
            at("2026-06-05 09:00", ZoneInfo("America/Bogota")),
            SlaEventKind.ACCEPTED,
            level="normal",
        ),
        SlaEvent(
            at("2026-06-05 09:30", ZoneInfo("America/Bogota")),
            SlaEventKind.LEVEL_CHANGED,
            level="high",
        ),
    ]
    (target,) = targets_at(events, b, at("2026-06-05 10:00", ZoneInfo("America/Bogota")))
    assert target.due == at(
        "2026-06-05 14:00", ZoneInfo("America/Bogota")
    )  # 4 h from 9:00, lunch not counted


def test_an_explanation_is_asked_for_when_the_severity_is_high(
    b: SlaPolicy, demo: SlaPolicy
) -> None:
    for policy in (b, demo):
        asked = {key for key, severity in policy.severities.items() if severity.explanation_asked}
        assert {"production-down", "blocks-deployment"} <= asked
        assert not {"non-critical", "question"} & asked


def test_what_is_about_an_implementation_is_out_of_scope(b: SlaPolicy) -> None:
    assert b.reasons["implementation"].closes


def test_b_production_down_is_answered_within_an_hour_by_night(b: SlaPolicy) -> None:
    choice = b.choose({"severity": "production-down"})
    start = at("2026-06-06 23:30", ZoneInfo("America/Bogota"))
    assert first_response_due(b, choice.level.key, start) == start + dt.timedelta(hours=1)
    assert b.urgent(choice.level, "question")


# V: a data-warehouse vendor


def test_a_case_is_a_question_a_problem_or_a_request(v: SlaPolicy) -> None:
    assert [kind.title for kind in v.types.values()] == ["Question", "Problem", "Request"]


def test_the_customer_closes_as_resolved_or_as_cancelled(v: SlaPolicy) -> None:
    assert {"resolved", "cancelled"} <= {key for key, reason in v.reasons.items() if reason.closes}


def test_a_case_that_waits_for_a_patch_is_paused_until_it_is_there(v: SlaPolicy) -> None:
    copenhagen = ZoneInfo("Europe/Copenhagen")
    events = [
        SlaEvent(at("2026-06-08 09:00", copenhagen), SlaEventKind.ACCEPTED, level="subscription"),
        SlaEvent(at("2026-06-08 10:00", copenhagen), SlaEventKind.COMMENT, by_agent=True),
        SlaEvent(at("2026-06-08 11:00", copenhagen), SlaEventKind.COMMENT),
        SlaEvent(at("2026-06-08 12:00", copenhagen), SlaEventKind.PAUSED, reason="patch"),
        SlaEvent(at("2026-06-15 13:00", copenhagen), SlaEventKind.COMMENT),
    ]
    waiting = targets_at(events, v, at("2026-06-16 09:00", copenhagen))[-1]
    assert (waiting.goal, waiting.state, waiting.due) == (Goal.NEXT, TargetState.PAUSED, None)
    assert waiting.remaining_seconds == 7 * HOUR


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"licence": "subscription"}, "subscription"),
        ({"licence": "maintenance"}, "maintenance"),
        ({"licence": ""}, "free"),
        ({"licence": "expired"}, "free"),
        ({"licence": "subscription", "product": "free-edition"}, "free"),
    ],
)
def test_priority_follows_the_contract(v: SlaPolicy, facts: dict[str, str], level: str) -> None:
    assert v.choose(facts).level.key == level


def test_a_free_product_has_no_guaranteed_support_and_says_so(v: SlaPolicy) -> None:
    choice = v.choose({"product": "free-edition"})
    assert first_response_due(v, choice.level.key, at("2026-06-08 09:00")) is None
    assert choice.level.first_response is None
    assert (
        targets_at(
            [SlaEvent(at("2026-06-08 09:00"), SlaEventKind.ACCEPTED, level="free")],
            v,
            at("2026-06-09 09:00"),
        )
        == ()
    )


# X: a site-manager vendor, and the default of this help centre


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({"category": "partner"}, "commercial"),
        ({"category": "premium"}, "vip"),
        ({"category": "ultimate"}, "vip"),
        ({"category": "premium", "coupon": "vip"}, "vip-coupon"),
        ({"category": "demo", "coupon": "vip"}, "non-commercial"),
        ({"category": "demo"}, "non-commercial"),
        ({}, "non-commercial"),
        ({"category": "ultimate", "topic": "non-product"}, "non-product"),
        ({"licence": "commercial"}, "commercial"),
        ({"group": "commercial"}, "commercial"),
        ({"licence": "somebody's"}, "non-commercial"),
    ],
)
def test_customer_and_problem_category_decide_the_level(
    x: SlaPolicy, facts: dict[str, str], level: str
) -> None:
    choice = x.choose(facts)
    assert choice.level.key == level
    assert choice.why.endswith(".")


def test_the_demo_knows_commercial_customers_by_their_category(demo: SlaPolicy) -> None:
    assert demo.choose({"category": "commercial"}).level.key == "commercial"


def test_recovery_of_a_site_is_served_out_of_turn(x: SlaPolicy) -> None:
    urgent = [key for key, severity in x.severities.items() if severity.urgent]
    assert len(urgent) == 1
    assert x.urgent(x.level("non-commercial"), urgent[0])


def test_the_ceiling_holds_for_answers_to_additional_information(x: SlaPolicy) -> None:
    assert all(level.first_response == level.next_response for level in x.levels.values())


def test_no_time_is_promised_for_the_solution(x: SlaPolicy) -> None:
    assert all(level.resolution is None for level in x.levels.values())


def test_customer_host_and_update_are_reasons_to_wait(x: SlaPolicy) -> None:
    waits = {key for key, reason in x.reasons.items() if not reason.closes}
    assert {"customer", "hosting"} <= waits
    assert [key for key in waits if "release" in x.reasons[key].title]


@pytest.mark.parametrize(
    ("level", "due"),
    [
        ("commercial", "2026-06-08 15:00"),
        ("vip", "2026-06-08 15:00"),
        ("vip-coupon", "2026-06-05 19:00"),
        ("non-commercial", "2026-06-09 15:00"),
        ("non-product", "2026-06-10 15:00"),
        ("development", "2026-06-19 15:00"),
    ],
)
def test_each_level_answers_a_question_of_friday_15_00_in_its_time(
    x: SlaPolicy, level: str, due: str
) -> None:
    assert first_response_due(x, level, at("2026-06-05 15:00")) == at(due)


def test_a_vip_ticket_goes_to_development_without_changing_level(x: SlaPolicy) -> None:
    assert x.level("vip").development is Development.SAME_LEVEL
    assert x.level("commercial").development is Development.YES
    assert x.level("non-commercial").development is Development.NO


def test_premium_has_3_coupons_a_year_and_ultimate_5(x: SlaPolicy) -> None:
    assert dict(x.coupons["vip"].per_year) == {"premium": 3, "ultimate": 5}
    assert x.coupons["vip"].level == "vip-coupon"


def test_a_coupon_holds_on_sunday_night_when_clocks_change(x: SlaPolicy) -> None:
    assert first_response_due(x, "vip-coupon", at("2026-10-25 00:30")) == at("2026-10-25 03:30")


def test_a_ticket_moved_to_non_product_counts_from_the_move(x: SlaPolicy) -> None:
    events = [
        SlaEvent(at("2026-06-08 09:00"), SlaEventKind.ACCEPTED, level="commercial"),
        SlaEvent(at("2026-06-08 12:00"), SlaEventKind.LEVEL_CHANGED, level="non-product"),
    ]
    (target,) = targets_at(events, x, at("2026-06-08 13:00"))
    assert target.due == at("2026-06-11 12:00")


def test_development_counts_14_days_of_the_wall_clock_from_the_hand_over(x: SlaPolicy) -> None:
    level = x.level("development")
    assert (level.first_response, level.change) == (
        Budget(14, Unit.CALENDAR_DAYS),
        LevelChange.FROM_CHANGE,
    )
    events = [
        SlaEvent(at("2026-03-02 09:00"), SlaEventKind.ACCEPTED, level="commercial"),
        SlaEvent(at("2026-03-02 12:00"), SlaEventKind.COMMENT, by_agent=True),
        SlaEvent(at("2026-03-20 15:00"), SlaEventKind.LEVEL_CHANGED, level="development"),
    ]
    target = targets_at(events, x, at("2026-03-21 13:00"))[-1]
    assert (target.goal, target.due) == (Goal.NEXT, at("2026-04-03 15:00"))


def test_each_level_says_how_long_support_lasts_and_where_else_to_ask(x: SlaPolicy) -> None:
    assert (x.level("commercial").support, x.level("vip").support) == ("1 year", "unlimited")
    assert x.level("non-commercial").support == "30 days"
    assert x.level("non-commercial").services == ("public forum",)


def test_reasons_that_end_a_consultation_are_named(x: SlaPolicy) -> None:
    ends = {key for key, reason in x.reasons.items() if reason.closes}
    assert {"not-reproducible", "unlicensed", "out-of-scope", "breaks-terms"} <= ends


def test_a_published_technical_break_is_not_counted() -> None:
    policy = load_policy(CONTENT / "examples" / "site-manager" / "policies.toml", today=TODAY)
    start = at("2026-09-11 12:00")
    accepted = SlaEvent(start, SlaEventKind.ACCEPTED, level="commercial")
    target = next(
        target for target in targets_at([accepted], policy, start) if target.goal is Goal.FIRST
    )
    assert target.due == at("2026-09-14 16:00")
    assert "Technical break" in [span.why for span in target.spans()]

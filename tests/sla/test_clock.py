"""The SLA clock: targets run, pause, are met and are breached as both sides expect."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import Invalid
from kb.sla.calendar import BusinessCalendar
from kb.sla.clock import (
    PolicyVersion,
    SlaEvent,
    SlaEventKind,
    targets_at,
)
from kb.sla.open_time import Budget, SpanState, Unit, to_timestamp
from kb.sla.policy import Goal, Level, LevelChange, Reason, SlaPolicy, Threshold
from kb.sla.target import Target, TargetState
from tests.sla.calendars import (
    HOUR,
    always,
    at,
    business_days,
    calendar,
    first_response_due,
    hours,
    office,
)

H = HOUR
ALL = frozenset(Goal)
LEVELS = (
    Level("always", "Always", "always", "", Budget(4 * H), Budget(4 * H), Budget(8 * H)),
    Level("office", "Office", "office", "", Budget(8 * H), Budget(8 * H), Budget(16 * H)),
    Level("business", "Commercial", "business", "", Budget(48 * H), Budget(48 * H), Budget(48 * H)),
    Level("vip", "VIP", "always", "", Budget(4 * H), Budget(4 * H), Budget(4 * H)),
    Level("first", "First answer only", "office", "", Budget(1 * H)),
    Level(
        *(
            "development",
            "Development",
            "always",
            "",
            Budget(14, Unit.CALENDAR_DAYS),
            Budget(14, Unit.CALENDAR_DAYS),
        ),
        change=LevelChange.FROM_CHANGE,
        handover=True,
    ),
    Level(
        "warned",
        "Warned",
        "eight",
        "",
        Budget(3 * H),
        None,
        None,
        (Threshold(lead=H), Threshold(percent=50)),
    ),
    Level("warned4", "Warned", "eight", "", Budget(4 * H), None, None, (Threshold(lead=H),)),
    Level("reset", "Reset", "always", "", None, None, Budget(8 * H), reopen_resets=True),
    Level("days", "Days", "office", "", Budget(2, Unit.BUSINESS_DAYS)),
)
CALENDARS = {
    "always": always(),
    "office": office(),
    "business": business_days(),
    "eight": calendar(hours((8, 18))),
}
REASONS = (
    Reason("customer", "waiting for the customer", until_reply=True),
    Reason("vendor", "waiting for a patch", frozenset({Goal.NEXT, Goal.RESOLUTION})),
    Reason("all", "stopped", ALL, until_reply=True),
)


def policy(**calendars: BusinessCalendar) -> SlaPolicy:
    levels = MappingProxyType({level.key: level for level in LEVELS})
    reasons = MappingProxyType({reason.key: reason for reason in REASONS})
    return SlaPolicy("1", CALENDARS | calendars, levels, {}, {}, (), {}, reasons)


def accepted(when: str, level: str = "always") -> SlaEvent:
    return SlaEvent(at(when), SlaEventKind.ACCEPTED, level=level)


def agent(when: str, *, public: bool = True, automatic: bool = False) -> SlaEvent:
    return SlaEvent(
        at(when), SlaEventKind.COMMENT, by_agent=True, public=public, automatic=automatic
    )


def customer(when: str) -> SlaEvent:
    return SlaEvent(at(when), SlaEventKind.COMMENT)


def event(when: str, kind: SlaEventKind) -> SlaEvent:
    return SlaEvent(at(when), kind)


def resolved(when: str, *, by_agent: bool = True) -> SlaEvent:
    return SlaEvent(at(when), SlaEventKind.RESOLVED, by_agent=by_agent)


def paused(when: str, reason: str = "customer", until: str | None = None) -> SlaEvent:
    return SlaEvent(
        at(when), SlaEventKind.PAUSED, reason=reason, until=at(until) if until else None
    )


def moved(when: str, level: str, change: LevelChange | None = None) -> SlaEvent:
    return SlaEvent(at(when), SlaEventKind.LEVEL_CHANGED, level=level, change=change)


def find(goal: Goal, now: str, *events: SlaEvent, cycle: int | None = None) -> Target:
    """The newest target of ``goal``, or the one of ``cycle``."""
    found = [target for target in targets_at(events, policy(), at(now)) if target.goal is goal]
    return found[-1] if cycle is None else found[cycle - 1]


# First response


def test_a_ticket_is_promised_a_first_response_from_its_acceptance() -> None:
    target = find(Goal.FIRST, "2026-06-05 10:00", accepted("2026-06-05 09:00"))
    assert (target.state, target.due, target.remaining_seconds) == (
        TargetState.RUNNING,
        at("2026-06-05 13:00"),
        3 * H,
    )


def test_a_public_answer_by_an_agent_meets_the_first_response() -> None:
    target = find(
        Goal.FIRST, "2026-06-06 10:00", accepted("2026-06-05 09:00"), agent("2026-06-05 13:00")
    )
    assert (target.state, target.met_at, target.used_seconds) == (
        TargetState.MET,
        at("2026-06-05 13:00"),
        4 * H,
    )


def test_one_second_late_is_late_for_ever() -> None:
    target = find(
        Goal.FIRST, "2026-06-06 10:00", accepted("2026-06-05 09:00"), agent("2026-06-05 13:00:01")
    )
    assert (target.state, target.breached_at) == (TargetState.BREACHED, at("2026-06-05 13:00"))
    assert target.met_at == at("2026-06-05 13:00:01")


@pytest.mark.parametrize(
    ("now", "state"), [("13:00:00", TargetState.RUNNING), ("13:00:01", TargetState.BREACHED)]
)
def test_a_breach_begins_after_the_due_second(now: str, state: TargetState) -> None:
    assert find(Goal.FIRST, f"2026-06-05 {now}", accepted("2026-06-05 09:00")).state is state


@pytest.mark.parametrize(
    "reply",
    [
        agent("2026-06-05 10:00", public=False),
        agent("2026-06-05 10:00", automatic=True),
        customer("2026-06-05 10:00"),
    ],
)
def test_notes_robots_and_customers_are_no_answer(reply: SlaEvent) -> None:
    assert (
        find(Goal.FIRST, "2026-06-05 11:00", accepted("2026-06-05 09:00"), reply).state
        is TargetState.RUNNING
    )


def test_solving_without_a_word_is_an_answer_too() -> None:
    assert (
        find(
            Goal.FIRST,
            "2026-06-05 11:00",
            accepted("2026-06-05 09:00"),
            resolved("2026-06-05 10:00"),
        ).state
        == "met"
    )


def test_a_pause_does_not_stop_the_first_response_unless_its_reason_says_so() -> None:
    start = accepted("2026-06-05 09:00")
    assert (
        find(Goal.FIRST, "2026-06-05 11:00", start, paused("2026-06-05 10:00")).state
        is TargetState.RUNNING
    )
    assert (
        find(Goal.FIRST, "2026-06-05 11:00", start, paused("2026-06-05 10:00", "all")).state
        is TargetState.PAUSED
    )


def test_a_ticket_that_the_customer_closes_is_neither_met_nor_missed() -> None:
    start = accepted("2026-06-05 09:00")
    for end in (
        resolved("2026-06-05 10:00", by_agent=False),
        event("2026-06-05 10:00", SlaEventKind.CANCELLED),
    ):
        assert [t.state for t in targets_at([start, end], policy(), at("2026-06-06 10:00"))] == [
            TargetState.CANCELLED
        ] * 2
    late = find(
        Goal.FIRST, "2026-06-06 10:00", start, event("2026-06-05 14:00", SlaEventKind.CANCELLED)
    )
    assert late.state is TargetState.BREACHED


def test_spam_and_duplicates_have_no_verdict_at_all() -> None:
    voided = event("2026-06-05 20:00", SlaEventKind.VOIDED)
    for target in targets_at(
        [accepted("2026-06-05 09:00"), voided], policy(), at("2026-06-06 10:00")
    ):
        assert (target.state, target.breached_at) == (TargetState.CANCELLED, None)


def test_after_a_merge_the_earliest_acceptance_counts() -> None:
    events = [accepted("2026-06-05 11:00"), accepted("2026-06-05 09:00")]
    assert find(Goal.FIRST, "2026-06-05 12:00", *events).due == at("2026-06-05 13:00")


# Next response

ANSWERED = (accepted("2026-06-05 09:00"), agent("2026-06-05 10:00"))


def test_the_next_response_starts_with_the_first_unanswered_word_of_the_customer() -> None:
    target = find(
        Goal.NEXT,
        "2026-06-05 14:00",
        *ANSWERED,
        customer("2026-06-05 12:00"),
        customer("2026-06-05 13:30"),
    )
    assert (target.started, target.due) == (at("2026-06-05 12:00"), at("2026-06-05 16:00"))


def test_the_next_response_is_silent_until_the_first_is_met() -> None:
    events = (accepted("2026-06-05 09:00"), customer("2026-06-05 09:30"))
    assert [t.goal for t in targets_at(events, policy(), at("2026-06-05 20:00"))] == [
        Goal.FIRST,
        Goal.RESOLUTION,
    ]


def test_every_answer_ends_a_cycle_of_the_next_response() -> None:
    events = (
        *ANSWERED,
        customer("2026-06-05 12:00"),
        agent("2026-06-05 13:00"),
        customer("2026-06-05 14:00"),
    )
    assert find(Goal.NEXT, "2026-06-05 15:00", *events, cycle=1).state is TargetState.MET
    second = find(Goal.NEXT, "2026-06-05 15:00", *events)
    assert (second.cycle, second.state, second.due) == (
        2,
        TargetState.RUNNING,
        at("2026-06-05 18:00"),
    )


def test_a_thank_you_ends_the_next_response_without_a_verdict() -> None:
    thanks = (
        *ANSWERED,
        customer("2026-06-05 12:00"),
        event("2026-06-05 12:30", SlaEventKind.NO_ANSWER_NEEDED),
    )
    assert find(Goal.NEXT, "2026-06-06 15:00", *thanks).state is TargetState.CANCELLED


def test_a_thank_you_after_solving_starts_nothing() -> None:
    events = (*ANSWERED, resolved("2026-06-05 11:00"), customer("2026-06-05 12:00"))
    assert Goal.NEXT not in {
        target.goal for target in targets_at(events, policy(), at("2026-06-06 10:00"))
    }


# Pauses


def test_while_paused_there_is_no_due_time_but_a_remainder() -> None:
    events = (accepted("2026-06-05 09:00", "office"), paused("2026-06-05 16:00"))
    target = find(Goal.RESOLUTION, "2026-06-09 12:00", *events)
    assert (target.state, target.due, target.remaining_seconds) == (TargetState.PAUSED, None, 9 * H)


def test_a_pause_subtracts_open_time_only() -> None:
    events = (
        accepted("2026-06-05 09:00", "office"),
        paused("2026-06-05 16:00"),
        customer("2026-06-08 10:00"),
    )
    assert find(Goal.RESOLUTION, "2026-06-08 11:00", *events).due == at("2026-06-09 11:00")


def test_only_a_pause_for_the_customer_ends_with_the_customers_word() -> None:
    start = accepted("2026-06-05 09:00")
    for reason, state in (("customer", TargetState.RUNNING), ("vendor", TargetState.PAUSED)):
        events = (start, paused("2026-06-05 10:00", reason), customer("2026-06-05 11:00"))
        assert find(Goal.RESOLUTION, "2026-06-05 12:00", *events).state is state


def test_the_reminder_date_ends_a_pause() -> None:
    events = (accepted("2026-06-05 09:00"), paused("2026-06-05 10:00", until="2026-06-05 15:00"))
    assert find(Goal.RESOLUTION, "2026-06-05 14:59", *events).state is TargetState.PAUSED
    assert find(Goal.RESOLUTION, "2026-06-05 15:00", *events).due == at("2026-06-05 22:00")


def test_from_pause_to_pause_is_one_pause() -> None:
    one = (
        accepted("2026-06-05 09:00"),
        paused("2026-06-05 10:00"),
        event("2026-06-05 12:00", SlaEventKind.RESUMED),
    )
    two = (*one[:2], paused("2026-06-05 11:00", "vendor"), one[2])
    assert (
        find(Goal.RESOLUTION, "2026-06-05 13:00", *one).due
        == find(Goal.RESOLUTION, "2026-06-05 13:00", *two).due
    )


def test_a_ticket_created_while_paused_uses_nothing() -> None:
    events = (accepted("2026-06-05 09:00"), paused("2026-06-05 09:00"))
    assert find(Goal.RESOLUTION, "2026-06-05 20:00", *events).used_seconds == 0


def test_a_breach_before_a_pause_is_not_undone_by_it() -> None:
    events = (accepted("2026-06-05 09:00"), paused("2026-06-05 18:00"))
    target = find(Goal.RESOLUTION, "2026-06-05 19:00", *events)
    assert (target.state, target.breached_at) == (TargetState.BREACHED, at("2026-06-05 17:00"))


def test_no_breach_happens_during_a_pause() -> None:
    events = (
        accepted("2026-06-05 09:00"),
        paused("2026-06-05 16:59"),
        resolved("2026-06-09 10:00"),
    )
    assert find(Goal.RESOLUTION, "2026-06-09 12:00", *events).state is TargetState.MET


def test_the_derivation_names_the_reason_of_a_pause() -> None:
    events = (
        accepted("2026-06-05 09:00"),
        paused("2026-06-05 10:00"),
        customer("2026-06-05 12:00"),
    )
    spans = find(Goal.RESOLUTION, "2026-06-05 13:00", *events).spans()
    assert [(s.state, s.why) for s in spans][1] == (SpanState.PAUSED, "waiting for the customer")
    assert sum(span.seconds for span in spans if span.state is SpanState.OPEN) == 8 * H


# Re-opening

SOLVED = (accepted("2026-06-05 09:00"), resolved("2026-06-05 11:00"))


def test_reopening_keeps_what_was_used_and_not_the_time_between() -> None:
    events = (*SOLVED, event("2026-06-12 11:00", SlaEventKind.REOPENED))
    first = find(Goal.RESOLUTION, "2026-06-12 12:00", *events, cycle=1)
    second = find(Goal.RESOLUTION, "2026-06-12 12:00", *events, cycle=2)
    assert (first.state, first.ended) == (TargetState.MET, at("2026-06-05 11:00"))
    assert (second.cycle, second.state, second.due, second.grace) == (
        2,
        TargetState.RUNNING,
        at("2026-06-12 17:00"),
        False,
    )


def test_reopening_with_little_left_grants_grace_and_says_so() -> None:
    events = (
        accepted("2026-06-05 09:00"),
        resolved("2026-06-05 16:30"),
        event("2026-06-12 11:00", SlaEventKind.REOPENED),
    )
    target = find(Goal.RESOLUTION, "2026-06-12 11:30", *events)
    assert (target.due, target.grace) == (at("2026-06-12 12:00"), True)
    assert target.original_due == at("2026-06-12 11:30")


def test_reopening_starts_the_next_response() -> None:
    target = find(
        Goal.NEXT, "2026-06-12 12:00", *SOLVED, event("2026-06-12 11:00", SlaEventKind.REOPENED)
    )
    assert target.due == at("2026-06-12 15:00")


def test_a_ticket_closed_by_the_customer_before_any_answer_is_promised_one_anew() -> None:
    closed = (accepted("2026-06-05 09:00"), resolved("2026-06-05 10:00", by_agent=False))
    target = find(
        Goal.FIRST, "2026-06-12 12:00", *closed, event("2026-06-12 11:00", SlaEventKind.REOPENED)
    )
    assert (target.cycle, target.due) == (2, at("2026-06-12 15:00"))


def test_a_level_may_start_the_resolution_anew() -> None:
    events = (
        accepted("2026-06-05 09:00", "reset"),
        *SOLVED[1:],
        event("2026-06-12 11:00", SlaEventKind.REOPENED),
    )
    assert find(Goal.RESOLUTION, "2026-06-12 12:00", *events).due == at("2026-06-12 19:00")


def test_reopening_what_is_open_changes_nothing() -> None:
    events = [accepted("2026-06-05 09:00"), event("2026-06-05 10:00", SlaEventKind.REOPENED)]
    now = at("2026-06-05 11:00")
    assert targets_at(events, policy(), now) == targets_at(events[:1], policy(), now)


# Moves between levels: created Monday 09:00 at 48 h on business days, Tuesday 15:00 to 4 h around
# the clock

MONDAY = accepted("2026-06-08 09:00", "business")


def test_a_retroactive_move_counts_from_the_start_and_grants_grace_when_that_is_past() -> None:
    target = find(Goal.RESOLUTION, "2026-06-09 15:30", MONDAY, moved("2026-06-09 15:00", "vip"))
    assert (target.original_due, target.grace) == (at("2026-06-08 13:00"), True)
    assert (target.due, target.state) == (at("2026-06-09 16:00"), TargetState.RUNNING)


@pytest.mark.parametrize(
    ("change", "due"),
    [(LevelChange.FROM_CHANGE, "2026-06-09 19:00"), (LevelChange.PROPORTIONAL, "2026-06-09 16:30")],
)
def test_a_move_may_count_from_the_change_or_keep_the_share(change: LevelChange, due: str) -> None:
    target = find(
        Goal.RESOLUTION, "2026-06-09 15:30", MONDAY, moved("2026-06-09 15:00", "vip", change)
    )
    assert (target.due, target.grace) == (at(due), False)


def test_a_kept_share_of_business_days_still_ends_in_business_hours() -> None:
    half_used = moved("2026-06-08 07:00", "days", LevelChange.PROPORTIONAL)
    target = find(Goal.FIRST, "2026-06-08 11:30", accepted("2026-06-08 05:00"), half_used)
    assert target.due == at("2026-06-09 09:00")  # one of two days, and then the opening


def test_a_move_in_the_due_second_is_no_breach_and_grants_grace() -> None:
    events = (accepted("2026-06-08 09:00", "vip"), moved("2026-06-08 13:00", "always"))
    target = find(Goal.FIRST, "2026-06-08 13:10", *events)
    assert (target.state, target.breached_at) == (TargetState.RUNNING, None)
    assert (target.grace, target.original_due) == (True, at("2026-06-08 13:00"))


def test_a_warning_names_its_threshold() -> None:
    target = find(Goal.FIRST, "2026-06-08 09:00", accepted("2026-06-08 09:00", "warned"))
    assert [(warning.threshold, warning.at) for warning in target.warnings()] == [
        (Threshold(percent=50), at("2026-06-08 10:30")),
        (Threshold(lead=H), at("2026-06-08 11:00")),
    ]


def test_a_retroactive_move_keeps_the_pauses() -> None:
    events = (
        MONDAY,
        paused("2026-06-08 10:00"),
        event("2026-06-09 14:00", SlaEventKind.RESUMED),
        moved("2026-06-09 15:00", "vip"),
    )
    target = find(Goal.RESOLUTION, "2026-06-09 15:30", *events)
    assert (target.due, target.grace, target.level.key) == (at("2026-06-09 17:00"), False, "vip")


def test_a_breach_is_never_erased_by_a_move() -> None:
    events = (
        accepted("2026-06-08 09:00", "vip"),
        moved("2026-06-08 14:00", "business"),
        agent("2026-06-08 15:00"),
    )
    target = find(Goal.FIRST, "2026-06-08 16:00", *events)
    assert (target.state, target.breached_at) == (TargetState.BREACHED, at("2026-06-08 13:00"))


def test_a_first_response_that_was_met_is_not_opened_again_by_a_move() -> None:
    events = (MONDAY, agent("2026-06-09 14:00"), moved("2026-06-09 15:00", "vip"))
    target = find(Goal.FIRST, "2026-06-10 16:00", *events)
    assert (target.state, target.level.key) == (TargetState.MET, "business")


def test_a_level_without_a_goal_cancels_it_and_one_with_it_starts_it() -> None:
    without = (accepted("2026-06-05 09:00"), moved("2026-06-05 10:00", "first"))
    assert find(Goal.RESOLUTION, "2026-06-05 11:00", *without).state is TargetState.CANCELLED
    with_it = (accepted("2026-06-05 09:00", "first"), moved("2026-06-05 09:30", "always"))
    assert find(Goal.RESOLUTION, "2026-06-05 11:00", *with_it).due == at("2026-06-05 17:00")


def test_development_answers_within_14_days_from_the_hand_over() -> None:
    events = (*ANSWERED, moved("2026-06-10 15:00", "development"))
    assert find(Goal.NEXT, "2026-06-11 10:00", *events).due == at("2026-06-24 15:00")
    unanswered = (accepted("2026-06-05 09:00"), moved("2026-06-05 11:00", "development"))
    assert find(Goal.FIRST, "2026-06-11 10:00", *unanswered).due == at("2026-06-19 11:00")


# Warnings


def test_a_warning_falls_into_open_time() -> None:
    """glpi PR #22678: never at night."""
    target = find(Goal.FIRST, "2026-06-05 15:30", accepted("2026-06-05 15:30", "warned"))
    assert target.due == at("2026-06-08 08:30")
    assert [notice.at for notice in target.warnings()] == [
        at("2026-06-05 17:00"),
        at("2026-06-05 17:30"),
    ]
    monday = find(Goal.FIRST, "2026-06-08 17:00", accepted("2026-06-08 17:00", "warned4"))
    assert (monday.due, monday.warnings()[0].at) == (at("2026-06-09 11:00"), at("2026-06-09 10:00"))


# Versions, promises, the rest


def test_a_new_calendar_counts_from_its_day_and_levels_keep_the_budget_they_were_given() -> None:
    shorter = policy(office=calendar(hours((9, 13))))
    cheaper = replace(
        shorter,
        levels={**shorter.levels, "office": replace(LEVELS[1], first_response=Budget(99 * H))},
    )
    versions = [
        PolicyVersion(at("2020-01-01 00:00"), policy()),
        PolicyVersion(at("2026-06-09 00:00"), cheaper),
    ]
    events = [accepted("2026-06-08 15:00", "office")]
    found = {target.goal: target for target in targets_at(events, versions, at("2026-06-08 16:00"))}
    assert found[Goal.FIRST].due == at(
        "2026-06-10 11:00"
    )  # 2 h on Monday, 4 h on Tuesday, 2 h on Wednesday
    assert found[Goal.FIRST].budget_seconds == 8 * H


def test_a_closed_cycle_keeps_its_verdict_when_the_calendar_changes() -> None:
    versions = [
        PolicyVersion(at("2020-01-01 00:00"), policy()),
        PolicyVersion(at("2026-07-01 00:00"), policy(office=calendar(()))),
    ]
    events = [accepted("2026-06-08 09:00", "office"), agent("2026-06-08 10:00")]
    now = at("2026-08-01 10:00")
    assert targets_at(events, versions, now)[0] == replace(
        targets_at(events, policy(), now)[0], basis=targets_at(events, versions, now)[0].basis
    )


def test_business_days_settle_on_the_next_opening_in_the_clock_too() -> None:
    target = find(Goal.FIRST, "2026-06-05 18:00", accepted("2026-06-05 17:30", "days"))
    assert (
        target.due
        == first_response_due(policy(), "days", at("2026-06-05 17:30"))
        == at("2026-06-10 09:00")
    )
    assert target.spans()[-1].end == target.due


def test_a_promise_is_the_first_response_of_a_ticket_that_is_not_there_yet() -> None:
    assert first_response_due(policy(), "always", at("2026-06-05 09:00")) == at("2026-06-05 13:00")
    assert first_response_due(policy(), "reset", at("2026-06-05 09:00")) is None
    with pytest.raises(Invalid, match="'gold'"):
        first_response_due(policy(), "gold", at("2026-06-05 09:00"))


def test_a_level_is_open_when_its_calendar_is() -> None:
    assert policy().next_open("office", at("2026-06-05 16:59")) == at("2026-06-05 16:59")
    assert policy().next_open("office", at("2026-06-05 17:00")) == at("2026-06-08 09:00")


def test_what_lies_in_the_future_has_not_happened_yet() -> None:
    events = [accepted("2026-06-05 09:00"), agent("2026-06-05 10:00")]
    assert targets_at(events, policy(), at("2026-06-05 08:00")) == ()
    assert targets_at(events, policy(), at("2026-06-05 09:30"))[0].state is TargetState.RUNNING


def test_events_without_a_ticket_mean_nothing() -> None:
    lonely = [
        agent("2026-06-05 10:00"),
        paused("2026-06-05 10:00"),
        resolved("2026-06-05 10:00"),
        moved("2026-06-05 10:00", "vip"),
    ]
    assert targets_at(lonely, policy(), at("2026-06-06 10:00")) == ()


LEVEL_KEYS = [level.key for level in LEVELS]
MOMENTS = st.integers(0, 20 * 24 * 4).map(
    lambda n: at("2026-06-05 09:00") + dt.timedelta(minutes=15 * n)
)
EVENTS = st.builds(
    SlaEvent,
    at=MOMENTS,
    kind=st.sampled_from(
        [kind for kind in SlaEventKind if kind not in (SlaEventKind.ACCEPTED, SlaEventKind.VOIDED)]
    ),
    level=st.sampled_from(LEVEL_KEYS),
    reason=st.sampled_from(["customer", "vendor", "all", "other"]),
    by_agent=st.booleans(),
    public=st.booleans(),
    automatic=st.booleans(),
    until=st.one_of(st.none(), MOMENTS),
    change=st.one_of(st.none(), st.sampled_from(LevelChange)),
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LEVEL_KEYS), st.lists(EVENTS, max_size=12), MOMENTS, MOMENTS)
def test_a_verdict_once_given_is_never_changed_by_what_comes_later(
    level: str, events: list[SlaEvent], one: dt.datetime, two: dt.datetime
) -> None:
    history = [accepted("2026-06-05 09:00", level), *sorted(events, key=lambda e: e.at)]
    earlier, later = sorted((one, two))
    before = targets_at(history, policy(), earlier)
    after = {(t.goal, t.cycle): t for t in targets_at(history, policy(), later)}
    for target in before:
        now = after[target.goal, target.cycle]
        if target.ended is not None:
            assert now == target
        if target.breached_at is not None:
            assert now.breached_at == target.breached_at


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LEVEL_KEYS), st.lists(EVENTS, max_size=12), MOMENTS)
def test_every_target_adds_up(level: str, events: list[SlaEvent], now: dt.datetime) -> None:
    for target in targets_at([accepted("2026-06-05 09:00", level), *events], policy(), now):
        assert target.used_seconds + target.remaining_seconds == target.budget_seconds
        assert (target.state is TargetState.PAUSED) <= (target.due is None)
        if target.ended is None and target.due is not None and target.breached_at is None:
            assert target.due >= now
        if target.due is not None and target.basis.settles is None:
            counted = sum(span.seconds for span in target.spans() if span.state is SpanState.OPEN)
            assert counted + target.basis.used_before == target.budget_seconds


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LEVEL_KEYS), st.lists(EVENTS, max_size=12), MOMENTS, MOMENTS)
def test_due_time_and_used_time_are_the_same_when_counted_together(
    level: str, events: list[SlaEvent], now: dt.datetime, until: dt.datetime
) -> None:
    for target in targets_at([accepted("2026-06-05 09:00", level), *events], policy(), now):
        basis, instant = target.basis, to_timestamp(until)
        assert basis.due_and_used(instant) == (basis.due(), basis.used(instant))


@settings(max_examples=100, deadline=None)
@given(st.lists(EVENTS, max_size=8), st.integers(0, 30), MOMENTS)
def test_a_pause_written_as_two_changes_nothing(
    events: list[SlaEvent], gap: int, now: dt.datetime
) -> None:
    history = [accepted("2026-06-05 09:00", "office"), *events]
    start = at("2026-06-05 09:00") + dt.timedelta(hours=gap)
    twice = [
        SlaEvent(start, SlaEventKind.PAUSED, reason="vendor"),
        SlaEvent(start, SlaEventKind.PAUSED, reason="vendor"),
    ]
    assert targets_at([*history, *twice], policy(), now) == targets_at(
        [*history, twice[0]], policy(), now
    )

"""The life of a ticket as a state machine: legal moves do what the table says, illegal ones change nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kb.errors import Conflict, Forbidden, KbError, NotFound
from kb.sla.clock import targets
from kb.tickets import access, promises
from kb.tickets.ticket import TRANSITIONS, Status, Ticket, Verb, after

from .world import FRIDAY, HOUR, World, build, draft

PEOPLE = ("alice", "anton", "bob", "charlie", "erin", "vera")


def test_every_status_can_be_left_and_reached() -> None:
    assert {status for status, _ in TRANSITIONS} == set(Status)
    assert set(TRANSITIONS.values()) == set(Status)
    assert {verb for _, verb in TRANSITIONS} == set(Verb) - {Verb.OPEN}


@given(st.sampled_from(Status), st.sampled_from(Verb))
def test_what_is_not_in_the_table_is_a_conflict_that_says_so(status: Status, verb: Verb) -> None:
    assume((status, verb) not in TRANSITIONS)
    with pytest.raises(Conflict, match=status.value):
        after(status, verb)


def do(world: World, number: str, verb: Verb, name: str, step: int) -> None:
    person, key, now = getattr(world, name), str(step), FRIDAY + step * HOUR
    acts: dict[Verb, Callable[[], None]] = {
        Verb.REPLY: lambda: world.desk.reply(number, person, "Word.", key=key, now=now),
        Verb.COMMENT: lambda: world.desk.comment(number, person, "Word.", key=key, now=now),
        Verb.NOTE: lambda: world.desk.note(number, person, "Word.", key=key, now=now),
        Verb.ASSIGN: lambda: world.desk.assign(number, person, "bob@example.com", now=now),
        Verb.SOLVE: lambda: world.desk.solve(number, person, now=now),
        Verb.CANCEL: lambda: world.desk.cancel(number, person, now=now),
        Verb.REOPEN: lambda: world.desk.reopen(number, person, "Again.", now=now),
    }
    acts[verb]()


class Life(RuleBasedStateMachine):
    """One ticket under any sequence of verbs by anybody, beside a model of a dozen lines."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = build(Path(shutil.copytree(self.template, self.folder / "data")))
        self.number = self.world.desk.open(draft(), self.world.alice, key="k", now=FRIDAY)
        self.status, self.verbs, self.step = Status.OPEN, [Verb.OPEN], 0

    def seen(self) -> Ticket:
        return self.world.desk.ticket(self.number, self.world.bob, now=FRIDAY + self.step * HOUR)

    @rule(verb=st.sampled_from(sorted(set(Verb) - {Verb.OPEN})), name=st.sampled_from(PEOPLE))
    def anybody_does_anything(self, verb: Verb, name: str) -> None:
        self.step += 1
        owned = access.Ownership(1001, self.world.alice.id, self.world.alice.organisation_id)
        side = access.side(getattr(self.world, name), owned)
        move = TRANSITIONS.get((self.status, verb))
        expected: type[KbError] | None = None
        if side is None:
            expected = NotFound
        elif side not in access.ALLOWED[verb]:
            expected = Forbidden
        elif move is None:
            expected = Conflict
        if expected is None and move is not None:
            do(self.world, self.number, verb, name, self.step)
            self.status = move
            self.verbs.append(verb)
        else:
            before = self.seen()
            with pytest.raises(expected or KbError):
                do(self.world, self.number, verb, name, self.step)
            assert self.seen() == before

    @precondition(lambda self: self.step)
    @invariant()
    def the_ticket_is_as_the_table_says(self) -> None:
        ticket = self.seen()
        assert ticket.row.status is self.status
        assert [event.verb for event in ticket.events] == self.verbs
        assert (self.world.desk.queue(self.world.bob, now=FRIDAY)[0] == 1) == (
            self.status in (Status.OPEN, Status.WAITING)
        )

    @invariant()
    def a_promise_runs_only_while_the_next_word_is_ours(self) -> None:
        ticket = self.seen()
        if ticket.row.status is not Status.OPEN:
            assert ticket.row.due is None
            assert "running" not in {due.state for due in ticket.dues}

    @invariant()
    def the_rows_are_what_the_clock_makes_of_the_whole_history(self) -> None:
        now = FRIDAY + self.step * HOUR
        events = [
            told
            for event in self.seen().events
            for told in promises.told(event.verb, event.at, by_agent=event.by_agent, level="commercial")
        ]
        counted = {
            (target.goal.value, target.started, target.due, target.state.value)
            for target in targets(events, self.world.policy, now)
        }
        facts = self.world.desk._store.facts(1001)
        kept = {
            (one.target, one.started_at, one.due_at, promises.due(one.target, one.state, one.due_at, None, now).state)
            for one in facts.promised
        }
        assert kept == counted

    def teardown(self) -> None:
        self.world.database.close()
        shutil.rmtree(self.folder)


def test_the_life_of_a_ticket_follows_the_table(template: Path) -> None:
    Life.template = template
    calm = settings(max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Life, settings=calm)

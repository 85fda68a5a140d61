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
from kb.tickets import access, promises
from kb.tickets.promises import FIRST, NEXT, RUNNING, Promised
from kb.tickets.ticket import TRANSITIONS, Status, Ticket, Verb, after

from .world import DAY, FRIDAY, HOUR, World, build, draft

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
        assert [due.target for due in ticket.dues] == [FIRST] + [NEXT] * (len(ticket.dues) - 1)

    def teardown(self) -> None:
        self.world.database.close()
        shutil.rmtree(self.folder)


def test_the_life_of_a_ticket_follows_the_table(template: Path) -> None:
    Life.template = template
    calm = settings(max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Life, settings=calm)


def promise_at(hour: int, cycle: int = 1, target: str = NEXT) -> Promised:
    start = FRIDAY + hour * HOUR
    return Promised(target, start, start + DAY, "commercial", "v1", cycle)


ACTS = st.lists(
    st.tuples(st.sampled_from(sorted(set(Verb) - {Verb.OPEN})), st.booleans(), st.integers(0, 30)), max_size=12
)


@given(ACTS)
def test_finished_promises_never_change_and_at_most_one_runs(acts: list[tuple[Verb, bool, int]]) -> None:
    promised: tuple[Promised, ...] = (promise_at(0, target=FIRST),)
    hour = 0
    for verb, by_agent, later in acts:
        hour += later
        before = promised
        promised = promises.after_verb(
            before,
            verb,
            by_agent=by_agent,
            at=FRIDAY + hour * HOUR,
            start_next=lambda at, cycle: promise_at(int((at - FRIDAY) / HOUR), cycle),
        )
        assert [new for old, new in zip(before, promised, strict=False) if old.state != RUNNING] == [
            old for old in before if old.state != RUNNING
        ]
        assert sum(one.state == RUNNING for one in promised) <= 1
        assert len({(one.target, one.cycle) for one in promised}) == len(promised)
        for one in promised:
            if one.state == "met":
                assert one.met_at
                assert one.due_at
                assert one.started_at <= one.met_at <= one.due_at

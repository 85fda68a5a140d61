"""The life of a ticket as a state machine: legal moves do what the table says, illegal ones change
nothing.
"""

from __future__ import annotations

import datetime as dt
import inspect
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kb.errors import Conflict, Forbidden, KbError, NotFound
from kb.sla.clock import targets_at
from kb.tickets.actions import COMMANDS
from kb.tickets.lifecycle import ACTIVE, VERBS, Side, Status, Verb, next_status
from kb.tickets.permissions import Ownership, side_of
from kb.tickets.sla_targets import target_view
from kb.tickets.ticket import Ticket
from tests.world import FRIDAY, HOUR, World, build, draft

PEOPLE = ("alice", "anton", "bob", "charlie", "erin", "vera")
TRANSITIONS = {
    (status, verb): following
    for verb, row in VERBS.items()
    for status, following in row.transitions.items()
}


def test_every_status_can_be_left_and_reached() -> None:
    assert {status for status, _ in TRANSITIONS} == set(Status)
    assert set(TRANSITIONS.values()) == set(Status)
    assert {verb for _, verb in TRANSITIONS} == set(Verb) - {Verb.OPEN}


@given(st.sampled_from(Status), st.sampled_from(Verb))
def test_what_is_not_in_the_table_is_a_conflict_that_says_so(status: Status, verb: Verb) -> None:
    assume((status, verb) not in TRANSITIONS)
    with pytest.raises(Conflict):
        next_status(status, verb)


def test_a_verb_has_one_form_name_and_a_function_that_takes_its_fields() -> None:
    for verb, row in VERBS.items():
        forms = [form for side in Side if (form := row.form_for(side))]
        assert len({form.name for form in forms}) <= 1
        if verb not in COMMANDS:
            continue
        parameters = inspect.signature(COMMANDS[verb]).parameters
        for form in forms:
            assert {field.name for field in form.fields} <= set(parameters)
            assert not form.files or "uploads" in parameters


#: Filing, and what is possible for ten minutes only: it has tests of its own.
NOT_COMMANDED = {Verb.OPEN, Verb.RECORD, Verb.UNDO, Verb.SEPARATE}
LEVELS = ("vip-coupon", "commercial")


def do(world: World, number: str, verb: Verb, name: str, step: int, other: str) -> None:
    person, now, desk = getattr(world, name), FRIDAY + step * HOUR, world.desk
    given: dict[Verb, dict[str, Any]] = {
        Verb.REPLY: {"body": "Word."},
        Verb.LINK: {"documents": [("doc/a", "A")]},
        Verb.COMMENT: {"body": "Word."},
        Verb.NOTE: {"body": "Word."},
        Verb.ASK_FOR_FILES: {"body": "The dump, please."},
        Verb.ASSIGN: {"agent": world.bob},
        Verb.COPY: {"copy_to": ["boss@example.com"]},
        Verb.SET_TO_PENDING: {"body": "Which one?"},
        Verb.PAUSE: {"reason": "release"},
        Verb.CHANGE_LEVEL: {"level": LEVELS[step % 2], "body": "So be it."},
        Verb.PROPOSE: {"severity": "down", "body": "Worse."},
        Verb.ESCALATE: {"body": "Hurry."},
        Verb.REOPEN: {"body": "Again."},
        Verb.RATE: {"score": 5},
        Verb.VOID: {"why": "spam"},
        Verb.PLAN: {"release": "2.1"},
        Verb.SHIP: {"release": "2.1"},
    }
    if verb is Verb.MERGE:
        desk.merge(number, person, other, now=now)
    elif verb is Verb.ABSORB:
        desk.merge(other, person, number, now=now)
    elif verb is Verb.SPLIT:
        desk.split(number, person, "A part", "Of it.", key=str(step), now=now)
    else:
        command = COMMANDS[verb](**given.get(verb, {}))
        desk.act(number, person, command, key=str(step), now=now)


class Life(RuleBasedStateMachine):
    """One ticket under any sequence of verbs by anybody, beside a model of a dozen lines."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = build(Path(shutil.copytree(self.template, self.folder / "data")))
        self.number = self.world.desk.filing.file(draft(), self.world.alice, key="k", now=FRIDAY)
        self.status, self.verbs, self.step = Status.OPEN, [Verb.OPEN], 0

    def seen(self) -> Ticket:
        return self.world.desk.ticket(self.number, self.world.bob, now=self.now)

    @property
    def now(self) -> dt.datetime:
        return FRIDAY + self.step * HOUR

    @rule(verb=st.sampled_from(sorted(set(Verb) - NOT_COMMANDED)), name=st.sampled_from(PEOPLE))
    def anybody_does_anything(self, verb: Verb, name: str) -> None:
        self.step += 1
        other = ""
        if verb in (Verb.MERGE, Verb.ABSORB):
            other = self.world.desk.filing.file(
                draft("Another"), self.world.alice, key=f"o{self.step}", now=self.now
            )
        owned = Ownership(1001, self.world.alice.id, self.world.alice.organisation_id)
        side = side_of(getattr(self.world, name), owned)
        move = TRANSITIONS.get((self.status, verb))
        expected: tuple[type[KbError], ...] = ()
        if side is None:
            expected = (NotFound,)
        elif side not in VERBS[verb].sides:
            expected = (Forbidden,)
        elif move is None:
            expected = (Conflict,)
        before = self.seen()
        try:
            do(self.world, self.number, verb, name, self.step, other)
            refused = None
        except KbError as error:
            refused = error
        # What the table allows may still be refused for what the ticket is: nothing proposed,
        # already there.
        assert refused is not None or not expected
        if refused is not None:
            assert isinstance(refused, expected or (Conflict,)), refused.sentence
            assert self.seen() == before
        elif move is not None:
            self.status = move
            self.verbs.append(verb)

    @precondition(lambda self: self.step)
    @invariant()
    def the_ticket_is_as_the_table_says(self) -> None:
        ticket = self.seen()
        assert ticket.row.status is self.status
        assert [event.verb for event in ticket.events] == self.verbs
        listed = {
            row.number for row in self.world.desk.queue.tickets(self.world.bob, now=FRIDAY)[1]
        }
        assert (self.number in listed) == (self.status in ACTIVE)

    @invariant()
    def nothing_runs_when_it_is_closed_or_the_customer_has_the_word(self) -> None:
        ticket = self.seen()
        running = {due.target for due in ticket.dues if due.state in ("running", "paused")}
        if ticket.row.status not in ACTIVE:
            assert ticket.row.due is None
            assert not running
        if ticket.row.status is Status.PENDING:
            assert running <= {"resolution"}

    @invariant()
    def the_rows_are_what_the_clock_makes_of_the_whole_history(self) -> None:
        facts = self.world.desk._repository.facts(1001)
        counted = {
            (target.goal.value, target.cycle, target.started, target.due, target.state.value)
            for target in targets_at(facts.history, self.world.policy, self.now)
        }
        kept = {
            (
                row.target,
                row.cycle,
                row.started_at,
                row.due_at,
                target_view(row.target, row.state, row.due_at, None, self.now).state,
            )
            for row in facts.target_rows
        }
        assert kept == counted

    def teardown(self) -> None:
        self.world.database.close()
        shutil.rmtree(self.folder)


def test_the_life_of_a_ticket_follows_the_table(template: Path) -> None:
    Life.template = template
    calm = settings(
        max_examples=12,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Life, settings=calm)

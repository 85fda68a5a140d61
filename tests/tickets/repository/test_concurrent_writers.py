"""Many who file and answer at once, from several portals: nothing is lost, doubled or skipped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kb.people.person import Person
from kb.tickets import actions
from kb.tickets.reports.changes import changes_after
from tests.tickets.tickets import rows, states
from tests.world import FRIDAY, World, build, draft

WRITERS, EACH = 4, 5
SECONDS = 120  # how long a thread may take before the test fails instead of waiting for ever


@pytest.fixture
def portals(data: Path) -> Iterator[list[World]]:
    """Two that share a database, each with connections of its own."""
    worlds = [build(data) for _ in range(2)]
    yield worlds
    for world in worlds:
        world.database.close()


class Follower:
    """A program that asks for the changes since its cursor until the writers are done."""

    def __init__(self, world: World) -> None:
        self.events: list[int] = []
        self._world = world
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def end(self) -> list[int]:
        self._is_over.set()
        self._thread.join(SECONDS)
        return self.events

    def _follow(self) -> None:
        while True:
            is_over = self._is_over.is_set()
            cursor = self.events[-1] if self.events else 0
            changes = changes_after(self._world.database, self._world.bob, cursor, 7)
            self.events += [change.id for change in changes]
            if is_over and not changes:
                return


def run_together(*jobs: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not failures


def test_no_number_is_given_twice_and_no_event_is_skipped(portals: list[World]) -> None:
    follower = Follower(portals[0])
    numbers: list[str] = []

    def file_and_answer(world: World, requester: Person, writer: int) -> None:
        for ticket in range(EACH):
            key = f"{writer}/{ticket}"
            number = world.desk.filing.file(draft(), requester, key=key, now=FRIDAY)
            again = world.desk.filing.file(draft(), requester, key=key, now=FRIDAY)
            assert again == number
            world.desk.act(number, world.bob, actions.reply("Here."), now=FRIDAY)
            numbers.append(number)

    requesters = [portals[0].alice, portals[0].charlie] * 2
    run_together(
        *(
            lambda writer=writer: file_and_answer(portals[writer % 2], requesters[writer], writer)
            for writer in range(WRITERS)
        )
    )

    assert len(numbers) == len(set(numbers)) == WRITERS * EACH
    saved = [event_id for (event_id,) in rows(portals[1], "SELECT id FROM events ORDER BY id")]
    assert len(saved) == 2 * WRITERS * EACH
    assert follower.end() == saved


def test_one_form_that_is_sent_many_times_at_once_is_one_ticket(portals: list[World]) -> None:
    numbers: list[str] = []

    def file(world: World) -> None:
        numbers.append(world.desk.filing.file(draft(), world.alice, key="same", now=FRIDAY))

    run_together(*(lambda world=world: file(world) for world in portals * 3))
    assert len(set(numbers)) == 1
    assert rows(portals[0], "SELECT count(*) FROM tickets") == [(1,)]


def test_two_replies_at_once_are_both_decided_on_what_was_saved_before(
    portals: list[World],
) -> None:
    world = portals[0]
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)

    def reply(own: World) -> None:
        own.desk.act(number, own.bob, actions.reply("Here."), now=FRIDAY)

    run_together(*(lambda own=own: reply(own) for own in portals * 2))
    assert rows(world, "SELECT count(*) FROM events WHERE verb = 'replied'") == [(4,)]
    assert states(world, number, FRIDAY) == [("first response", "met")]

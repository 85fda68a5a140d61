"""What each person sees, beside a model of a few lines: tickets, notes, and published documents.

A state machine (Hypothesis) in which people file, comment and note, an organisation opens and
closes its view, editors write, withdraw and restrict pages, publish and roll back. After each step,
everybody's lists, tickets, pages and counts are what the model says. ``python -m bench.visibility``
runs it for long.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import update

from kb.errors import Forbidden, NotFound
from kb.people.person import Person
from kb.people.tables import ORGANISATIONS
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind, Section
from kb.search.generations.generation import Generations
from kb.search.searcher import Searcher
from kb.tickets.actions import COMMANDS
from kb.tickets.lifecycle import Verb
from tests.world import FRIDAY, HOUR, build, draft

CUSTOMERS = ("alice", "anton", "charlie")
PEOPLE = (*CUSTOMERS, "bob", "erin")
#: Which documents somebody reads, by the audience of the person; None reads without signing in.
READS = {
    "public": {"public"},
    "customers": {"public", "customers"},
    "staff": {"public", "customers", "partners", "staff"},
}
AUDIENCES = ("public", "customers", "partners", "staff", "acme-only")
PAGES = tuple(f"page{number}" for number in range(4))


@dataclass(slots=True)
class ModelTicket:
    owner: str
    public: list[str] = field(default_factory=list)
    internal: list[str] = field(default_factory=list)


class Visibility(RuleBasedStateMachine):
    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.world = build(Path(shutil.copytree(self.template, self.folder / "data")))
        self.people: dict[str, Person] = {name: getattr(self.world, name) for name in PEOPLE}
        self.tickets: dict[str, ModelTicket] = {}
        self.acme_shares = False
        self.draft: dict[str, str] = {}  # page -> audience
        self.generations: dict[str, dict[str, str]] = {}
        self.served = ""
        self.searcher: Searcher | None = None
        self.step = 0

    def next_word(self) -> str:
        self.step += 1
        return f"word{self.step:03}x"

    # --- tickets

    @rule(name=st.sampled_from(CUSTOMERS))
    def file(self, name: str) -> None:
        word = self.next_word()
        number = self.world.desk.filing.file(
            draft(f"About {word}"), self.people[name], key=word, now=self.now
        )
        self.tickets[number] = ModelTicket(name, [word])

    @precondition(lambda self: self.tickets)
    @rule(name=st.sampled_from(PEOPLE), data=st.data())
    def write(self, name: str, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.tickets)))
        verb = data.draw(st.sampled_from([Verb.COMMENT, Verb.REPLY, Verb.NOTE]))
        word, ticket = self.next_word(), self.tickets[number]
        command = COMMANDS[verb](body=f"This is {word}.")
        allowed = name == "bob" if verb is not Verb.COMMENT else name in CUSTOMERS
        try:
            self.world.desk.act(number, self.people[name], command, key=word, now=self.now)
        except NotFound:
            assert not self.sees(name, ticket)
        except Forbidden:
            assert self.sees(name, ticket)
            assert not allowed
        else:
            assert self.sees(name, ticket)
            assert allowed
            (ticket.internal if verb is Verb.NOTE else ticket.public).append(word)

    @rule()
    def acme_opens_or_closes_its_view(self) -> None:
        self.acme_shares = not self.acme_shares
        acme = self.people["alice"].organisation_id
        with self.world.database.write() as connection:
            statement = update(ORGANISATIONS).where(ORGANISATIONS.c.id == acme)
            connection.execute(statement.values(shared_view=self.acme_shares))

    # --- documents

    @rule(page=st.sampled_from(PAGES), audience=st.sampled_from(AUDIENCES))
    def write_a_page(self, page: str, audience: str) -> None:
        self.draft[page] = audience

    @precondition(lambda self: self.draft)
    @rule(data=st.data())
    def withdraw_a_page(self, data: st.DataObject) -> None:
        del self.draft[data.draw(st.sampled_from(sorted(self.draft)))]

    @precondition(lambda self: self.draft)
    @rule()
    def publish(self) -> None:
        with IndexBuilder(self.world.data, operators=False) as builder:
            for page, audience in sorted(self.draft.items()):
                builder.add(_document(page, audience))
            name = builder.publish(ledger={}, settings={}).name
        self.generations[name] = dict(self.draft)
        self.serve(name)

    @precondition(lambda self: len(self.generations) > 1)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(Generations(self.world.data).names())))
        Generations(self.world.data).rollback(name)
        self.serve(name)

    def serve(self, name: str) -> None:
        self.served = name
        self.searcher = Searcher(self.world.data, budget_ms=60_000)

    # --- what has to hold

    @property
    def now(self):  # type: ignore[no-untyped-def]  # a datetime
        return FRIDAY + self.step * HOUR

    def sees(self, name: str, ticket: ModelTicket) -> bool:
        colleagues = self.acme_shares and {name, ticket.owner} <= {"alice", "anton"}
        return name in ("bob", ticket.owner) or colleagues

    @invariant()
    def tickets_are_seen_as_the_model_says(self) -> None:
        desk = self.world.desk
        for name, person in self.people.items():
            for number, model in self.tickets.items():
                if not self.sees(name, model):
                    try:
                        desk.ticket(number, person, now=self.now)
                    except NotFound:
                        continue
                    raise AssertionError(f"{name} sees {number} of {model.owner}")
                text = repr(desk.ticket(number, person, now=self.now))
                assert all(word in text for word in model.public), (name, number)
                assert all((word in text) == (name == "bob") for word in model.internal), name

    @invariant()
    def lists_and_their_search_are_as_the_model_says(self) -> None:
        desk = self.world.desk
        for name in CUSTOMERS:
            person = self.people[name]
            own = {number for number, model in self.tickets.items() if model.owner == name}
            assert self.listed(desk.mine(person, now=self.now)) == own
            if not (self.acme_shares and name in ("alice", "anton")):
                continue
            shared = {number for number, model in self.tickets.items() if self.sees(name, model)}
            assert self.listed(desk.mine(person, company=True, now=self.now)) == shared
        for number, model in self.tickets.items():
            for name in CUSTOMERS:
                for word in (*model.public, *model.internal):
                    listed = self.listed(desk.mine(self.people[name], words=word, now=self.now))
                    visible = name == model.owner and word in model.public
                    assert listed == ({number} if visible else set()), (name, word)
        queue = desk.queue.tickets(self.people["bob"], now=self.now)
        assert {row.number for row in queue[1]} <= set(self.tickets)
        assert queue[0] == len(self.tickets)

    @staticmethod
    def listed(answer) -> set[str]:  # type: ignore[no-untyped-def]  # what the lists give
        total, rows = answer
        assert total == len(rows)
        return {row.number for row in rows}

    @invariant()
    def documents_are_seen_as_the_model_says(self) -> None:
        if self.searcher is None:
            return
        pages = self.generations[self.served]
        for audience, reads in READS.items():
            visible = {f"doc/{page}" for page, of in pages.items() if of in reads}
            found = self.searcher.search("common", audience=audience, operators=False)
            assert {hit.id for hit in found.hits} == visible, audience
            assert self.searcher.counts(audience).get("doc", 0) == len(visible)
            _, listed = self.searcher.listing(audience, "doc")
            assert {hit.id for hit in listed} == visible
            for page, of in pages.items():
                try:
                    self.searcher.article(f"doc/{page}", audience=audience)
                except NotFound:
                    assert of not in reads
                else:
                    assert of in reads

    def teardown(self) -> None:
        self.world.database.close()
        shutil.rmtree(self.folder)


def _document(page: str, audience: str) -> Document:
    return Document(
        f"doc/{page}",
        DocumentKind.DOC,
        f"The common {page}",
        (Section("", (), f"A common text of {page} for {audience}."),),
        audience=audience,
    )

"""Words that occur nowhere else, planted wherever a person can type, and the search for them in
every byte of a folder.
"""

from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from kb.analytics.query_log import QueryLog
from kb.gaps.tables import GAP_PROPOSALS
from kb.jobs.index_runs import IndexRunKind, IndexRuns
from kb.jobs.tables import INDEX_RUNS
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.people.person import OPERATOR, Person
from kb.people.tables import PASSKEYS, PEOPLE
from kb.tickets import actions
from kb.tickets.decision import Command
from kb.tickets.ticket import Consulted, Upload
from tests.databases import ON_POSTGRESQL
from tests.world import DAY, FRIDAY, HOUR, World, draft, person_of

ADDRESS = "paula.planter@example.com"
PASSWORD = "correct horse battery"
_LETTERS = "bcdfghklmnpqrstvwxz"


@dataclass(slots=True)
class Seeds:
    """Makes words; ``places`` says where each was planted."""

    random: random.Random
    places: dict[str, str] = field(default_factory=dict)

    def word(self, place: str) -> str:
        word = "".join(self.random.choices(_LETTERS, k=14))
        self.places[word] = place
        return word

    def file(self, place: str) -> Upload:
        return Upload(f"{self.word(f'name of {place}')}.log", self.word(place).encode())


@dataclass(frozen=True, slots=True)
class Planted:
    seeds: Seeds
    own: tuple[str, ...]  # the tickets that she filed
    elsewhere: str  # a colleague's, on which she commented


def plant(world: World, seed: int) -> Planted:
    """Paula, a colleague of Alice's, types into everything that there is."""
    seeds = Seeds(random.Random(seed))
    paula = _account(world, seeds)
    _search(world, seeds)
    own = (_own_ticket(world, seeds, paula), *_tickets_of_guest(world, seeds))
    elsewhere = _ticket_of_alice(world, seeds, paula)
    _mails(world, seeds)
    return Planted(seeds, own, elsewhere)


def _account(world: World, seeds: Seeds) -> Person:
    accounts, word = world.accounts, seeds.word
    name = f"Paula {word('name')}"
    accounts.add(ADDRESS, name, PASSWORD, role="customer", organisation="ACME", now=FRIDAY)
    paula = person_of(accounts, "paula.planter")
    with world.database.write() as connection:
        profile = {"location": word("location"), "phone": word("phone")}
        connection.execute(update(PEOPLE).where(PEOPLE.c.id == paula.id).values(profile))
        passkey = {"person_id": paula.id, "credential_id": b"id", "credential": b"key"}
        passkey |= {"name": word("passkey"), "sign_count": 0, "created_at": FRIDAY}
        connection.execute(insert(PASSKEYS).values(passkey))
    company = accounts.contacts.named(OPERATOR, "ACME")
    accounts.contacts.set_organisation(
        OPERATOR, company.id, shared_view=True, licence_addresses=[ADDRESS, "alice@example.com"]
    )
    accounts.sign_in(ADDRESS, PASSWORD, address="192.0.2.7", client=word("client"), now=FRIDAY)
    accounts.grant_coupon(paula, word("coupon"), rule="vip", granted=3, since=FRIDAY)
    accounts.links.issue("register", ADDRESS, {"name": word("registration")}, now=FRIDAY)
    other = accounts.contacts.named(OPERATOR, world.charlie.organisation)
    accounts.contacts.invite(
        OPERATOR, ADDRESS, word("invited as"), organisation_id=other.id, now=FRIDAY
    )
    return paula


def _search(world: World, seeds: Seeds) -> None:
    """In the search box, and in a visit of the form that ended with no ticket."""
    once, typed = seeds.word("search"), seeds.word("abandoned form")
    log = QueryLog(world.database)
    log.count(
        [(once, "public"), (f"why {typed}", "public"), (f"why {typed}", "public")], now=FRIDAY
    )
    log.count([("paper jam", "public")] * 5, now=FRIDAY)
    world.deflection.record("abandoned", "query", {"query": typed}, now=FRIDAY)
    world.deflection.record("episode-p", "query", {"query": seeds.word("form")}, now=FRIDAY)
    paula = person_of(world.accounts, "paula.planter")
    world.deflection.helpful("doc/jam", False, f"person:{paula.id}", FRIDAY)
    run = IndexRuns(world.database).order(IndexRunKind.CHECK, world.erin.id, now=FRIDAY)
    with world.database.write() as connection:
        report = {"changes": [{"query": typed, "before": [], "after": []}]}
        this = INDEX_RUNS.c.id == run.id
        connection.execute(update(INDEX_RUNS).where(this).values(report=report, state="done"))
        proposal = {"document_id": "doc/jam", "words": ["paper jam"], "asked_at": FRIDAY}
        connection.execute(insert(GAP_PROPOSALS).values(**proposal, effect=report))


def _own_ticket(world: World, seeds: Seeds, paula: Person) -> str:
    desk, word, bob = world.desk, seeds.word, world.bob
    title, comment = word("title"), word("abandoned form's word again")
    with_everything = draft(
        f"The {title} is broken",
        description=f"It says {word('description')} 印刷{word('script without blanks')}.",
        severity="date",
        severity_detail=word("severity detail"),
        coupon=next(code for code, place in seeds.places.items() if place == "coupon"),
        copy_to=("friend@example.net",),
        attachments=(seeds.file("attachment"),),
        consulted=(Consulted("doc/jam", f"Jam {word('consulted')}", "opened"),),
        episode="episode-p",
    )
    number = desk.filing.file(with_everything, paula, key=word("key"), now=FRIDAY)
    typed = next(text for text, place in seeds.places.items() if place == "abandoned form")

    def act(person: Person, command: Command) -> None:
        desk.act(number, person, command, key=word("key of a verb"), now=FRIDAY + HOUR)

    act(bob, actions.note(f"She means {title}, {word('note')}", [seeds.file("agent's file")]))
    act(bob, actions.assign(bob))
    act(bob, actions.reply(f"Dear Paula, {word('reply')}: {title}"))
    act(paula, actions.comment(f"{comment} {typed}", [seeds.file("file of a comment")]))
    act(bob, actions.answer_by_link([("doc/jam", "Jam")], word("reply with an article")))
    act(bob, actions.propose_severity("question", word("proposal")))
    act(paula, actions.decline(word("decline")))
    act(bob, actions.change_level("commercial", word("level")))
    act(paula, actions.set_copies(["friend@example.net", ADDRESS]))
    act(paula, actions.escalate(word("escalation")))
    act(bob, actions.pause("release", body=word("pause")))
    part = desk.split(
        number, bob, word("part"), word("part's text"), key="split", now=FRIDAY + HOUR
    )
    act(bob, actions.resume())
    act(bob, actions.solve())
    act(paula, actions.rate(2, word("rating")))
    act(paula, actions.reopen(word("reopening")))
    desk.act(part, paula, actions.cancel(), now=FRIDAY + HOUR)
    refusal = desk.copies.token(int(number.removeprefix("KB-")), "carol@example.net", now=FRIDAY)
    desk.copies.choose(refusal, "refused", now=FRIDAY)  # of copies of any ticket
    return number


def _tickets_of_guest(world: World, seeds: Seeds) -> Iterator[str]:
    for turn in ("first", "second"):
        name = f"Paula {seeds.word(f'{turn} name as a guest')}"
        guest = world.accounts.guest(ADDRESS, name, "UTC", now=FRIDAY)
        key = seeds.word("key of a guest")
        number = world.desk.filing.file(
            draft(seeds.word("guest's title")), guest, key=key, now=FRIDAY
        )
        world.desk.links.for_new_ticket(number, guest, key=key, now=FRIDAY)
        yield number


def _ticket_of_alice(world: World, seeds: Seeds, paula: Person) -> str:
    """Paula comments, is copied, and others write her address."""
    desk, word = world.desk, seeds.word
    number = desk.filing.file(
        draft(
            f"Ask {ADDRESS} about elderberries",
            description=f"Paula ({ADDRESS.upper()}) knows about gooseberries.",
            copy_to=(ADDRESS, "friend@example.net"),
        ),
        world.alice,
        key="alice",
        now=FRIDAY,
    )
    desk.act(
        number,
        paula,
        actions.comment(word("comment elsewhere"), [seeds.file("file elsewhere")]),
        now=FRIDAY,
    )
    desk.act(number, world.bob, actions.reply(f"Thank you, {ADDRESS}."), now=FRIDAY)
    serial = int(number.removeprefix("KB-"))
    desk.copies.token(serial, ADDRESS, now=FRIDAY)
    return number


def _mails(world: World, seeds: Seeds) -> None:
    """Mails wait, and one has failed with an answer of the server that names her."""
    outbox = Outbox(world.database)
    batch = outbox.claim(MAIL_QUEUE, FRIDAY + DAY)[0]
    outbox.mark_failed(
        MAIL_QUEUE,
        batch,
        f"550 <{ADDRESS}> {seeds.word('answer of the mail server')}"
        if batch[0].recipient == ADDRESS
        else f"550 <{ADDRESS}> unknown",
        FRIDAY + DAY,
        permanent=True,
    )


# --- looking


def found_in(folder: Path, words: Iterable[str]) -> dict[str, set[str]]:
    """Word -> the files that contain it, in any case, also inside archives."""
    if ON_POSTGRESQL:
        pytest.skip("the files of the database are the server's")
    wanted = {word: word.lower().encode() for word in words}
    places: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        names = str(path.relative_to(folder)).lower().encode()
        for content in (names, *_contents(path)):
            for word, encoded in wanted.items():
                if encoded in content:
                    places.setdefault(word, set()).add(path.name)
    return places


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw.lower()
    if raw[:2] == b"\x1f\x8b":
        yield gzip.decompress(raw).lower()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.lower().encode()
                yield archive.read(name).lower()

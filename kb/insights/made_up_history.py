"""A made-up history for demos: 90 days of visits and tickets, which fill the page Insights.

Everything in it says that it is made up: companies, people, and the text of each ticket. Titles do
not, since what is learned from them, such as aliases, stands on pages of customers. Its people have
addresses that no mail is sent to, and random passwords. The same seed makes the same history.
"""

from __future__ import annotations

import datetime as dt
import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from kb.analytics.assignment import assigned_arm
from kb.analytics.deflection import Deflection
from kb.analytics.episode import Arm
from kb.analytics.query_log import QueryLog
from kb.analytics.tables import EPISODE_EVENTS, EPISODES
from kb.database import Database
from kb.errors import Conflict
from kb.insights.ledger import DeflectionLedger
from kb.insights.ticket_sums import TicketSums
from kb.notifications.queue import NO_DOMAIN
from kb.people.accounts import Accounts
from kb.people.person import Person, Role
from kb.people.tables import PEOPLE
from kb.tickets import actions
from kb.tickets.desk import Desk
from kb.tickets.ticket import Draft

HISTORY_DAYS = 90
MADE_UP = "Made up"
_PORTAL, _SHOP = "help.made-up.example", "shop.made-up.example"
_PERCENT = 50  # held out
_VISITS_A_DAY = 40
_COMPANIES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir")
_PEOPLE_OF_EACH = 9
_AGENTS = ("Nora", "Omar", "Petra")
_REASONS = (
    "It does not say where the button is.",
    "The steps are for an older version.",
    "Too long; I gave up.",
)


@dataclass(frozen=True, slots=True)
class _Topic:
    """What people ask. ``document`` is what would be shown, and ``helps`` how often it helps."""

    titles: tuple[str, ...]
    document: str = ""
    helps: float = 0.0


#: How often pages help that visitors look for, one after the other.
_HELPS = (0.5, 0.4, 0.35, 0.2, 0.3)
#: What no page of the site answers.
_MISSING = (
    _Topic(("Export all tickets of our company to Excel", "download every ticket as a file")),
    _Topic(("Invoice for March has the wrong address", "change the billing address")),
)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of the site, and its titles: customers look for it in such words."""

    document: str
    titles: tuple[str, ...]


def _topics(chance: random.Random, pages: Sequence[HistoryPage]) -> tuple[_Topic, ...]:
    chosen = chance.sample(list(pages), min(len(pages), len(_HELPS)))
    return (
        *(
            _Topic(tuple(map(_asked, page.titles[:3])), page.document, helps)
            for page, helps in zip(chosen, _HELPS, strict=False)
        ),
        *_MISSING,
    )


def _asked(title: str) -> str:
    """A title as somebody types it.

    >>> _asked("Change the ink: step by step")
    'change the ink'
    """
    words = title.partition(":")[0].strip()
    return words[:1].lower() + words[1:]


def write_history(
    database: Database,
    accounts: Accounts,
    desk: Desk,
    *,
    pages: Sequence[HistoryPage],
    products: Sequence[str],
    now: dt.datetime,
    seed: int = 1,
) -> dict[str, int]:
    """Writes it, counts it, and returns how much was written. ``pages`` and ``products`` are the
    site's. Raises Conflict if it is there.
    """
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    topics = _topics(chance, pages)
    start = now.replace(microsecond=0) - dt.timedelta(days=HISTORY_DAYS)
    with database.read() as connection:
        if connection.execute(select(PEOPLE.c.id).where(PEOPLE.c.email == _address(0))).first():
            raise Conflict("This data folder has a made-up history already.")

    customers, agents = _add_people(accounts, start)
    plans = sorted(_plans(chance, topics, customers, start, now), key=lambda plan: plan.at)
    with database.write() as connection:
        _write_visits(connection, plans)
    filed = 0
    for plan in plans:
        if plan.files and plan.person is not None:  # strangers file on another website
            product = chance.choice(products) if products else ""
            _write_ticket(chance, desk, plan, plan.person, agents, product, now)
            filed += 1
    _write_searches_and_votes(chance, topics, database, start)
    DeflectionLedger(database).settle(now)
    TicketSums(database).count()
    return {"visits": len(plans), "tickets": filed, "people": len(customers) + len(agents)}


def _address(number: int) -> str:
    return f"made-up-{number}@{NO_DOMAIN}"


def _add_people(accounts: Accounts, now: dt.datetime) -> tuple[list[Person], list[Person]]:
    people: list[Person] = []

    def add(name: str, role: Role, organisation: str = "") -> Person:
        person = accounts.add(
            _address(len(people)),
            name,
            secrets.token_urlsafe(18),
            role=role,
            organisation=organisation,
            category="commercial" if organisation else "",
            demo=True,
            now=now,
        )
        people.append(person)
        return person

    customers = [
        add(f"{MADE_UP} customer {number} of {company}", Role.CUSTOMER, f"{MADE_UP} {company} Ltd")
        for company in _COMPANIES
        for number in range(1, _PEOPLE_OF_EACH + 1)
    ]
    return customers, [add(f"{MADE_UP} agent {name}", Role.AGENT) for name in _AGENTS]


# --- visits


@dataclass(frozen=True, slots=True)
class _Plan:
    """One visit, and whether it ends with a ticket. ``person`` is None for a stranger, who files
    on another website.
    """

    id: str
    at: dt.datetime
    topic: _Topic
    title: str
    person: Person | None
    arm: Arm
    opens: bool
    solved: bool
    files: bool

    @property
    def is_shown(self) -> bool:
        return bool(self.topic.document)


def _plans(
    chance: random.Random,
    topics: Sequence[_Topic],
    customers: list[Person],
    start: dt.datetime,
    now: dt.datetime,
) -> Iterator[_Plan]:
    number = 0
    for day in range(HISTORY_DAYS + 1):
        morning = start + dt.timedelta(days=day)
        is_weekend = morning.weekday() >= 5
        for _ in range(_VISITS_A_DAY // (4 if is_weekend else 1)):
            at = morning + dt.timedelta(seconds=chance.randrange(86_400))
            number += 1
            if at < now:
                yield _plan(chance, topics, f"made-up-{number}", at, customers)


def _plan(
    chance: random.Random,
    topics: Sequence[_Topic],
    visit: str,
    at: dt.datetime,
    customers: list[Person],
) -> _Plan:
    topic = chance.choice(topics)
    person = chance.choice(customers) if chance.random() < 0.2 else None
    arm = assigned_arm(person.id if person else None, visit, percent=_PERCENT)
    opens = bool(topic.document) and arm is Arm.TREATMENT and chance.random() < 0.5
    helped = opens and chance.random() < topic.helps
    return _Plan(
        visit,
        at,
        topic,
        chance.choice(topic.titles),
        person,
        arm,
        opens,
        solved=helped and chance.random() < 0.4,
        files=not helped and chance.random() < 0.6,
    )


def _write_visits(connection: Connection, plans: list[_Plan]) -> None:
    """At once, since nothing but the ledger reads them."""
    visits, events = [], []
    for plan in plans:
        own = list(_events(plan))
        events += own
        visits.append(
            {
                "id": plan.id,
                "started_at": plan.at,
                "last_at": own[-1]["at"],
                "events": len(own),
                "portal": _PORTAL if plan.person else _SHOP,
                "form": "ticket" if plan.person else "contact",
                "person_id": plan.person.id if plan.person else None,
                "organisation_id": plan.person.organisation_id if plan.person else None,
                "arm": plan.arm.value,
                "share": _PERCENT,
                "title": plan.title,
                "would_show": plan.is_shown,
            }
        )
    connection.execute(insert(EPISODES), visits)
    connection.execute(insert(EPISODE_EVENTS), events)


def _events(plan: _Plan) -> Iterator[dict[str, Any]]:
    at, document = plan.at, plan.topic.document
    found = int(plan.is_shown)
    facts: list[tuple[str, dict[str, Any]]] = [("form_open", {})]
    facts.append(("query", {"q": plan.title, "found": found}))
    if plan.is_shown:
        facts.append(("shown", {"ids": [document]}))
    if plan.opens:
        facts.append(("open", {"id": document, "dwell_ms": 25_000}))
    if plan.solved:
        facts.append(("helped", {"id": document, "yes": True}))
    elif plan.opens and plan.files:
        facts.append(("helped", {"id": document, "yes": False}))
    if plan.files and plan.person is None:
        facts.append(("submit", {}))
    for kind, payload in facts:
        yield {"episode_id": plan.id, "kind": kind, "at": at, "facts": payload}
        at += dt.timedelta(seconds=15)


# --- tickets


def _write_ticket(
    chance: random.Random,
    desk: Desk,
    plan: _Plan,
    customer: Person,
    agents: list[Person],
    product: str,
    now: dt.datetime,
) -> None:
    filed_at = plan.at + dt.timedelta(minutes=3)
    draft = Draft(
        plan.title,
        "question",
        "question",
        "This ticket is made up, to show what reports look like.",
        product=product,
        episode=plan.id,
    )
    number = desk.filing.file(draft, customer, key=f"history {plan.id}", now=filed_at)
    agent = chance.choice(agents)
    replied_at = filed_at + dt.timedelta(hours=chance.lognormvariate(1.5, 1.0))
    solved_at = replied_at + dt.timedelta(hours=chance.lognormvariate(2.5, 1.0))
    if replied_at >= now or chance.random() < 0.03:  # a few are forgotten
        return
    desk.act(number, agent, actions.assign(agent), now=filed_at)
    desk.act(number, agent, actions.reply("A made-up answer."), now=replied_at)
    if solved_at >= now or chance.random() < 0.05:
        return
    desk.act(number, agent, actions.solve(), now=solved_at)
    rated_at = solved_at + dt.timedelta(hours=2)
    if rated_at < now and chance.random() < 0.4:
        score = chance.choice((1, 3, 4, 4, 5, 5, 5))
        desk.act(number, customer, actions.rate(score), now=rated_at)
    if rated_at < now and chance.random() < 0.06:
        desk.act(number, customer, actions.reopen("It happened again."), now=rated_at)


def _write_searches_and_votes(
    chance: random.Random, topics: Sequence[_Topic], database: Database, start: dt.datetime
) -> None:
    log, deflection = QueryLog(database), Deflection(database)
    for week in range(HISTORY_DAYS // 7):
        at = start + dt.timedelta(weeks=week)
        asked = chance.choices(topics, k=60)
        queries = [(chance.choice(topic.titles), "public", topic) for topic in asked]
        log.count(
            [(query, audience) for query, audience, _ in queries],
            empty=[(query, audience) for query, audience, topic in queries if not topic.document],
            now=at,
        )
        for topic in asked[:10]:
            if topic.document:
                yes = chance.random() < 0.3 + topic.helps
                reason = "" if yes or chance.random() < 0.6 else chance.choice(_REASONS)
                voter = f"visitor:made-up-{chance.randrange(10**9)}"
                deflection.helpful(topic.document, yes, voter, at, reason=reason)

"""The portal's own ledger: it counts as the replay does, each visit once, and when it is over."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from sqlalchemy import select

from kb.analytics.causal_effect import Conclusion
from kb.analytics.deflection import Deflection, Visit, mail_episode
from kb.analytics.deflection_report import DeflectionReport, DeflectionSums, replay, report_json
from kb.analytics.episode import Arm, Episode
from kb.analytics.outcomes import SETTLED_AFTER
from kb.analytics.tables import DEFLECTION_PEOPLE, EPISODES
from kb.insights.deflection import Period, article_uses, deflection_sums
from kb.insights.ledger import DeflectionLedger
from kb.people.person import Person
from kb.tickets import actions
from tests.world import DAY, FRIDAY, HOUR, World, draft

LATER = FRIDAY + 60 * DAY
TITLE = "The printer jams"
ALWAYS = Period(dt.date(2020, 1, 1), dt.date(2030, 1, 1))
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def deflection(world: World) -> Deflection:
    return Deflection(world.database, holdout=50)


def visit_of(person: Person | None, **values: Any) -> Visit:
    return Visit(
        portal="help.example.com",
        form="ticket",
        person_id=person.id if person else None,
        organisation_id=person.organisation_id if person else None,
        **values,
    )


def come(
    deflection: Deflection,
    episode: str,
    at: dt.datetime,
    person: Person | None = None,
    *,
    title: str = TITLE,
    shown: bool = True,
    read: float = 0,
    solved: bool = False,
    submitted: bool = False,
    **values: Any,
) -> None:
    """One visit, event by event."""
    events: list[tuple[str, dict[str, Any]]] = [("form_open", {})]
    events += [("query", {"q": title})] if title else []
    events += [("shown", {"ids": ["doc/jam", "doc/paper"]})] if shown else []
    events += [("open", {"id": "doc/jam", "dwell_ms": 1000 * read})] if read else []
    events += [("helped", {"id": "doc/jam", "yes": True})] if solved else []
    events += [("submit", {})] if submitted else []
    for number, (kind, payload) in enumerate(events):
        when = at + number * dt.timedelta(seconds=1)
        deflection.record(episode, kind, payload, visit_of(person, **values), now=when)


def settle(world: World, now: dt.datetime = LATER) -> int:
    return DeflectionLedger(world.database).settle(now)


def sums_of(world: World, **values: Any) -> DeflectionSums:
    with world.database.read() as connection:
        return deflection_sums(connection, ALWAYS, **values)[0]


def test_a_visit_counts_once_and_only_when_its_windows_are_over(
    world: World, deflection: Deflection
) -> None:
    come(deflection, "e1", FRIDAY, solved=True)
    assert settle(world, FRIDAY + SETTLED_AFTER - HOUR) == 0
    assert settle(world, FRIDAY + SETTLED_AFTER) == 1
    assert settle(world) == 0
    sums = sums_of(world)
    assert (sums.episodes, sums.intent, sums.confirmed, sums.compared) == (1, 1, 1, 1)


def test_a_ticket_by_any_way_in_takes_a_success_back(world: World, deflection: Deflection) -> None:
    come(deflection, "e1", FRIDAY, world.alice, solved=True)
    world.desk.filing.file(
        draft(title="Printer jams again"), world.anton, key="", now=FRIDAY + 3 * DAY
    )
    settle(world)
    sums = sums_of(world)
    assert (sums.confirmed, sums.confirmed_clawed_back) == (0, 1)


@pytest.mark.parametrize(("days", "name"), [(0, "filed_read"), (3, "confirmed_clawed_back")])
def test_a_ticket_that_is_open_again_takes_the_success_of_its_mail_back(
    world: World, deflection: Deflection, days: int, name: str
) -> None:
    number = world.desk.filing.file(draft(title=TITLE), world.alice, key="", now=FRIDAY)
    mailed = FRIDAY + MINUTE
    episode = mail_episode(int(number.removeprefix("KB-")))
    come(deflection, episode, mailed, world.alice, solved=True)
    world.desk.act(number, world.alice, actions.solve(), now=mailed + MINUTE)
    reopened = mailed + days * DAY + HOUR
    world.desk.act(number, world.alice, actions.reopen("It jams again."), now=reopened)
    world.desk.act(number, world.bob, actions.solve(), now=reopened + HOUR)
    settle(world)
    sums = sums_of(world)
    assert (sums.confirmed, getattr(sums, name)) == (0, 1)


def test_a_ticket_that_no_article_had_solved_counts_nowhere_when_it_is_reopened(
    world: World, deflection: Deflection
) -> None:
    number = world.desk.filing.file(draft(title=TITLE), world.alice, key="", now=FRIDAY)
    episode = mail_episode(int(number.removeprefix("KB-")))
    come(deflection, episode, FRIDAY + MINUTE, world.alice)
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY + HOUR)
    world.desk.act(number, world.alice, actions.reopen("It jams."), now=FRIDAY + 2 * HOUR)
    settle(world)
    assert sums_of(world).unknown == 1


def test_the_ticket_of_a_visit_counts_against_it(world: World, deflection: Deflection) -> None:
    come(deflection, "e1", FRIDAY, world.alice, read=20)
    world.desk.filing.file(
        draft(title=TITLE, episode="e1"), world.alice, key="", now=FRIDAY + MINUTE
    )
    come(deflection, "e2", FRIDAY + HOUR, submitted=True)  # on another website
    settle(world)
    sums = sums_of(world)
    assert sums.submitted == 2
    assert sums.filed_read == 1


def test_the_same_person_counts_once_however_often_it_is_settled(
    world: World, deflection: Deflection
) -> None:
    for number in range(6):
        at = FRIDAY + 2 * number * DAY
        come(deflection, f"e{number}", at, world.alice, submitted=number % 2 == 0)
        settle(world, at + SETTLED_AFTER)
    settle(world)
    arm = deflection.arm("", world.alice.id)
    (pair,) = sums_of(world).comparisons.values()
    mine, other = pair if arm is Arm.TREATMENT else reversed(pair)
    assert (mine.people, other.people, mine.filed) == (1, 0, pytest.approx(0.5))
    with world.database.read() as connection:
        assert connection.execute(select(DEFLECTION_PEOPLE.c.needs)).scalar() == 6


def test_agents_bots_and_visits_without_a_title_are_apart(
    world: World, deflection: Deflection
) -> None:
    come(deflection, "agent", FRIDAY, world.bob, apart=True, solved=True)
    come(deflection, "short", FRIDAY, title="jam")
    settle(world)
    sums = sums_of(world)
    assert (sums.apart, sums.episodes, sums.intent, sums.confirmed) == (1, 1, 0, 0)


def test_without_an_experiment_nobody_is_compared(world: World) -> None:
    come(world.deflection, "e1", FRIDAY)
    settle(world)
    assert (sums_of(world).intent, sums_of(world).compared) == (1, 0)
    assert DeflectionReport.of(sums_of(world)).causal.effect is None


def test_articles_are_counted_by_week(world: World, deflection: Deflection) -> None:
    come(deflection, "e1", FRIDAY, read=20)
    come(deflection, "e2", FRIDAY, read=20, submitted=True)
    deflection.record("e2", "helped", {"id": "doc/jam", "yes": False}, now=FRIDAY)
    settle(world)
    with world.database.read() as connection:
        uses = {use.document_id: use for use in article_uses(connection, ALWAYS)}
        _, groups = deflection_sums(connection, ALWAYS, by="article")
    assert (uses["doc/jam"].shown, uses["doc/jam"].read, uses["doc/jam"].rejected) == (2, 2, 1)
    assert (uses["doc/paper"].shown, uses["doc/paper"].read) == (2, 0)
    assert groups["doc/jam"].filed_read == 1


def test_the_effect_where_an_article_is_suggested_compares_each_person_once(
    world: World, deflection: Deflection
) -> None:
    """Of strangers nobody files with the list and everybody without; one person comes often."""
    for number in range(200):
        episode = f"e{number}"
        hidden = deflection.arm(episode, None) is Arm.HOLDOUT
        come(deflection, episode, FRIDAY + number * HOUR, submitted=hidden)
    for number in range(20):
        come(deflection, f"alice{number}", FRIDAY + 3 * number * DAY, world.alice)
    come(deflection, "nothing", FRIDAY, shown=False)
    for day in range(0, 70, 7):
        settle(world, FRIDAY + day * DAY)
    with world.database.read() as connection:
        uses = {use.document_id: use for use in article_uses(connection, ALWAYS)}
        _, groups = deflection_sums(connection, ALWAYS, by="article")
        (alone,) = article_uses(connection, ALWAYS, only="doc/paper")
    assert uses["doc/jam"].people == uses["doc/paper"].people == alone.people == 201
    for use in (*uses.values(), alone):
        assert use.causal.conclusion is Conclusion.WORKS
        assert 0 < use.causal.low < 0.98 < (use.causal.effect or 0) < 1.01
    rows = report_json(groups["doc/jam"], groups, by="article")["by"]
    assert {row["article"]: row["causal"]["verdict"] for row in rows}["doc/paper"] == "works"


def test_too_few_people_say_nothing_about_an_article(world: World, deflection: Deflection) -> None:
    for number in range(10):
        come(deflection, f"e{number}", FRIDAY + number * HOUR, submitted=number % 2 > 0)
    settle(world)
    with world.database.read() as connection:
        (jam, _) = article_uses(connection, ALWAYS)
    assert (jam.causal.conclusion, jam.causal.low) == (Conclusion.UNKNOWN, -1)
    assert jam.causal.needed


def test_names_that_somebody_invents_fill_no_table(world: World, deflection: Deflection) -> None:
    for number in range(80):
        visit = Visit(portal="help.example.com", form=f"form-{number}")
        deflection.record(f"e{number}", "form_open", {}, visit, now=FRIDAY)
    settle(world)
    with world.database.read() as connection:
        _, groups = deflection_sums(connection, ALWAYS, by="form")
    assert len(groups) == 51
    assert groups["other"].episodes == 30


def test_the_ledger_and_the_replay_say_the_same(world: World, deflection: Deflection) -> None:
    """Random visits of two people and of strangers, counted day by day and all at once."""
    chance = random.Random(5)
    for number in range(150):
        at = FRIDAY + chance.randrange(40 * 24) * HOUR
        person = chance.choice([world.alice, world.charlie, None, None])
        come(
            deflection,
            f"e{number}",
            at,
            person,
            title="" if number % 9 == 0 else TITLE,
            shown=number % 5 > 0,
            read=20 if number % 4 == 0 else 0,
            solved=number % 7 == 0,
            submitted=number % 3 == 0,
        )
    for day in range(0, 60, 3):
        settle(world, FRIDAY + day * DAY)

    live = sums_of(world)
    assert live.episodes == 150
    whole, weeks = replay(_episodes(world), by="week")
    with world.database.read() as connection:
        own = deflection_sums(connection, ALWAYS, by="week")
    assert report_json(*own, by="week") == report_json(whole, weeks, by="week")


def _episodes(world: World) -> list[Episode]:
    """The same visits as values, from what the test did."""
    with world.database.read() as connection:
        rows = connection.execute(select(EPISODES).order_by(EPISODES.c.started_at)).all()
    episodes = []
    for row in rows:
        number = int(row.id[1:])
        offset = 1 + (number % 9 > 0) + (number % 5 > 0) + (number % 4 == 0) + (number % 7 == 0)
        episodes.append(
            Episode(
                id=row.id,
                at=row.started_at,
                portal=row.portal,
                form=row.form,
                person=str(row.person_id) if row.person_id else None,
                organisation=str(row.organisation_id) if row.organisation_id else None,
                arm=Arm(row.arm),
                share=row.share,
                intent=number % 9 > 0,
                would_show=number % 5 > 0,
                opened=tuple([("doc/jam", 20.0)] if number % 4 == 0 else [("doc/jam", 0.0)])
                if number % 4 == 0 or number % 7 == 0
                else (),
                solved=number % 7 == 0,
                filed_at=row.started_at + offset * dt.timedelta(seconds=1)
                if number % 3 == 0
                else None,
                title=TITLE if number % 9 else "",
            )
        )
    return sorted(episodes, key=lambda episode: (episode.at, episode.id))

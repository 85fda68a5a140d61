"""Visits to the ticket form: one for all tabs, and the holdout, which hides only the list."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from kb.analytics.assignment import assigned_arm
from kb.analytics.episode import Arm
from kb.analytics.tables import EPISODE_EVENTS, EPISODES
from tests.webapp.world import Browser, Portal, build, guest, publish, settings_of, ticket


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Portal]:
    """A portal that holds suggestions back from half of its visitors."""
    settings = settings_of(tmp_path, holdout="50", embed_origins="https://www.example.com")
    publish(settings.data)
    built = build(settings)
    yield built
    built.centre.close()


def episode_of(page: str) -> str:
    match = re.search(r'name="episode" value="([^"]+)"', page)
    assert match
    return match[1]


def browser_in(portal: Portal, arm: Arm) -> tuple[Browser, str]:
    """A new visitor of the arm, and the visit."""
    while True:
        browser = portal.browser()
        episode = episode_of(browser.page("/tickets/new"))
        if assigned_arm(None, episode, percent=50) is arm:
            return browser, episode


def test_all_tabs_are_one_visit_until_half_an_hour_without_an_event(
    portal: Portal, anyone: Browser
) -> None:
    first = episode_of(anyone.page("/tickets/new"))
    portal.clock.now += dt.timedelta(minutes=29)
    assert episode_of(anyone.page("/tickets/new")) == first
    portal.clock.now += dt.timedelta(minutes=31)
    assert episode_of(anyone.page("/tickets/new")) != first


def test_a_filed_ticket_ends_the_visit(alice: Browser) -> None:
    first = episode_of(alice.page("/tickets/new"))
    alice.post("/tickets", ticket(episode=first))
    assert episode_of(alice.page("/tickets/new")) != first


def test_the_holdout_hides_only_the_list(held: Portal) -> None:
    browser, _ = browser_in(held, Arm.HOLDOUT)
    page = browser.page("/tickets/new")
    assert re.search(r"<ask-suggest[^>]*\ssilent", page)
    assert 'id="file-ticket"' in page
    other, _ = browser_in(held, Arm.TREATMENT)
    assert not re.search(r"<ask-suggest[^>]*\ssilent", other.page("/tickets/new"))


@pytest.mark.parametrize("arm", [Arm.TREATMENT, Arm.HOLDOUT])
def test_without_a_script_the_holdout_files_at_once_and_is_counted(held: Portal, arm: Arm) -> None:
    browser, episode = browser_in(held, arm)
    form = guest(title="Paper jam in the press", episode=episode)
    response = browser.post("/tickets/review", form)
    assert response.status_code == (303 if arm is Arm.HOLDOUT else 200)
    with held.centre.database.read() as connection:
        row = connection.execute(select(EPISODES)).one()
        kinds = connection.execute(select(EPISODE_EVENTS.c.kind)).scalars().all()
    assert (row.arm, row.share, row.would_show) == (arm.value, 50, True)
    assert "shown" in kinds


def test_people_with_an_account_have_one_arm_in_all_browsers(held: Portal) -> None:
    pages = [held.browser("alice").page("/tickets/new") for _ in range(8)]
    assert len({" silent" in page for page in pages}) == 1
    assert len({episode_of(page) for page in pages}) == 8


def test_other_websites_learn_the_arm_and_tell_of_visits(held: Portal) -> None:
    client = held.app.test_client()
    event = {"episode": "elsewhere", "form": "contact", "kind": "form_open"}
    listed = {"Origin": held.centre.settings.embed_origins[0], "Sec-Fetch-Site": "cross-site"}
    answer = client.post("/api/v1/episodes", json=event, headers=listed)
    assert answer.json == {"arm": assigned_arm(None, "elsewhere", percent=50).value}
    assert answer.headers["Access-Control-Allow-Origin"] == listed["Origin"]
    stranger = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/v1/episodes", json=event, headers=stranger).status_code == 403
    with held.centre.database.read() as connection:
        row = connection.execute(select(EPISODES)).one()
    assert (row.portal, row.form) == ("www.example.com", "contact")


@pytest.mark.parametrize(
    "agent", ["Mozilla/5.0 (compatible; Googlebot/2.1)", "Mozilla/5.0 HeadlessChrome/120.0"]
)
def test_bots_are_apart(portal: Portal, agent: str) -> None:
    event = {"episode": "bot", "kind": "form_open"}
    client = portal.app.test_client()
    client.post("/api/v1/episodes", json=event, headers={"User-Agent": agent})
    with portal.centre.database.read() as connection:
        assert connection.execute(select(EPISODES.c.apart)).scalar_one()

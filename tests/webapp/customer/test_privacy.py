"""The privacy page shows every class of data with the time that is in force."""

from __future__ import annotations

from pathlib import Path

from kb.operations.retention import RETENTION
from tests.webapp.world import Browser, build, data_values, part_of, settings_of


def test_it_has_every_class_for_everybody(anyone: Browser) -> None:
    page = anyone.page("/privacy")
    assert data_values(page, "retention") == [row.key for row in RETENTION]
    assert 'href="/privacy"' in anyone.page("/")


def test_it_shows_the_settings_in_force(folder: Path) -> None:
    values = {"ticket_days": "730", "episode_days": "1", "session_hours": "36"}
    page = build(settings_of(folder, **values)).browser().page("/privacy")
    for key, kept in (("tickets", "730 days"), ("episodes", "1 day"), ("sessions", "36 hours")):
        assert kept in part_of(page, "retention", key)
    page = build(settings_of(folder)).browser().page("/privacy")
    assert "730" not in part_of(page, "retention", "tickets")


def test_it_says_since_when_nothing_is_kept(folder: Path) -> None:
    portal = build(settings_of(folder, episode_days="30", ticket_days="0"))
    page = portal.browser().page("/privacy")
    oldest = dict(zip(data_values(page, "retention"), data_values(page, "oldest"), strict=True))
    assert set(oldest) == {row.key for row in RETENTION}
    for key, day in (("episodes", "24 Oct"), ("tickets", "–"), ("votes", "–")):
        assert day in part_of(page, "retention", key)

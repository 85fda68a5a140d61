"""Episodes and votes: facts within bounds, scrubbed of what identifies people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from kb.analytics.deflection import EPISODE_EVENT_KINDS, MAX_EPISODE_EVENTS, scrub
from kb.analytics.tables import EPISODES
from kb.errors import Invalid, TooLarge, TooMany
from tests.tickets.tickets import rows
from tests.world import FRIDAY, HOUR, World


def test_an_episode_keeps_its_events_in_order(world: World) -> None:
    for i, kind in enumerate(EPISODE_EVENT_KINDS):
        world.deflection.record(
            "episode-1", kind, {"ids": ["doc/a"], "n": i}, now=FRIDAY + i * HOUR
        )
    kept = rows(world, "SELECT kind, facts FROM episode_events ORDER BY id")
    assert [(kind, json.loads(facts)["n"]) for kind, facts in kept] == [
        (kind, i) for i, kind in enumerate(EPISODE_EVENT_KINDS)
    ]
    (times,) = rows(world, "SELECT started_at, last_at, events FROM episodes")
    assert times == (FRIDAY.timestamp(), (FRIDAY + 6 * HOUR).timestamp(), len(EPISODE_EVENT_KINDS))


@pytest.mark.parametrize(
    ("episode", "kind", "payload", "error"),
    [
        ("", "open", {}, Invalid),
        ("x" * 65, "open", {}, Invalid),
        ("a b", "open", {}, Invalid),
        ("e", "hacked", {}, Invalid),
        ("e", "open", {"x": "x" * 5000}, TooLarge),
        ("e", "open", {"x": object()}, Invalid),
        ("e", "open", {"x": float("nan")}, Invalid),
    ],
)
def test_what_is_out_of_bounds_is_refused_and_not_kept(
    world: World, episode: str, kind: str, payload: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        world.deflection.record(episode, kind, payload, now=FRIDAY)
    assert rows(world, "SELECT count(*) FROM episodes") == [(0,)]


def test_an_episode_has_an_end(world: World) -> None:
    world.deflection.record("e", "form_open", {}, now=FRIDAY)
    with world.database.write() as connection:
        connection.execute(update(EPISODES).values(events=MAX_EPISODE_EVENTS))
    with pytest.raises(TooMany):
        world.deflection.record("e", "open", {}, now=FRIDAY)
    assert rows(world, "SELECT count(*) FROM episode_events") == [(1,)]


def test_what_was_typed_is_scrubbed_before_it_is_kept(world: World) -> None:
    typed = "mail alice@example.com about card 4111-1111-1111-1111, version 2.0"
    world.deflection.record("e", "query", {"query": typed}, now=FRIDAY)
    (facts,) = rows(world, "SELECT facts FROM episode_events")[0]
    assert json.loads(facts)["query"] == "mail [address] about card [number], version 2.0"


@given(st.text())
def test_scrubbing_twice_is_scrubbing_once(words: str) -> None:
    assert scrub(scrub(words)) == scrub(words)


def test_each_voter_has_one_vote_which_may_change(world: World) -> None:
    for voter, yes in (("a", True), ("b", True), ("a", False), ("a", False)):
        world.deflection.helpful("doc/print", yes, voter, FRIDAY)
    assert world.deflection.votes("doc/print") == (1, 1)
    assert world.deflection.votes("doc/other") == (0, 0)


@pytest.mark.parametrize(
    ("document", "voter"), [("", "a"), ("doc/a b", "a"), ("doc/a", ""), ("doc/a", "x" * 201)]
)
def test_a_vote_needs_a_document_and_a_voter(world: World, document: str, voter: str) -> None:
    with pytest.raises(Invalid):
        world.deflection.helpful(document, True, voter, FRIDAY)

"""Two rankings in one list, drafted by turns."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kb.search.build.builder import IndexBuilder
from kb.search.interleaving import Team, Trial, team_draft
from kb.search.searcher import Searcher
from tests.search.library import document

NAMES = st.lists(st.sampled_from("abcdefghij"), unique=True)
PAGES = [
    document("doc/reset", "Reset your password", "Open the sign-in page and choose the link."),
    document("doc/expiry", "When a password expires", "It expires after ninety days."),
    document("doc/invoice", "Find an invoice", "Invoices stand under billing."),
    document("doc/rules", "Password rules of our staff", "Internal.", audience="staff"),
]
PIN = {"queries": [{"query": ["password"], "pin": ["doc/invoice", "doc/rules"]}]}


@given(NAMES, NAMES, st.integers(1, 8), st.text(max_size=9))
def test_a_draft_takes_the_best_of_both_by_turns(
    present: list[str], candidate: list[str], limit: int, seed: str
) -> None:
    drafted = team_draft(present, candidate, limit, seed)
    names = [name for name, _ in drafted]
    assert len(set(names)) == len(names) == min(limit, len({*present, *candidate}))
    assert team_draft(present, candidate, limit, seed) == drafted
    for name, team in drafted:
        ranking = present if team is Team.PRESENT else candidate
        earlier = names[: names.index(name)]
        assert all(better in earlier for better in ranking[: ranking.index(name)])
    if present == candidate:
        assert names == present[:limit]


def test_neither_ranking_picks_first_more_often() -> None:
    firsts = Counter(team_draft("ab", "cd", 1, f"{number}")[0][1] for number in range(2_000))
    assert 900 < firsts[Team.PRESENT] < 1_100


def searcher_of(data: Path) -> Searcher:
    with IndexBuilder(data) as builder:
        for page in PAGES:
            builder.add(page)
        builder.publish(ledger={}, settings={})
    return Searcher(data, budget_ms=60_000, remember=10)


def test_both_arms_obey_audiences(tmp_path: Path) -> None:
    searcher = searcher_of(tmp_path)
    trial = Trial("1", PIN, "2026-11-23")
    shown = searcher.suggest("password", trial=trial)
    assert {"doc/invoice", "doc/reset"} <= {hit.id for hit in shown.hits}
    assert "doc/rules" not in shown.body.decode()
    teams = searcher.suggestion_teams("password", trial, audience="public", limit=5)
    assert set(teams) == {hit.id for hit in shown.hits}
    staff = searcher.suggest("password", audience="staff", trial=trial)
    assert "doc/rules" in {hit.id for hit in staff.hits}
    assert "doc/rules" not in searcher.suggest("password", trial=trial).body.decode()


def test_where_both_agree_the_answer_is_the_present_one_and_counts_for_nobody(
    tmp_path: Path,
) -> None:
    searcher = searcher_of(tmp_path)
    trial = Trial("1", PIN, "2026-11-23")
    present = searcher.suggest("find an invoice")
    assert searcher.suggest("find an invoice", trial=trial) == present
    teams = searcher.suggestion_teams("find an invoice", trial, audience="public", limit=5)
    assert teams == {}


def test_weights_are_tried_as_well(tmp_path: Path) -> None:
    searcher = searcher_of(tmp_path)
    trial = Trial("1", {"weights": {"words": 0.0, "letters": 10.0}}, "2026-11-23")
    assert searcher.suggest("password expires", trial=trial, explain=True).hits


def test_a_search_mixes_both_rankings_page_by_page(tmp_path: Path) -> None:
    """Every page goes on where the last one ended, and both arms obey audiences."""
    searcher = searcher_of(tmp_path)
    trial = Trial("1", PIN, "2026-11-23")
    own = searcher.search("password")
    whole = searcher.search("password", trial=trial)
    names = [hit.id for hit in whole.hits]
    assert set(names) == {*(hit.id for hit in own.hits), "doc/invoice"}
    pages = [searcher.search("password", trial=trial, page=page, per_page=1) for page in (1, 2, 3)]
    assert [hit.id for page in pages for hit in page.hits] == names
    assert [page.page for page in pages] == [1, 2, 3]
    drafted = searcher.result_teams("password", trial, audience="public")
    assert drafted["doc/invoice"] is Team.CANDIDATE
    assert list(drafted)[: len(names)] == names
    for narrowed in ({"sort": "date"}, {"kind": "doc"}):
        alone = searcher.search("password", trial=trial, **narrowed)  # type: ignore[arg-type]
        assert whole.mixed > alone.mixed
        assert "doc/invoice" not in [hit.id for hit in alone.hits]
    assert not searcher.result_teams("invoice", trial, audience="public")

"""An editor looks, previews and publishes from the portal; the worker does the work."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb.jobs.index_runs import IndexRun, IndexRunKind
from kb.search.generations.previews import PreviewFile
from tests.indexing import run_index
from tests.jobs.test_index_runner import report
from tests.webapp.editor.test_overview import text_of
from tests.webapp.world import (
    MONDAY,
    Browser,
    Portal,
    build,
    data_values,
    part_of,
    same_for,
    settings_of,
)

ADDED = {
    "added": ["docs/new.md"],
    "changed": [],
    "removed": [],
    "other": ["Curations were changed."],
}


def facts(**more: Any) -> dict[str, Any]:
    return report(generation="000001", previews=[], changed_answers=0, **more)


@dataclass(slots=True)
class Worker:
    """What a worker notes about the open run."""

    portal: Portal

    def claim(self) -> IndexRun:
        run = self.portal.centre.index_runs.claim(self.portal.clock.now)
        assert run
        return run

    def end(self, sentence: str, told: dict[str, Any], state: str = "done") -> None:
        run = self.claim()
        assert self.portal.centre.index_runs.finish(
            run, state, sentence, told, now=self.portal.clock.now
        )


@pytest.fixture
def worker(portal: Portal) -> Worker:
    return Worker(portal)


@pytest.fixture
def erin(portal: Portal) -> Browser:
    return portal.browser("erin")


def order(browser: Browser, kind: str, **more: str) -> int:
    return browser.post("/editor/runs", {"kind": kind, **more}).status_code


def test_a_press_orders_a_run_once_and_the_page_follows_it(
    portal: Portal, worker: Worker, erin: Browser
) -> None:
    assert order(erin, "publish") == order(erin, "publish") == 303
    page = erin.page("/editor")
    assert data_values(page, "kind") == ["publish"]
    assert data_values(page, "run-state") == ["waiting"]
    assert "Erin Engel" in part_of(page, "run-state", "waiting")
    assert 'action="/editor/runs/cancel"' in page
    assert 'action="/editor/runs"' not in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in erin.page("/editor")
    portal.centre.index_runs.renew(worker.claim(), "reading", 3, 10, now=MONDAY)
    answer = erin.get("/editor/run")
    assert answer.headers["X-Run"] == "open"
    assert 'max="10" value="3"></progress>' in answer.get_data(as_text=True)
    assert "Reading: 3 of 10" in text_of(answer.get_data(as_text=True))
    assert order(erin, "check") == 409


def test_what_came_of_it_is_told_well_or_badly(worker: Worker, erin: Browser) -> None:
    order(erin, "publish")
    worker.end("Not published: Half is gone.", facts(refused=["Half is gone."]), state="failed")
    page = erin.page("/editor")
    assert data_values(page, "run-outcome") == ["failed"]
    assert "Not published: Half is gone. Erin Engel" in text_of(page)
    assert 'action="/editor/runs"' in page
    assert erin.get("/editor/run").headers["X-Run"] == "ended"


def test_that_no_worker_runs_is_said(portal: Portal, erin: Browser) -> None:
    order(erin, "look")
    portal.clock.now += dt.timedelta(minutes=1)
    assert data_values(erin.page("/editor"), "unattended") == [""]


def test_a_run_is_cancelled_once(portal: Portal, worker: Worker, erin: Browser) -> None:
    order(erin, "publish")
    run = worker.claim()
    assert erin.post("/editor/runs/cancel", {"run": str(run.id)}).status_code == 303
    assert not portal.centre.index_runs.renew(run, "reading", 1, 2, now=MONDAY)
    assert data_values(erin.page("/editor"), "run-outcome") == ["cancelled"]
    for number in (str(run.id), "", "x", "9" * 40, "²"):
        assert erin.post("/editor/runs/cancel", {"run": number}).status_code == 404


def test_what_waits_is_listed_while_it_is_about_the_generation_that_serves(
    worker: Worker, erin: Browser
) -> None:
    assert 'data-look="yes"' in erin.page("/editor")
    order(erin, "look")
    counts = {"files": 1, "added": 1, "changed": 0, "removed": 0, "unchanged": 0}
    worker.end("1 file differs.", facts(waiting=ADDED, files=counts))
    page = erin.page("/editor")
    assert data_values(page, "waiting") == ["1", "0", "0"]
    assert data_values(page, "file") == ["docs/new.md"]
    assert "Curations were changed." in page
    assert 'data-look="yes"' not in page
    order(erin, "look")
    worker.end("1 file differs.", {**facts(waiting=ADDED, files=counts), "generation": "000000"})
    assert "docs/new.md" not in erin.page("/editor")


def test_the_best_answers_before_and_after_are_shown_to_whom_may_see_them(
    portal: Portal, worker: Worker, erin: Browser
) -> None:
    order(erin, "check")
    changes = [
        {
            "query": "paper",
            "audience": "public",
            "times": 0,
            "before": ["doc/jam", "doc/ink"],
            "after": ["doc/ink"],
        },
        {"query": "ink", "audience": "public", "times": 7, "before": [], "after": ["doc/still"]},
        {
            "query": "zephyrion",
            "audience": "staff",
            "times": 9,
            "before": ["doc/secret"],
            "after": [],
        },
    ]
    worker.end("It can be published.", facts(waiting=ADDED, changes=changes, compared=9))
    page = erin.page("/editor")
    assert data_values(page, "query") == ["zephyrion", "ink", "paper"]  # the most frequent first
    paper = part_of(page, "query", "paper")
    assert data_values(paper, "was") == ["2", "1"]
    assert data_values(paper, "change") == ["", "gone"]
    assert data_values(part_of(page, "query", "ink"), "change") == ["new"]
    assert "Runbook for zephyrion" in page
    portal.centre.accounts.add(
        "eve@example.com",
        "Eve",
        "eve-demo-password",
        role="editor",
        audience="customers",
        now=MONDAY,
    )
    eve = portal.browser()
    eve.post("/sign-in", {"email": "eve@example.com", "password": "eve-demo-password"})
    for page in (eve.page("/editor"), eve.page("/editor/run")):
        assert "Change the ink" in page
        assert "zephyrion" not in page


@pytest.fixture
def checked(folder: Path, tmp_path: Path) -> Iterator[Portal]:
    """A help centre of files, whose check has kept two changed articles, one of them for staff."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "open.md").write_text("# Open\n\nFor everybody.\n", "utf-8")
    made = IndexOptions(walk.parse_sources([f"doc={docs}"]), folder / "data", dt.date(2026, 11, 23))
    run_index(made)
    (docs / "open.md").write_text(
        "# Open\n\nFor everybody, <script>alert(1)</script> **anew**.\n", "utf-8"
    )
    (docs / "new.md").write_text(
        "---\naudience: staff\n---\n# Runbook for zephyrion\n\nFor staff.\n", "utf-8"
    )
    found = run_index(
        IndexOptions(
            made.sources,
            made.data,
            made.today,
            check_only=True,
            preview=PreviewFile.in_folder(made.data).path,
        )
    )
    portal = build(settings_of(folder))
    erin = portal.centre.accounts.by_email("erin@example.com")
    assert erin
    portal.centre.index_runs.order(IndexRunKind.CHECK, erin.id, now=MONDAY)
    Worker(portal).end("It can be published.", {**found.json(), "changed_answers": 0})
    yield portal
    portal.centre.close()


def test_an_article_is_seen_before_it_is_published(checked: Portal) -> None:
    erin = checked.browser("erin")
    assert re.search(
        r'<a class="wrap" href="/editor/preview/doc/open">Open</a>', erin.page("/editor")
    )
    page = erin.page("/editor/preview/doc/open")
    assert "<strong>anew</strong>" in page
    assert "<script>alert" not in page
    assert data_values(page, "preview") == ["doc/open"]
    assert "anew" not in erin.page("/help/doc/open")
    assert "zephyrion" in erin.page("/editor/preview/doc/new")


def test_a_preview_is_for_editors_who_may_see_the_article(checked: Portal) -> None:
    for name, status in (("alice", 403), ("bob", 403), ("charlie", 403)):
        assert checked.browser(name).get("/editor/preview/doc/open").status_code == status
    checked.centre.accounts.add(
        "eve@example.com",
        "Eve",
        "eve-demo-password",
        role="editor",
        audience="customers",
        now=MONDAY,
    )
    eve = checked.browser()
    eve.post("/sign-in", {"email": "eve@example.com", "password": "eve-demo-password"})
    assert "zephyrion" not in eve.page("/editor")
    hidden, missing = eve.get("/editor/preview/doc/new"), eve.get("/editor/preview/doc/nothing")
    assert hidden.status_code == missing.status_code == 404
    assert same_for(hidden, "doc/new") == same_for(missing, "doc/nothing")
    checked.centre.index.previews.path.write_bytes(b"broken")
    assert eve.get("/editor").status_code == 200
    assert eve.get("/editor/preview/doc/open").status_code == 503


def test_orders_are_checked_and_counted(erin: Browser, alice: Browser) -> None:
    assert order(erin, "everything") == 422
    for path in ("/editor/runs", "/editor/runs/cancel"):
        assert alice.post(path, {"kind": "publish"}).status_code == 403
    assert alice.get("/editor/run").status_code == 403
    assert max(order(erin, "look") for _ in range(130)) == 429


def test_what_visitors_ask_most_is_shown_and_leads_to_its_reasons(
    portal: Portal, erin: Browser
) -> None:
    visitor = portal.browser()
    for query in (
        "Oil the press",
        "oil the  PRESS",
        "once only",
        "call 0049 170 1234567",
        "call 0049 170 1234567",
    ):
        visitor.page(f"/search?q={query}")
    visitor.page("/search?q=oil the press&page=1")
    page = text_of(erin.page("/editor"))
    assert "oil the press 2 times" in page
    assert "call [number] 2 times" in page
    assert "once only" not in page
    assert "/editor?q=oil+the+press&amp;as=public#try-title" in erin.page("/editor")


def test_a_title_that_is_typed_on_is_counted_once(portal: Portal, erin: Browser) -> None:
    visitor = portal.browser()
    for episode in ("one", "two"):
        for query in (
            "the press",
            "the press eats",
            "the press eats paper",
            "the press eats paper",
        ):
            told = {"episode": episode, "kind": "query", "payload": {"q": query}}
            assert visitor.client.post("/api/v1/episodes", json=told).status_code == 204
            portal.clock.now += dt.timedelta(seconds=2)
    portal.clock.now += dt.timedelta(minutes=1)
    page = text_of(erin.page("/editor"))
    assert "the press eats paper 2 times" in page
    assert "the press eats 2" not in page


def test_counting_never_costs_a_visitor_anything(portal: Portal) -> None:
    visitor = portal.browser()
    visitor.page("/search?q=ink")
    portal.centre.database.close()
    file = portal.centre.settings.data / "tickets.db"
    file.rename(file.with_suffix(".away"))
    portal.clock.now += dt.timedelta(minutes=5)
    assert visitor.get("/search?q=paper").status_code == 200


def test_pages_that_become_public_are_listed_and_consent_reaches_the_run(
    worker: Worker, erin: Browser
) -> None:
    order(erin, "check")
    told = facts(newly_public=["doc/new"], newly_public_count=1)
    worker.end("Ready to publish.", told)
    page = erin.get("/editor").text
    assert 'data-newly-public="1"' in page
    assert "doc/new" in page

    order(erin, "publish", allow_public="1")
    assert worker.claim().allow_public

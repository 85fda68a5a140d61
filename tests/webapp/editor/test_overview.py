"""The editor's page: what is published, why it is in that order, what is to be mended, and the way
back.
"""

from __future__ import annotations

import datetime as dt
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb.people.person import Role
from kb.search import weights
from kb.search.build.builder import IndexBuilder
from kb.search.documents import SuggestionOutcome
from kb.search.generations.findings import FindingsFile
from kb.search.generations.generation import Generations
from tests.indexing import run_index
from tests.webapp.world import (
    DOCUMENTS,
    MONDAY,
    Browser,
    Portal,
    build,
    data_values,
    part_of,
    publish,
    settings_of,
)
from webapp.editor.overview import SCORE_PARTS

CURATIONS = {
    "queries": [
        {
            "query": ["oil it"],
            "match": "contains",
            "pin": ["doc/ink"],
            "hide": ["doc/still"],
            "boost": {"doc/jam": 2.0},
        }
    ],
    "aliases": [{"document": "doc/ink", "titles": ["cartridge swap"]}],
    "synonyms": [{"words": ["ink", "toner"]}, {"from": ["stuck"], "to": ["jam"]}],
    "stop_phrases": ["please help"],
}


@pytest.fixture
def erin(portal: Portal) -> Browser:
    return portal.browser("erin")


def text_of(page: str) -> str:
    """A page's words, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_it_says_what_is_published_and_who_may_see_how_much(erin: Browser) -> None:
    html = erin.page("/editor")
    page = text_of(html)
    assert 'data-findings="none"' in html
    assert data_values(html, "documents") == ["6"]
    assert data_values(html, "generation") == ["000001"]
    assert "Public 3 1 1 5" in page
    assert "Staff 4 1 1 6" in page


def test_editors_and_the_administrator_come_in_and_find_it(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    signed = portal.browser().post(
        "/sign-in", {"email": "erin@example.com", "password": "erin-demo"}
    )
    assert signed.headers["Location"] == "/editor"
    assert '<a href="/editor"' in portal.browser("ada").page("/desk")
    for other in (alice, bob):
        assert '<a href="/editor"' not in other.page("/tickets")
        assert other.get("/editor").status_code == 403
        assert other.post("/editor/rollback", {"name": "000001"}).status_code == 403


def test_a_query_is_tried_with_the_parts_of_each_score(erin: Browser) -> None:
    page = erin.page("/editor?q=jammed+paper&as=public&mode=search")
    shown = text_of(page)
    score, *parts = [
        float(found) for found in re.findall(r"[+-]?\d\.\d\d", shown.split("doc/jam", 1)[1])
    ][:6]
    assert score > 0
    assert "words" in data_values(page, "part")
    assert sum(parts[:5]) == pytest.approx(score, abs=0.03)


def test_every_part_of_a_score_is_named_and_none_that_is_not_there() -> None:
    of_itself = {
        *("kind", "kindred", "threads", "unsolved"),
        *("votes", "translated", "boost", "pin"),
    }
    assert set(SCORE_PARTS) == {*weights.MIX, *weights.SIGNAL_WEIGHTS, *of_itself}


def test_it_can_be_asked_as_everybody_who_sees_no_more_than_the_editor(
    portal: Portal, erin: Browser
) -> None:
    assert "Runbook" in erin.page("/editor?q=zephyrion&as=staff&mode=search")
    assert "Runbook" not in erin.page("/editor?q=zephyrion&as=public&mode=search")
    portal.centre.accounts.add(
        "eve@example.com",
        "Eve",
        "eve-demo-password",
        role=Role.EDITOR,
        audience="customers",
        now=MONDAY,
    )
    eve = portal.browser()
    eve.post("/sign-in", {"email": "eve@example.com", "password": "eve-demo-password"})
    assert "staff" not in data_values(eve.page("/editor"), "audience")
    assert '<option value="staff"' not in eve.page("/editor")
    assert eve.get("/editor?q=zephyrion&as=staff").status_code == 422
    assert "Runbook" not in eve.page("/editor?q=zephyrion&as=customers&mode=search")


def test_nothing_good_enough_is_told_and_leads_to_the_search(erin: Browser) -> None:
    page = erin.page("/editor?q=qqzzxx&as=public")
    assert data_values(page, "empty") == [""]
    assert "/editor?q=qqzzxx&amp;as=public&amp;mode=search#try-title" in page
    assert erin.get("/editor?q=ink&mode=else").status_code == 422


def test_it_says_how_far_a_page_is_from_being_shown_and_why(erin: Browser) -> None:
    page = erin.page("/editor?q=jammed+lottery+numbers&as=public")
    assert data_values(page, "empty") == [""]
    reasons = part_of(page, "considered", "jammed lottery numbers").partition("</details>")[0]
    assert "doc/jam" in data_values(reasons, "candidate")
    (distance,) = data_values(reasons, "above-threshold")
    assert float(distance) < 0
    assert "missing -" in text_of(reasons)
    assert set(data_values(reasons, "shown")) == {"no"}

    shown = part_of(erin.page("/editor?q=jammed+paper&as=public"), "considered", "jammed paper")
    (distance,) = data_values(shown.partition("</details>")[0], "above-threshold")
    assert float(distance) >= 0
    assert "data-considered" not in erin.page("/editor?q=jammed+paper&as=public&mode=search")


def test_another_generation_serves_at_the_press_of_a_button(folder: Path) -> None:
    data = folder / "data"
    publish(data, DOCUMENTS[:2])
    portal = build(settings_of(folder))
    erin = portal.browser("erin")
    page = erin.page("/editor")
    assert data_values(page, "generation") == ["000002", "000001"]
    assert data_values(page, "state") == ["live", "kept"]
    answer = erin.post("/editor/rollback", {"name": "000001"})
    assert answer.headers["Location"] == "/editor?served=000001"
    serving = Generations(data).current()
    assert serving
    assert serving.name == "000001"
    after = erin.page("/editor?served=000001")
    assert data_values(after, "served") == ["000001"]
    assert data_values(after, "state") == ["kept", "live"]
    assert data_values(erin.page("/editor?served=000002"), "served") == []
    portal.centre.close()


def test_what_cannot_serve_is_said_and_changes_nothing(folder: Path) -> None:
    data = folder / "data"
    publish(data, DOCUMENTS[:2])
    (data / "index" / "gen-000001" / "ledger.json").write_text("{}")
    portal = build(settings_of(folder))
    erin = portal.browser("erin")
    assert data_values(erin.page("/editor"), "state") == ["live", "damaged"]
    for name, status in (("000001", 503), ("000009", 404), ("../..", 404)):
        answer = erin.post("/editor/rollback", {"name": name})
        assert answer.status_code == status
        assert 'role="alert"' in answer.get_data(as_text=True)
    with IndexBuilder(data):
        assert erin.post("/editor/rollback", {"name": "000001"}).status_code == 409
    assert Generations(data).published_name() == "000002"
    portal.centre.close()


def test_without_an_index_the_page_says_how_to_get_one(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "index")
    portal = build(settings_of(folder))
    page = portal.browser("erin").page("/editor?q=ink")
    assert data_values(page, "empty") == [""]
    assert data_values(page, "generation") == []
    portal.centre.close()


def test_what_the_indexer_found_is_listed_with_its_place(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "good.md").write_text("# Good\n\nSee [the other](missing.md).\n", "utf-8")
    (source / "bad.md").write_text("---\ntitle: [\n---\n\n# Bad\n\nText.\n", "utf-8")
    report = run_index(
        IndexOptions(walk.parse_sources([f"doc={source}"]), folder / "data", dt.date(2026, 11, 23))
    )
    assert report.findings
    portal = build(settings_of(folder))
    html = portal.browser("erin").page("/editor")
    page = text_of(html)
    assert html.count("data-finding=") == len(report.findings)
    assert html.count('data-finding="skipped"') == len(report.skipped)
    for finding in report.findings:
        assert (f"{finding.source}:{finding.line}" if finding.line else finding.source) in page
        assert " ".join(finding.sentence.split()[:3]) in page
    portal.centre.close()


def test_an_index_of_an_earlier_version_shows_no_findings_and_says_so(folder: Path) -> None:
    published = Generations(folder / "data").current()
    assert published
    (published.path / FindingsFile.NAME).unlink()
    files = {k: v for k, v in published.manifest.files.items() if k != FindingsFile.NAME}
    replace(published.manifest, files=files).write(published.path)

    portal = build(settings_of(folder))
    page = portal.browser("erin").page("/editor")
    assert 'data-findings="unknown"' in page
    assert "data-finding=" not in page
    portal.centre.close()


def test_what_editors_decided_is_shown_as_it_is_in_force(folder: Path) -> None:
    with IndexBuilder(folder / "data") as builder:
        for one in DOCUMENTS:
            builder.add(one)
        builder.curations = CURATIONS
        builder.publish(ledger={}, settings={})
    portal = build(settings_of(folder))
    page = portal.browser("erin").page("/editor?q=how+to+oil+it&as=public&mode=search")
    words = text_of(page)
    curations = part_of(page, "card", "curations")
    assert "oil it" in curations
    assert data_values(curations, "rule") == ["pin", "hide", "boost"]
    assert data_values(curations, "alias") == ["doc/ink"]
    for text in ("doc/ink", "doc/still", "× 2.0", "doc/jam", "ink = toner", "please help"):
        assert text in words
    assert "pin" in data_values(page, "part")
    assert data_values(page, "document")[0] == "doc/ink"
    portal.centre.close()


def test_it_shows_when_suggestions_are_shown(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with IndexBuilder(settings.data, operators=False, false_suggestions=20) as builder:
        for document in DOCUMENTS:
            builder.add(document)
        builder.publish(ledger={"sources": {}}, settings={})
    page = build(settings).browser("erin").get("/editor").get_data(as_text=True)
    card = part_of(page, "card", "confidence").partition("</section>")[0]
    assert "20 of 100" in text_of(card)
    assert card.count("<tr>") > 5
    assert card.count("(chosen)") == 1
    assert card.count("<polyline") == 2


def test_it_says_when_visitors_adjusted_the_threshold(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with IndexBuilder(settings.data, operators=False, false_suggestions=10) as builder:
        for document in DOCUMENTS:
            builder.add(document)
        builder.suggestion_outcomes(
            SuggestionOutcome("oil the roller", "public", f"person {n}", "doc/jam", n % 4 > 0)
            for n in range(300)
        )
        builder.publish(ledger={"sources": {}}, settings={})
    page = build(settings).browser("erin").get("/editor").get_data(as_text=True)
    card = part_of(page, "card", "confidence").partition("</section>")[0]
    assert "300 visits" in text_of(card)
    assert card.count("(chosen)") == 1

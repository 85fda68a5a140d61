"""Resolved tickets vote for the documents that their answers linked, and show nothing of
themselves.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable
from pathlib import Path

import pytest

from kb.errors import Invalid
from kb.search import evaluation
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, ResolvedTicket
from kb.search.results import results_json, suggestions_json
from kb.search.searcher import Searcher
from tests.search.library import document

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
CENTRE = (
    document("doc/sign-in", "Sign in", "Use the address that you registered."),
    document("doc/billing", "Invoices", "They are sent monthly to the address of the account."),
    document("doc/vault", "Vault keys", "For members of staff.", audience="staff"),
)
LOCKED_OUT = ResolvedTicket("xylophone keeps me locked out", ("doc/sign-in",), NOON)
SECRET = ResolvedTicket("quarrelsome vault of Charlie", ("doc/vault",), NOON)


def centre(
    data: Path, tickets: Iterable[ResolvedTicket], documents: Iterable[Document] = CENTRE
) -> Searcher:
    with IndexBuilder(data, operators=False) as builder:
        for page in documents:
            builder.add(page)
        builder.resolved_tickets(tickets)
        builder.publish(ledger={}, settings={})
    return Searcher(data, budget_ms=60_000)


def suggested(searcher: Searcher, title: str, audience: str = "public") -> list[str]:
    return [hit.id for hit in searcher.suggest(title, audience=audience, doubt=-math.inf).hits]


def test_a_ticket_brings_the_document_that_answered_it_without_any_common_word(
    tmp_path: Path,
) -> None:
    assert suggested(centre(tmp_path, []), "xylophone locked") == []
    assert suggested(centre(tmp_path, [LOCKED_OUT]), "xylophone locked") == ["doc/sign-in"]


def test_the_vote_is_a_named_part_of_the_score(tmp_path: Path) -> None:
    (hit,) = (
        centre(tmp_path, [LOCKED_OUT]).suggest("locked out", doubt=-math.inf, explain=True).hits
    )
    assert hit.explain["votes"] > 0
    assert sum(hit.explain.values()) == pytest.approx(hit.score)


def test_a_forgotten_ticket_stops_voting_at_the_next_publish(tmp_path: Path) -> None:
    centre(tmp_path, [LOCKED_OUT])
    assert suggested(centre(tmp_path, []), "xylophone locked") == []


def test_a_title_is_never_shown_completed_or_offered(tmp_path: Path) -> None:
    searcher = centre(tmp_path, [LOCKED_OUT])
    for text in ("xylopho", "xylophon", "xylophone", "locked"):
        answers = (
            results_json(searcher.search(text, explain=True)),
            suggestions_json(searcher.suggest(text, explain=True)),
        )
        assert "xylophone keeps" not in json.dumps(answers)
        assert searcher.search(text).did_you_mean is None
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"xylophone" not in stored


def test_links_to_hidden_documents_change_no_byte(tmp_path: Path) -> None:
    both = ResolvedTicket("cannot open the vault or sign in", ("doc/vault", "doc/sign-in"), NOON)
    with_hidden = centre(tmp_path / "a", [both, SECRET])
    without = centre(
        tmp_path / "b",
        [ResolvedTicket(both.title, ("doc/sign-in",), NOON)],
        [page for page in CENTRE if page.audience == "public"],
    )
    for text in ("open the vault", "quarrelsome charlie", "sign in", "locked"):
        left, right = (
            suggestions_json(searcher.suggest(text, explain=True, doubt=-math.inf))
            for searcher in (with_hidden, without)
        )
        assert left == right
    assert "doc/vault" in suggested(with_hidden, "quarrelsome charlie", audience="staff")


def test_a_file_of_tickets_is_read_and_an_invalid_line_is_named(
    tmp_path: Path,
) -> None:
    file = tmp_path / "solved.jsonl"
    row = {"title": "a", "documents": ["doc/sign-in"], "solved_at": "2026-03-01T12:00:00"}
    file.write_text(json.dumps(row) + "\n", "utf-8")
    assert evaluation.read_resolved_tickets(file) == [ResolvedTicket("a", ("doc/sign-in",), NOON)]
    file.write_text(
        json.dumps(row) + '\n{"title": "b", "documents": "doc/sign-in", "solved_at": "2026"}\n',
        "utf-8",
    )
    with pytest.raises(Invalid, match=r"solved.jsonl:2"):
        evaluation.read_resolved_tickets(file)

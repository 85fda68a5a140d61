"""What went unanswered, in clusters with a cause."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.gaps.article_draft import draft_name, draft_text
from kb.gaps.clustering import clusters, text_directions, typical_text
from kb.gaps.gaps import AskedText, BestPage, Gap, GapCause, find_gaps

EXPORTS = ("export to pdf fails", "pdf export fails", "export to pdf fails again")
LOGINS = ("cannot log in", "i cannot log in", "log in fails")


def test_texts_about_the_same_are_one_cluster() -> None:
    found = {
        frozenset(cluster)
        for cluster in clusters(EXPORTS + LOGINS, text_directions(EXPORTS + LOGINS))
    }
    assert frozenset({0, 1, 2}) in found
    assert {3, 4} <= next(cluster for cluster in found if 3 in cluster)


@given(st.lists(st.text(max_size=30), max_size=8))
def test_every_text_is_in_exactly_one_cluster(texts: list[str]) -> None:
    found = sorted(
        position for cluster in clusters(texts, text_directions(texts)) for position in cluster
    )
    assert found == list(range(len(texts)))


def test_a_cluster_is_called_by_no_word_that_only_one_person_typed() -> None:
    texts = ("export fails for Alice Archer", "export fails every time", "the export fails")
    title = typical_text(texts, text_directions(texts))
    assert "export fails" in title
    assert "Alice" not in title


def nothing(text: str) -> BestPage | None:
    del text
    return None


def test_gaps_are_priced_by_tickets_and_what_one_person_asked_is_left_out() -> None:
    asked = (
        AskedText("export to pdf fails", queries=3, tickets=2),
        AskedText("pdf export fails", queries=1),
        AskedText("zorblax", queries=1),
    )
    (gap,) = find_gaps(asked, nothing)
    assert (gap.tickets, gap.queries, gap.cause) == (2, 4, GapCause.WRITING)
    assert gap.price(15) == 30
    assert gap.aliases in (("export to pdf fails",), ())


@pytest.mark.parametrize(
    "asked",
    [
        AskedText("zorblax", queries=1, tickets=2, people=frozenset({7})),
        AskedText("zorblax", queries=3, tickets=1, people=frozenset({7}), known_queries=3),
    ],
)
def test_what_one_person_typed_often_is_left_out(asked: AskedText) -> None:
    """A search that found nothing may be by the person who then filed a ticket."""
    assert find_gaps((asked,), nothing) == ()
    both = replace(asked, people=frozenset({7, 8}))
    assert [gap.title for gap in find_gaps((both,), nothing)] == ["zorblax"]


@pytest.mark.parametrize(
    ("page", "linked", "cause", "document"),
    [
        (None, (), GapCause.WRITING, ""),
        (None, ("doc/pdf",), GapCause.SEARCH, "doc/pdf"),
        (BestPage("doc/pdf", shown=False, likely=True), (), GapCause.SEARCH, "doc/pdf"),
        (BestPage("doc/pdf", shown=False, likely=False), (), GapCause.WRITING, ""),
        (BestPage("doc/pdf", shown=True, likely=True), (), GapCause.WRITING, "doc/pdf"),
        (BestPage("doc/ink", shown=True, likely=True), ("doc/pdf",), GapCause.SEARCH, "doc/pdf"),
    ],
)
def test_a_page_that_was_not_shown_is_a_problem_of_search(
    page: BestPage | None, linked: tuple[str, ...], cause: GapCause, document: str
) -> None:
    asked = (AskedText("export to pdf fails", queries=2, tickets=2, documents=linked),)
    (gap,) = find_gaps(asked, lambda _: page)
    assert (gap.cause, gap.document) == (cause, document)


def test_what_is_shown_and_files_no_tickets_is_no_gap() -> None:
    asked = (AskedText("export to pdf fails", queries=5),)
    assert find_gaps(asked, lambda _: BestPage("doc/pdf", shown=True, likely=True)) == ()


def test_a_draft_is_a_file_that_the_indexer_understands() -> None:
    gap = Gap('export "to" pdf: fails', 3, 1, GapCause.WRITING, aliases=("pdf export",))
    text = draft_text(gap.title, gap.aliases, dt.date(2026, 11, 30))
    assert text.startswith('---\ntitle: "Export \\"to\\" pdf: fails"\naliases:\n  - "pdf export"\n')
    assert "## Resolution" in text
    assert draft_name(gap.title) == "export-to-pdf-fails.md"
    assert draft_name("../../etc") == "etc.md"
    assert draft_name("日本") == "draft.md"

"""Small sites: what a page says word for word shows that page, however alike the pages are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.search.build.builder import IndexBuilder
from kb.search.build.calibration import curve
from kb.search.documents import Document, DocumentKind, Section
from kb.search.results import suggestions_json
from kb.search.searcher import Searcher

BAKERY = {
    "Ovens": (
        ("Before the first use", ""),
        ("Burn it in", "Heat the empty oven to 250 degrees for an hour, with the windows open."),
        ("What it is not", "It is not a kiln: never fire clay in it."),
        ("If it stays cold", "The display says E17: door is not locked. Close the door firmly."),
    ),
    "Dough": (
        ("It does not rise", "The yeast is too old, or the water was too hot."),
        ("It sticks to the bowl", "Add flour by the spoon until it comes off the bowl."),
    ),
    "Deliveries": (
        ("Where we deliver", "Within ten kilometres of the shop, from seven to eleven."),
        ("When nobody is at home", "We ring twice and leave the bread with a neighbour."),
    ),
    "Invoices": (("Where to find them", "In the post, on the first of the month."),),
}
#: Sentences as a machine or a person wrote them in the body of a page.
SENTENCES = {
    "E17: door is not locked": "doc/ovens",
    "leave the bread with a neighbour": "doc/deliveries",
    "never fire clay in it": "doc/ovens",
}


def build(data: Path, documents: list[Document]) -> Searcher:
    with IndexBuilder(data, operators=False, false_suggestions=10) as builder:
        for document in documents:
            builder.add(document)
        builder.publish(ledger={}, settings={})
    return Searcher(data, budget_ms=60_000)


def shown(searcher: Searcher, text: str) -> list[str]:
    return [hit.id for hit in searcher.suggest(text).hits]


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    documents = [
        Document(
            f"doc/{title.lower()}",
            DocumentKind.DOC,
            title,
            tuple(Section(f"s{n}", (heading,), text) for n, (heading, text) in enumerate(sections)),
        )
        for title, sections in BAKERY.items()
    ]
    return build(tmp_path_factory.mktemp("bakery"), documents)


@pytest.mark.parametrize(
    ("heading", "page"),
    [(heading, title) for title, sections in BAKERY.items() for heading, text in sections if text],
)
def test_a_heading_shows_its_page(bakery: Searcher, heading: str, page: str) -> None:
    assert f"doc/{page.lower()}" in shown(bakery, heading)


@pytest.mark.parametrize(("number", "page"), [("2.5.2", "doc/rules"), ("2.5.3", "")])
def test_the_number_of_a_clause_shows_its_page(tmp_path: Path, number: str, page: str) -> None:
    sections = (
        Section("a", ("2.5 Levels",), "Who is answered when."),
        Section("b", ("2.5 Levels", "2.5.2 Regulars"), "Regulars are answered before all others."),
    )
    rules = Document("doc/rules", DocumentKind.DOC, "Rules", sections)
    others = [
        Document(f"doc/{title}", DocumentKind.DOC, title, (Section("", (), text),))
        for title, text in (("Ovens", "Ovens of 2.5 metres."), ("Dough", "Version 2.5.3 rises."))
    ]
    searcher = build(tmp_path, [rules, *others])
    assert (shown(searcher, number)[:1] == [page]) == bool(page)


@pytest.mark.parametrize(("sentence", "page"), SENTENCES.items())
def test_a_sentence_of_a_page_shows_that_page(bakery: Searcher, sentence: str, page: str) -> None:
    assert page in shown(bakery, sentence)


def test_an_emoji_beside_words_is_not_missed(bakery: Searcher) -> None:
    plain = bakery.suggest("the dough does not rise").log_odds
    assert bakery.suggest("the dough does not rise 😡😡").log_odds > plain - 1


@pytest.mark.parametrize(
    "text",
    [
        "change the date of my flight",
        "lottery numbers",
        "????",
        "the",
        "a",
        "is it not",
        "how do i",
    ],
)
def test_what_no_page_answers_shows_nothing(bakery: Searcher, text: str) -> None:
    assert shown(bakery, text) == []


def test_a_page_among_forty_with_the_same_words_is_found(tmp_path: Path) -> None:
    pages = [
        Document(
            f"doc/w{number}",
            DocumentKind.DOC,
            f"Zorblax widget page {number}",
            (Section("", (), f"All about number {number} of the zorblax widgets."),),
        )
        for number in range(1, 41)
    ]
    searcher = build(tmp_path, pages)
    assert shown(searcher, "zorblax widget")
    assert shown(searcher, "Zorblax widget page 7")[0] == "doc/w7"
    assert shown(searcher, "weather in Paris") == []


def test_a_hidden_page_changes_neither_threshold_nor_confidence(tmp_path: Path) -> None:
    public = [
        Document(f"doc/{n}", DocumentKind.DOC, f"How to bake {name}", (Section("", (), name),))
        for n, name in enumerate(("bread", "rolls", "cake", "pretzels", "pizza"))
    ]
    hidden = Document(
        "doc/secret",
        DocumentKind.DOC,
        "Bread for the zephyrion account",
        (Section("", (), "bread zephyrion"),),
        audience="staff",
    )
    answers = []
    for name, documents in (("without", public), ("with", [*public, hidden])):
        searcher = build(tmp_path / name, documents)
        asked = [searcher.suggest(t, explain=True) for t in ("bread", "zephyrion", "bake rolls")]
        answers.append((searcher.threshold(), [suggestions_json(answer) for answer in asked]))
    assert answers[0] == answers[1]


def test_a_higher_threshold_shows_less(bakery: Searcher) -> None:
    measured = bakery._current().generation.calibrations()["public"]
    points = curve(measured)
    assert measured["threshold"] in [point.threshold for point in points]
    assert [point.false for point in points] == sorted((p.false for p in points), reverse=True)
    assert [point.silent for point in points] == sorted(point.silent for point in points)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("can we leave bread with my neighbour", {"leave", "bread", "neighbour"}),
        # Nothing else was typed.
        ("we", {"we"}),
    ],
)
def test_words_that_hold_a_sentence_together_are_marked_only_alone(
    bakery: Searcher, text: str, marked: set[str]
) -> None:
    (hit, *_) = bakery.search(text).hits
    assert {word.lower() for word in hit.passage.marked()} == marked

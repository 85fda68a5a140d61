from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.passages import SectionPassage
from kb.search.analysis.tokenizer import Analyzer
from kb.search.display.answers import QueryCoverage, find_answer
from kb.search.display.passage_text import PassageText
from kb.search.display.quotable import whole_passage
from kb.search.display.snippets import Matches, WeightedTerm
from kb.search.documents import Document, DocumentKind, Region, RegionKind, Section
from kb.search.results import Answer
from kb.search.searcher import Searcher
from kb.search.weights import CERTAIN, LIKELY
from tests.search.library import document, published, searcher

_ANALYZER = Analyzer()


def _answer(
    query: str,
    text: str,
    *regions: Region,
    title: str = "",
    opens_section: bool = True,
    continues: bool = False,
) -> str | None:
    words = [
        word for word in query.lower().strip("?").split() if _ANALYZER.stem(word) and word != "how"
    ]
    terms = [WeightedTerm(frozenset({_ANALYZER.stem(word)}), "", 1.0) for word in words]
    matches = Matches(terms, _ANALYZER.stems_of)
    passage = PassageText(SectionPassage("", (), text, regions))
    quotation = find_answer(
        query,
        QueryCoverage(terms, len(words)),
        matches.in_passage(title, passage),
        passage.quotable_before_more if continues else passage.quotable,
        opens_section=opens_section,
    )
    return None if quotation is None else text[slice(*quotation.part)]


def _region(kind: RegionKind, text: str, part: str) -> Region:
    start = text.index(part)
    return Region(kind, start, start + len(part))


def test_a_paragraph_that_holds_the_query_is_the_answer() -> None:
    text = "Tickets have numbers.\n\nTo cancel a ticket, choose Cancel ticket.\n\nOther things."
    assert _answer("cancel ticket", text) == "To cancel a ticket, choose Cancel ticket."


def test_the_beginning_of_a_section_answers_what_its_title_asks() -> None:
    text = "Open the menu and choose the red button.\n\nIt can take a minute until all is sent."
    answer = _answer("eject tray", text, title="How do I eject the tray?")
    assert answer == "Open the menu and choose the red button."
    assert _answer("eject tray", text, title="The eject tray", opens_section=False) is None


def test_without_enough_of_the_query_there_is_no_answer() -> None:
    title = "Eject the tray"
    text = "Press the pin into the hole until it opens. Pull it out."
    assert _answer("swap sim tray", text, title=title) == text
    assert _answer("swap sim tray", text, title=title, opens_section=False) is None
    assert _answer("cancel a subscription invoice now", text, title="Cancel a ticket") is None


def test_only_what_stands_first_in_a_section_is_its_beginning() -> None:
    text = "press --open\n\nThe lever is on the left, below the display."
    code = _region(RegionKind.CODE, text, "press --open")
    assert _answer("eject tray", text, code, title="Eject the tray") is None


def test_a_sentence_that_announces_an_answer_is_none() -> None:
    text = "Learn how to eject the tray.\n\nPress the pin into the hole to eject the tray."
    answer = _answer("eject tray", text, title="Eject the tray")
    assert answer == "Press the pin into the hole to eject the tray."


def test_the_contents_of_a_page_are_not_the_answer() -> None:
    text = "In this article:\n\nEject the tray with the lever.\n\nEject the tray by hand."
    contents = _region(RegionKind.LIST, text, "Eject the tray with the lever.\n\nEject the tray")
    assert _answer("eject tray", text, contents, title="Eject the tray") is None


@pytest.mark.parametrize(
    "text",
    [
        "First, define the tray to eject in your shell, for the following commands.",
        "To eject the tray, use the levers. The table below names the levers of each press.",
    ],
)
def test_a_sentence_that_needs_what_follows_it_is_not_the_answer(text: str) -> None:
    assert _answer("eject tray", text, title="Eject the tray") is None


@pytest.mark.parametrize(
    "text",
    [
        "See also the page on how to eject the tray.",
        "If you don't know how to eject the tray, see Trays of a press.",
        "For more ways to eject the tray, please refer to Trays of a press.",
        "First, let us see how a press can eject the tray.",
        "Learn what to do when a press does not eject the tray.",
        "The ways to eject the tray that are described in this article are safe.",
        "Note that a press does not eject the tray while it prints.",
        "... does not eject the tray. Turn the key.",
        "- **Tray:** eject the tray.",
        "Do you want to eject the tray?",
    ],
)
def test_a_sentence_that_does_not_answer_by_itself_is_not_the_answer(text: str) -> None:
    assert _answer("eject tray", text, title="Eject the tray") is None


def test_a_sentence_that_answers_and_refers_to_another_page_is_the_answer() -> None:
    text = "If the tray does not eject, see the manual, or turn the key twice. It beeps."
    assert _answer("eject tray", text) == text


def test_a_list_of_links_is_not_the_answer() -> None:
    text = "To eject the tray, the following sections help you:\n\nOpen it\n\nClose it"
    links = _region(RegionKind.LIST, text, "Open it\n\nClose it")
    assert _answer("eject tray", text, links, title="Eject the tray") is None


def test_the_end_of_a_procedure_is_not_the_answer() -> None:
    text = "When you're finished, eject the tray with the lever on the left."
    assert _answer("eject tray", text, title="Eject the tray") is None


def test_a_text_about_another_number_is_not_the_answer() -> None:
    text = "Tray error 74 means that the tray is not empty."
    assert _answer("tray error 74", text) == text
    assert _answer("tray error", text) == text
    assert _answer("tray error 1", text) is None
    assert _answer("error 5", "Tray error 4 or 5 means that it is full.") is not None


def test_steps_come_with_the_sentence_that_introduces_them() -> None:
    text = "To eject the tray:\n\nStop the press.\n\nTurn the key.\n\nThen oil it."
    steps = _region(RegionKind.LIST, text, "Stop the press.\n\nTurn the key.")
    assert _answer("eject tray", text, steps) == text[: steps.end]


def test_steps_that_end_with_an_announcement_are_not_quoted() -> None:
    text = "To eject the tray:\n\nStop the press.\n\nChoose from the following options:"
    steps = _region(RegionKind.LIST, text, "Stop the press.\n\nChoose from the following options:")
    assert _answer("eject tray", text, steps) is None


def test_a_list_that_may_go_on_in_another_passage_is_not_quoted() -> None:
    text = "To eject the tray:\n\nStop the press.\n\nTurn the key."
    steps = _region(RegionKind.LIST, text, "Stop the press.\n\nTurn the key.")
    assert _answer("eject tray", text, steps, continues=True) is None
    assert _answer("eject tray", text, steps) == text


@pytest.mark.parametrize("kind", [RegionKind.CODE, RegionKind.TABLE, RegionKind.LIST])
def test_a_table_a_code_sample_or_a_lone_list_is_never_the_answer(kind: RegionKind) -> None:
    text = "The tray is ejected by a key that you turn."
    assert _answer("eject tray", text, _region(kind, text, text)) is None


def test_a_sentence_that_needs_the_one_before_comes_with_it() -> None:
    first = "If you are an administrator, you can open the panel."
    second = "Otherwise, ask support to eject the tray."
    assert _answer("eject tray", f"{first}\n\n{second}") == f"{first}\n\n{second}"
    assert _answer("eject tray", second) is None


def test_a_long_paragraph_is_cut_between_sentences_only() -> None:
    filler = "Nothing in here is about what was asked, and it is rather long for a sentence. "
    text = f"{filler * 3}To eject the tray, turn the key. {filler * 3}".strip()
    answer = _answer("eject tray", text)
    assert answer is not None
    assert answer.startswith("To eject the tray, turn the key.")
    assert answer.endswith(".")
    assert len(answer) < len(text)


def test_what_is_taken_back_by_the_next_sentence_is_not_quoted_alone() -> None:
    filler = "The press has many parts, and each of them has a page of its own in here. " * 4
    text = f"{filler}To eject the tray, turn the key. {'x' * 330} ends. However, never by hand."
    answer = _answer("eject tray", text)
    assert answer is None or "However" in answer or not answer.endswith("ends.")


def test_where_a_number_is_asked_for_a_number_answers() -> None:
    text = "Many attachments are pictures.\n\nUp to 20 attachments are not too many."
    assert _answer("many attachments", text) == "Many attachments are pictures."
    assert _answer("How many attachments?", text) == "Up to 20 attachments are not too many."


_PIECES = st.sampled_from(
    (
        "Eject the tray now.",
        "However, wait.",
        "To eject:",
        "tray",
        "Otherwise, stop it.",
        "If so: x.",
    )
)


@given(st.lists(_PIECES, min_size=1, max_size=6), st.booleans(), st.booleans())
def test_an_answer_begins_and_ends_with_paragraphs(
    pieces: list[str], opens: bool, continues: bool
) -> None:
    text = "\n\n".join(pieces)
    answer = _answer(
        "eject tray", text, title="Eject the tray", opens_section=opens, continues=continues
    )
    if answer is not None:
        assert not answer.lower().startswith(("however", "otherwise"))
        assert f"\n\n{text}\n\n".count(f"\n\n{answer}\n\n")


# --- from documents to the answer


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    eject = "To eject the tray, turn the key twice.\n\nThe press beeps when the tray is free."
    documents = (
        Document(
            "doc/tray",
            DocumentKind.DOC,
            "Paper trays",
            (Section("", (), "A press has trays."), Section("s-eject", ("Eject the tray",), eject)),
        ),
        document(
            "forum/stuck",
            "My valve is stuck",
            "My valve is stuck and the valve leaks.",
            kind=DocumentKind.FORUM,
            solved=False,
        ),
        document(
            "doc/valve", "Internal valve codes", "The valve code is zephyr.", audience="staff"
        ),
        document("doc/alpha", "Clean the drum of model alpha", "Clean the drum with a dry cloth."),
        document("doc/beta", "Clean the drum of model beta", "Clean the drum with warm water."),
        *(document(f"doc/{n}", f"About page {n}", f"Ink number {n} is blue.") for n in range(20)),
    )
    return searcher(tmp_path_factory.mktemp("data"), documents)


def test_the_answer_is_in_the_document_word_for_word(asked: Searcher) -> None:
    suggestions = asked.suggest("eject the tray")
    answer = suggestions.answer
    assert isinstance(answer, Answer)
    assert (answer.document, answer.anchor) == ("doc/tray", "s-eject")
    assert (answer.url, answer.path) == ("/help/doc/tray#s-eject", ("Eject the tray",))
    section = asked.article("doc/tray").sections[1]
    assert answer.text in section.text
    assert {answer.text[start:end] for start, end in answer.spans} >= {"eject", "tray"}
    assert answer.document == suggestions.hits[0].id
    assert asked.search("eject the tray").answer == answer


def test_the_section_that_means_what_is_asked_answers_not_the_one_with_its_words(
    tmp_path: Path,
) -> None:
    payment = (
        "Only the person who began paying for the cloud can change the card. "
        "Do not stop the browser while the card is checked."
    )
    steps = "Open Plans.\n\nChoose Cancel. Your subscription ends with the month."
    cancel = f"To cancel:\n\n{steps}"
    sections = (
        Section("s-payment", ("Payment data",), payment),
        Section("s-cancel", ("Cancel a plan",), cancel, (_region(RegionKind.LIST, cancel, steps),)),
    )
    others = (document(f"doc/{n}", f"About page {n}", f"Ink number {n} is blue.") for n in range(9))
    published(tmp_path, (Document("doc/x", DocumentKind.DOC, "Manage plans", sections), *others))
    suggestions = Searcher(tmp_path, budget_ms=60_000).suggest("stop paying plan")
    assert suggestions.hits[0].passage.anchor == "s-payment"
    assert suggestions.answer is not None
    assert suggestions.answer.text == cancel


@pytest.mark.parametrize(
    ("heading", "query", "is_quoted"),
    [
        ("Eject the tray", "eject the tray", True),
        ("Eject the tray", "i cant eject the tray", True),
        ("A tray that ejects by itself", "eject the tray", False),
        ("Trays", "eject the tray", False),
    ],
)
def test_of_a_longer_page_only_a_section_whose_heading_asks_the_same_is_quoted(
    tmp_path: Path, heading: str, query: str, is_quoted: bool
) -> None:
    begins = "Turn the key of the tray twice."
    tray = Section("s-tray", (heading,), f"{begins}\n\nTo eject the tray, press it.")
    page = Document("doc/tray", DocumentKind.DOC, "Tray", (Section("", (), "About trays."), tray))
    others = [document(f"doc/{n}", f"About page {n}", f"Ink number {n} is blue.") for n in range(9)]
    answer = searcher(tmp_path, [page, *others]).suggest(query).answer
    assert (answer.text if answer else None) == (begins if is_quoted else None)


def tray_page(tmp_path: Path, text: str) -> Searcher:
    """A site of which one page ejects the tray."""
    pages = [
        document("doc/tray", "Eject the tray", text),
        *(document(f"doc/{n}", f"About page {n}", f"Ink number {n} is blue.") for n in range(9)),
    ]
    return searcher(tmp_path, pages)


def test_a_short_page_is_quoted_whole_if_its_title_asks(tmp_path: Path) -> None:
    text = "Turn the key twice.\n\nA tray that is lost can be replaced."
    answer = tray_page(tmp_path, text).suggest("eject the tray").answer
    assert answer is not None
    assert answer.text == text


def test_of_a_page_of_one_long_passage_the_beginning_is_quoted(tmp_path: Path) -> None:
    begins = "Turn the key twice."
    text = f"{begins}\n\n{'Every press has a tray for paper. ' * 25}"
    answer = tray_page(tmp_path, text).suggest("eject the tray").answer
    assert answer is not None
    assert answer.text == begins


@pytest.mark.parametrize(
    ("text", "confidence", "is_quoted"),
    [
        ("The tray is behind the door.", LIKELY, True),
        ("The tray is behind the door.", LIKELY - 0.01, False),
        (f"The tray is behind the door.\n\n{'Every press has one. ' * 40}", LIKELY, False),
        (f"The tray is behind the door.\n\n{'Every press has one. ' * 40}", CERTAIN, True),
    ],
)
def test_a_page_whose_title_does_not_ask_needs_more_confidence_the_more_is_left_out(
    tmp_path: Path, text: str, confidence: float, is_quoted: bool
) -> None:
    site = tray_page(tmp_path, text)
    reader: Any = site._current().index.reader("public")
    query = reader.expand("tray zorblax", prefix=False)
    (tray,) = reader.candidates(query, None, deadline=math.inf).documents.tolist()
    answer = reader.display(query).answer(tray, 0, confidence=confidence)
    assert (answer is not None) is is_quoted


# --- whole passages


def _whole(text: str, *regions: Region) -> str | None:
    part = whole_passage(SectionPassage("", (), text, regions))
    return None if part is None else text[part.start : part.end]


def test_a_whole_passage_has_its_paragraphs_and_lists() -> None:
    text = "\nLights:\n\nRed: no paper.\n\nGreen: all is well.\n\nOther lights mean nothing.\n"
    lights = _region(RegionKind.LIST, text, "Red: no paper.\n\nGreen: all is well.")
    assert _whole(text, lights) == text.strip()
    assert _whole(text[: lights.end], lights) == text[: lights.end].strip()


@pytest.mark.parametrize(
    "text",
    [
        "Turn the key.\n\nThen choose from:",
        "Turn the key.\n\nThen see the table below.",
        "The tray opens.\n\nOr does it?",
        "The tray opens. " * 45,
        "The following articles help you.",
        "See also the page on trays.",
        "",
    ],
)
def test_what_is_long_incomplete_or_leads_elsewhere_is_not_quoted_whole(text: str) -> None:
    assert _whole(text) is None


@pytest.mark.parametrize("kind", [RegionKind.CODE, RegionKind.TABLE])
def test_what_has_code_or_tables_is_not_quoted_whole(kind: RegionKind) -> None:
    text = "Turn the key.\n\nkey --turn\n\nThe tray opens."
    assert _whole(text, _region(kind, text, "key --turn")) is None
    assert _whole(text) == text


def test_no_page_is_quoted_where_another_may_answer_as_well(asked: Searcher) -> None:
    suggestions = asked.suggest("clean the drum")
    assert {hit.id for hit in suggestions.hits} == {"doc/alpha", "doc/beta"}
    assert suggestions.answer is None
    assert asked.search("clean the drum").answer is None
    named = asked.suggest("clean the drum of model beta").answer
    assert named is not None
    assert named.document == "doc/beta"


def test_a_thread_without_an_accepted_answer_gives_none(asked: Searcher) -> None:
    suggestions = asked.suggest("my valve is stuck")
    assert suggestions.hits
    assert suggestions.answer is None


def test_a_later_page_or_an_operator_has_no_answer(asked: Searcher) -> None:
    assert asked.search("eject the tray", per_page=1, page=2).answer is None
    assert asked.search('"eject the tray"').answer is None


def test_what_the_asker_may_not_see_is_not_quoted(asked: Searcher, tmp_path: Path) -> None:
    hidden = asked.suggest("internal valve codes", audience="staff").answer
    assert hidden is not None
    assert "zephyr" in hidden.text
    public = asked.suggest("internal valve codes").answer
    assert public is None or "zephyr" not in public.text

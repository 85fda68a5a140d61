"""What words of a help desk mean in an index: always less than what was typed, and never more than
the asker may see.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.documents import Document
from kb.search.lexicon.files import shipped_groups
from kb.search.lexicon.matching import shipped_lexicon
from kb.search.results import results_json, suggestions_json
from kb.search.searcher import Searcher
from tests.search.library import document, partition_of, searcher

PAGES = [
    document("doc/attach", "Attach a file", "Choose the files. One larger than 10 MB is refused."),
    document("doc/sign-in", "Sign in", "Enter your address. If you cannot sign in, write to us."),
    document("doc/colleagues", "Add a colleague", "Invite them by e-mail."),
    document("doc/reader", "Use a screen reader", "Every page can be used without a mouse."),
    document("doc/colour", "The colour of the box", "Choose a colour that people can read."),
    document("doc/want", "What you want to know", "We want to help you, as we want your trust."),
    document("doc/detail", "Detail of an email", "Each email has its detail."),
    document("doc/restart", "Restart the reader", "Hold the button until it blinks."),
]


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return searcher(tmp_path_factory.mktemp("words"), PAGES)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("upload", "doc/attach"),
        ("too big", "doc/attach"),
        ("login", "doc/sign-in"),
        ("i cant log in", "doc/sign-in"),
        ("unable to log on", "doc/sign-in"),
        ("coworkers", "doc/colleagues"),
        ("coworkr", "doc/colleagues"),
        ("screenreader", "doc/reader"),
        ("color", "doc/colour"),
        ("emaildetail", "doc/detail"),
        ("how do i turn it off and on again", "doc/restart"),
        ("colleage", "doc/colleagues"),  # a word of one document
        ("Wie kann ich mich anmelden?", "doc/sign-in"),
        ("joindre des pièces", "doc/attach"),
        ("demasiado grande", "doc/attach"),
        ("convidar um colega", "doc/colleagues"),
    ],
)
def test_everyday_words_find_the_page_that_uses_others(
    centre: Searcher, typed: str, first: str
) -> None:
    assert next(iter(centre.search(typed).hits)).id == first
    assert centre.suggest(typed, doubt=-math.inf).hits[0].id == first


@pytest.mark.parametrize("typed", ["cant", "can't", "can’t", "wont", "doesnt", "went", "its"])
def test_short_forms_and_words_that_exist_are_never_corrected(centre: Searcher, typed: str) -> None:
    results = centre.search(typed)
    assert "doc/want" not in [hit.id for hit in results.hits]


def test_a_language_is_no_typo_of_its_country(tmp_path: Path) -> None:
    pages = [document("doc/germany", "Customers in Germany", "Parcels to Germany.")]
    results = searcher(tmp_path, pages).search("switch to german", operators=False)
    assert results.did_you_mean is None
    assert results.hits == ()
    assert results.did_you_mean is None


def test_what_was_typed_counts_more_than_all_that_it_may_mean(tmp_path: Path) -> None:
    pages = [
        document("doc/exact", "Things that we", "remove from here"),
        document("doc/equals", "Things that we", "delete, erase and wipe and uninstall from here"),
        *(document(f"doc/other-{n}", f"About delete {n}", "delete") for n in range(4)),
    ]
    centre = searcher(tmp_path, pages)
    ids = [hit.id for hit in centre.search("remove things").hits]
    assert ids.index("doc/exact") < ids.index("doc/equals")


def test_the_rest_of_a_phrase_counts_no_more_where_documents_say_it_otherwise(
    tmp_path: Path,
) -> None:
    pages = [
        document("doc/event-log", "Event log", "The log of the server."),
        document("doc/enter", "Welcome", "You cannot sign in? Sign in with the link."),
        *(document(f"doc/page-{n}", f"Page {n}", f"Sign in to read page {n}.") for n in range(9)),
    ]
    centre = searcher(tmp_path, pages)
    for text in ("i cant log in", "cannot log on"):
        ids = [hit.id for hit in centre.suggest(text, doubt=-math.inf).hits]
        assert ids[0] == "doc/enter", text
    assert centre.suggest("event log", doubt=-math.inf).hits[0].id == "doc/event-log"


def test_that_there_is_a_problem_says_little_about_which(tmp_path: Path) -> None:
    pages = [
        document("doc/known", "Known problems", "What to do about a known problem."),
        document("doc/list", "Export a list", "Choose a format for it."),
        document("doc/invoice", "Export of invoices", "They leave it every month."),
    ]
    centre = searcher(tmp_path, pages)
    for text in ("problem with the export", "export problem"):
        assert centre.search(text).hits[0].id != "doc/known", text
        assert centre.suggest(text, doubt=-math.inf).hits[0].id != "doc/known", text
    for text in ("known problem", "problem"):
        assert centre.suggest(text, doubt=-math.inf).hits[0].id == "doc/known", text


def test_words_written_as_two_find_them_written_as_one(tmp_path: Path) -> None:
    centre = searcher(tmp_path, [document("doc/map", "Zoomlevel of a map", "Change it.")])
    assert centre.search("zoom level").total == 1


def test_the_last_word_may_be_another_inflection() -> None:
    query = partition_of(PAGES).expand("add a file by choosing", prefix=True)
    assert "choosing" in [term.word for term in query.terms]
    assert "choosing" not in query.unknown


def test_a_word_that_may_go_on_means_the_same_as_others(tmp_path: Path) -> None:
    other = document("doc/host", "Hosts", "The host is login.example.com.")
    answer = searcher(tmp_path, [*PAGES, other]).suggest("login", explain=True, doubt=-math.inf)
    assert answer.considered is not None
    evidence = {page.id: page.evidence for page in answer.considered.candidates}
    assert evidence["doc/sign-in"]["missing"] == 0


def test_a_hidden_document_gives_a_typed_word_no_meaning(tmp_path: Path) -> None:
    hidden = [
        document("doc/staff-1", "Erase, wipe, upload", "Colleague screenreader", audience="staff"),
        document(
            "doc/staff-2", "Zoomlevel", "avatar invoice coworker emaildetail", audience="staff"
        ),
    ]

    def answers(data: Path, pages: list[Document]) -> list[str]:
        centre = searcher(data, pages)
        texts = (
            "delete my receipt",
            "rechnung hochladen",
            "coworkr",
            "screen reader",
            "emaildetail",
            "zoom level",
            "pic",
        )
        return [
            json.dumps((results_json(centre.search(text)), suggestions_json(centre.suggest(text))))
            for text in texts
        ]

    assert answers(tmp_path / "open", PAGES) == answers(tmp_path / "both", [*PAGES, *hidden])


def test_a_question_in_another_language_misses_only_what_it_asks_for() -> None:
    partition = partition_of(PAGES)
    query = partition.expand("wie kann ich mich hier anmelden", prefix=False)
    assert query.unknown == ()
    assert query.meant == "sign in"
    assert "parken" in partition.expand("wo kann ich parken", prefix=False).unknown


def test_an_english_question_finds_a_page_in_another_language(tmp_path: Path) -> None:
    pages = [
        document("doc/passwort", "Kennwort zurücksetzen", "Wählen Sie ein neues.", language="de"),
        document("doc/anhang", "Anhang", "Eine Datei ist zu groß.", language="de"),
    ]
    centre = searcher(tmp_path, pages)
    assert centre.search("reset my password").hits[0].id == "doc/passwort"
    assert centre.suggest("file too big", doubt=-math.inf).hits[0].id == "doc/anhang"


def test_words_of_a_language_that_no_document_is_in_mean_nothing(tmp_path: Path) -> None:
    """The French "se connecter" is to log in, and has the stem of "connect"."""
    phone = document("doc/phone", "Connect a phone", "Connect it by a cable, and tell me its name.")
    french = document("doc/cable", "Le câble", "Connecter le câble.", language="fr")
    english = searcher(tmp_path / "english", [*PAGES, phone]).search("i cant log in")
    both = searcher(tmp_path / "both", [*PAGES, phone, french]).search("i cant log in")
    assert "doc/phone" not in [hit.id for hit in english.hits]
    assert "doc/phone" in [hit.id for hit in both.hits]


def test_english_words_keep_their_meaning_where_they_are_words_of_other_languages_too() -> None:
    for text in ("a handy stand", "comment on it", "lent to us"):
        readings = shipped_lexicon().readings(text)
        meant = {meaning.words for reading in readings for meaning in reading.meanings}
        assert meant.isdisjoint({("phone",), ("status",), ("how",), ("slow",)}), text


def test_every_shipped_group_has_entries_that_differ() -> None:
    assert len(shipped_groups()) > 200
    for group in shipped_groups():
        for entries in (group.typed, group.meant):
            assert all(entries), group
            assert len({*entries}) == len(entries), group


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    for reading in shipped_lexicon().readings(text):
        assert all(0 < meaning.share < 1 and meaning.words for meaning in reading.meanings)

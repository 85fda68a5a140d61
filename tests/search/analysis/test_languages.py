"""Documents are read in their own language, and a query in all languages of the partition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kb.search.analysis.languages import STEMMERS, STOP_WORDS, base_language
from kb.search.analysis.tokenizer import Analyzer, index_words
from kb.search.results import results_json
from kb.search.searcher import Searcher
from tests.search.library import document, published, searcher

PAGES = [
    document("doc/ru", "Настройка сервера", "Как сбросить пароли.", language="ru"),
    document("doc/de", "Rechnungen", "Die Dateien liegen im Ordner.", language="de"),
    document("doc/db", "Datenbank", "Wenn die Verbindung fehlt: Fehler.", language="de"),
    document("doc/es", "Facturas", "Cómo pagar las facturas.", language="es"),
    document("doc/ar", "كلمات المرور", "الملفات والمجلدات", language="ar"),
    document("doc/zh", "Astro组件", "安装指南和配置文件", language="zh-cn"),
    document("doc/en", "Servers", "Configure the server. Pay an invoice.", language="en"),
]


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return searcher(tmp_path_factory.mktemp("languages"), PAGES)


@pytest.mark.parametrize(
    ("typed", "document_id"),
    [
        ("настройки", "doc/ru"),
        ("паролей", "doc/ru"),
        ("Rechnung", "doc/de"),
        ("Datei", "doc/de"),
        ("Datenbankverbindungsfehler", "doc/db"),
        ("factura", "doc/es"),
        ("ملف", "doc/ar"),
        ("组件", "doc/zh"),
        ("astro", "doc/zh"),
        ("Astro组件", "doc/zh"),
        ("件", "doc/zh"),
        ("configuring", "doc/en"),
    ],
)
def test_an_inflected_word_finds_its_document_in_a_site_of_many_languages(
    centre: Searcher, typed: str, document_id: str
) -> None:
    assert centre.search(typed).hits[0].id == document_id


def test_what_is_hidden_teaches_no_language(tmp_path: Path) -> None:
    hidden = [
        document(f"doc/h{n}", "Servers настройки", "Rechnungen facturas", language=language)
        for n, language in enumerate(("ru", "fi", "it", "fi"))
    ]
    staff = [document(d.id, d.title, d.text(), audience="staff", language="fi") for d in hidden]
    answers = []
    for number, pages in enumerate((PAGES, [*PAGES, *staff])):
        centre = searcher(tmp_path / str(number), pages)
        texts = ("serverit", "настройках", "Rechnung", "factura", "pagare", "servers")
        answers.append([json.dumps(results_json(centre.search(text))) for text in texts])
    assert answers[0] == answers[1]


def test_documents_that_are_carried_over_keep_their_language(tmp_path: Path) -> None:
    published(tmp_path / "a", PAGES)
    published(tmp_path / "a", PAGES[-1:], unread=[page.id for page in PAGES[:-1]])
    published(tmp_path / "b", PAGES)
    for typed in ("настройки", "Rechnung", "factura", "configuring"):
        first, second = (
            Searcher(tmp_path / name, budget_ms=60_000).search(typed).hits for name in "ab"
        )
        assert [(hit.id, hit.score) for hit in first] == [(hit.id, hit.score) for hit in second]


def test_every_language_has_a_stemmer_and_folded_stop_words() -> None:
    for language in STEMMERS:
        Analyzer(language).stem("word")
        assert base_language(language) == language
    for words in STOP_WORDS.values():
        assert all(index_words(word) in ([word], []) for word in words)

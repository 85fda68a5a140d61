"""Sites for benches: help centres with questions, published and read as in the product.

The shipped sites with their everyday titles, the help centres of everyday businesses, and where
``KB_BENCH_DATA`` has them, handbooks and judged sets with questions that nothing answers.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench import corpora, natural
from indexer.pipeline import IndexOptions, run_index
from indexer.sources.walk import Source
from kb.search import evaluation
from kb.search.build.meaning_run import read_meanings
from kb.search.documents import DocumentKind
from kb.search.engine import READ_AT_ONCE
from kb.search.generations.generation import Generations
from kb.search.installation import search_engine
from kb.search.searcher import Searcher
from kb.temporary_folder import temporary_folder
from tests.content import shipped

SHIPPED = tuple(shipped.FOLDERS)
JUDGED = ("faq-bank", "faq-insurance", "faq-bot-makers")
#: The questions of the last three are held out, see the README there.
EVERYDAY = (
    "clothes-shop",
    "coffee-machines",
    "fitness-app",
    "internet-provider",
    "home-appliances",
    "hotel-booking",
    "team-software",
)
_EVERYDAY = Path(__file__).parent / "everyday"


@dataclass(frozen=True, slots=True)
class Question:
    """What a visitor types, and the ids of the documents that answer it, which may be none."""

    text: str
    answers: frozenset[str]
    itself: str = ""  # a document that is the question itself, not an answer


@dataclass(frozen=True, slots=True)
class Site:
    name: str
    searcher: Searcher
    questions: list[Question]


def names() -> tuple[str, ...]:
    """The sites that are available."""
    ours = (*SHIPPED, *EVERYDAY)
    return ours if corpora.data() is None else (*ours, *natural.TREES, *JUDGED)


@contextmanager
def published(
    name: str, *, read: bool = True, most: int | None = None, kept: Path | None = None
) -> Iterator[Site]:
    """A published site, with a limited number of questions with and without an answer.

    Unless ``read`` is false, the sentence encoder has read it. If ``kept`` is a folder, the index
    is kept there for the next run.
    """
    place = temporary_folder("kb-site-") if kept is None else nullcontext(kept / f"{name}-{read}")
    with place as data:
        data.mkdir(parents=True, exist_ok=True)
        if Generations(data).current() is None:
            _publish(name, data)
            while read and read_meanings(Generations(data), progress=lambda *_: None):
                pass
        questions = _sample(list(_questions(name, data)), most)
        yield Site(name, Searcher(data, budget_ms=60_000), questions)


def _publish(name: str, data: Path) -> None:
    if name in SHIPPED:
        shipped.index_site(name, data)
    elif name in (*EVERYDAY, *natural.TREES):
        folder = _EVERYDAY if name in EVERYDAY else _place() / "content"
        pages = folder / name / "pages"
        sources = (Source(DocumentKind.DOC, "pages", pages, pages),)
        today = dt.datetime.now(dt.UTC).date()
        run_index(IndexOptions(sources, data, today, meaning=True, false_suggestions=10))
    else:
        judged = evaluation.read_judged_set(_place() / "labelled" / name)
        with search_engine(data).writer(
            operators=False, meaning=True, read=READ_AT_ONCE, false_suggestions=10
        ) as writer:
            for document in judged.documents:
                writer.add(document)
            writer.publish(ledger={}, settings={})


def _questions(name: str, data: Path) -> Iterator[Question]:
    if name in SHIPPED:
        titles = shipped.EverydayTitles.of(name)
        yield from (Question(title, frozenset(ids)) for title, ids in titles.answered.items())
        yield from (Question(title, frozenset()) for title in titles.unanswered)
    elif name in EVERYDAY:
        yield from _everyday_questions(name, data)
    elif name in natural.TREES:
        generation = Generations(data).current()
        assert generation is not None
        tree = _place() / "content" / name
        for title in natural.titles(tree / "titles.jsonl", list(generation.store.all())):
            yield Question(title.text, title.answers)
    else:
        judged = evaluation.read_judged_set(_place() / "labelled" / name)
        for query, relevant in judged.qrels.items():
            answers = (document for document, grade in relevant.items() if grade > 0)
            yield Question(judged.queries[query], frozenset(answers), query)
        yield from (Question(text, frozenset()) for text in judged.out_of_scope.values())


def _everyday_questions(name: str, data: Path) -> Iterator[Question]:
    generation = Generations(data).current()
    assert generation is not None
    ids = {document.title: document.id for document in generation.store.all()}
    for line in (_EVERYDAY / name / "questions.tsv").read_text("utf-8").splitlines():
        text, titles = line.split("\t")
        answers = titles.split(" | ") if titles != "-" else []
        yield Question(text, frozenset(ids[title] for title in answers))


def _sample(questions: list[Question], most: int | None) -> list[Question]:
    dice = random.Random(7)
    some = []
    for is_answered in (True, False):
        of_kind = [question for question in questions if bool(question.answers) == is_answered]
        some += of_kind if most is None or len(of_kind) <= most else dice.sample(of_kind, most)
    return some


def _place() -> Path:
    data = corpora.data()
    assert data is not None
    return data

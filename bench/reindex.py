"""Time until a change is searchable, by the size of the help centre.

    python -m bench.reindex [--sizes 10000 100000] [--no-operators] [--drafts]
                            [--audiences three]

For each size: a full build; then one document whose text changes (twice), one that is added, one
that gets another title and one that is removed; then one in a hundred whose text changes. Prints
the megabytes that were written (of files that the previous generation does not have), the seconds
in the builder, the seconds from its first call until a running searcher serves the change, and the
CPU milliseconds that the first request after the publish takes to open the new generation, and then
to answer. Latent topics are kept where little changes (see
``kb.search.index.latent_topics``). With ``--drafts``, what passages mean is drafted. All documents
are public, or some belong to customers and staff (``three``), or to twelve groups (``groups``).
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from bench import corpora
from kb.search.build.builder import IndexBuilder
from kb.search.documents import PUBLIC, Document, Section
from kb.search.generations.generation import Generations
from kb.search.searcher import CHECK_EVERY, Searcher

_TITLE = "how do I install it"
#: The audiences of documents, each as often as it stands here.
_AUDIENCES = {
    "one": ["public"],
    "three": [*["public"] * 8, "customers", "staff"],
    "groups": [*["public"] * 38, *(f"group-{number}" for number in range(12))],
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument(
        "--no-operators", action="store_true", help="leave the index for phrases and fields out"
    )
    parser.add_argument("--drafts", action="store_true", help="draft what passages mean")
    parser.add_argument(
        "--audiences", choices=_AUDIENCES, default="one", help="who sees what (see above)"
    )
    options = parser.parse_args()
    print(
        f"{'documents':>10} {'change':>9} | {'MB':>7} {'built s':>8} {'CPU s':>7} "
        f"{'searchable s':>13} "
        f"{'opened ms':>10} {'answered ms':>12}"
    )
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            documents = with_audiences(corpora.documents(size), _AUDIENCES[options.audiences])
            measure_size(
                Path(folder),
                documents,
                operators=not options.no_operators,
                drafts=options.drafts,
            )


def with_audiences(documents: Iterable[Document], audiences: Sequence[str]) -> dict[str, Document]:
    """The ``documents`` by id, each with one of ``audiences``."""
    dice = random.Random(5)
    return {one.id: replace(one, audience=dice.choice(audiences)) for one in documents}


def measure_size(
    data: Path, documents: dict[str, Document], *, operators: bool, drafts: bool
) -> None:
    size = len(documents)
    seconds = publish(data, documents.values(), operators=operators, drafts=drafts)
    print_row(size, "all", written(data), *seconds)
    searcher = Searcher(data, budget_ms=60_000, remember=1)
    for number, (name, change, count) in enumerate(
        (
            ("text", with_text, 1),
            ("text", with_text, 1),
            ("added", with_another, 1),
            ("title", with_title, 1),
            ("removed", without, 1),
            ("1 %", with_text, size // 100),
        )
    ):
        word = f"zanzibar{number}"
        public = [document for document in documents.values() if document.audience == PUBLIC]
        before = public[:: len(public) // count][:count]
        after = {new.id: new for document in before for new in change(document, word)}
        fresh = [document for document in after.values() if document not in before]
        dropped = [document.id for document in before if after.get(document.id) != document]
        searcher.suggest(_TITLE)
        start = time.perf_counter()
        seconds = publish(data, fresh, dropped, operators=operators, drafts=drafts)
        published = Generations(data).published_name()
        while searcher.generation != published:
            time.sleep(0.01)
        found = [hit.id for hit in searcher.search(word).hits]
        searchable = time.perf_counter() - start
        wanted = {document.id for document in fresh}
        by_words = wanted.intersection(found) if drafts else found  # others mean much the same
        if not wanted.issuperset(by_words) or bool(by_words) != bool(fresh):
            raise AssertionError(f"{word} finds {found}")
        print_row(size, name, written(data), *seconds, searchable, *opening(data))
        documents = {id_: each for id_, each in documents.items() if id_ not in dropped} | after


def with_text(document: Document, word: str) -> list[Document]:
    section = Section("new", ("New",), f"Since today also {word}.")
    return [replace(document, sections=(*document.sections, section))]


def with_title(document: Document, word: str) -> list[Document]:
    return [replace(document, title=f"{document.title} {word}")]


def with_another(document: Document, word: str) -> list[Document]:
    return [document, replace(document, id=f"{document.id}-{word}", title=f"About {word}")]


def without(_document: Document, _word: str) -> list[Document]:
    return []


def publish(
    data: Path,
    documents: Iterable[Document],
    dropped: Iterable[str] | None = None,
    *,
    operators: bool,
    drafts: bool,
) -> tuple[float, float]:
    """Wall and CPU seconds of one publish: all but the ``dropped`` are carried over, or none."""
    start, cpu_start = time.perf_counter(), time.process_time()
    with IndexBuilder(data, operators=operators, meaning=drafts, read=0) as builder:
        if dropped is not None:
            builder.carry_over_all_but(dropped)
        for document in documents:
            builder.add(document)
        builder.publish(ledger={}, settings={})
    return time.perf_counter() - start, time.process_time() - cpu_start


def opening(data: Path) -> tuple[float, float]:
    """CPU milliseconds in which a server that answered from the generation before opens the
    published one, and those of its first answer from it.
    """
    generations = Generations(data)
    newest, before, *_ = generations.names()
    generations.point_to(before)
    searcher = Searcher(data, budget_ms=60_000, remember=1)
    searcher.suggest(_TITLE)
    generations.point_to(newest)
    time.sleep(CHECK_EVERY)

    times = [time.thread_time()]
    opened = searcher.generation
    times.append(time.thread_time())
    searcher.suggest(_TITLE)
    times.append(time.thread_time())
    if opened != newest:
        raise AssertionError(f"{opened} was opened, not {newest}")
    return (times[1] - times[0]) * 1000, (times[2] - times[1]) * 1000


def written(data: Path) -> float:
    """The megabytes of the files that only the newest generation has."""
    generations = Generations(data)
    files = generations.path(generations.names()[0]).rglob("*")
    sizes = (file.stat() for file in files if file.is_file())
    return sum(each.st_size for each in sizes if each.st_nlink == 1) / 1e6


def print_row(
    size: int, name: str, megabytes: float, built: float, cpu: float, *rest: float
) -> None:
    searchable, opened, answered = (f"{value:.2f}" for value in rest or [math.nan] * 3)
    print(
        f"{size:>10} {name:>9} | {megabytes:>7.2f} {built:>8.2f} {cpu:>7.2f} {searchable:>13} "
        f"{opened:>10} {answered:>12}",
        flush=True,
    )


if __name__ == "__main__":
    main()

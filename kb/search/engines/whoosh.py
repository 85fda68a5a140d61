"""Which documents satisfy these operators?

Phrases, exclusions and fields through Whoosh: the answer is a *set* of document keys, never an
order (the matrix orders). The only module that knows Whoosh. It never parses a visitor's text,
never opens anything the manifest has not verified (Whoosh unpickles its table of contents) and
never indexes in place: each generation has its own folder.
"""

from __future__ import annotations

import functools
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.errors import Unavailable
from kb.search.analysis.tokenizer import tokens
from kb.search.build.partition_writer import key_of
from kb.search.documents import Document
from kb.search.index.document_store import Difference, DocumentStore
from kb.search.query.parser import Operator, day

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore"
    )  # invalid escapes in Whoosh 2.7.4's own strings, seen when first compiled
    from whoosh import analysis, fields, index, query
    from whoosh.filedb.filestore import FileStorage

Keys = npt.NDArray[np.uint64]
FOLDER = "whoosh"
_REBUILD_SHARE = (
    0.2  # from this share of changed documents on, a fresh index is faster than an update
)
_MOST_WORDS = 16


class Words(analysis.Analyzer):  # type: ignore[misc]  # Whoosh has no types
    """Our own words for Whoosh: folded, with positions, stop words kept so that every phrase can be
    matched.
    """

    def __call__(self, value: str, **options: Any) -> Iterator[Any]:
        one = analysis.Token(
            **{
                k: v
                for k, v in options.items()
                if k in ("positions", "chars", "removestops", "mode")
            }
        )
        one.boost, one.stopped = 1.0, False
        # No word crosses white space, and texts repeat their chunks: nineteen of twenty are
        # remembered.
        found = chain.from_iterable(map(_texts, value.split()))
        for position, text in enumerate(found, options.get("start_pos", 0)):
            one.text, one.original, one.pos = text, text, position
            yield one


@functools.lru_cache(maxsize=100_000)
def _texts(chunk: str) -> tuple[str, ...]:
    return tuple(token.text for token in tokens(chunk))


def _schema() -> Any:
    def text() -> Any:
        return fields.TEXT(analyzer=Words(), stored=False)

    return fields.Schema(
        key=fields.NUMERIC(int, bits=64, signed=False, unique=True, sortable=True),
        body=text(), title=text(), product=text(), tag=text(),
        version=fields.KEYWORD(commas=True, lowercase=True), kind=fields.ID(),
        day=fields.NUMERIC(int, bits=32, signed=True),
    )  # fmt: skip


def build(
    folder: Path,
    store: DocumentStore,
    *,
    previous: Path | None = None,
    changes: Difference | None = None,
) -> None:
    """Index every document of ``store`` into the new ``folder``, taking over what ``previous`` has
    unchanged.

    Segments of a Whoosh index never change, so a small update links the previous generation's files
    and adds to them.
    """
    folder.mkdir()
    if (
        previous is not None
        and changes is not None
        and previous.is_dir()
        and _few(changes, len(store))
    ):
        _link(previous, folder)
        writer = index.open_dir(folder).writer(limitmb=128)
        gone, fresh = changes.gone, store.documents(changes.fresh)
    else:
        writer = index.create_in(folder, _schema()).writer(limitmb=256)
        gone, fresh = (), store.all()
    try:
        _delete(writer, gone)
        for document in fresh:
            writer.add_document(**_row(document))
    except BaseException:
        writer.cancel()
        raise
    writer.commit()
    (folder / "MAIN_WRITELOCK").unlink(missing_ok=True)


def _delete(writer: Any, gone: Sequence[str]) -> None:
    if gone:
        with (
            writer.searcher() as searcher
        ):  # opened once: that takes longer than to find a document
            for document_id in gone:
                writer.delete_by_term("key", key_of(document_id), searcher=searcher)


def _few(changes: Difference, documents: int) -> bool:
    """Whether to update is cheaper than to start afresh."""
    return len(changes.fresh) + len(changes.gone) < _REBUILD_SHARE * max(1, documents)


def _link(source: Path, target: Path) -> None:
    for file in source.iterdir():
        try:
            os.link(file, target / file.name)
        except OSError:  # another file system, or one without links
            shutil.copy2(file, target / file.name)


def _row(document: Document) -> dict[str, Any]:
    return {
        "key": key_of(document.id),
        "title": "\n".join((document.title, *document.aliases)),
        "body": f"{document.title}\n{document.summary}\n{document.text()}",
        "product": document.product,
        "tag": "\n".join(document.tags),
        "version": ",".join(v.replace(",", " ") for v in document.versions),
        "kind": str(document.kind),
        "day": document.updated.toordinal() if document.updated else 0,
    }


class OperatorSearch:
    """A verified Whoosh index, open for reading; a snapshot, safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        try:
            self._searcher = FileStorage(str(folder), readonly=True).open_index().searcher()
        except (
            Exception
        ) as error:  # a verified folder that Whoosh cannot read: its errors are of a dozen kinds
            raise Unavailable(
                f"The index for phrases and fields cannot be opened: {error}."
            ) from error
        self._keys = self._column()

    def _column(self) -> Keys:
        reader = self._searcher.reader()
        if not reader.doc_count_all():  # Whoosh's empty reader has no columns
            return np.zeros(0, dtype=np.uint64)
        column = reader.column_reader("key")
        return np.fromiter((column[i] for i in range(reader.doc_count_all())), dtype=np.uint64)

    def select(
        self, operators: Sequence[Operator], *, deadline: float
    ) -> tuple[Keys | None, Keys, bool]:
        """(keys that satisfy every wanted operator or None when none is wanted, keys excluded,
        whether in time).

        ``deadline`` is a ``time.monotonic()`` instant; a selection cut short is marked, not wrong:
        it holds too few.
        """
        asked = dict.fromkeys(
            operators
        )  # each once: a phrase of common words costs too much to be matched again
        wanted = [_query(o) for o in asked if not o.excluded]
        unwanted = [_query(o) for o in asked if o.excluded]
        keys, in_time = (None, True) if not wanted else self._run(query.And(wanted), deadline)
        without, also = (
            (np.zeros(0, dtype=np.uint64), True)
            if not unwanted
            else self._run(query.Or(unwanted), deadline)
        )
        return keys, without, in_time and also

    def _run(self, wanted: Any, deadline: float) -> tuple[Keys, bool]:
        found: list[int] = []
        for number in self._searcher.docs_for_query(wanted):
            found.append(number)
            if len(found) % 256 == 0 and time.monotonic() > deadline:
                return np.sort(self._keys[found]), False
        return np.sort(self._keys[found]), True

    def close(self) -> None:
        self._searcher.close()


def _query(operator: Operator) -> Any:
    field = operator.field or "body"
    if field in ("before", "after"):
        number = day(operator.text) or 0
        low, high = (1, number - 1) if field == "before" else (number, None)
        return query.NumericRange("day", low, high)
    if field == "kind":
        return query.Term("kind", operator.text.lower())
    if field == "version":
        text = operator.text.lower()
        return query.Or([query.Term("version", text), query.Prefix("version", f"{text}.")])
    return _phrase(field, [t.text for t in tokens(operator.text)][:_MOST_WORDS])


def _phrase(field: str, words: list[str]) -> Any:
    if not words:
        return query.NullQuery
    return query.Term(field, words[0]) if len(words) == 1 else query.Phrase(field, words)

"""Whoosh: the documents that match the operators of a query (phrases, exclusions, fields).

The answer is a set of document keys, never an order; ranking is the partition's. The only module
that imports Whoosh. It never parses a visitor's text, never opens a file that the manifest has not
verified (Whoosh unpickles its table of contents), and never indexes in place: each generation has
a folder of its own.
"""

from __future__ import annotations

import contextlib
import functools
import math
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.disk import link_file
from kb.errors import Unavailable
from kb.ids import document_key
from kb.search.analysis.tokenizer import tokens
from kb.search.documents import Document
from kb.search.index.document_store import STORE_FILE, DocumentStore, StoreDifference
from kb.search.query.parser import Operator, day_number

with warnings.catch_warnings():
    # Invalid escapes in string literals of Whoosh 2.7.4, reported when it is first compiled.
    warnings.simplefilter("ignore")
    from whoosh import analysis, fields, index, query
    from whoosh.filedb.filestore import FileStorage
    from whoosh.reading import SegmentReader

DocumentKeys = NDArray[np.uint64]  # [documents], ascending

WHOOSH_FOLDER = "whoosh"
#: From this share of changed documents on, a fresh index is faster than an update.
_REBUILD_SHARE = 0.2
#: From this many documents on, a process of its own saves more than starting it costs.
_MIN_DOCUMENTS_FOR_PROCESS = 2000
#: Up to this many changed documents, writing them takes less time than starting a process.
_MAX_CHANGES_WITHOUT_PROCESS = 50
#: So many segments of about one size are merged; sizes differ by the same factor.
_MERGED_AT_ONCE = 8
#: A segment with at least this share of deleted documents is rewritten.
_MOSTLY_DELETED = 0.25
_MAX_PHRASE_WORDS = 16
_DOCUMENTS_PER_DEADLINE_CHECK = 256


# --- building


class WhooshBuild:
    """A Whoosh build that is under way in another process, or already done."""

    def __init__(self, process: BaseProcess | None, documents: int) -> None:
        self._process = process
        self._documents = documents

    def wait(self, progress: Callable[[int, int], None]) -> None:
        """Return when it has ended. Raises Unavailable when it failed."""
        progress(0, self._documents)
        if self._process is not None:
            self._process.join()
            if self._process.exitcode != 0:
                raise Unavailable(
                    "The index for phrases and fields could not be built (exit "
                    f"{self._process.exitcode}); the previous generation is still live."
                )
        progress(self._documents, self._documents)


def start_build(
    folder: Path, previous: Path | None, changes: StoreDifference, *, documents: int
) -> WhooshBuild:
    """Index the document store in ``folder``; ``previous`` is the folder of the generation before,
    from which the documents differ by ``changes``.

    Whoosh takes nine tenths of the time of a full build, so a large one runs in a process of its
    own, while the partitions are written in this one.
    """
    changed = len(changes.gone) + len(changes.fresh)
    is_small_update = (
        changed <= _MAX_CHANGES_WITHOUT_PROCESS
        and previous is not None
        and (previous / WHOOSH_FOLDER).is_dir()
    )
    if documents < _MIN_DOCUMENTS_FOR_PROCESS or is_small_update:
        build_folder(folder, previous, changes)
        return WhooshBuild(None, documents)

    process = multiprocessing.get_context("spawn").Process(
        target=build_folder, args=(folder, previous, changes), daemon=True
    )
    process.start()
    return WhooshBuild(process, documents)


def build_folder(folder: Path, previous: Path | None, changes: StoreDifference) -> None:
    """Index the document store in ``folder`` into its subfolder, in this process."""
    with contextlib.closing(DocumentStore(folder / STORE_FILE)) as store:
        previous_index = previous / WHOOSH_FOLDER if previous is not None else None
        build_whoosh(folder / WHOOSH_FOLDER, store, previous=previous_index, changes=changes)


def build_whoosh(
    folder: Path,
    store: DocumentStore,
    *,
    previous: Path | None = None,
    changes: StoreDifference | None = None,
) -> None:
    """Index every document of ``store`` into the new ``folder``.

    Segments of a Whoosh index never change, so a small update links the files of the ``previous``
    index and adds a segment. Which ones are merged says ``_merge_tiers``.
    """
    folder.mkdir()
    if (
        previous is not None
        and previous.is_dir()
        and changes is not None
        and len(changes.fresh) + len(changes.gone) < _REBUILD_SHARE * max(1, len(store))
    ):
        _link(previous, folder)
        writer = index.open_dir(folder, schema=_schema()).writer(limitmb=128)
        gone, fresh = changes.gone, store.documents(changes.fresh)
    else:
        writer = index.create_in(folder, _schema()).writer(limitmb=256)
        gone, fresh = (), store.all()

    try:
        if gone:
            # One searcher for all: opening it takes longer than finding a document.
            with writer.searcher() as searcher:
                for document_id in gone:
                    writer.delete_by_term("key", document_key(document_id), searcher=searcher)
        for document in fresh:
            writer.add_document(**_whoosh_fields(document))
    except BaseException:
        writer.cancel()
        raise

    writer.commit(mergetype=_merge_tiers)
    (folder / "MAIN_WRITELOCK").unlink(missing_ok=True)


def _merge_tiers(writer: Any, segments: list[Any]) -> list[Any]:
    """Put documents of small segments into the one that is being written; returns the others.

    Whoosh's own policy merges several segments at every update. Here an update writes one small
    segment, and eight of about one size become one, so that each document is written again once
    for each factor of eight in the size of the index.
    """
    tiers: dict[int, list[Any]] = {}
    merged: list[Any] = []
    for segment in segments:
        if segment.deleted_count() >= _MOSTLY_DELETED * segment.doc_count_all():
            merged.append(segment)
        else:
            tiers.setdefault(_tier(segment.doc_count()), []).append(segment)

    def is_full(tier: int) -> bool:
        """Whether there are too many of a size, of which what is written now is one."""
        written = writer.doc_count() + sum(segment.doc_count() for segment in merged)
        return len(tiers[tier]) + (tier == _tier(written)) >= _MERGED_AT_ONCE

    for tier in sorted(tiers):
        if is_full(tier):
            merged += tiers[tier]

    for segment in merged:
        if not segment.doc_count():
            continue
        reader = SegmentReader(writer.storage, writer.schema, segment)
        writer.add_reader(reader)
        reader.close()
    kept = set(map(id, segments)).difference(map(id, merged))
    return [segment for segment in segments if id(segment) in kept]


def _tier(documents: int) -> int:
    return int(math.log(max(1, documents), _MERGED_AT_ONCE))


def _link(source: Path, target: Path) -> None:
    for file in source.iterdir():
        link_file(file, target / file.name)


class WhooshAnalyzer(analysis.Analyzer):  # type: ignore[misc]  # Whoosh has no types
    """Our tokenizer for Whoosh: folded words with positions. Stop words stay, so that every phrase
    can be matched.
    """

    def __call__(self, value: str, **options: Any) -> Iterator[Any]:
        names = ("positions", "chars", "removestops", "mode")
        token = analysis.Token(**{k: v for k, v in options.items() if k in names})
        token.boost, token.stopped = 1.0, False

        # No word crosses white space, and texts repeat their chunks: nineteen of twenty are cached.
        words = chain.from_iterable(map(_chunk_words, value.split()))
        for position, word in enumerate(words, options.get("start_pos", 0)):
            token.text, token.original, token.pos = word, word, position
            yield token


@functools.lru_cache(maxsize=100_000)
def _chunk_words(chunk: str) -> tuple[str, ...]:
    return tuple(token.text for token in tokens(chunk))


def _schema() -> Any:
    def text() -> Any:
        return fields.TEXT(analyzer=WhooshAnalyzer(), stored=False)

    return fields.Schema(
        key=fields.NUMERIC(int, bits=64, signed=False, unique=True, sortable=True),
        body=text(),
        title=text(),
        product=text(),
        tag=text(),
        version=fields.KEYWORD(commas=True, lowercase=True),
        kind=fields.ID(),
        day=fields.NUMERIC(int, bits=32, signed=True),
    )


def _whoosh_fields(document: Document) -> dict[str, Any]:
    return {
        "key": document_key(document.id),
        "title": "\n".join((document.title, *document.aliases)),
        "body": f"{document.title}\n{document.summary}\n{document.text()}",
        "product": document.product,
        "tag": "\n".join(document.tags),
        "version": ",".join(version.replace(",", " ") for version in document.versions),
        "kind": str(document.kind),
        "day": document.updated.toordinal() if document.updated else 0,
    }


# --- searching


class OperatorSearch:
    """A verified Whoosh index, open for reading; a snapshot, safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        try:
            # With a schema, Whoosh does not unpickle the stored one, which names a class of ours
            # by the module that it lived in when the index was written.
            storage = FileStorage(str(folder), readonly=True)
            self._searcher = storage.open_index(schema=_schema()).searcher()
        except Exception as error:  # Whoosh raises a dozen kinds of errors for an unreadable folder
            raise Unavailable(
                f"The index for phrases and fields cannot be opened: {error}."
            ) from error

        self._keys: DocumentKeys = np.zeros(0, dtype=np.uint64)
        reader = self._searcher.reader()
        if reader.doc_count_all():  # Whoosh's empty reader has no columns
            column = reader.column_reader("key")
            keys = (column[number] for number in range(reader.doc_count_all()))
            self._keys = np.fromiter(keys, dtype=np.uint64)

    def select(
        self, operators: Sequence[Operator], *, deadline: float
    ) -> tuple[DocumentKeys | None, DocumentKeys, bool]:
        """The keys that satisfy every required operator (None when none is required), the excluded
        keys, and whether all of it was done by ``deadline``, a ``time.monotonic()`` instant.

        A selection that was cut short holds too few keys, but no wrong ones.
        """
        # Each operator once: a phrase of common words costs too much to be matched again.
        distinct = dict.fromkeys(operators)
        required = [_query(operator) for operator in distinct if not operator.excluded]
        forbidden = [_query(operator) for operator in distinct if operator.excluded]

        included: DocumentKeys | None = None
        excluded: DocumentKeys = np.zeros(0, dtype=np.uint64)
        included_in_time = excluded_in_time = True
        if required:
            included, included_in_time = self._run(query.And(required), deadline)
        if forbidden:
            excluded, excluded_in_time = self._run(query.Or(forbidden), deadline)
        return included, excluded, included_in_time and excluded_in_time

    def _run(self, parsed: Any, deadline: float) -> tuple[DocumentKeys, bool]:
        numbers: list[int] = []
        for number in self._searcher.docs_for_query(parsed):
            numbers.append(number)
            is_check_due = len(numbers) % _DOCUMENTS_PER_DEADLINE_CHECK == 0
            if is_check_due and time.monotonic() > deadline:
                return np.sort(self._keys[numbers]), False
        return np.sort(self._keys[numbers]), True

    def close(self) -> None:
        self._searcher.close()


def _query(operator: Operator) -> Any:
    field = operator.field or "body"
    if field in ("before", "after"):
        number = day_number(operator.text) or 0
        low, high = (1, number - 1) if field == "before" else (number, None)
        return query.NumericRange("day", low, high)

    if field == "kind":
        return query.Term("kind", operator.text.lower())

    if field == "version":
        text = operator.text.lower()
        return query.Or([query.Term("version", text), query.Prefix("version", f"{text}.")])

    words = [token.text for token in tokens(operator.text)][:_MAX_PHRASE_WORDS]
    if not words:
        return query.NullQuery
    return query.Term(field, words[0]) if len(words) == 1 else query.Phrase(field, words)

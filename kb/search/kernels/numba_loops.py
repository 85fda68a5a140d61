"""All compiled loops, as ``layout.Loops`` has them; ``warm_up`` compiles or loads each.

Imported by ``compilation`` alone, which first sets where the compiled code is kept. Importing numba
takes a quarter of a second, so nothing imports this module before an index is searched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kb.search.kernels.encoder_loops import project
from kb.search.kernels.finding_loops import (
    add_postings,
    add_row,
    count_values,
    ngram_vector,
    raise_postings,
    raise_row,
    take_postings,
    top_products,
    top_sums,
    top_titles,
    union_postings,
)
from kb.search.kernels.layout import (
    AskedTerms,
    ChunkTable,
    Headings,
    NamedSignals,
    Passages,
    PassageVectors,
    QueryFeatures,
    RawParts,
    ScratchMarks,
    ThreadArticleRows,
    Titles,
    TopicRows,
)
from kb.search.kernels.ranking_loops import (
    coverage,
    fold_groups,
    fuse_parts,
    matching_tails,
    nearest_passages,
    rescore,
)
from kb.search.kernels.reading_loops import expand_lists, number_chunks

__all__ = [
    "add_postings",
    "add_row",
    "count_values",
    "coverage",
    "expand_lists",
    "fold_groups",
    "fuse_parts",
    "matching_tails",
    "nearest_passages",
    "ngram_vector",
    "number_chunks",
    "project",
    "raise_postings",
    "raise_row",
    "rescore",
    "take_postings",
    "top_products",
    "top_sums",
    "top_titles",
    "union_postings",
]


def warm_up() -> None:
    """Call each loop once with arrays of the types that an index has: compiles it, or loads it."""
    sums, pointers = np.zeros(2, np.int32), _mapped(np.array([0, 1], np.int64))
    docs, codes = _mapped(np.zeros(1, np.int32)), _mapped(np.ones(1, np.uint8))
    starts, ends = np.zeros(1, np.int64), np.ones(1, np.int64)
    table, rows = np.ones(256, np.int32), np.zeros(1, np.int64)

    for each in (docs, docs.copy()):  # a union that was just made is no mapped file
        of_docs = codes if each is docs else codes.copy()
        add_postings(sums, each, of_docs, 1)
        raise_postings(sums, each, of_docs, 1)
    add_row(sums, codes, 1)
    raise_row(sums, codes, 1)
    take_postings(sums, 255)
    union_postings(
        sums, docs, codes, starts, ends, _mapped(np.ones((1, 2), np.uint8)), rows, table, 1
    )
    top_sums(sums, 0, 1, 1)
    weights = _mapped(np.ones(1, np.uint16))
    top_titles(sums, docs, weights, starts, ends, table, 1, np.zeros(0, np.bool_))

    passages = Passages(pointers, pointers, docs, codes, _mapped(np.ones((1, 2), np.int32)))
    singles, floats = _mapped(np.ones(1, np.float32)), np.ones(1)
    titles = Titles(pointers, docs, codes, singles)
    vectors = PassageVectors(_mapped(np.ones((1, 2), np.int8)), singles)
    direction, cosines = np.ones(2, np.int8), np.ones(1, np.float32)
    features = QueryFeatures(rows, table, 0, rows, table, direction, direction, cosines)
    rescore(rows, passages, titles, vectors, vectors, features, ScratchMarks(sums, sums))
    nearest_passages(pointers, vectors, direction, rows)
    headings = Headings(pointers, docs, pointers, docs)
    asked = AskedTerms(rows, np.array([0, 1], np.int64), floats, 1.0)
    coverage(rows, passages, headings, rows, asked, singles)
    points = _mapped(np.zeros(4, np.uint32))
    ngram_vector(points, _mapped(np.zeros(1, np.uint32)), singles, 1.0)
    matching_tails(codes, pointers, rows, codes, ends)
    raw = np.ones((1, 1), np.float32)
    parts = RawParts(raw, floats, floats, floats, floats, floats, 0, 1, 0.5)
    about = ThreadArticleRows(
        _mapped(np.zeros((1, 1), np.int32)), _mapped(np.ones((1, 1), np.uint8)), 0
    )
    signals = NamedSignals(np.ones((1, 1)), floats, -1)
    solved = np.zeros(1, np.int8)
    fold_groups(rows, floats, docs, rows.copy(), True)
    count_values(starts, pointers, _mapped(np.zeros(1, np.int32)), 1)
    ones, columns = np.ones(1, np.float32), np.zeros(1, np.int32)
    top_products(table[:2], columns, ones, table[:2], columns, ones, 1, 1)
    fuse_parts(parts, signals, cosines, solved, rows, TopicRows(vectors, rows), about)
    chunks = ChunkTable(columns.copy(), np.zeros(1, np.uint64), np.zeros(2, np.int64), codes.copy())
    number_chunks(codes, np.array([0, 1], np.int64), chunks, np.uint64(1), 0)
    expand_lists(columns, np.array([0, 1], np.int64), columns, np.array([0, 1], np.int64))
    project(np.ones((1, 2), np.float32), vectors.vectors, singles, singles)


def _mapped(array: Any) -> Any:
    """As it comes from a mapped file: to numba, an array that cannot be written is another type."""
    array = array.copy()
    array.flags.writeable = False
    return array

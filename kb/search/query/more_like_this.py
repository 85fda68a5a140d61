"""More like this: a document's most significant words, as a query for similar documents."""

from __future__ import annotations

import numpy as np

from kb.search import weights
from kb.search.analysis.tokenizer import read_typed
from kb.search.index.array_file import Arrays
from kb.search.index.edits import EditedDocuments
from kb.search.kernels.ranges import gather
from kb.search.query_terms import ExpandedQuery, QueryTerm

_MOST_WORDS = 24


def more_like_this(arrays: Arrays, document: int, title: str) -> ExpandedQuery:
    """A query for documents like ``document`` of a partition, whose title it is compared by."""
    names = "doc_passages", "passage_pointers", "passage_stems", "passage_codes"
    doc_passages, pointers, passage_stems, codes = (arrays[name] for name in names)
    edited = EditedDocuments.of(arrays)
    place = edited.place(document) if edited else -1
    if edited is not None and place >= 0:
        document = place
        doc_passages, pointers, passage_stems, codes, _ = edited.passages
    passages = np.arange(*doc_passages[document : document + 2].tolist())
    entries, _ = gather(pointers, passages)
    stems, position = np.unique(passage_stems[entries], return_inverse=True)
    frequencies = weights.frequency(codes[entries], weights.PASSAGE_K1)
    tf = np.bincount(position, weights=frequencies, minlength=stems.size)
    value = np.log1p(tf) * weights.idf(arrays["df"][stems], int(arrays["kind"].size))

    best = np.argsort(-value, kind="stable")[:_MOST_WORDS]
    share = value[best] / max(float(value[best].max(initial=0.0)), 1e-9)
    terms = (
        QueryTerm("", (int(stem),), (float(part),))
        for stem, part in zip(stems[best], share, strict=True)
    )
    return ExpandedQuery(read_typed(title), tuple(terms))

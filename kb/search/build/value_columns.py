"""Value columns: one value or list of values for each document of a partition.

For filters, facets, and the way back to the document store (``index.doc_values`` reads them). What
did not change is taken over from the previous partition without looking at a document. Build time
only.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from kb.ids import document_key
from kb.search.build.document_facts import DocumentFacts, DocumentTable
from kb.search.documents import DOCUMENT_KINDS
from kb.search.index.array_file import Arrays
from kb.search.index.edits import AT, TO
from kb.search.index.previous import CarriedOver
from kb.search.kernels.ranges import positions_of

KIND_NUMBERS = {kind: number for number, kind in enumerate(DOCUMENT_KINDS)}
_key = functools.lru_cache(maxsize=20_000)(document_key)  # a document has several audiences

#: The values of a document, by column of lists.
_LISTS: dict[str, Callable[[DocumentFacts], Sequence[str]]] = {
    "product": lambda facts: [facts.product] if facts.product else [],
    "version": lambda facts: facts.versions,
    "tag": lambda facts: facts.tags,
    "language": lambda facts: [facts.language] if facts.language else [],
}
#: The value of a document, and the type and shape of the column.
_VALUES: dict[str, tuple[Callable[[DocumentFacts], object], str, tuple[int, ...]]] = {
    "day": (lambda facts: facts.day, "i4", ()),
    "solved": (lambda facts: -1 if facts.solved is None else int(facts.solved), "i1", ()),
    "changelog": (lambda facts: facts.changelog, "u1", ()),
    "answer": (lambda facts: facts.answer, "i4", (2,)),
    "key": (lambda facts: _key(facts.id), "u8", ()),
}


def pack_value_columns(
    table: DocumentTable,
    documents: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    then: CarriedOver | None = None,
) -> Arrays:
    """The columns of the ``documents`` of a partition, which are numbers in ``table``, or -1 where
    no document has the number; ``kinds`` are those of all.
    """
    rows = np.array(table.rows, dtype=np.int32)
    columns: Arrays = {"row": np.where(documents < 0, np.int32(-1), rows[documents]), "kind": kinds}
    size = documents.size
    if then is not None and not {*_VALUES, "language_codes"} <= then.arrays.keys():
        then = None  # of an earlier version
    places = np.full(size, -1, dtype=np.int64) if then is None else then.places
    now, fresh = np.flatnonzero(places >= 0), np.flatnonzero((places < 0) & (documents >= 0))
    new_rows = [table[number] for number in documents[fresh].tolist()]

    for name, (value, dtype, shape) in _VALUES.items():
        columns[name] = np.zeros((size, *shape), dtype=dtype)
        if then is not None:
            columns[name][now] = then.arrays[name][places[now]]
        if new_rows:
            columns[name][fresh] = [value(facts) for facts in new_rows]

    names_then = json.loads(bytes(then.arrays["names"])) if then is not None else {}
    names: dict[str, list[str]] = {}
    for name, values_of in _LISTS.items():
        pointers, old_codes = np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int32)
        if then is not None:
            pointers, old_codes = then.arrays[f"{name}_pointers"], then.arrays[f"{name}_codes"]
        starts, ends = pointers[places[now]], pointers[places[now] + 1]
        old_codes = old_codes[positions_of(starts, ends)]
        new_lists = [values_of(facts) for facts in new_rows]

        # A value that no document has any more is not among the names.
        used = np.unique(old_codes).tolist()
        old_names = names_then.get(name, [])
        names[name] = sorted({old_names[code] for code in used}.union(*new_lists))
        code_of = {value: code for code, value in enumerate(names[name])}
        code_now = np.zeros(len(old_names), dtype=np.int32)
        code_now[used] = [code_of[old_names[code]] for code in used]

        lengths = np.zeros(size, dtype=np.int64)
        lengths[now], lengths[fresh] = ends - starts, [len(values) for values in new_lists]
        columns |= _list_column(
            name,
            lengths,
            (now, code_now[old_codes]),
            (fresh, np.array([code_of[v] for values in new_lists for v in values], dtype=np.int32)),
        )
    columns["names"] = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
    return columns


def changed_values(
    table: DocumentTable,
    documents: NDArray[np.int64],
    numbers: NDArray[np.int32],
    arrays: Arrays,
) -> Arrays:
    """The columns of edited documents, which have these ``numbers`` in the large file with these
    ``arrays`` (see ``index.edits``); a removed one is -1 in ``documents``.
    """
    changed: Arrays = {}
    taken = np.flatnonzero(documents >= 0)
    rows = [table[number] for number in documents[taken].tolist()]
    for name, (value, dtype, shape) in _VALUES.items():
        values = np.zeros((documents.size, *shape), dtype=dtype)
        if rows:
            values[taken] = [value(facts) for facts in rows]
        if name == "answer":  # counts passages, of which the large file has others
            changed["edited_answer"] = values
        else:
            changed |= {AT + name: numbers, TO + name: values}

    names: dict[str, list[str]] = json.loads(bytes(arrays["names"]))
    for name, values_of in _LISTS.items():
        lists: list[Sequence[str]] = [()] * documents.size
        for place, facts in zip(taken.tolist(), rows, strict=True):
            lists[place] = values_of(facts)
        names[name], column = _changed_lists(name, lists, numbers, arrays, names[name])
        changed |= column
    changed["names"] = np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)
    return changed


def _changed_lists(
    name: str,
    lists: Sequence[Sequence[str]],
    numbers: NDArray[np.int32],
    arrays: Arrays,
    names: Sequence[str],
) -> tuple[list[str], Arrays]:
    """The names of a column of lists as edits change it, in the order of their codes and "" for
    those that are gone; and the lists of edited documents, where any differs from the large file.
    """
    pointers, codes = arrays[f"{name}_pointers"], arrays[f"{name}_codes"]
    starts, ends = pointers[numbers], pointers[numbers + 1]
    codes_then = codes[positions_of(starts, ends)]
    code_of = {value: code for code, value in enumerate(names)}
    codes_now = np.array(
        [code_of.setdefault(value, len(code_of)) for values in lists for value in values],
        dtype=np.int32,
    )
    lengths = np.array([len(values) for values in lists], dtype=np.int64)
    if np.array_equal(lengths, ends - starts) and np.array_equal(codes_now, codes_then):
        return list(names), {}

    counts = np.bincount(codes, minlength=len(code_of))
    counts -= np.bincount(codes_then, minlength=counts.size)
    counts += np.bincount(codes_now, minlength=counts.size)
    used = [value if count else "" for value, count in zip(code_of, counts.tolist(), strict=True)]
    return used, {
        f"edited_{name}_pointers": np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
        f"edited_{name}_codes": codes_now,
    }


def _list_column(
    name: str, lengths: NDArray[np.int64], *parts: tuple[NDArray[np.int64], NDArray[np.int32]]
) -> Arrays:
    """A column of lists of these lengths, from (rows, the codes of these rows)."""
    pointers = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    codes = np.zeros(int(pointers[-1]), dtype=np.int32)
    for rows, part in parts:
        codes[positions_of(pointers[rows], pointers[rows + 1])] = part
    return {f"{name}_pointers": pointers, f"{name}_codes": codes}

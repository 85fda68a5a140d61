"""Title n-grams: titles that resemble the typed text, letter by letter.

TF-IDF over the character n-grams of titles finds a title despite typos, endings and compounds;
n-grams across two words capture how a question is phrased. Each n-gram keeps only the titles where
it weighs most, so that finding candidates is bounded; candidates are compared by their whole
titles. Not used for bodies, where n-grams match everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis import char_ngrams
from kb.search.array_types import DocumentMask, Documents, Pointers, PostingDocs
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver, Lists, spliced_lists
from kb.search.index.spill import Columns, Spill, blocks
from kb.search.kernels.layout import NGRAM_WEIGHT, Loops, Titles, read_only
from kb.search.kernels.ranges import distinct_numbers, gather, top_k
from kb.search.kernels.scratch import Scratch

Ngrams = NDArray[np.int32]  # [entries of all titles], positions among the hashes
TitleRows = NDArray[np.int64]  # [titles], their positions
_ALL: DocumentMask = np.zeros(0, dtype=np.bool_)
_BATCH = 4_000  # titles whose n-grams are counted at once
_LONGEST = 300  # characters of a query that are compared
#: Weights are whole numbers: of n-grams in titles 16 bits, of n-grams in a query 14 (see
#: ``layout.NGRAM_WEIGHT``), so that a product has room in 31.
_TITLE_WEIGHT = 65_535
_LIST_COLUMNS = "gram_docs", "gram_weights"
#: So many edited titles, at most, are worked into the lists there are: more have most n-grams.
_FEW = 64


def pack_title_ngrams(
    titles: Sequence[str],
    then: CarriedOver | None = None,
    spill: Spill | None = None,
    *,
    keep_weights: bool = False,
) -> Arrays:
    """TF-IDF over the titles' n-grams, and for each n-gram the titles where it weighs most.

    ``then`` is what holds of the last generation's partition: the n-grams of titles that are the
    same are not counted again. With ``keep_weights``, n-grams are as rare as they were then, and
    those that are new as rare as one can be: only lists of n-grams that an edited title has or had
    are made anew.
    """
    spill = spill or Spill()
    basis = then.arrays if then is not None and keep_weights else {}
    if then is not None and basis and then.changes() <= _FEW:
        return _spliced(titles, then, spill)

    counted = _counted(titles, then, spill)
    pointers, ngrams, counts = counted.pointers, counted.ngrams, counted.counts
    idf = _idfs(counted, len(titles), basis, spill)
    lengths, columns = spill.array(np.float32), Columns(spill, np.int32, np.float32)
    for low, high in blocks(pointers, spill.block):
        block = slice(int(pointers[low]), int(pointers[high]))
        row_pointers = pointers[low : high + 1] - pointers[low]
        table = _table(ngrams[block], counts[block], row_pointers, idf.size)
        length = _lengths(table, idf)
        by_ngram = table.tocsc()
        weight = by_ngram.data * np.repeat(idf, np.diff(by_ngram.indptr))
        columns.add(by_ngram.indptr, by_ngram.indices + low, weight / length[by_ngram.indices])
        lengths.append(length)

    lists = _heaviest(*_merged(columns, idf.size), spill)
    return _packed(counted, idf, lists, lengths.array())


def _packed(
    counted: _Counts, idf: NDArray[np.float32], lists: Lists, lengths: NDArray[np.float32]
) -> Arrays:
    return {
        "gram_hashes": counted.hashes,
        "gram_idf": idf,
        "gram_pointers": lists.pointers,
        **lists.columns,
        "title_pointers": counted.pointers,
        "title_grams": counted.ngrams,
        "title_counts": counted.counts,
        "title_lengths": lengths,
    }


def _idfs(counted: _Counts, titles: int, basis: Arrays, spill: Spill) -> NDArray[np.float32]:
    """The idf of each n-gram, or what it was in ``basis``."""
    df = np.ones(max(1, counted.hashes.size), dtype=np.int64)
    if not basis:
        df[:] = 0
        for low, high in blocks(counted.pointers, spill.block):
            block = slice(int(counted.pointers[low]), int(counted.pointers[high]))
            df += np.bincount(counted.ngrams[block], minlength=df.size)
    # scikit-learn's smooth idf, and unit length, so that a dot product is a cosine.
    idf = (np.log((1 + titles) / (1 + df)) + 1).astype(np.float32)
    if basis and counted.hashes.size:
        place, is_known = _places(basis["gram_hashes"], counted.hashes)
        idf[is_known] = basis["gram_idf"][place[is_known]]
    return idf


def _places(
    hashes: NDArray[np.uint32], wanted: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each of ``wanted`` is among ``hashes``, and whether it is there at all."""
    if not hashes.size:
        return np.zeros(wanted.size, dtype=np.int64), np.zeros(wanted.size, dtype=bool)
    place = np.minimum(hashes.searchsorted(wanted), hashes.size - 1)
    return place, hashes[place] == wanted


def _lengths(table: Any, idf: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.sqrt(table.power(2) @ idf.astype(np.float64) ** 2)
    return np.asarray(np.maximum(length, 1e-9), dtype=np.float32)


def _spliced(titles: Sequence[str], then: CarriedOver, spill: Spill) -> Arrays:
    """The arrays of the last partition, with lists of n-grams of a few titles made anew."""
    last = then.arrays
    fresh = np.flatnonzero(then.places < 0)
    new = _count([titles[row] for row in fresh.tolist()], spill)
    gone = np.flatnonzero(then.numbers_now() < 0)
    old_ngrams = last["title_grams"][gather(last["title_pointers"], gone)[0]]

    # N-grams of gone titles remain if another title has them.
    is_used = np.ones(last["gram_hashes"].size, dtype=bool)
    is_used[old_ngrams] = False
    is_used[_ngrams_of_others(last, gone, old_ngrams, spill)] = True
    hashes = distinct_numbers(np.concatenate((last["gram_hashes"][is_used], new.hashes)))
    numbers_now = np.where(is_used, hashes.searchsorted(last["gram_hashes"]), -1).astype(np.int32)
    new_ngrams = hashes.searchsorted(new.hashes)[new.ngrams].astype(np.int32)

    title_lists = spliced_lists(
        then.places,
        Lists(
            last["title_pointers"], {"ngrams": last["title_grams"], "counts": last["title_counts"]}
        ),
        Lists(new.pointers, {"ngrams": new_ngrams, "counts": new.counts}),
        spill,
        {"ngrams": numbers_now},
    )
    counted = _Counts(
        hashes, title_lists.pointers, title_lists.columns["ngrams"], title_lists.columns["counts"]
    )
    idf = _idfs(counted, len(titles), last, spill)
    lengths = np.zeros(len(titles), dtype=np.float32)
    unchanged = np.flatnonzero(then.places >= 0)
    lengths[unchanged] = last["title_lengths"][then.places[unchanged]]
    lengths[fresh] = _lengths(_table(new_ngrams, new.counts, new.pointers, idf.size), idf)

    is_changed = np.zeros(idf.size, dtype=bool)
    is_changed[new_ngrams] = True
    remaining = numbers_now[old_ngrams]
    is_changed[remaining[remaining >= 0]] = True
    changed = _lists_of(counted, is_changed, idf, lengths, spill)

    rows_then = np.full(idf.size, -1, dtype=np.int64)
    rows_then[numbers_now[is_used]] = np.flatnonzero(is_used)
    rows_then[is_changed] = -1
    lists = spliced_lists(
        rows_then,
        Lists(last["gram_pointers"], {name: last[name] for name in _LIST_COLUMNS}),
        changed,
        spill,
        {"gram_docs": then.numbers_now()},
    )
    return _packed(counted, idf, lists, lengths)


def pack_edited_titles(
    titles: Sequence[str], numbers: NDArray[np.int32], last: Arrays, spill: Spill
) -> Arrays:
    """Arrays of edited documents, to stand beside those of the large file, which are ``last`` (see
    ``index.edits``).

    Their ``numbers`` are ascending; the title of a removed one is empty. N-grams have the idf that
    they have in the large file, and new n-grams the highest idf.
    """
    new = _count(titles, spill)
    idf = _idfs(new, last["title_lengths"].size, last, spill)
    lengths = _lengths(_table(new.ngrams, new.counts, new.pointers, idf.size), idf)

    # N-grams that come with these titles have numbers after all others.
    places, is_known = _places(last["gram_hashes"], new.hashes)
    added_numbers = last["gram_hashes"].size - 1 + np.cumsum(~is_known)
    number_of = np.where(is_known, places, added_numbers).astype(np.int32)
    ngrams = number_of[new.ngrams]

    entries_then, owners_then = gather(last["title_pointers"], numbers)
    ngrams_then = last["title_grams"][entries_then]
    is_retitled = _differing(
        (new.pointers, ngrams, new.counts),
        (
            owners_then.searchsorted(np.arange(numbers.size + 1)),
            ngrams_then,
            last["title_counts"][entries_then],
        ),
    )
    retitled = np.flatnonzero(is_retitled)

    # Lists of the n-grams of titles that differ from the large file, in the order of its numbers.
    entries, owners = gather(new.pointers, retitled)
    counted = _Counts(
        new.hashes,
        owners.searchsorted(np.arange(retitled.size + 1)),
        new.ngrams[entries],
        new.counts[entries],
    )
    is_listed = np.zeros(idf.size, dtype=bool)
    is_listed[counted.ngrams] = True
    lists = _lists_of(counted, is_listed, idf, lengths[retitled], spill)
    listed = number_of[np.flatnonzero(is_listed)]
    order = np.argsort(listed)

    wanted = ngrams_then[is_retitled[owners_then]]
    remaining = _ngrams_of_others(last, numbers[retitled].astype(np.int64), wanted, spill)
    return {
        "edited_title_pointers": new.pointers,
        "edited_title_grams": ngrams,
        "edited_title_counts": new.counts,
        "edited_title_lengths": lengths,
        "added_gram_hashes": new.hashes[~is_known],
        "added_gram_idf": idf[: new.hashes.size][~is_known],
        "gone_grams": np.setdiff1d(np.setdiff1d(wanted, remaining), ngrams),
        "retitled": numbers[retitled],
        "retitled_grams": listed[order],
        "retitled_starts": lists.pointers[:-1][order],
        "retitled_ends": lists.pointers[1:][order],
        "retitled_docs": numbers[retitled][lists.columns["gram_docs"]],
        "retitled_weights": lists.columns["gram_weights"],
    }


def _differing(
    now: tuple[Pointers, Ngrams, NDArray[np.uint8]],
    then: tuple[Pointers, Ngrams, NDArray[np.uint8]],
) -> NDArray[np.bool_]:
    """Which titles have other n-grams than before, or another count of one."""
    sizes = np.diff(now[0])
    is_other = np.asarray(sizes != np.diff(then[0]))
    same_size = np.flatnonzero(~is_other)
    (here, _), (there, _) = (gather(pointers, same_size) for pointers, *_ in (now, then))
    differs = (now[1][here] != then[1][there]) | (now[2][here] != then[2][there])
    is_other[np.repeat(same_size, sizes[same_size])[differs]] = True
    return is_other


def _ngrams_of_others(last: Arrays, gone: TitleRows, wanted: Ngrams, spill: Spill) -> Ngrams:
    """Those of the ``wanted`` n-grams that a title has which is not ``gone``."""
    is_wanted = np.zeros(last["gram_hashes"].size, dtype=bool)
    is_wanted[wanted] = True
    entries = _entries_of(last["title_pointers"], last["title_grams"], is_wanted, spill)
    titles = last["title_pointers"].searchsorted(entries, "right") - 1
    remaining: Ngrams = distinct_numbers(last["title_grams"][entries[~np.isin(titles, gone)]])
    return remaining


def _entries_of(
    pointers: Pointers, ngrams: Ngrams, is_wanted: NDArray[np.bool_], spill: Spill
) -> NDArray[np.int64]:
    """The positions of some n-grams among those of all titles."""
    found = [np.zeros(0, dtype=np.int64)]
    for low, high in blocks(pointers, spill.block):
        start, end = pointers[[low, high]].tolist()
        found.append(start + np.flatnonzero(is_wanted[ngrams[start:end]]))
    return np.concatenate(found)


def _lists_of(
    counted: _Counts,
    is_wanted: NDArray[np.bool_],
    idf: NDArray[np.float32],
    lengths: NDArray[np.float32],
    spill: Spill,
) -> Lists:
    """The lists of some n-grams."""
    entries = _entries_of(counted.pointers, counted.ngrams, is_wanted, spill)
    ngrams = counted.ngrams[entries]
    order = np.argsort(ngrams, kind="stable")
    entries, ngrams = entries[order], ngrams[order]
    titles = counted.pointers.searchsorted(entries, "right") - 1
    weight = counted.counts[entries].astype(np.int32) * idf[ngrams] / lengths[titles]
    sizes = np.bincount(ngrams, minlength=idf.size)[is_wanted]
    pointers = np.concatenate(([0], np.cumsum(sizes)))
    return _heaviest(pointers, titles, weight.astype(np.float32), spill)


def _table(ngrams: Ngrams, counts: NDArray[np.uint8], pointers: Pointers, width: int) -> Any:
    from scipy import sparse  # build time only

    shape = (pointers.size - 1, width)
    return sparse.csr_matrix((counts.astype(np.int32), ngrams, pointers), shape)


@dataclass(frozen=True, slots=True)
class _Counts:
    """The n-grams of some titles."""

    hashes: NDArray[np.uint32]  # of all n-grams, ascending
    pointers: Pointers  # [titles + 1]
    ngrams: Ngrams
    counts: NDArray[np.uint8]  # [entries], 255 at most


def _counted(titles: Sequence[str], then: CarriedOver | None, spill: Spill) -> _Counts:
    if then is None:
        return _count(titles, spill)
    last = then.arrays
    fresh, same = np.flatnonzero(then.places < 0), np.flatnonzero(then.places >= 0)
    new = _count([titles[row] for row in fresh.tolist()], spill)
    old = _Counts(
        last["gram_hashes"], last["title_pointers"], last["title_grams"], last["title_counts"]
    )
    parts = ((same, then.places[same], old), (fresh, np.arange(fresh.size), new))
    return _without_unused(_joined(parts, len(titles), spill), spill)


def _count(titles: Sequence[str], spill: Spill) -> _Counts:
    hashes, lengths = np.zeros(0, dtype=np.uint32), np.zeros(len(titles), dtype=np.int64)
    title_hashes, counts = spill.array(np.uint32), spill.array(np.uint8)
    for low in range(0, len(titles), _BATCH):
        batch = titles[low : low + _BATCH]
        points, ends = char_ngrams.code_points(batch)
        batch_hashes, offsets = char_ngrams.ngram_hashes(points)
        titles_of = ends.searchsorted(offsets, "right") - 1
        keys, times = np.unique(titles_of << 32 | batch_hashes, return_counts=True)
        lengths[low : low + len(batch)] = np.bincount(keys >> 32, minlength=len(batch))
        title_hashes.append((keys & 0xFFFFFFFF).astype(np.uint32))
        counts.append(np.minimum(times, 255))
        hashes = distinct_numbers(np.concatenate((hashes, distinct_numbers(batch_hashes))))

    pointers = np.concatenate(([0], np.cumsum(lengths)))
    ngrams = spill.array(np.int32)
    for low, high in blocks(pointers, spill.block):
        ngrams.append(hashes.searchsorted(title_hashes.array()[pointers[low] : pointers[high]]))
    return _Counts(hashes, pointers, ngrams.array(), counts.array())


def _joined(
    parts: Sequence[tuple[TitleRows, TitleRows, _Counts]], titles: int, spill: Spill
) -> _Counts:
    """Titles from several sources, each as (rows here, ascending; rows in the source; source)."""
    hashes = distinct_numbers(np.concatenate([source.hashes for _, _, source in parts]))
    lengths = np.zeros(titles, dtype=np.int64)
    for rows, source_rows, source in parts:
        lengths[rows] = np.diff(source.pointers)[source_rows]
    pointers = np.concatenate(([0], np.cumsum(lengths)))

    ngrams, counts = spill.array(np.int32), spill.array(np.uint8)
    renumbered = [hashes.searchsorted(source.hashes) for _, _, source in parts]
    for low, high in blocks(pointers, spill.block):
        block = np.zeros((2, int(pointers[high] - pointers[low])), dtype=np.int32)
        for (rows, source_rows, source), numbers in zip(parts, renumbered, strict=True):
            first, last = rows.searchsorted((low, high)).tolist()
            sources, _ = gather(source.pointers, source_rows[first:last])
            targets, _ = gather(pointers, rows[first:last])
            targets -= pointers[low]
            block[:, targets] = numbers[source.ngrams[sources]], source.counts[sources]
        ngrams.append(block[0])
        counts.append(block[1])
    return _Counts(hashes, pointers, ngrams.array(), counts.array())


def _without_unused(counts: _Counts, spill: Spill) -> _Counts:
    """The same without n-grams that no title has any more."""
    used = np.zeros(counts.hashes.size, dtype=bool)
    for low, high in blocks(counts.pointers, spill.block):
        used[counts.ngrams[counts.pointers[low] : counts.pointers[high]]] = True
    if used.all():
        return counts
    numbers, ngrams = np.cumsum(used) - 1, spill.array(np.int32)
    for low, high in blocks(counts.pointers, spill.block):
        ngrams.append(numbers[counts.ngrams[counts.pointers[low] : counts.pointers[high]]])
    return _Counts(counts.hashes[used], counts.pointers, ngrams.array(), counts.counts)


def _merged(columns: Columns, width: int) -> tuple[Pointers, TitleRows, NDArray[np.float32]]:
    merged, (titles, weight) = columns.merged()
    return merged if merged.size > 1 else np.zeros(width + 1, dtype=np.int64), titles, weight


def _heaviest(
    pointers: Pointers, titles: TitleRows, weight: NDArray[np.float32], spill: Spill
) -> Lists:
    """Of each n-gram the titles where it weighs most, ties in order."""
    docs, title_weights = spill.array(np.int32), spill.array(np.uint16)
    for low, high in blocks(pointers, spill.block):
        block = slice(int(pointers[low]), int(pointers[high]))
        keep = _among_heaviest(pointers[low : high + 1] - pointers[low], weight[block])
        docs.append(titles[block][keep])
        title_weights.append(np.rint(weight[block][keep] * _TITLE_WEIGHT))
    counts = np.minimum(np.diff(pointers), weights.LETTER_POSTINGS)
    return Lists(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        dict(zip(_LIST_COLUMNS, (docs.array(), title_weights.array()), strict=True)),
    )


def _among_heaviest(pointers: Pointers, weight: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each entry is among the heaviest of its row."""
    keep = np.ones(weight.size, dtype=bool)
    long = np.flatnonzero(np.diff(pointers) > weights.LETTER_POSTINGS)
    for start, end in zip(pointers[long].tolist(), pointers[long + 1].tolist(), strict=True):
        heaviest = top_k(np.arange(end - start), weight[start:end], weights.LETTER_POSTINGS)
        keep[start:end] = False
        keep[start + heaviest] = True
    return keep


@dataclass(frozen=True, slots=True)
class NgramVector:
    """A query as a unit vector over the n-grams that titles have, in whole numbers."""

    ngrams: NDArray[np.int64]  # [ngrams], their numbers
    weights: NDArray[np.int32]  # [ngrams], the vector
    gains: NDArray[np.int32]  # [ngrams], the same times each n-gram's idf
    hashes: NDArray[np.uint32]  # [ngrams], ascending


class TitleNgrams:
    """The titles of one partition, by their n-grams."""

    def __init__(self, arrays: Arrays, loops: Loops) -> None:
        self._loops = loops
        self.titles = Titles(
            arrays["title_pointers"],
            arrays["title_grams"],
            arrays["title_counts"],
            arrays["title_lengths"],
        )
        self._hashes: NDArray[np.uint32] = arrays["gram_hashes"]
        self._idf: NDArray[np.float32] = arrays["gram_idf"]
        self._pointers: Pointers = arrays["gram_pointers"]
        self._docs: PostingDocs = arrays["gram_docs"]
        self._weights: NDArray[np.uint16] = arrays["gram_weights"]
        self._sums = Scratch(self.titles.lengths.size)
        self.size = int(self._hashes.size)  # the numbers of n-grams
        #: The number of each n-gram of ``_hashes``, where these are not all n-grams of the file.
        self._numbers: NDArray[np.int64] | None = None
        self._retitled = _RetitledDocuments(arrays) if "retitled" in arrays else None
        if self._retitled is not None:
            self.size += arrays["added_gram_hashes"].size
            self._numbers = _numbers_now(arrays)
            hashes = np.concatenate((self._hashes, arrays["added_gram_hashes"]))
            idf = np.concatenate((self._idf, arrays["added_gram_idf"]))
            self._hashes, self._idf = (
                read_only(hashes[self._numbers]),
                read_only(idf[self._numbers]),
            )
        # The idf of an n-gram that no title has: it still lengthens the vector.
        self._unseen_idf = math.log(1 + self.titles.lengths.size) + 1

    def vector(self, text: str) -> NgramVector | None:
        """``text`` as a vector; None when no title has any of its n-grams."""
        places, query_weights, gains = self._loops.ngram_vector(
            char_ngrams.code_points_of(text[:_LONGEST]), self._hashes, self._idf, self._unseen_idf
        )
        if not places.size:
            return None
        ngrams = places if self._numbers is None else self._numbers[places]
        return NgramVector(ngrams, query_weights, gains, self._hashes[places])

    def heaviest(self, vector: NgramVector, count: int) -> dict[int, float]:
        """The n-grams that weigh most in a vector, by hashes that hold for every partition."""
        best = np.argsort(-vector.weights, kind="stable")[:count]
        hashes = vector.hashes[best].tolist()
        return dict(zip(hashes, (vector.weights[best] / NGRAM_WEIGHT).tolist(), strict=True))

    def candidates(self, vector: NgramVector, allowed: DocumentMask | None = None) -> Documents:
        """The documents whose titles are most like the query, by its n-grams' heaviest postings."""
        ngrams, query_weights = vector.ngrams, vector.weights
        mask = _ALL if allowed is None else allowed
        if self._retitled is not None:
            of_file = ngrams < self._pointers.size - 1
            ngrams, query_weights = ngrams[of_file], query_weights[of_file]
            mask = self._retitled.others if allowed is None else allowed & self._retitled.others
        documents = self._top(
            (self._docs, self._weights, self._pointers[ngrams], self._pointers[ngrams + 1]),
            query_weights,
            mask,
        )
        if self._retitled is None:
            return documents
        lists, query_weights = self._retitled.lists(vector)
        mask = _ALL if allowed is None else allowed
        return np.union1d(documents, self._top(lists, query_weights, mask))

    def _top(
        self, lists: _Postings, query_weights: NDArray[np.int32], mask: DocumentMask
    ) -> Documents:
        sums = self._sums.borrow()
        return self._loops.top_titles(
            sums.array, *lists, query_weights, weights.LETTER_CANDIDATES, mask
        )


#: Documents and weights, and where those of each of some n-grams begin and end.
_Postings = tuple[PostingDocs, NDArray[np.uint16], Pointers, Pointers]


class _RetitledDocuments:
    """The n-grams of titles that differ from those in the large file (see ``index.edits``)."""

    def __init__(self, arrays: Arrays) -> None:
        self._ngrams: Ngrams = arrays["retitled_grams"]  # ascending
        self._starts: Pointers = arrays["retitled_starts"]
        self._ends: Pointers = arrays["retitled_ends"]
        self._docs: PostingDocs = arrays["retitled_docs"]
        self._weights: NDArray[np.uint16] = arrays["retitled_weights"]
        #: [documents], which have the title that they have in the large file
        self.others: DocumentMask = np.ones(arrays["title_lengths"].size, dtype=np.bool_)
        self.others[arrays["retitled"]] = False

    def lists(self, vector: NgramVector) -> tuple[_Postings, NDArray[np.int32]]:
        """The lists of a query's n-grams, and the weight of each in the query."""
        _, places, positions = np.intersect1d(
            self._ngrams, vector.ngrams, assume_unique=True, return_indices=True
        )
        starts, ends = self._starts[places], self._ends[places]
        return (self._docs, self._weights, starts, ends), vector.weights[positions]


def _numbers_now(arrays: Arrays) -> NDArray[np.int64]:
    """The numbers of the n-grams that titles have since they were edited, by their hashes."""
    hashes, added = arrays["gram_hashes"], arrays["added_gram_hashes"]
    is_gone = np.zeros(hashes.size, dtype=bool)
    is_gone[arrays["gone_grams"]] = True
    places = hashes.searchsorted(added)
    numbers = np.insert(np.arange(hashes.size), places, hashes.size + np.arange(added.size))
    return np.asarray(numbers[~np.insert(is_gone, places, False)])

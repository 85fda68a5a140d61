"""Which words do the documents have, and which of them were read before?

``ForwardIndex`` collects the words of all documents as numbers, each text read once; what did not change
is taken over from the last generation without being read again. Of all audiences: what one may see
is cut out by ``postings``. Build time only.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain, compress, islice, pairwise
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kb.search.analysis.passages import Cut
from kb.search.analysis.tokenizer import MAX_TOKEN, Analyzer, words
from kb.search.documents import Document, DocumentKind
from kb.search.index import embeddings as semantic_
from kb.search.index.array_file import Arrays, save_arrays
from kb.search.index.spill import BLOCK, Run, Spill
from kb.search.kernels.dispatch import places

Ints = npt.NDArray[Any]
FORWARD_INDEX_FILE = "words.arrays"
_LONG_CHUNK = 64  # characters
_MOST_CHUNKS = 400_000  # some 60 MB
_AROUND = "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"  # ASCII that is never part of a word at its ends


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is kept of a document besides its words. ``row`` and ``first`` lead into the store."""

    id: str
    kind: DocumentKind
    audience: str
    title: str
    product: str
    versions: tuple[str, ...]
    tags: tuple[str, ...]
    language: str
    day: int
    solved: bool | None
    row: int
    first: int
    answer: tuple[
        int, int
    ]  # the passages of the accepted answer, half-open, counted from ``first``

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """The inverse of ``_FACTS``, after JSON."""
        id_, kind, audience, title, product, versions, tags, *numbers = row
        language, day, solved, store_row, first, answer = numbers
        return cls(
            id_,
            DocumentKind(kind),
            audience,
            title,
            product,
            tuple(versions),
            tuple(tags),
            language,
            day,
            solved,
            store_row,
            first,
            (answer[0], answer[1]),
        )


_NAMES = tuple(field.name for field in fields(DocumentFacts))
_TITLE, _ROW = _NAMES.index("title"), _NAMES.index("row")  # behind the row stands the first passage
_FACTS = attrgetter(*_NAMES)  # a tuple; dataclasses.astuple copies deeply, and slowly


class _Known(dict[str, tuple[int, ...]]):
    """The numbers of the words of each chunk of text without white space, worked out once.

    Texts repeat themselves: nineteen chunks of twenty were seen before, which makes reading a text
    a walk through a dictionary. Long chunks (of scripts without spaces, of binary noise) come once
    and are not kept.
    """

    def __init__(self, analyzer: Analyzer, surfaces: dict[str, int]) -> None:
        self._stem, self._surfaces = analyzer.stem, surfaces

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        bare = chunk.strip(_AROUND) if chunk.isascii() else chunk
        numbers = self[bare] if bare != chunk else self._read(chunk)
        if len(chunk) <= _LONG_CHUNK:
            if len(self) >= _MOST_CHUNKS:
                self.clear()
            self[chunk] = numbers
        return numbers

    def _read(self, chunk: str) -> tuple[int, ...]:
        surfaces, stem = self._surfaces, self._stem
        found = [chunk[:MAX_TOKEN]] if _plain(chunk) else words(chunk)
        return tuple(surfaces.setdefault(word, len(surfaces)) for word in found if stem(word))


def _plain(chunk: str) -> bool:
    """Whether ``words(chunk)`` is sure to be the chunk itself."""
    return len(chunk) > 1 and chunk.isascii() and chunk.isalpha() and chunk.islower()


@dataclass(frozen=True, slots=True)
class Ranked:
    """Words sorted by their UTF-8: their ``texts``, the numbers they had before (``order``), and
    for each number that there was before the new one, -1 for those left out."""

    texts: list[str]
    order: Ints
    number: Ints

    def of(self, chosen: Ints) -> Ranked:
        """Only the ``chosen`` ones (their numbers, or a truth for each number), renumbered."""
        used = np.zeros(self.number.size, dtype=bool)
        used[chosen] = True
        kept = used[self.order]
        return _ranked(
            list(compress(self.texts, kept.tolist())), self.order[kept], self.number.size
        )


def ranked(texts: list[str]) -> Ranked:
    """All of ``texts``, which are in order of their numbers."""
    # UTF-8 sorts like the characters do. What was taken over is sorted already, which makes this a
    # walk.
    order = sorted(range(len(texts)), key=texts.__getitem__)
    return _ranked([texts[i] for i in order], np.array(order, dtype=np.int64), len(texts))


def _ranked(texts: list[str], order: Ints, before: int) -> Ranked:
    number = np.full(before, -1, dtype=np.int32)
    number[order] = np.arange(order.size)
    return Ranked(texts, order, number)


class ForwardIndex:
    """The words of all documents, as numbers, in order of adding."""

    def __init__(self, *, semantic: bool = False, spill: Spill | None = None) -> None:
        """With ``semantic``, passages get directions too. Raises Misconfigured when its extra is
        not installed. ``spill`` is where words lie that are too many for memory."""
        self.spill = spill or Spill()
        self.directions = [semantic_.none()] if semantic else None
        self.analyzer = Analyzer()
        self.documents: list[DocumentFacts] = []
        self.surfaces: dict[str, int] = {}
        self.title_words, self.title_ends = self.spill.run(np.int32), array("q", [0])
        self.body_words, self.body_ends = self.spill.run(np.int32), array("q", [0])
        self.passage_doc = array("i")
        self._stems: dict[str, int] = {}
        self._stem_of = array("i")
        self._words: Ranked | None = None
        self._known = _Known(self.analyzer, self.surfaces)

    def add(self, document: Document, row: int, cuts: Sequence[Cut]) -> None:
        """Take up one document; ``cuts`` are its passages in the store's order."""
        number, first = len(self.documents), len(self.passage_doc)
        self.title_words.extend(self._numbers(" ".join((document.title, *document.aliases))))
        self.title_ends.append(len(self.title_words))
        for i, cut in enumerate(cuts):
            extra = [document.summary, *document.tags, document.product] if i == 0 else []
            self.body_words.extend(self._numbers("\n".join((*cut.path[-1:], cut.text, *extra))))
            self.body_ends.append(len(self.body_words))
            self.passage_doc.append(number)
        self._direct(document.title, cuts)
        self.documents.append(_facts(document, row, first, cuts))

    def _direct(self, title: str, cuts: Sequence[Cut]) -> None:
        if self.directions is not None:
            self.directions.append(
                semantic_.directions([" ".join(f"{title} {cut.text}".split()) for cut in cuts])
            )

    def _numbers(self, text: str) -> Iterable[int]:
        return chain.from_iterable(map(self._known.__getitem__, text.split()))

    def words(self) -> Ranked:
        """All words, those of hidden documents too: to be cut down before anyone sees them."""
        if self._words is None or self._words.number.size != len(self.surfaces):
            self._words = ranked(list(self.surfaces))
        return self._words

    def stems(self) -> tuple[Ranked, Ints]:
        """The stems of the words, and the number of each word's."""
        texts = list(islice(self.surfaces, len(self._stem_of), None))
        numbers, stem = self._stems, self.analyzer.stem
        self._stem_of.extend([numbers.setdefault(stem(text), len(numbers)) for text in texts])
        return ranked(list(numbers)), ints(self._stem_of)

    # --- taken over from the last generation
    # ---------------------------------------------------------------------

    def carry_over(self, saved: Arrays, rows: Ints, texts: Callable[[int], Cut]) -> None:
        """Take over the documents that stood at ``rows`` (ascending) when ``saved`` was written;
        before any ``add``.

        They get the rows 0, 1, 2 ... here, and their passages follow each other. ``texts`` gives a
        passage by the number it had: directions that were not saved are worked out anew.
        """
        self.surfaces.update(zip(_texts(saved["surfaces"]), range(1 << 31), strict=False))
        self._stems.update(zip(_texts(saved["stems"]), range(1 << 31), strict=False))
        self._stem_of.frombytes(saved["stem_of"].tobytes())
        documents = json.loads(bytes(saved["facts"]))
        firsts, counts = (np.array(one, dtype=np.int64) for one in passage_ranges(saved, rows))
        passages = places(firsts, firsts + counts)
        _take(self.title_words, self.title_ends, saved["title_words"], saved["title_ends"], rows)
        _take(self.body_words, self.body_ends, saved["body_words"], saved["body_ends"], passages)
        self.passage_doc.frombytes(
            np.repeat(np.arange(rows.size, dtype=np.int32), counts).tobytes()
        )
        if self.directions is not None and "directions" in saved:
            self.directions.append(saved["directions"][passages])
        elif self.directions is not None:
            for old in rows.tolist():
                self._direct(
                    documents[old][_TITLE],
                    [texts(n) for n in range(*saved["firsts"][old : old + 2].tolist())],
                )
        starts = (np.cumsum(counts) - counts).tolist()
        for row, (old, first) in enumerate(zip(rows.tolist(), starts, strict=True)):
            self.documents.append(
                DocumentFacts.from_row(
                    (*documents[old][:_ROW], row, first, *documents[old][_ROW + 2 :])
                )
            )

    def save(self, path: Path) -> None:
        """Write what ``carry_over`` takes over; words that no document has any more are left out."""
        used = np.zeros(len(self.surfaces), dtype=bool)
        runs = (self.title_words, self.body_words)
        for run in runs:
            for some in pieces(run.array()):
                used[some] = True
        surfaces = self.words().of(used)
        stems, stem_of = self.stems()
        stems = stems.of(stem_of[surfaces.order])
        title, body = (self._renumbered(run, surfaces.number) for run in runs)
        save_arrays(
            path,
            {
                "surfaces": _blob(surfaces.texts),
                "stems": _blob(stems.texts),
                "stem_of": stems.number[stem_of[surfaces.order]],
                "facts": np.frombuffer(
                    json.dumps(list(map(_FACTS, self.documents))).encode(), dtype=np.uint8
                ),
                "title_words": title,
                "title_ends": np.frombuffer(self.title_ends, dtype=np.int64),
                "body_words": body,
                "body_ends": np.frombuffer(self.body_ends, dtype=np.int64),
                "firsts": np.array(
                    [*(f.first for f in self.documents), len(self.passage_doc)], dtype=np.int64
                ),
            }
            | ({} if self.directions is None else {"directions": np.concatenate(self.directions)}),
        )

    def _renumbered(self, run: Run, number: Ints) -> Ints:
        made = self.spill.run(np.int32)
        for some in pieces(run.array()):
            made.append(number[some])
        return made.array()


def passage_ranges(saved: Arrays, rows: Ints | Sequence[int]) -> tuple[list[int], list[int]]:
    """Where the passages of ``rows`` began when ``saved`` was written, and how many there were of
    each.
    """
    at = np.asarray(rows, dtype=np.int64)
    firsts = saved["firsts"]
    return firsts[at].tolist(), (firsts[at + 1] - firsts[at]).tolist()


def _facts(document: Document, row: int, first: int, cuts: Sequence[Cut]) -> DocumentFacts:
    answer = (0, len(cuts))
    if document.answer is not None:
        wanted = document.sections[document.answer]
        inside = [
            i for i, c in enumerate(cuts) if c.anchor == wanted.anchor and c.path == wanted.path
        ]
        answer = (inside[0], inside[-1] + 1) if inside else answer
    return DocumentFacts(
        document.id, document.kind, document.audience, document.title, document.product, document.versions,
        document.tags, document.language.lower(), document.updated.toordinal() if document.updated else 0,
        document.solved, row, first, answer,
    )  # fmt: skip


def _take(into: Run, ends: array[int], words: Ints, old_ends: Ints, texts: Ints) -> None:
    """Append the words of ``texts``, which are ranges of ``words`` in ascending order, and where
    each ends.
    """
    starts, stops = old_ends[texts], old_ends[texts + 1]
    ends.frombytes((np.cumsum(stops - starts) + len(into)).astype(np.int64).tobytes())
    gaps = np.flatnonzero(starts[1:] != stops[:-1]) + 1
    for low, high in pairwise([0, *gaps.tolist(), texts.size]):  # neighbours in one go
        if high > low:
            into.append(words[starts[low] : stops[high - 1]])


def pieces(words: Ints) -> Iterator[Ints]:
    """All of them, so many at a time as are worked on at once."""
    for low in range(0, words.size, BLOCK):
        yield words[low : low + BLOCK]


def ints(numbers: array[int]) -> Ints:
    """The numbers as an array, not copied."""
    return np.frombuffer(numbers, dtype=np.int32) if len(numbers) else np.zeros(0, dtype=np.int32)


def _blob(texts: Iterable[str]) -> Ints:
    """Words, none of which has a line break, as bytes."""
    return np.frombuffer("\n".join(texts).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def _texts(blob: Ints) -> list[str]:
    text = bytes(blob).decode("utf-8", "surrogatepass")
    return text.split("\n") if text else []

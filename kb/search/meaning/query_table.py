"""Query table: a direction for each piece of a word; a text's is their sum.

Some 20 microseconds for a question, half-typed ones too: the pieces of unfinished words have
directions as well. Distilled from the sentence encoder by ``bench/distil.py`` and fitted to help
centres by ``bench/adapt.py``; the table also says how the encoder's directions become the shorter
ones that an index keeps.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from kb.errors import Misconfigured
from kb.search.array_types import Directions, Vector8, Vectors8
from kb.search.index.array_file import load_arrays
from kb.search.index.latent_topics import bytes_of, bytes_of_each
from kb.search.kernels.chunk_lists import ChunkLists
from kb.search.kernels.layout import Loops
from kb.search.meaning.adapter import ADAPTER_SHA256
from kb.search.meaning.verified_file import read_verified
from kb.search.meaning.word_pieces import pieces_of, plain_words

LOG = logging.getLogger(__name__)

TABLE_FILE = Path(__file__).parent / "query_table.arrays"
TABLE_SHA256 = "576054dffecea668df38722f089b59f14b8a7970742ac64c8dd197418ae7054f"
#: Which directions can be compared: those of one table and one adapter.
MODELS_ID = np.frombuffer(
    hashlib.sha256(f"{TABLE_SHA256} {ADAPTER_SHA256}".encode()).digest(), dtype=np.uint8
)
MEANING_DIMENSIONS = 256
NO_DIRECTION: Vector8 = np.zeros(0, dtype=np.int8)
_LONGEST = 1_000  # characters of a text that are read
_CACHED_WORDS = 4_096  # some megabytes


class QueryTable:
    """The table of one file."""

    def __init__(
        self,
        pieces: Vectors8,
        scales: NDArray[np.float32],
        row_of: NDArray[np.int16],
        projection: NDArray[np.float16],
    ) -> None:
        """``row_of`` gives the row of each word piece among ``pieces``, or -1; ``scales`` what the
        whole numbers of a row are worth.
        """
        self._pieces = pieces
        self._scales = scales
        self._row_of = row_of
        self._projection = projection.astype(np.float32)
        # While somebody types, the same words come again with every letter.
        self._word_direction = functools.lru_cache(maxsize=_CACHED_WORDS)(self._sum_of_pieces)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises Misconfigured for any file but the one that this version knows."""
        read_verified(path, TABLE_SHA256, "The query table")
        return cls(**load_arrays(path))

    def direction(self, text: str) -> Vector8:
        """The direction of ``text``; empty for one without known pieces."""
        words = plain_words(text[:_LONGEST])
        if not words:
            return NO_DIRECTION
        total = np.add.reduce([self._word_direction(word) for word in words])
        direction: Vector8 = bytes_of(total)
        return direction if direction.any() else NO_DIRECTION

    def directions(self, texts: Sequence[str]) -> Vectors8:
        """The directions of many texts; zeros for one without known pieces."""
        return self.reader().directions(texts)

    def reader(self, loops: Loops | None = None) -> TextReader:
        """What reads more texts than fit into memory; sooner with compiled ``loops``."""
        return TextReader(self._pieces, self._scales, self._row_of, loops)

    def _sum_of_pieces(self, word: str) -> NDArray[np.float32]:
        rows = self._row_of[list(pieces_of(word))]
        rows = rows[rows >= 0]
        return np.asarray(self._scales[rows] @ self._pieces[rows], dtype=np.float32)

    def shortened(self, directions: Directions) -> Vectors8:
        """The encoder's directions as an index keeps them."""
        return bytes_of_each(directions @ self._projection)


class TextReader:
    """Reads many texts, some at a time."""

    def __init__(
        self,
        pieces: Vectors8,
        scales: NDArray[np.float32],
        row_of: NDArray[np.int16],
        loops: Loops | None,
    ) -> None:
        """The table (see ``QueryTable``)."""
        self._pieces, self._scales = pieces, scales
        self._row_of = row_of.tolist()
        # No piece crosses white space.
        self._chunk_rows = ChunkLists(self._rows_of)
        if loops is not None:
            self._chunk_rows.use(loops)

    def directions(self, texts: Sequence[str]) -> Vectors8:
        """Those of these texts; zeros for one without known pieces."""
        from scipy import sparse  # build time only

        rows, ends = self._chunk_rows.read([text[:_LONGEST] for text in texts])
        is_used = np.zeros(self._scales.size, dtype=bool)
        is_used[rows] = True
        used = np.flatnonzero(is_used)
        columns = np.zeros(is_used.size, dtype=np.int32)
        columns[used] = np.arange(used.size)
        dense = self._pieces[used] * self._scales[used, None]

        ones = np.ones(rows.size, dtype=np.float32)
        counts = sparse.csr_matrix((ones, columns[rows], ends), shape=(len(texts), used.size))
        return bytes_of_each(counts @ dense)

    def _rows_of(self, chunk: str) -> tuple[int, ...]:
        row_of = self._row_of
        pieces = chain.from_iterable(map(pieces_of, plain_words(chunk)))
        return tuple([row_of[piece] for piece in pieces if row_of[piece] >= 0])


def unit_directions(directions: NDArray[Any]) -> NDArray[np.float32]:
    """Directions, one or one a row, with length 1, so that products of them are cosines."""
    floats = directions.astype(np.float32)
    lengths = np.linalg.norm(floats, axis=-1, keepdims=True)
    return np.asarray(floats / np.maximum(lengths, 1e-9), dtype=np.float32)


@functools.cache
def installed_table() -> QueryTable | None:
    """The table, mapped once in a process; None, and a warning, when it is damaged."""
    try:
        return QueryTable.read(TABLE_FILE)
    except Misconfigured as error:
        LOG.warning("Meanings are not compared: %s", error.sentence)
        return None

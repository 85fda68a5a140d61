"""Embeddings: texts with the same meaning according to a pretrained model (extra ``semantic``).

A word's direction comes from wordllama (256 dimensions, distilled from the embeddings of a large
language model), a text's is the mean of its words': no network, 40 microseconds a query. Off unless
``KB_SEMANTIC`` is yes, and never on by default, because the vectors have a different licence from
the code. The model contains nothing from this site, so it can reveal nothing hidden.
``latent_topics`` learns related words from the site's own texts.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from kb.errors import Misconfigured
from kb.search.array_types import Documents, Pointers, Scores, Vectors8
from kb.search.index.array_file import Arrays
from kb.search.index.latent_topics import unit_cosines
from kb.search.kernels.layout import Loops, PassageVectors

EMBEDDING_DIMENSIONS = 256
_LONGEST = 2_000  # characters of a text that are read; a passage has about half of that
_MISSING = (
    "The directions of meanings are asked for (KB_SEMANTIC=yes), but their extra is not installed: "
    "pip install 'askfirst[semantic]', or set KB_SEMANTIC=no."
)


def embeddings_available() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("wordllama") is not None


@functools.cache
def _model() -> Any:
    """The model, loaded once in a process (half a second, 100 MB).

    Raises Misconfigured without the extra.
    """
    package = importlib.util.find_spec("wordllama")
    if package is None or package.origin is None:
        raise Misconfigured(_MISSING)
    from wordllama import WordLlama

    # Its own look-up misses the tokenizer that the wheel brings, and would ask the network for it.
    return WordLlama.load(cache_dir=Path(package.origin).parent, disable_download=True)


def embed(texts: Sequence[str]) -> Vectors8:
    """A row of bytes for each text; zeros where it has no words.

    Raises Misconfigured without the extra.
    """
    if not texts:
        return no_embeddings()
    readable = [text[:_LONGEST].replace("\0", " ") or " " for text in texts]
    vectors = np.nan_to_num(_model().embed(readable))
    largest = np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.rint(vectors * (127 / largest)), dtype=np.int8)


def no_embeddings() -> Vectors8:
    """No rows yet. Raises Misconfigured when there never can be any."""
    _model()
    return np.zeros((0, EMBEDDING_DIMENSIONS), dtype=np.int8)


def pack_embeddings(rows: Vectors8) -> Arrays:
    """Arrays for the directions of a partition's passages, in their order."""
    lengths = np.sqrt((rows.astype(np.float32) ** 2).sum(axis=1))
    return {
        "semantic_passages": rows,
        "semantic_lengths": np.maximum(lengths, 1e-9).astype(np.float32),
    }


class Embeddings:
    """The directions of one partition's passages."""

    def __init__(self, arrays: Arrays, loops: Loops) -> None:
        self._document_pointers: Pointers = arrays["doc_passages"]
        self._vectors = PassageVectors(arrays["semantic_passages"], arrays["semantic_lengths"])
        self._loops = loops
        _model()  # now, and not while somebody waits

    @classmethod
    def of(cls, arrays: Arrays, loops: Loops) -> Self | None:
        """None for an index without directions, or where the extra is not installed."""
        if "semantic_lengths" in arrays and embeddings_available():
            return cls(arrays, loops)
        return None

    def scores(self, text: str, documents: Documents) -> Scores:
        """The cosine between ``text`` and each document's nearest passage, 0 at least."""
        direction = embed([text])[0]
        if not direction.any():
            direction = direction[:0]
        scaled = self._loops.nearest_passages(
            self._document_pointers, self._vectors, direction, documents
        )
        return unit_cosines(scaled, direction)

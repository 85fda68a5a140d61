"""Which texts mean the same to a model that was trained elsewhere? (The ``semantic`` extra.)

A word's direction comes from wordllama (256 dimensions, distilled from the embeddings of a large
language model), a text's is the mean of its words': no network, 40 microseconds a query. Off unless
``KB_SEMANTIC`` says yes, and never a default: the vectors' licence is not the code's. Nothing of
this site goes into the model, so nothing hidden shows in it. Not for what a site's own texts tell
of its words: that is ``topics``.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.errors import Misconfigured
from kb.search.index.array_file import Arrays
from kb.search.index.latent_topics import cosines
from kb.search.kernels.dispatch import Kernels
from kb.search.kernels.layout import Directions

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
DIMENSIONS = 256
_LONGEST = 2_000  # characters of a text that are read; a passage has about half of that
_MISSING = (
    "The directions of meanings are asked for (KB_SEMANTIC=yes), but their extra is not installed: "
    "pip install 'askfirst[semantic]', or set KB_SEMANTIC=no."
)


def available() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("wordllama") is not None


@functools.cache
def _model() -> Any:
    """The model, loaded once in a process (half a second, 100 MB). Raises Misconfigured without the
    extra.
    """
    found = importlib.util.find_spec("wordllama")
    if found is None or found.origin is None:
        raise Misconfigured(_MISSING)
    from wordllama import WordLlama

    # Its own look-up misses the tokenizer that the wheel brings, and would ask the network for it.
    return WordLlama.load(cache_dir=Path(found.origin).parent, disable_download=True)


def directions(texts: Sequence[str]) -> npt.NDArray[np.int8]:
    """One row of bytes a text; zeros where it has no words. Raises Misconfigured without the extra."""
    if not texts:
        return none()
    found = np.nan_to_num(
        _model().embed([text[:_LONGEST].replace("\0", " ") or " " for text in texts])
    )
    most = np.maximum(np.abs(found).max(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.rint(found * (127 / most)), dtype=np.int8)


def none() -> npt.NDArray[np.int8]:
    """No rows yet. Raises Misconfigured when there never can be any."""
    _model()
    return np.zeros((0, DIMENSIONS), dtype=np.int8)


def pack(rows: npt.NDArray[np.int8]) -> Arrays:
    """Arrays for the directions of a partition's passages, in their order."""
    lengths = np.sqrt((rows.astype(np.float32) ** 2).sum(axis=1))
    return {
        "semantic_passages": rows,
        "semantic_lengths": np.maximum(lengths, 1e-9).astype(np.float32),
    }


class Embeddings:
    """The directions of one audience's partition."""

    def __init__(self, arrays: Arrays, run: Kernels) -> None:
        self._of_document = arrays["doc_passages"]
        self._rows = Directions(arrays["semantic_passages"], arrays["semantic_lengths"])
        self._run = run
        _model()  # now, and not while somebody waits

    def use(self, run: Kernels) -> None:
        self._run = run

    def scores(self, text: str, documents: Ints) -> Floats:
        """The cosine between ``text`` and each document's nearest passage, 0 at least."""
        direction = directions([text])[0]
        asked = direction if direction.any() else direction[:0]
        return cosines(self._run.near(self._of_document, self._rows, asked, documents), asked)

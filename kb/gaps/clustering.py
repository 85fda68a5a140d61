"""Clusters of short texts that ask for the same, and what to call them. Pure.

Compared on three sets of duplicates that people had labelled (500 questions each), by the F1 of
pairs: agglomerative clustering of TF-IDF of words and of characters and of the sentence encoder's
directions .40 / .60 / .78, of TF-IDF alone .21 / .42 / .50, of the encoder alone .44 / .58 / .83
with a purity that is lower by .03; HDBSCAN of the three .32 / .43 / .83 (``bench/gaps.py``).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kb.search.meaning.sentence_encoder import installed_encoder

#: Mean distance of two clusters below which they are one: with the encoder, and by words alone.
JOINED, JOINED_BY_WORDS = 0.6, 0.75
TextDirections = NDArray[np.float64]  # [texts, dimensions], each of length 1
_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def text_directions(texts: Sequence[str]) -> TextDirections | None:
    """What the texts mean, for both functions below: reading a text takes milliseconds. None where
    there is no encoder.
    """
    encoder = installed_encoder()
    if encoder is None or not texts:
        return None
    return np.asarray(encoder.encode_alike(texts), dtype=np.float64)


def clusters(
    texts: Sequence[str], directions: TextDirections | None
) -> tuple[tuple[int, ...], ...]:
    """The positions of texts that ask for the same, in clusters; a text may be alone in its."""
    if len(texts) < 2:
        return tuple((position,) for position in range(len(texts)))
    from sklearn.cluster import AgglomerativeClustering

    threshold = JOINED_BY_WORDS if directions is None else JOINED
    likeness = _likeness(texts, directions)
    labels = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=threshold
    ).fit_predict(np.clip(1 - likeness, 0, None))
    return tuple(
        tuple(np.flatnonzero(labels == label).tolist()) for label in range(int(labels.max()) + 1)
    )


def typical_text(texts: Sequence[str], directions: TextDirections | None) -> str:
    """The text that the others are most like, without words that only one of them has.

    What only one person typed might tell who that was.
    """
    frequency = Counter(word for text in texts for word in set(_words(text)))
    if len(texts) == 1:
        return texts[0]
    likeness = _likeness(texts, directions)
    middle = texts[int(likeness.sum(axis=1).argmax())]
    return " ".join(word for word in _WORD.findall(middle) if frequency[word.casefold()] > 1)


def _likeness(texts: Sequence[str], directions: TextDirections | None) -> NDArray[np.float64]:
    """Cosines of all pairs, [texts, texts]."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    likeness = np.zeros((len(texts), len(texts)))
    by_words = TfidfVectorizer(sublinear_tf=True, analyzer=_terms)
    by_characters = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(3, 5))
    for vectorizer in (by_words, by_characters):
        rows = vectorizer.fit_transform([*texts, "no text"])[:-1]  # some words, whatever comes
        likeness += np.asarray((rows @ rows.T).toarray()) / 2
    return likeness if directions is None else (likeness + directions @ directions.T) / 2


def _terms(text: str) -> list[str]:
    """Words and pairs of words; a text without words is a term itself."""
    words = _words(text)
    pairs = [" ".join(pair) for pair in itertools.pairwise(words)]
    return [*words, *pairs] or [text]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())

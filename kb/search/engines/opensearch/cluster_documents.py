"""Cluster documents: the parts of a document in an OpenSearch index, for one audience.

Words and letters are features with weights that Askfirst computes. The cluster only adds them up
and uses no statistics of its own, so hidden or deleted documents cannot influence a score. Texts
have positions, for phrases; values are filtered and counted. Of a large index, each passage also
has its direction, by which the cluster finds what is near in meaning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.ids import document_key
from kb.search import weights
from kb.search.analysis.passages import passage_texts, split_passages, title_text
from kb.search.analysis.tokenizer import Stemming, index_words, tokens
from kb.search.array_types import Documents, Vectors8
from kb.search.documents import DOCUMENT_KINDS, Document
from kb.search.index.facets import FACETS
from kb.search.index.title_ngrams import TitleNgrams
from kb.search.meaning.query_table import MEANING_DIMENSIONS, MODELS_ID

#: The format of what this module writes: an index with another format is not used.
FORMAT = 1
_DOCUMENTS_PER_SHARD = 1_000_000
_LONGEST_VALUE = 8_000  # characters of a value that is counted; Lucene takes 32,766 bytes
_TITLE_NGRAMS = 300


@dataclass(frozen=True, slots=True)
class Lengths:
    """The average number of words of a title and a body when the index was created."""

    title: float
    body: float


def index_body(lengths: Lengths, documents: int, *, vectors: bool) -> dict[str, Any]:
    """Settings and mappings of a new index; with ``vectors``, passages have directions."""
    value = {"type": "keyword", "ignore_above": _LONGEST_VALUE}
    text = {"type": "text", "analyzer": "whitespace", "norms": False}
    # Lucene's own graph: the other libraries of the plugin keep vectors outside the Java heap.
    method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
    direction = {
        "type": "knn_vector",
        "dimension": MEANING_DIMENSIONS,
        "data_type": "byte",
        "method": method,
    }
    passages = {"type": "nested", "properties": {"direction": direction}}
    return {
        "settings": {
            "index": {
                "number_of_shards": 1 + documents // _DOCUMENTS_PER_SHARD,
                "auto_expand_replicas": "0-1",
                "refresh_interval": "-1",
                "codec": "best_compression",
                "max_terms_count": 100_000,
                **({"knn": True} if vectors else {}),
            }
        },
        "mappings": {
            "_meta": {
                "format": FORMAT,
                "lengths": asdict(lengths),
                "vectors": vectors,
                "models": models_of(vectors),
            },
            "_source": {"enabled": False},
            "dynamic": False,
            "properties": {
                "key": {"type": "long"},
                "order": {"type": "byte", "index": False},
                "id": {"type": "keyword", "index": False},
                "day": {"type": "integer"},
                "words": {"type": "rank_features"},
                "letters": {"type": "rank_features"},
                "body": text,
                "title": text,
                "product_text": text,
                "tag_text": text,
                **dict.fromkeys((*FACETS, "version_text"), value),
                **({"passages": passages} if vectors else {}),
            },
        },
    }


def models_of(vectors: bool) -> str:
    """What gives the directions of an index; empty for an index without."""
    return MODELS_ID.tobytes().hex() if vectors else ""


def feature(name: str) -> str:
    """The name of a feature: in a query, a dot stands between the field and the feature."""
    return name.replace(".", "\N{ONE DOT LEADER}")


class NumbersByKey:
    """The numbers that a partition gives its documents, by their keys, which the cluster knows."""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def of(self, keys: Sequence[int]) -> Documents:
        """The numbers of those that are in the partition, in the order of their keys."""
        if not keys or not self._keys.size:
            return np.zeros(0, dtype=np.int64)
        wanted = np.array(keys, dtype=np.uint64)
        places = np.minimum(self._keys.searchsorted(wanted), self._keys.size - 1)
        is_here = self._keys[places] == wanted
        return np.asarray(self._order[places[is_here]], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """The words of a document, which are the same for every audience."""

    document: Document
    title: Counter[str]
    body: Counter[str]
    code: Counter[str]
    values: dict[str, Any]  # all fields but the features

    @classmethod
    def read(cls, document: Document) -> ReadDocument:
        body, code = Counter[str](), Counter[str]()
        for texts in passage_texts(document, split_passages(document)):
            body.update(index_words("\n".join((*texts.headings, texts.body))))
            code.update(index_words(texts.code))
        title = Counter(index_words(title_text(document)))
        return cls(document, title, body, code, _values(document))

    def lengths(self) -> tuple[int, int]:
        return self.title.total(), self.body.total() + self.code.total()

    def json(self, lengths: Lengths, stemming: Stemming, titles: TitleNgrams) -> dict[str, Any]:
        """The document for an index whose texts have these average lengths."""
        title, body = self.lengths()
        title_unit = weights.TITLE / _shortened(title, lengths.title, weights.B)
        body_unit = 1 / _shortened(body, lengths.body, weights.BODY_B)
        frequency: dict[str, float] = {}
        for counts, unit in (
            (self.title, title_unit),
            (self.body, body_unit),
            (self.code, weights.CODE * body_unit),
        ):
            for word, count in counts.items():
                stem = stemming.stem(word)
                if stem:
                    name = feature(stem)
                    frequency[name] = frequency.get(name, 0.0) + unit * count
        vector = titles.vector(self.document.title)
        letters = titles.heaviest(vector, _TITLE_NGRAMS) if vector is not None else {}
        return {
            **self.values,
            "words": {stem: tf / (weights.K1 + tf) for stem, tf in frequency.items()},
            "letters": {str(ngram): weight for ngram, weight in letters.items() if weight > 0},
        }


def directed(passages: Vectors8) -> dict[str, Any]:
    """The field for the directions of passages. One without known words has none: no angle to it
    is defined.
    """
    return {"passages": [{"direction": row.tolist()} for row in passages if row.any()]}


def average_lengths(documents: Iterable[ReadDocument]) -> Lengths:
    pairs = [each.lengths() for each in documents]
    count = max(1, len(pairs))
    return Lengths(sum(title for title, _ in pairs) / count, sum(body for _, body in pairs) / count)


def _shortened(length: int, average: float, b: float) -> float:
    return 1 - b + b * length / average if average > 0 else 1.0


def _values(document: Document) -> dict[str, Any]:
    return {
        "key": document_key(document.id),
        "order": DOCUMENT_KINDS.index(document.kind),
        "id": document.id,
        "day": document.updated.toordinal() if document.updated else 0,
        "kind": str(document.kind),
        "product": [document.product] if document.product else [],
        "version": list(document.versions),
        "version_text": [version.lower() for version in document.versions],
        "tag": list(document.tags),
        "title": _words([document.title, *document.aliases]),
        "body": _words([document.title, document.summary, document.text()]),
        "product_text": _words([document.product]),
        "tag_text": _words(document.tags),
    }


def _words(texts: Sequence[str]) -> str:
    return " ".join(token.text for token in tokens("\n".join(texts)))

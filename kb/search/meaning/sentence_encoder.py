"""Sentence encoder: texts to directions; texts that mean about the same point about the same way.

all-MiniLM-L6-v2: six layers of a transformer (Vaswani et al., 2017; Wang et al., 2020) and the mean
over the pieces of a text. The weights stay the 8-bit integers of the model file, which take less
time to read from memory than floats. A question takes 3 ms and a passage 20 to 40 ms, so the
encoder is used in index runs, and for questions at a pause.

As it was published, it finds texts that say the same. With the ``adapter`` it finds the passages
that answer a question.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from kb.errors import Misconfigured
from kb.search.array_types import Directions, Vectors8
from kb.search.kernels.compilation import compiled_loops
from kb.search.kernels.layout import Loops, read_only
from kb.search.meaning.adapter import (
    ADAPTER_FILE,
    Adapter,
    LayerAdapter,
    LowRank,
    read_adapter,
)
from kb.search.meaning.model_file import Tensors, model_path, read_model
from kb.search.meaning.word_pieces import FIRST, LAST, word_pieces

LOG = logging.getLogger(__name__)
Matrix = NDArray[np.float32]

ENCODER_DIMENSIONS = 384
MAX_PIECES = 128  # of a text; the mean over twice as many made no judged set better
_HEADS = 12
_LAYERS = 6
_LONGEST = 8 * MAX_PIECES  # characters that are looked at
_AS_PUBLISHED: Adapter = (LayerAdapter(),) * _LAYERS


class SentenceEncoder(Protocol):
    """What reads texts as a whole. Directions of one method cannot be compared with the other's."""

    def encode(self, texts: Sequence[str]) -> Directions:
        """A row of length 1 for each question or passage: near where one answers the other."""

    def encode_alike(self, texts: Sequence[str]) -> Directions:
        """A row of length 1 for each text: near where they say the same."""


class _Linear(NamedTuple):
    weights: Vectors8  # [outputs, inputs]
    scales: Matrix  # [outputs], of the weights
    bias: Matrix

    def __call__(self, rows: Matrix, added: LowRank | None) -> Matrix:
        projected = _loops().project(rows, *self)
        if added is not None:
            projected += (rows @ added.down) @ added.up
        return projected


class _Norm(NamedTuple):
    weight: Matrix
    bias: Matrix

    def __call__(self, rows: Matrix) -> Matrix:
        rows = rows - rows.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", rows, rows) / rows.shape[1]
        rows *= (1 / np.sqrt(variance + 1e-12))[:, None]
        rows *= self.weight
        rows += self.bias
        return rows


@dataclass(frozen=True, slots=True)
class _Layer:
    attention: _Linear  # to queries, keys and values
    mixed: _Linear
    mixed_norm: _Norm
    inner: _Linear
    outer: _Linear
    outer_norm: _Norm

    def __call__(self, rows: Matrix, ends: Sequence[int], added: LayerAdapter) -> Matrix:
        attended = _attended(self.attention(rows, added.attention), ends)
        mixed = self.mixed(attended, added.mixed)
        mixed += rows
        rows = self.mixed_norm(mixed)
        outer = self.outer(_gelu(self.inner(rows, added.inner)), added.outer)
        outer += rows
        return self.outer_norm(outer)


class MiniLm:
    """The encoder of the model file."""

    def __init__(self, tensors: Tensors, adapter: Adapter = _AS_PUBLISHED) -> None:
        embedding = "inner.embeddings."
        self._words, self._word_scales = _quantised(tensors, f"{embedding}word_embeddings.weight")
        positions, scales = _quantised(tensors, f"{embedding}position_embeddings.weight")
        first_type = tensors[f"{embedding}token_type_embeddings.weight"][0]
        self._positions = (positions * scales + first_type).astype(np.float32)
        self._norm = _norm(tensors, f"{embedding}LayerNorm")
        self._layers = [_layer(tensors, number) for number in range(_LAYERS)]
        self._adapter = adapter

    @classmethod
    def installed(cls) -> Self | None:
        """The encoder of the installed package; None without it.

        Raises Misconfigured when its file is damaged or another.
        """
        path = model_path()
        return cls(read_model(path), read_adapter(ADAPTER_FILE)) if path else None

    def encode(self, texts: Sequence[str]) -> Directions:
        """A row of length 1 for each text, near where one answers the other.

        Only the beginning of a long text counts. Each is read alone: beside others, the last bit of
        a product may differ, and nothing hidden may change a bit of what is visible.
        """
        return self._each_alone(texts, self._adapter)

    def encode_alike(self, texts: Sequence[str]) -> Directions:
        """A row of length 1 for each text, near where they say the same."""
        return self._each_alone(texts, _AS_PUBLISHED)

    def _each_alone(self, texts: Sequence[str], adapter: Adapter) -> Directions:
        directions = np.zeros((len(texts), ENCODER_DIMENSIONS), dtype=np.float32)
        # On a busy machine, threads that wait for each other cost ten times the work.
        with _thread_pools().limit(limits=1, user_api="blas"):
            for number, text in enumerate(texts):
                pieces = word_pieces(text[:_LONGEST])
                directions[number] = self.encode_pieces([pieces], adapter)[0]
        return directions

    def encode_pieces(
        self, texts: Sequence[Sequence[int]], adapter: Adapter = _AS_PUBLISHED
    ) -> Directions:
        """The directions of texts that are given as word pieces, all at once; by default, as the
        encoder was published.
        """
        framed = [[FIRST, *text[: MAX_PIECES - 2], LAST] for text in texts]
        lengths = np.array([len(text) for text in framed])
        ends = np.cumsum(lengths)
        pieces = np.concatenate(framed)
        rows = (self._words[pieces] * self._word_scales[pieces]).astype(np.float32)
        rows += np.concatenate([self._positions[:length] for length in lengths])
        rows = self._norm(rows)
        for layer, added in zip(self._layers, adapter, strict=True):
            rows = layer(rows, ends.tolist(), added)

        sums = np.add.reduceat(rows, ends - lengths, axis=0)
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True), dtype=np.float32)


@functools.cache
def _loops() -> Loops:
    return compiled_loops()


@functools.cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()


@functools.cache
def installed_encoder() -> SentenceEncoder | None:
    """The encoder, loaded once in a process; None without its package.

    None, and a warning, when the package's file is damaged or another: answers go on without it.
    """
    try:
        return MiniLm.installed()
    except Misconfigured as error:
        LOG.warning("Passages and questions are not read as a whole: %s", error.sentence)
        return None


def _attended(rows: Matrix, ends: Sequence[int]) -> Matrix:
    """What each piece takes over from the others of its text; ``ends`` are those of the texts."""
    width = rows.shape[1] // 3
    attended = np.empty((rows.shape[0], width), dtype=np.float32)
    start = 0
    for end in ends:
        parts = rows[start:end].reshape(end - start, 3, _HEADS, width // _HEADS)
        queries, keys, values = (
            np.ascontiguousarray(parts[:, part].transpose(1, 0, 2)) for part in range(3)
        )
        shares = queries @ keys.transpose(0, 2, 1)
        shares -= shares.max(axis=-1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=-1, keepdims=True)
        attended[start:end] = (shares @ values).transpose(1, 0, 2).reshape(end - start, width)
        start = end
    return attended


def _gelu(rows: Matrix) -> Matrix:
    """Its form by tanh, which numpy computes many at a time; cosines differ in the sixth digit."""
    inner = rows * rows
    inner *= 0.044715
    inner += 1
    inner *= rows
    inner *= math.sqrt(2 / math.pi)
    np.tanh(inner, out=inner)
    inner += 1
    inner *= rows
    inner *= 0.5
    return inner


# --- from tensors


def _quantised(tensors: Tensors, name: str) -> tuple[NDArray[np.int8], Matrix]:
    return tensors[f"{name}_q"], tensors[f"{name}_scale"]


def _norm(tensors: Tensors, name: str) -> _Norm:
    return _Norm(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _layer(tensors: Tensors, number: int) -> _Layer:
    # The weights of a layer are nameless, in the order in which they are used.
    nameless = sorted(
        (name for name in tensors if name.startswith("val_") and name.endswith("_q")),
        key=lambda name: int(name.split("_")[1]),
    )[6 * number : 6 * number + 6]
    layer = f"inner.encoder.layer.{number}."
    query, key, value, mixed, inner, outer = (
        (*_quantised(tensors, weights.removesuffix("_q")), tensors[f"{layer}{name}.bias"])
        for weights, name in zip(
            nameless,
            (
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            ),
            strict=True,
        )
    )
    weights, scales, bias = query
    shrink = np.float32(1 / math.sqrt(ENCODER_DIMENSIONS // _HEADS))
    query = (weights, scales * shrink, bias * shrink)
    return _Layer(
        _linear(query, key, value),
        _linear(mixed),
        _norm(tensors, f"{layer}attention.output.LayerNorm"),
        _linear(inner),
        _linear(outer),
        _norm(tensors, f"{layer}output.LayerNorm"),
    )


def _linear(*parts: tuple[NDArray[np.int8], Matrix, Matrix]) -> _Linear:
    """Weights [inputs, outputs], their scales [1, outputs] and biases, beside one another."""
    weights, scales, biases = (np.concatenate(each, axis=-1) for each in zip(*parts, strict=True))
    return _Linear(*map(read_only, (np.ascontiguousarray(weights.T), scales[0], biases)))

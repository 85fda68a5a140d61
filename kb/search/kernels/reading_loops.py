"""The loops that read texts at build: chunks between white space, as numbers.

``layout.Loops`` says what each one does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kb.search.kernels.compiled import compiled

#: FNV-1a with 64 bits (Fowler, Noll, Vo 1991; the constant of the reference).
_PRIME = np.uint64(0x100000001B3)
_ONE, _HALF = np.uint64(1), np.uint64(32)


@compiled
def _white_space(text: Any) -> Any:
    """Which bytes are white space, as ``str.isspace`` has it."""
    is_space = np.empty(text.size, np.bool_)
    for i in range(text.size):
        is_space[i] = (text[i] >= 9) & (text[i] <= 13) | (text[i] >= 28) & (text[i] <= 32)

    for i in range(text.size):
        first = text[i]
        if first < 0xC2 or first > 0xE3:
            continue
        second = text[i + 1]  # of a character, all bytes are there
        if first == 0xC2:
            is_space[i : i + 2] |= (second == 0x85) | (second == 0xA0)
        elif first >= 0xE1:
            is_space[i : i + 3] |= _is_wide_space(first, second, text[i + 2])
    return is_space


@compiled
def _is_wide_space(first: int, second: int, third: int) -> bool:
    """Whether white space has these three bytes: U+1680, 2000 to 200A, 2028, 2029, 202F, 205F and
    3000.
    """
    if first == 0xE2 and second == 0x80:
        return third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF
    if first == 0xE2:
        return second == 0x81 and third == 0x9F
    return second == (0x9A if first == 0xE1 else 0x80) and third == 0x80


@compiled
def _hashed_chunks(text: Any, bounds: Any, seed: int) -> Any:
    """Where each chunk begins, and behind its end; its hash; and where those of each text begin,
    and of the last one end.
    """
    is_space = _white_space(text)
    most, filled = text.size // 2 + bounds.size, 0
    starts, stops = np.empty(most, np.uint32), np.empty(most, np.uint32)
    codes, ends = np.empty(most, np.uint64), np.zeros(bounds.size, np.int64)
    for t in range(bounds.size - 1):
        # Without a sign, no position can be counted from the end, which would have to be checked.
        i, stop = np.uint64(bounds[t]), np.uint64(bounds[t + 1])
        while i < stop:
            if is_space[i]:
                i += _ONE
                continue
            starts[filled] = i
            code = np.uint64(seed)
            while i < stop and not is_space[i]:
                code = (code ^ np.uint64(text[i])) * _PRIME
                i += _ONE
            stops[filled], codes[filled] = i, code ^ (code >> _HALF)
            filled += 1
        ends[t + 1] = filled
    return starts[:filled], stops, codes, ends


@compiled
def number_chunks(text: Any, bounds: Any, table: Any, seed: Any, known: int) -> Any:
    starts, stops, codes, ends = _hashed_chunks(text, bounds, seed)
    slots, known_codes, letter_ends, letters = table
    mask = np.uint64(slots.size - 1)
    numbers = np.empty(starts.size, np.int32)
    for chunk in range(starts.size):
        start, code = np.uint64(starts[chunk]), codes[chunk]
        size = np.uint64(stops[chunk]) - start
        slot = code & mask
        number = slots[slot] - 1
        while number >= 0:
            first = np.uint64(letter_ends[number])
            is_same = np.uint64(letter_ends[number + 1]) - first == size
            if known_codes[number] == code and is_same:
                k = np.uint64(0)
                while k < size and letters[first + k] == text[start + k]:
                    k += _ONE
                if k == size:
                    break
            slot = (slot + _ONE) & mask
            number = slots[slot] - 1

        if number < 0:
            number = known
            slots[slot], known_codes[number] = number + 1, code
            end = np.uint64(letter_ends[number])
            for letter in range(size):
                letters[end + letter] = text[start + letter]
            letter_ends[number + 1] = end + size
            known += 1
        numbers[chunk] = number
    return numbers, ends, known


@compiled
def expand_lists(numbers: Any, ends: Any, values: Any, value_ends: Any) -> Any:
    size = 0
    for i in range(numbers.size):
        size += value_ends[numbers[i] + 1] - value_ends[numbers[i]]
    expanded, expanded_ends = np.empty(size, np.int32), np.zeros(ends.size, np.int64)
    filled = 0
    for t in range(ends.size - 1):
        for i in range(ends[t], ends[t + 1]):
            for k in range(value_ends[numbers[i]], value_ends[numbers[i] + 1]):
                expanded[filled] = values[k]
                filled += 1
        expanded_ends[t + 1] = filled
    return expanded, expanded_ends

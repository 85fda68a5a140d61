"""Edits: whether a slip of the finger turns one word into another. Pure."""

from __future__ import annotations

_MIN_LENGTH = 4
_MAX_LENGTH = 32


def is_correctable(word: str) -> bool:
    """Whether ``word`` is prose: identifiers, numbers and versions are matched exactly or not at
    all.
    """
    return _MIN_LENGTH <= len(word) <= _MAX_LENGTH and word.isalpha()


def is_one_edit(a: str, b: str) -> bool:
    """Whether one letter inserted, deleted or changed, or two neighbours swapped, turns ``a`` into
    ``b``.

    >>> is_one_edit("recieve", "receive"), is_one_edit("cat", "dogs")
    (True, False)
    """
    if len(a) > len(b):
        a, b = b, a
    i = 0
    while i < len(a) and a[i] == b[i]:
        i += 1

    if len(a) < len(b):
        return a[i:] == b[i + 1 :]
    is_changed = a[i + 1 :] == b[i + 1 :]
    is_swapped = a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
    return is_changed or is_swapped


def is_two_edits(a: str, b: str) -> bool:
    """Whether two edits after the first letter, one of them a letter inserted or deleted, turn
    ``a`` into ``b``.

    >>> is_two_edits("lengguage", "language"), is_two_edits("anguag", "language")
    (True, False)
    """
    if a[:1] != b[:1]:
        return False
    return any(is_one_edit(form, b) for form in shortened(a)) or any(
        is_one_edit(a, form) for form in shortened(b)
    )


def swapped(word: str) -> set[str]:
    """``word`` with two neighbouring letters swapped, in every position."""
    return {f"{word[:i]}{word[i + 1]}{word[i]}{word[i + 2 :]}" for i in range(len(word) - 1)}


def shortened(word: str) -> set[str]:
    """``word`` less each one letter: two words that are one edit apart share such a form, or one is
    a form of the other (SymSpell, W. Garbe 2012).
    """
    return {word[:i] + word[i + 1 :] for i in range(len(word))}

"""Checks and clean-up of text that people type: control characters, invisible text, line breaks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
#: All but newlines and tabs; lone surrogates; what could show text in another order.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e]")
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # by category letters and a symbol, yet blank


def clean_text(text: str) -> str:
    """``text`` without control characters and lone surrogates, and with newlines as line ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", text)


def has_visible_text(text: str) -> bool:
    """Whether there is anything to see: not only blanks, format characters and stray marks."""
    return any(
        unicodedata.category(c) not in _INVISIBLE_CATEGORIES and c not in _BLANK_LETTERS
        for c in text
    )


def visible_texts(values: Mapping[str, str]) -> dict[str, str]:
    """``clean_text`` of the fields of a form, without those in which there is nothing to see."""
    cleaned = {name: clean_text(text) for name, text in values.items()}
    return {name: text for name, text in cleaned.items() if has_visible_text(text)}


def single_line(text: str) -> str:
    """The printable characters of ``text`` in one line, with single blanks between words.

    >>> single_line(" Alice\\n  Archer ")
    'Alice Archer'
    """
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())

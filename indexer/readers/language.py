"""Language detection by py3langid, a model of the letters of 97 languages.

A text that may be in several languages gets "", which is better than a wrong guess. What a file
declares always wins (``metadata.declared_language``).
"""

from __future__ import annotations

import functools
from typing import Any

_MAX_CHARACTERS = 2000
_MIN_PROBABILITY = 0.5
_NO_LANGUAGE = "zxx"  # ISO 639-2: code, numbers, noise


def detect_language(text: str) -> str:
    """The code of the language of ``text`` (ISO 639-1), "" when it is not clear.

    >>> detect_language("Wie kann ich mein Passwort ändern?")
    'de'
    """
    language, probability = _identifier().classify(text[:_MAX_CHARACTERS])
    is_clear = probability >= _MIN_PROBABILITY and language != _NO_LANGUAGE
    return str(language) if is_clear else ""


@functools.cache
def _identifier() -> Any:
    # Unpacking the model takes a third of a second: only when a file does not say its language.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

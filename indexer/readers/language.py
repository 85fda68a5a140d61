"""Language detection by py3langid, a model of the letters of more than a hundred languages.

A text that may be in several languages gets "", which is better than a wrong guess. What a file
declares always wins (``metadata.declared_language``).
"""

from __future__ import annotations

import functools
from typing import Any

_MAX_CHARACTERS = 2000
_MIN_PROBABILITY = 0.5
#: Languages that the model knows by three letters, and the code of two letters that includes them:
#: macrolanguages of ISO 639-3. Others, and "zxx" (code, numbers, noise), have none.
_MACROLANGUAGES = {
    "ary": "ar",
    "arz": "ar",
    "fuv": "ff",
    "gug": "gn",
    "kik": "ki",
    "ltg": "lv",
    "sdh": "ku",
    "uzs": "uz",
    "wuu": "zh",
    "yue": "zh",
}


def detect_language(text: str) -> str:
    """The code of the language of ``text`` (ISO 639-1), "" when it is not clear.

    >>> detect_language("Wie kann ich mein Passwort ändern?")
    'de'
    """
    language, probability = _identifier().classify(text[:_MAX_CHARACTERS])
    code = str(language)
    if len(code) != 2:
        code = _MACROLANGUAGES.get(code, "")
    return code if probability >= _MIN_PROBABILITY else ""


@functools.cache
def _identifier() -> Any:
    # Unpacking the model takes a third of a second: only when a file does not say its language.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

"""Language detection: the language of a text by its script, else by its function words.

Short and mixed texts get "", which is better than a wrong guess. What a file declares always wins
(``metadata.declared_language``).
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from types import MappingProxyType

_MAX_CHARACTERS = 6000
_MIN_FUNCTION_WORDS = 6
_MIN_SCRIPT_LETTERS = 8
_LEAD = 1.5  # times as many function words as of the second language
_MIN_SHARE = 10  # one word in so many must be a function word

#: Scripts of which a fifth of the letters is enough: their texts are full of Latin names.
_MIXED_SCRIPTS = frozenset({"ja", "ko", "zh"})

_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("he", re.compile("[\u05d0-\u05ea]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("bn", re.compile("[\u0980-\u09ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)
#: Letters that only one of the languages of a script uses.
_DISTINCTIVE = MappingProxyType(
    {
        "ru": (("uk", "[іїєґ]"), ("sr", "[ђћџљњј]"), ("ru", "[ыэё]"), ("bg", "ъ")),
        "ar": (("fa", "[پچژگ]"),),
    }
)
#: Words that every text of a language is full of.
_FUNCTION_WORDS = MappingProxyType(
    {
        "en": (
            "the of and to in is that it for you with this are be can from not have which "
            "your if when will"
        ),
        "de": (
            "der die das und ist nicht ein eine zu den von mit sich des auf für im dem auch "
            "wird werden sie können oder"
        ),
        "fr": (
            "le la les des est et une un du dans pour que qui vous pas sur avec ce sont par "
            "être au cette aux plus"
        ),
        "es": (
            "el la los las de que y en un una es para con por se del su no como más este "
            "puede al está"
        ),
        "it": (
            "il la di che e un una per con non del della è sono dei le si nel gli questo "
            "può anche come più alla"
        ),
        "pt": (
            "o a os as de que e um uma para com não do da em por se dos no na é você pode "
            "mais são como"
        ),
        "nl": (
            "de het een en van is dat niet op te voor met zijn die aan deze wordt kunt "
            "worden als ook bij of u"
        ),
        "sv": (
            "och att det som en är för på av med inte den till kan du ett om har de från eller när"
        ),
        "da": (
            "og at det er en for på af med ikke den til kan du et som om har de fra eller "
            "når bliver der"
        ),
        "nb": (
            "og å det er en for på av med ikke den til kan du et som om har de fra eller "
            "når blir ikke"
        ),
        "fi": ("ja on ei se että joka kun tai voi ovat myös mutta jos niin tämä ole kuin sen voit"),
        "pl": ("i w nie na się z do jest to że jak dla po przez są może lub jeśli tego który od"),
        "cs": (
            "a je v se na že to pro s do jako z nebo které jsou být pokud může tak ale po od při"
        ),
        "sk": "a je v sa na že to pre s do ako z alebo ktoré sú byť ak môže tak ale po od pri",
        "hu": "a az és hogy nem is egy van meg ha vagy ezt csak kell lehet mint azt már de",
        "ro": (
            "și în de la cu nu este o un pe care se pentru din sunt mai poate dacă sau prin ale"
        ),
        "tr": (
            "ve bir bu için ile de da olarak veya daha gibi ne değil olan kadar her çok var ise"
        ),
        "id": (
            "yang dan di untuk dengan ini dari tidak adalah anda ke dapat pada akan atau dalam jika"
        ),
        "vi": "của và là có cho không được trong các một với này để khi người bạn những từ",
        "ca": ("el la els les de que i en un una és per amb no del es com més aquest pot al són"),
    }
)
_WORD = re.compile(r"[^\W\d_]+")


@functools.cache
def _languages_of_words() -> dict[str, list[str]]:
    """A function word -> the languages that have it."""
    languages: dict[str, list[str]] = {}
    for language, words in _FUNCTION_WORDS.items():
        for word in set(words.split()):
            languages.setdefault(word, []).append(language)
    return languages


def detect_language(text: str) -> str:
    """The two-letter code of the language of ``text``, "" when it is not clear.

    >>> detect_language("the link is not in the mail that you have sent to me with it")
    'en'
    """
    text = text[:_MAX_CHARACTERS].lower()
    if not text.isascii():
        language = _by_script(text)
        if language:
            return language

    words = Counter(_WORD.findall(text))
    languages = _languages_of_words()
    counts = dict.fromkeys(_FUNCTION_WORDS, 0)
    for word in words.keys() & languages.keys():
        for language in languages[word]:
            counts[language] += words[word]

    ranking = sorted(((count, language) for language, count in counts.items()), reverse=True)
    (best, language), (second, _) = ranking[:2]
    is_clear = (
        best >= _MIN_FUNCTION_WORDS
        and best >= second * _LEAD
        and best * _MIN_SHARE >= words.total()
    )
    return language if is_clear else ""


def _by_script(text: str) -> str:
    letters = sum(map(str.isalpha, text))
    for language, script in _SCRIPTS:
        count = len(script.findall(text))
        share = 5 if language in _MIXED_SCRIPTS else 2
        if count < _MIN_SCRIPT_LETTERS or count * share <= letters:
            continue

        for other, distinctive in _DISTINCTIVE.get(language, ()):
            if re.search(distinctive, text):
                return other
        return language
    return ""

"""In which language is this text, as far as its own words tell?

By script first, then by the small words that every text of a language is full of. Short or mixed
texts get "", which is better than a guess. What a file says itself always wins, see
``readers.facts.language``. Pure.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from types import MappingProxyType

_LOOKED_AT = 6000  # characters
_LEAST = 6  # small words that must be found
_AHEAD = 1.5  # times as many as in the second language
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
#: Letters that only one of the languages of a script writes.
_TELLING = MappingProxyType({"ru": (("uk", "[іїєґ]"), ("sr", "[ђћџљњј]"), ("ru", "[ыэё]"), ("bg", "ъ")),
                             "ar": (("fa", "[پچژگ]"),)})  # fmt: skip
_SMALL = MappingProxyType({
    "en": ("the of and to in is that it for you with this are be can from not have which your if "
          "when will"),
    "de": ("der die das und ist nicht ein eine zu den von mit sich des auf für im dem auch wird "
          "werden sie können oder"),
    "fr": ("le la les des est et une un du dans pour que qui vous pas sur avec ce sont par être au "
          "cette aux plus"),
    "es": ("el la los las de que y en un una es para con por se del su no como más este puede al "
          "está"),
    "it": ("il la di che e un una per con non del della è sono dei le si nel gli questo può anche "
          "come più alla"),
    "pt": ("o a os as de que e um uma para com não do da em por se dos no na é você pode mais são "
          "como"),
    "nl": ("de het een en van is dat niet op te voor met zijn die aan deze wordt kunt worden als "
          "ook bij of u"),
    "sv": "och att det som en är för på av med inte den till kan du ett om har de från eller när",
    "da": ("og at det er en for på af med ikke den til kan du et som om har de fra eller når "
          "bliver der"),
    "nb": ("og å det er en for på av med ikke den til kan du et som om har de fra eller når blir "
          "ikke"),
    "fi": "ja on ei se että joka kun tai voi ovat myös mutta jos niin tämä ole kuin sen voit",
    "pl": "i w nie na się z do jest to że jak dla po przez są może lub jeśli tego który od",
    "cs": "a je v se na že to pro s do jako z nebo které jsou být pokud může tak ale po od při",
    "sk": "a je v sa na že to pre s do ako z alebo ktoré sú byť ak môže tak ale po od pri",
    "hu": "a az és hogy nem is egy van meg ha vagy ezt csak kell lehet mint azt már de",
    "ro": "și în de la cu nu este o un pe care se pentru din sunt mai poate dacă sau prin ale",
    "tr": "ve bir bu için ile de da olarak veya daha gibi ne değil olan kadar her çok var ise",
    "id": "yang dan di untuk dengan ini dari tidak adalah anda ke dapat pada akan atau dalam jika",
    "vi": "của và là có cho không được trong các một với này để khi người bạn những từ",
    "ca": "el la els les de que i en un una és per amb no del es com més aquest pot al són",
})  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")


@functools.cache
def _users() -> dict[str, list[str]]:
    """A small word -> the languages that use it."""
    users: dict[str, list[str]] = {}
    for name, words in _SMALL.items():
        for word in set(words.split()):
            users.setdefault(word, []).append(name)
    return users


def detect_language(text: str) -> str:
    """The two-letter code of the language of ``text``, "" when it is not clear.

    >>> detect_language("Wie setze ich das Passwort zurück, wenn ich die Mail nicht bekomme und der Link nicht
    mit mir spricht?") 'de'
    """
    text = text[:_LOOKED_AT].lower()
    by_script = "" if text.isascii() else _by_script(text)
    if by_script:
        return by_script
    counts = Counter(_WORD.findall(text))
    heard, users = dict.fromkeys(_SMALL, 0), _users()
    for word in counts.keys() & users.keys():
        for user in users[word]:
            heard[user] += counts[word]
    (best, name), (second, _) = sorted(
        ((times, name) for name, times in heard.items()), reverse=True
    )[:2]
    clear = best >= _LEAST and best >= second * _AHEAD and best * 10 >= counts.total()
    return name if clear else ""


def _by_script(text: str) -> str:
    letters = sum(map(str.isalpha, text))
    for name, pattern in _SCRIPTS:
        found = len(pattern.findall(text))
        if found >= 8 and found * (5 if name in ("ja", "ko", "zh") else 2) > letters:
            return next(
                (other for other, telling in _TELLING.get(name, ()) if re.search(telling, text)),
                name,
            )
    return ""

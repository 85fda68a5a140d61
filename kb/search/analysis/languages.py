"""What the words of each language need: a stemmer, and stop words.

Words come folded, as ``tokenizer`` gives them. A language without a row is read as English, whose
stems do little harm to other words. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

ENGLISH = "en"
#: Language -> the Snowball stemmer that PyStemmer has for it.
STEMMERS = MappingProxyType(
    {
        ENGLISH: "english",
        "ar": "arabic",
        "ca": "catalan",
        "da": "danish",
        "de": "german",
        "el": "greek",
        "es": "spanish",
        "fi": "finnish",
        "fr": "french",
        "ga": "irish",
        "hi": "hindi",
        "hu": "hungarian",
        "id": "indonesian",
        "it": "italian",
        "lt": "lithuanian",
        "nb": "norwegian",
        "nl": "dutch",
        "nn": "norwegian",
        "no": "norwegian",
        "pt": "portuguese",
        "ro": "romanian",
        "ru": "russian",
        "sr": "serbian",
        "sv": "swedish",
        "tr": "turkish",
    }
)
#: Words that every text of a language is full of, folded; English has Lucene's 33.
_STOP_WORDS = MappingProxyType(
    {
        ENGLISH: (
            "a an and are as at be but by for if in into is it no not of on or such that the their "
            "then there these they this to was will with"
        ),
        "de": (
            "der die das und ist nicht ein eine einen einem einer zu den dem des von mit sich auf "
            "fur im in auch wird werden sie oder als es an am bei so"
        ),
        "fr": (
            "le la les des est et une un du de dans pour que qui vous pas sur avec ce cette ces "
            "sont par au aux en il se ou ne"
        ),
        "es": (
            "el la los las de del que y en un una es para con por se su no como este esta al o lo "
            "le a"
        ),
        "it": (
            "il lo la i gli le di del della dei e un una per con non che si nel in da al alla sono "
            "o a"
        ),
        "pt": "o a os as de da do das dos que e um uma para com nao por se no na em ou ao",
        "nl": "de het een en van is dat niet op te voor met zijn die aan deze wordt of in als",
        "sv": "och att det som en ett for pa av med inte den till om har de fran eller i ar",
        "da": "og at det er en et for pa af med ikke den til som om har de fra eller i",
        "nb": "og a det er en et for pa av med ikke den til som om har de fra eller i",
        "fi": "ja on ei se etta tai ovat myos mutta jos niin ole kuin",
        "ru": "и в на не с что по это как для из к от о у за или но вы",
        "ar": "في من على إلى عن أن هذا هذه التي الذي ما لا أو و",
        "tr": "ve bir bu icin ile de da olarak veya gibi ne",
    }
)
STOP_WORDS = MappingProxyType(
    {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}
)


#: Languages that write compounds as one word, and what they put between its parts.
_COMPOUND_LINKS = MappingProxyType(
    {
        "da": ("s", "e"),
        "de": ("s", "es", "n", "en", "er", "e"),
        "nb": ("s", "e"),
        "nl": ("s", "en", "n", "e"),
        "nn": ("s", "e"),
        "no": ("s", "e"),
        "sv": ("s", "e"),
    }
)


def compound_links(languages: Iterable[str]) -> tuple[str, ...]:
    """What may stand between the parts of a compound in some languages."""
    links = (link for name in languages for link in _COMPOUND_LINKS.get(name, ()))
    return tuple(dict.fromkeys(links))


def base_language(language: str) -> str:
    """The language that texts in ``language`` are read as.

    >>> base_language("pt-BR"), base_language("ja"), base_language("")
    ('pt', 'en', 'en')
    """
    base = language.split("-")[0].lower()
    return base if base in STEMMERS else ENGLISH

"""Common words: English words that say little about what somebody asks for.

More than the stop words, which are not indexed: these are, as "can you tell me how" may be all that
was typed, but whether a page has them says little about whether it answers.
"""

from __future__ import annotations

from kb.search.analysis.languages import ENGLISH, STOP_WORDS

_PRONOUNS = (
    "i me my mine myself you your yours he him his she her hers it its we us our ours them theirs "
    "who whom whose what which when where why how here"
)
_VERBS = (
    "am been being do does did doing done have has had having would can could shall should may "
    "might must cannot unable get gets got getting go goes going went want wants wanted need needs "
    "needed try tries tried trying make makes made let lets tell know keep keeps say says seem "
    "seems"
)
_CONTRACTIONS = (
    "cant dont doesnt didnt wont isnt arent wasnt couldnt shouldnt wouldnt havent hasnt im ive id "
    "ll ve re don doesn didn isn won couldn whats hows wheres thats theres"
)
_PREPOSITIONS = (
    "about across after against among around before between during from into onto since through "
    "till toward towards until upon within"
)
#: That there is a problem is why a ticket is filed.
_PROBLEMS = "issue issues problem problems question questions trouble"
_OTHERS = (
    "again all already also always another any anymore anyone anything because "
    "both each else even ever every everything full hello help hey hi just long lot many more "
    "most much never now off old only other our out over please quite really same so some "
    "somebody someone something sometimes still than thank thanks though too under up "
    "very way well while without yes yet"
)
COMMON_WORDS = frozenset(
    " ".join(
        (_PRONOUNS, _VERBS, _CONTRACTIONS, _PREPOSITIONS, _PROBLEMS, _OTHERS),
    ).split()
)
#: They hold a sentence together. To mark them in a text would only distract from the others.
GRAMMATICAL_WORDS = frozenset(" ".join((_PRONOUNS, _VERBS, _PREPOSITIONS)).split())
PROBLEM_WORDS = frozenset(_PROBLEMS.split())
_WORDS_WITHOUT_SUBJECT = COMMON_WORDS | STOP_WORDS[ENGLISH]

_PLEASE = frozenset({"please", "pls", "plz", "kindly"})
_GREETINGS = _PLEASE | {"hi", "hey"}
#: Greetings only before an addressee or a punctuation mark: somebody may look for "hello world" or
#: "urgent tickets".
_CALLS = frozenset({"hello", "dear", "urgent", "urgently"})
_ADDRESSEES = frozenset(
    tuple(words.split())
    for words in (
        *("all", "everyone", "everybody", "folks", "guys", "there", "team", "support"),
        *("support team", "sir", "madam", "sir or madam", "sir/madam"),
    )
)
_LONGEST_ADDRESSEE = 3  # words
#: The empty word is what remains of a smiley.
_CLOSINGS = _PLEASE | {"asap", "thx", "thanks", "ty", "cheers", "regards", ""}
_OPENING_PAIRS = frozenset(("good", time) for time in ("morning", "afternoon", "evening", "day"))
_CLOSING_PAIRS = frozenset(
    {("in", "advance"), ("any", "ideas"), ("thank", "you"), ("many", "thanks")}
    | {(adjective, "regards") for adjective in ("best", "kind", "warm")}
)


def without_problem(text: str) -> str:
    """What there is a problem with; ``text`` itself where it says nothing else.

    >>> without_problem("login problem"), without_problem("problem")
    ('login', 'problem')
    """
    words = text.split(" ")
    others = [word for word in words if word.lower() not in PROBLEM_WORDS]
    return " ".join(others) if any(others) and len(others) < len(words) else text


def without_courtesies(text: str) -> str:
    """``text`` without greetings at its beginning and thanks at its end; ``text`` itself if only
    common words would be left: they may be what is asked.

    >>> without_courtesies("hi guys, printer broken thx!!"), without_courtesies("hello world app")
    ('printer broken ', 'hello world app')
    >>> without_courtesies("hi password"), without_courtesies("how to say thank you")
    ('password', 'how to say thank you')
    """
    words = text.split()
    bare = [word.strip(".,;:!?()-").lower() for word in words]
    end = len(words)
    while end:
        if tuple(bare[max(end - 2, 0) : end]) in _CLOSING_PAIRS:
            end -= 2
        elif bare[end - 1] in _CLOSINGS:
            end -= 1
        else:
            break

    start = 0
    while start < end - 1:
        greeting = _greeting(words[start], bare[start:end])
        if not greeting:
            break
        start += greeting

    if end - start == len(words) or _WORDS_WITHOUT_SUBJECT.issuperset(bare[start:end]):
        return text
    ending = " " if end < len(words) or text[-1].isspace() else ""
    return " ".join(words[start:end]) + ending


def _greeting(word: str, bare: list[str]) -> int:
    """How many words at the beginning are a greeting, recipient included; ``word`` is the first as
    typed.
    """
    first, pair = bare[0], tuple(bare[:2])
    if pair in _OPENING_PAIRS:
        return 2 + _addressee(bare[2:])
    if first in _PLEASE:
        return 1
    if first == "help" and bare[1] in _PLEASE:
        return 2
    addressee = _addressee(bare[1:])
    is_called = word.lower() != first or addressee > 0
    return 1 + addressee if first in _GREETINGS or (first in _CALLS and is_called) else 0


def _addressee(bare: list[str]) -> int:
    """How many words at the beginning name the recipient, such as "support team"."""
    lengths = range(_LONGEST_ADDRESSEE, 0, -1)
    return next((length for length in lengths if tuple(bare[:length]) in _ADDRESSEES), 0)

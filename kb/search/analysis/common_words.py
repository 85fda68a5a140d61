"""Common words: English words that say little about what somebody asks for.

More than the stop words, which are not indexed: these are, as "can you tell me how" may be all that
was typed, but whether a page has them says little about whether it answers.
"""

from __future__ import annotations

_PRONOUNS = (
    "i me my mine myself you your yours he him his she her hers it its we us our ours them theirs "
    "who whom whose what which when where why how here"
)
_VERBS = (
    "am been being do does did doing done have has had having would can could shall should may "
    "might must get gets got getting go goes going went want wants wanted need needs needed "
    "try tries tried trying make makes made let lets tell know keep keeps say says seem seems"
)
_CONTRACTIONS = (
    "cant dont doesnt didnt wont isnt arent wasnt couldnt shouldnt wouldnt havent hasnt im ive id "
    "ll ve re don doesn didn isn won couldn whats hows wheres thats theres"
)
_PREPOSITIONS = (
    "across against among around between during into onto through till toward towards upon within"
)
#: That there is a problem is why a ticket is filed.
_PROBLEMS = "issue issues problem problems question questions trouble"
_OTHERS = (
    "about after again all already also always another any anymore anyone anything because before "
    "both each else even ever every everything from full hello help hey hi just long lot many more "
    "most much never now off old only other our out over please quite really same since so some "
    "somebody someone something sometimes still than thank thanks though too under until up "
    "very way well while without yes yet"
)
COMMON_WORDS = frozenset(
    " ".join(
        (_PRONOUNS, _VERBS, _CONTRACTIONS, _PREPOSITIONS, _PROBLEMS, _OTHERS),
    ).split()
)
PROBLEM_WORDS = frozenset(_PROBLEMS.split())

_PLEASE = frozenset({"please", "pls", "plz", "kindly"})
_GREETINGS = _PLEASE | {"hi", "hey"}
#: Greetings only before an addressee or a punctuation mark: "hello world" and "urgent tickets" may
#: be what is asked for.
_CALLS = frozenset({"hello", "dear", "urgent", "urgently"})
_ADDRESSEES = frozenset(
    ["all", "everyone", "everybody", "folks", "guys", "there", "team", "support"]
)
#: The last of them is what remains of a smiley.
_CLOSINGS = _PLEASE | {"asap", "thx", "thanks", "ty", "cheers", "regards", ""}
_CLOSING_PAIRS = frozenset({("in", "advance"), ("any", "ideas"), ("thank", "you")})
_LEAST_ASKED = 2  # words: of fewer, a greeting may be one


def without_problem(text: str) -> str:
    """What there is a problem with; ``text`` itself where it says nothing else.

    >>> without_problem("login problem"), without_problem("problem")
    ('login', 'problem')
    """
    words = text.split(" ")
    others = [word for word in words if word.lower() not in PROBLEM_WORDS]
    return " ".join(others) if any(others) and len(others) < len(words) else text


def without_courtesies(text: str) -> str:
    """What somebody asks, without the words that open and close a letter; ``text`` itself where
    hardly anything else is left.

    >>> without_courtesies("hi guys, printer broken thx!!"), without_courtesies("hello world app")
    ('printer broken ', 'hello world app')
    """
    words = text.split()
    bare = [word.strip(".,;:!?()-").lower() for word in words]
    end = len(words)
    while end:
        if bare[end - 1] in _CLOSINGS:
            end -= 1
        elif tuple(bare[max(end - 2, 0) : end]) in _CLOSING_PAIRS:
            end -= 2
        else:
            break

    start = 0
    while start < end - 1:
        first, following = bare[start], bare[start + 1]
        is_called = words[start].lower() != first or following in _ADDRESSEES
        is_asking = first == "help" and following in _PLEASE
        if first not in _GREETINGS and not is_asking and not (first in _CALLS and is_called):
            break
        start += 2 if is_asking or (first not in _PLEASE and following in _ADDRESSEES) else 1

    if end - start < _LEAST_ASKED or end - start == len(words):
        return text
    ending = " " if end < len(words) or text[-1].isspace() else ""
    return " ".join(words[start:end]) + ending

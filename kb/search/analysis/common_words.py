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


def without_problem(text: str) -> str:
    """What there is a problem with; ``text`` itself where it says nothing else.

    >>> without_problem("login problem"), without_problem("problem")
    ('login', 'problem')
    """
    words = text.split(" ")
    others = [word for word in words if word.lower() not in PROBLEM_WORDS]
    return " ".join(others) if any(others) and len(others) < len(words) else text

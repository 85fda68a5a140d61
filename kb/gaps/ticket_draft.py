"""The draft of an article from a ticket that was solved. Pure.

The customer's own words are its title, aliases and issue; the public replies are the resolution
(KCS v6 Practices Guide, "Capture in the Moment" and "Structure for Reuse"). Private facts are found
and listed: a draft contains only those that somebody has chosen to keep.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

#: Kind of a private fact -> what it looks like.
_PATTERNS = (
    ("address", re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")),
    ("link", re.compile(r"\bhttps?://[^\s<>\"')\]]+", re.IGNORECASE)),
    ("network address", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?\b")),
    ("key", re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}\b")),
    ("ticket", re.compile(r"\bKB-\d+\b")),
    ("number", re.compile(r"\+?\d(?:[ ()/-]?\d){5,}")),
    ("host name", re.compile(r"\b[\w-]+(?:\.[\w-]+)*\.(?:local|lan|internal|corp|intranet)\b")),
    ("folder", re.compile(r"(?:[A-Za-z]:\\Users\\|/home/|/Users/)[^\s\\/:*?\"<>|]+")),
)
_LONGEST = 20_000  # characters of each section
_LEAST_NAME = 3  # letters: shorter names are words
_MOST_FACTS = 100


@dataclass(frozen=True, slots=True)
class PrivateFact:
    """Something in the texts that may say who somebody is, or open something."""

    kind: str
    text: str

    @property
    def placeholder(self) -> str:
        return f"[{self.kind}]"


@dataclass(frozen=True, slots=True)
class TicketDraft:
    title: str
    aliases: tuple[str, ...]
    sections: tuple[tuple[str, str], ...]  # heading and text
    facts: tuple[PrivateFact, ...]

    def without(self, kept: Collection[str] = ()) -> TicketDraft:
        """The same with a placeholder for each private fact that is not ``kept``."""
        facts = [fact for fact in self.facts if fact.text not in kept]
        # The longest first: a host name may be a part of an address.
        facts.sort(key=lambda fact: -len(fact.text))

        def masked(text: str) -> str:
            for fact in facts:
                text = re.sub(re.escape(fact.text), fact.placeholder, text, flags=re.IGNORECASE)
            return text

        return TicketDraft(
            masked(self.title),
            tuple(dict.fromkeys(masked(alias) for alias in self.aliases)),
            tuple((heading, masked(text)) for heading, text in self.sections),
            self.facts,
        )


def draft_of_ticket(
    title: str,
    *,
    asked: Sequence[str],
    description: str,
    environment: Sequence[tuple[str, str]],
    replies: Sequence[str],
    names: Iterable[str],
) -> TicketDraft:
    """``asked`` are other texts with which the customer looked for help, ``environment`` names and
    values, ``names`` those of people and organisations that the texts may hold.
    """
    titles = [" ".join(text.split()) for text in (title, *asked)]
    aliases = tuple(
        dict.fromkeys(text for text in titles[1:] if text and text.lower() != titles[0].lower())
    )
    lines = [f"- {name}: {value}" for name, value in environment if value]
    sections = (
        ("Issue", description.strip()[:_LONGEST]),
        ("Environment", "\n".join(lines)),
        ("Resolution", "\n\n".join(reply.strip() for reply in replies if reply.strip())[:_LONGEST]),
        ("Cause", ""),
    )
    texts = [*titles, *(text for _, text in sections)]
    return TicketDraft(titles[0], aliases, sections, private_facts(texts, names))


def private_facts(texts: Iterable[str], names: Iterable[str] = ()) -> tuple[PrivateFact, ...]:
    """What may be private in the texts, each once, in the order in which it stands there.

    >>> [fact.kind for fact in private_facts(["Ask Ann at ann@example.com, 10.0.0.7"], ["Ann"])]
    ['address', 'network address', 'name']
    """
    whole = "\n".join(texts)
    found: dict[str, PrivateFact] = {}
    covered: list[tuple[int, int]] = []
    for kind, pattern in (*_PATTERNS, *_names(names)):
        for match in pattern.finditer(whole):
            start, end = match.span()
            if any(start < last and first < end for first, last in covered):
                continue
            covered.append((start, end))
            text = match[0].rstrip(".,;:")
            found.setdefault(text.lower(), PrivateFact(kind, text))
    return tuple(found.values())[:_MOST_FACTS]


def _names(names: Iterable[str]) -> list[tuple[str, re.Pattern[str]]]:
    """Whole names first, then their parts."""
    words = {part for name in names for part in (name, *name.split()) if len(part) >= _LEAST_NAME}
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return [("name", re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)) for word in ordered]

"""Pages, mails, commands and messages use none of the phrases that the glossary rejects."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.content.pages import CONTENT, ROOT, literals, modules

GLOSSARY = CONTENT / "docs" / "start" / "glossary.md"
#: Files that contain text for people.
_TEXTS = (
    "webapp/templates/**/*.html",
    "webapp/static/**/*.js",
    *(
        f"content/{folder}{kind}/**/*.md"
        for folder in ("", "examples/*/")
        for kind in ("docs", "faq", "replies")
    ),
    *(
        f"content/{folder}{name}.toml"
        for folder in ("", "examples/*/")
        for name in ("site", "policies", "catalogue", "demo")
    ),
    "webapp/api/openapi.json",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/README.md",
)


def rejected_phrases() -> list[str]:
    """The phrases in the right-hand column of "Say this, not that"."""
    table = GLOSSARY.read_text("utf-8").split("## Say this, not that")[1]
    rows = re.findall(r"^\| (?!-)(.+?) \| (.+?) \|$", table, re.MULTILINE)
    return [phrase for _, cell in rows for phrase in re.findall(r"`([^`]+)`", cell)]


def pattern(phrase: str) -> re.Pattern[str]:
    """Matches whole words in any case and across line breaks; an ellipsis stands for one word.

    "There is no page" and "is no longer" are good English, unlike "`x` is no date".
    """
    words = [r"\w+" if word == "…" else re.escape(word) for word in phrase.split()]
    start = r"(?<!\w)" if phrase[0].isalnum() else ""
    end = r"(?!\w)" if phrase[-1].isalnum() or phrase[-1] == "…" else ""
    text = start + r"\s+".join(words) + end
    if phrase == "is no …":
        text = r"(?<!there )(?<!there\s)\bis\s+no\s+(?!longer\b|more\b|different\b|need\b)\w+"
    return re.compile(text, re.IGNORECASE)


def _shown(path: Path) -> str:
    """The text of a file for people, without comments, and without code in guides."""
    text = path.read_text("utf-8")
    if path.suffix == ".html":
        return re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    if path.suffix == ".js":
        return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]+`", "", text) if path.suffix == ".md" else text


def _is_key(literal: str) -> bool:
    """Single lower-case words are stored values and names of fields, not text for people."""
    return re.fullmatch(r"[a-z_]*", literal) is not None


@cache
def texts() -> dict[str, str]:
    """The text that the glossary applies to, by file."""
    by_file = {
        path.relative_to(ROOT).as_posix(): _shown(path)
        for glob in _TEXTS
        for path in sorted(ROOT.glob(glob))
        if path != GLOSSARY
    }
    for path in modules():
        by_file[path.relative_to(ROOT).as_posix()] = "\n\n".join(
            literal for literal in literals(path) if not _is_key(literal)
        )
    return by_file


def test_the_pages_that_the_glossary_applies_to_are_read() -> None:
    for needed in (
        "webapp/templates/shared/base.html",
        "kb/notifications/mail_templates.py",
        "README.md",
    ):
        assert texts()[needed].strip(), needed


def test_each_term_is_defined_once_in_one_sentence() -> None:
    table = GLOSSARY.read_text("utf-8").split("## Terms")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!-|Term )(.+?) \| (.+?) \|$", table, re.MULTILINE)
    assert len(rows) > 40
    assert len({term for term, _ in rows}) == len(rows)
    for term, meaning in rows:
        assert meaning.endswith("."), term
        assert ". " not in meaning, term


@pytest.mark.parametrize("phrase", rejected_phrases())
def test_no_page_mail_or_message_uses_a_rejected_phrase(phrase: str) -> None:
    unwelcome = pattern(phrase)
    uses = [
        f"{name}: {text[max(0, match.start() - 30) : match.end() + 30]!r}"
        for name, text in texts().items()
        for match in unwelcome.finditer(text)
    ]
    assert not uses, "\n".join(uses)

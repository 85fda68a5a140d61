"""The files of the help centre as an editor sees them: front matter, links, code and commands.

They are parsed without the product, so that a bug in its readers cannot hide a mistake in a page.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CONTENT = ROOT / "content"

_FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^()\s]+)\)")
#: A command, possibly after variables that are set for it alone.
_COMMAND = re.compile(r"(?:\w+=\S+ )*((?:kb|make)\b.*)")
_SETTING = re.compile(r"\bKB_[A-Z][A-Z_]+\b")


@dataclass(frozen=True, slots=True)
class Page:
    """One file: its front matter (``facts``) and the text below it (``body``)."""

    path: Path
    facts: dict[str, Any]
    body: str

    @property
    def name(self) -> str:
        return self.path.relative_to(CONTENT).as_posix()

    @property
    def prose(self) -> str:
        """The body without code."""
        return _SPAN.sub("", _FENCE.sub("", self.body))

    @property
    def fences(self) -> list[tuple[str, str]]:
        """(language, text) of each code block."""
        return [(match[1], match[2]) for match in _FENCE.finditer(self.body)]

    @property
    def links(self) -> list[tuple[bool, str, str]]:
        """(whether it is an image, text, target) of each link."""
        return [(bool(match[1]), match[2], match[3]) for match in _LINK.finditer(self.prose)]

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", self.body), re.MULTILINE)

    @property
    def settings(self) -> set[str]:
        """Every KB_ name in text and code, except prefixes such as ``KB_SMTP_``."""
        return {name for name in _SETTING.findall(self.body) if not name.endswith("_")}

    def commands(self) -> Iterator[list[str]]:
        """The words of every `kb` and `make` command in code blocks and code spans."""
        shell = [
            line.strip()
            for language, text in self.fences
            if language == "sh"
            for line in text.splitlines()
        ]
        spans = _SPAN.findall(_FENCE.sub("", self.body))
        for line in [*shell, *(span for span in spans if span.startswith(("kb ", "make ")))]:
            for part in line.split("|"):
                command = _COMMAND.match(part.strip())
                if command:
                    yield shlex.split(command[1], comments=True)


def pages(folder: str) -> list[Page]:
    """The pages below ``folder`` of the content, sorted by path."""
    result = []
    for path in sorted((CONTENT / folder).rglob("*.md")):
        text = path.read_text("utf-8")
        assert text.startswith("---\n"), f"{path} has no front matter"
        head, _, body = text[4:].partition("\n---\n")
        result.append(Page(path, yaml.safe_load(head), body))
    return result


def everything() -> list[Page]:
    return [*pages("docs"), *pages("faq"), *pages("forum")]


def modules() -> list[Path]:
    """The modules of the product, sorted by path."""
    return [
        path
        for package in ("indexer", "kb", "webapp")
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


def literals(path: Path) -> Iterator[str]:
    """The string literals of a module, with ``{}`` for the expressions of an f-string."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            skipped |= {id(part) for part in node.values}
            yield "".join(str(part) for part in parts)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield node.value

"""The tree of ARCHITECTURE.md, read from the modules themselves: `python -m tests.architecture` writes it anew.

Each module opens with the question it answers; the tree is those questions, so it cannot grow old.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
PACKAGES = ("kb", "kb/search", "kb/sla", "kb/tickets", "indexer", "indexer/readers", "webapp")
_BEGIN, _END = "<!-- modules: written by `python -m tests.architecture` -->\n", "<!-- end of modules -->"


def question(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split())
    ends = [at for mark in ("? ", ". ") if (at := text.find(mark)) >= 0]
    return text[: min(ends) + 1] if ends else text


def tree() -> str:
    """A table for each package: module, and the question it answers."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    for package in PACKAGES:
        yield f"### {package}/\n"
        yield f"{question(ROOT / package / '__init__.py')}\n"
        yield "| module | the question it answers |\n|---|---|"
        for path in sorted((ROOT / package).glob("*.py")):
            if path.name != "__init__.py":
                yield f"| `{path.name}` | {question(path)} |"
        yield ""


def written() -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text("utf-8").partition(_BEGIN)
    return f"{before}{_BEGIN}\n{tree()}\n{_END}{rest.partition(_END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(written(), "utf-8")

"""Python-Markdown renders what people write for GitHub as GitHub does.

mistune, which follows CommonMark, is the reference for the structure of the page.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.html.tree import parse_html
from indexer.markdown import rendering
from indexer.markdown.html_blocks import put_back, take_out
from indexer.markdown.lists import normalize_lists
from indexer.readers import registry
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SiteIndex
from kb.search.documents import DocumentKind
from tests.indexer.conftest import Read, source_file

ALIKE = {
    "two spaces for a level": "- a\n  - b\n    - c\n- d\n",
    "three spaces for a level": "1. a\n   - b\n   - c\n2. d\n",
    "a list below a paragraph": "Text:\n- a\n- b\n",
    "brackets behind numbers": "1) a\n2) b\n",
    "a first number that counts": "3. a\n4. b\n",
    "a paragraph in an item": "1. a\n\n   more\n2. b\n",
    "a nested list before an item": "1. a\n\n   - b\n   - c\n4. d\n",
    "code in an item": "1. a\n\n   ```sh\n   x  y\n     z\n   ```\n\n2. b\n",
    "code below an item": "- a\n  ```\n  x\n  ```\n- b\n",
    "a quote in an item": "1. a\n\n   > q\n   > r\n\n2. b\n",
    "a list in a quote": "> Text:\n> - a\n>   - b\n\nEnd.\n",
    "two quotes": "> a\n\n> b\n",
    "a number in a sentence": "It was in\n2026. And then.\n",
    "lazy lines": "- a\nb\n- c\n",
    "a rule is not an item": "a\n\n* * *\n\nb\n",
    "Markdown within HTML": "<details>\n<summary>S</summary>\n\n- a\n- b\n\n</details>\n\nEnd.\n",
    "definitions below a comment": "[a][1] and `b`.\n\n<!-- links -->\n[1]: https://example.com\n",
    "code in a label": "[`if`][] and [`if`] and [x][`if`].\n\n[`if`]: https://example.com\n",
    "a bare address": "See https://example.com/a_b_c now.\n",
    "escaped signs": '\\<b\\> \\~ \\" \\: C:\\new\n',
    "a break by a backslash": "a\\\nb\n",
    "a break by spaces": "- a  \n  b\n",
    "indented code": "Text.\n\n    - x\n    y\n",
}
_TAGS = re.compile(r"</?(?:p|div|span)\b[^>]*>|\s+")


def structure(html: str) -> list[tuple[str, int, str]]:
    """Each element but paragraphs and wrappers, how deep in lists and quotes, and its text."""
    root = parse_html(html)
    return [
        (
            element.tag,
            sum(ancestor.tag in ("ul", "ol", "blockquote") for ancestor in element.iterancestors()),
            "".join(element.text_content().split()),
        )
        for element in root.iter()
        if element.tag not in ("html", "body", "p", "div", "span")
    ]


@pytest.mark.parametrize("text", ALIKE.values(), ids=ALIKE.keys())
def test_the_engines_agree_on_what_people_write(text: str) -> None:
    page = rendering._python_markdown(text)
    assert structure(page) == structure(rendering._mistune(escape=False)(text))


@given(st.lists(st.sampled_from(["- a", "  - b", "1. c", "   d", "", "> e", "```", "<div>", "f"])))
def test_no_word_is_lost_whatever_comes_together(lines: list[str]) -> None:
    text = "\n".join(lines)
    taken, blocks = take_out(text)
    kept = put_back(normalize_lists(taken), blocks)
    assert re.findall(r"[a-f]+", re.sub(r"div", "", kept)) == re.findall(
        r"[a-f]+", re.sub(r"div", "", text)
    )


def test_attributes_and_admonitions_are_marks_of_editors(read: Read) -> None:
    text = "# A\n\n## Install {: #setup }\n\n!!! warning\n    Careful.\n\n[x](b.md){: .button }\n"
    html = read("doc", "a.md", text, **{"b.md": "# B\n\nB.\n"})[0][0].html
    assert 'id="s-setup"' in html
    assert 'class="callout warning"' in html
    assert "button" not in html


def test_what_visitors_wrote_goes_to_the_engine_without_weaknesses(
    root: Path, site_index: SiteIndex
) -> None:
    (root / "a.md").write_text("---\ntitle: T\n---\n\n!!! note\n    Literally.\n")
    for kind, marks in ((DocumentKind.DOC, False), (DocumentKind.FORUM, True)):
        context = ReadContext(source_file(root / "a.md", kind), site_index)
        document = next(iter(registry.read_file(context)))
        assert ("!!!" in document.text()) == marks


def test_a_text_too_long_for_it_goes_to_the_other_engine(context: ReadContext) -> None:
    long = "word " * (rendering.PYTHON_MARKDOWN_LIMIT // 5)
    assert "!!! note" in rendering.to_html(f"!!! note\n    a\n\n{long}", context)
    assert "!!! note" not in rendering.to_html("!!! note\n    a\n", context)

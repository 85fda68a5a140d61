"""Ways of writing that houses have: what must not be lost on the way, and what visitors must not
see.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.markdown import flavours
from indexer.readers.context import ReadContext
from tests.indexer.conftest import Read, codes


def test_a_page_of_hugo_is_linked_by_its_shortcode(read: Read) -> None:
    text = (
        '# A\n\n[there]({{< relref "b.md" >}}) and [here]({{% ref "/sub/c" %}}) and `{{< ref '
        '"b.md" >}}`.\n'
    )
    html = read("doc", "a.md", text, **{"b.md": "# B\n\nB.\n", "sub/c.md": "# C\n\nC.\n"})[0][
        0
    ].html
    assert '<a href="/help/doc/b"' in html
    assert '<a href="/help/doc/sub/c"' in html


def test_a_page_of_jekyll_is_linked_by_its_tag_and_its_code_stays_code(read: Read) -> None:
    text = (
        "# A\n\n[there]({% link sub/b.md %})\n\n{% highlight ruby linenos %}\nputs *1*\n{% "
        "endhighlight %}\n\nEnd.\n"
    )
    document = read("doc", "a.md", text, **{"sub/b.md": "# B\n\nB.\n"})[0][0]
    assert '<a href="/help/doc/sub/b"' in document.html
    assert "puts *1*" in document.html
    assert "{%" not in document.html
    assert "End." in document.html


def test_the_tabs_of_docusaurus_keep_their_labels_and_comments_go(read: Read) -> None:
    text = (
        '# A\n\n<Tabs>\n<TabItem value="m" label="macOS">\n\nBrew '
        "it.\n\n</TabItem>\n</Tabs>\n\n{/* a secret */}\n"
    )
    html = read("doc", "a.mdx", text)[0][0].html
    assert "<strong>macOS</strong>" in html
    assert "secret" not in html


@pytest.mark.parametrize(
    ("part", "shown"), [("#L2", "two"), ("#L2-L3", "two\nthree"), ("", "one\ntwo\nthree")]
)
def test_code_of_another_file_is_shown_by_the_lines_that_docfx_names(
    read: Read, part: str, shown: str
) -> None:
    text = f"# A\n\n[!code-csharp[Main](src/a.cs{part})]\n"
    assert (
        f"<code>{shown}</code>"
        in read("doc", "a.md", text, **{"src/a.cs": "one\ntwo\nthree\n"})[0][0].html
    )


def test_code_outside_the_tree_is_never_shown(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret.cs").write_text("secret")
    documents, findings = read("doc", "a.md", "# A\n\nText.\n\n[!code-cs[x](../secret.cs)]\n")
    assert "secret" not in documents[0].html
    assert codes(findings) == ["include-not-found"]


def test_a_part_of_other_pages_is_not_a_page(read: Read) -> None:
    documents, findings = read(
        "doc", "a.md", "# A\n\n[!INCLUDE [x](_b.md)]\n", **{"_b.md": "Both say it.\n"}
    )
    assert "Both say it." in documents[0].html
    assert [(finding.source, finding.code) for finding in findings] == [
        ("content/_b.md", "part-of-pages")
    ]
    assert read("doc", "_index.md", "# Section\n\nText.\n")[0][0].title == "Section"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("> [!NOTE]\n> Careful.", "Note\n\nCareful."),
        (":::warning Mind the gap\nCareful.\n:::", "Mind the gap\n\nCareful."),
        (":::{tip}\nCareful.\n:::", "Tip\n\nCareful."),
        ("```{note}\nCareful.\n```", "Note\n\nCareful."),
        ('!!! note "Mind"\n    Careful.', "Mind\n\nCareful."),
        ('::: moniker range=">=2"\nOnly two.\n::: moniker-end', "Only two."),
        ("# [Linux](#tab/linux)\n\nRun it.", "Linux\n\nRun it."),
        ("{{< new-in 1.2 />}} Text {{% x %}}.", "New in 1.2 Text ."),
        ("{{< code-toggle file=hugo >}}\na = 1\n{{</ code-toggle >}}\nAfter.", "a = 1\n\nAfter."),
        ("```{code-block} python\n:linenos:\nx = 1\n```", "x = 1"),
        ("```{toctree}\na\nb\n```\nText.", "Text."),
        ("{doc}`the guide </a>` and {kbd}`Ctrl`", "the guide and Ctrl"),
        ("import Tabs from '@theme/Tabs';\n\nText.", "Text."),
        ("```\n{{< kept >}} [!NOTE] :::x\n```", "{{< kept >}} [!NOTE] :::x"),
        ("{% raw %}\nText.\n{% endraw %}", "Text."),
    ],
)
def test_every_flavour_becomes_commonmark(read: Read, written: str, expected: str) -> None:
    assert read("doc", "a.md", written)[0][0].text() == expected


def test_nested_containers_keep_their_order(context: ReadContext) -> None:
    text = "::::note\nOne.\n:::{tip}\nTwo.\n:::\nThree.\n::::\nFour."
    lines = [line for line in flavours.to_commonmark(text, context).split("\n") if line.strip("> ")]
    assert lines == ["> **Note**", "> One.", "> > **Tip**", "> > Two.", "> Three.", "Four."]

"""Each rule of `kb check` with the file that breaks it, and the line it names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from indexer.cli import check
from indexer.lint import checks, duplicates
from indexer.lint.checks import Issue
from indexer.pipeline import IndexOptions
from indexer.sources import walk
from tests.indexer.conftest import TODAY
from tests.indexing import reading_process

PNG = b"\x89PNG\r\n\x1a\n"
_LONG = (
    "To reset the password of a portal account open the sign-in page, choose the link below the "
    "form, type the address "
    "of the account, wait for the letter, follow its link within one hour and choose a new "
    "password of 12 letters."
)


def _check(tmp_path: Path, root: Path, catalogue: str = "") -> list[Issue]:
    (tmp_path / "catalogue.toml").write_text(catalogue)
    order = IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY)
    with reading_process() as pool:
        return checks.check(order, catalogue=tmp_path / "catalogue.toml", pool=pool)


@pytest.mark.parametrize(
    ("text", "rule", "line", "named"),
    [
        ("# A\n\nSee [b](gone.md).", "link", 3, "gone.md"),
        ("# A\n\nText.\n\nSee <xref:no.such>.", "link", 5, "no.such"),
        ("# A\n\nText.\n\n[x](#nowhere)", "link", 5, "#nowhere"),
        ("# A\n\n[x](b.md#nowhere)", "link", 3, "#nowhere"),
        ("# A\n\n[x](/help/doc/none)", "link", 3, "/help/doc/none"),
        (
            "# A\n\nWrite to\n[help@example.com](https://example.com).",
            "mail",
            4,
            "mailto:help@example.com",
        ),
        ("# A\n\n![](i.png) Text.", "alt", 3, ""),
        ("# A\n\nText.\n\n![image-1.png](i.png)", "alt", 5, "image-1.png"),
        ("# A\n\nText.\n\n![Extract Metadata Image1](i.png)", "alt", 5, "Image1"),
        ("# A\n\nText.\n\n![i](i.png)", "alt", 5, "'i'"),
        ("# A\n\n![A dog](gone.png)", "image", 3, "gone.png"),
        ("# A\n\n## One\n\n## Two\n\nText.", "empty", 3, "One"),
        ("---\ntitle: Nothing but a title\n---\n", "empty", 0, ""),
        ("# B\n\nText.", "title", 1, "B"),
        ("---\ntitle: [\n---\n# A\n\nText.", "front-matter", 3, ""),
        ("---\ntitle: A\nvisibility: private\n---\nText.", "access-mark", 3, "private"),
        ("---\naudience: ''\n---\n# A\n\nText.", "access-mark", 2, "audience"),
        ("---\ntitle: A\ndate: 2024-13-45\n---\nText.", "front-matter", 1, "2024-13-45"),
        (
            "---\nproduct: Shop\nversions: [1.0]\n---\n# A\n\nText.",
            "version",
            3,
            "2020-01-01",
        ),
        ("", "unreadable", 0, ""),
    ],
)
def test_each_rule_names_file_line_and_what_to_do(
    tmp_path: Path, root: Path, text: str, rule: str, line: int, named: str
) -> None:
    (root / "b.md").write_text("# B\n\nAnother text about something else.")
    (root / "i.png").write_bytes(PNG)
    (root / "c.md").write_text(text)
    catalogue = (
        '[[products]]\nkey = "Shop"\nversions = [{ name = "1.0", support_ends = '
        '2020-01-01 }, { name = "2.0" }]\n'
    )
    (issue,) = _check(tmp_path, root, catalogue)
    assert (issue.rule, issue.line) == (rule, line)
    assert issue.source.endswith("c.md")
    assert named in f"{issue.sentence} {issue.suggestion}"
    assert issue.suggestion


@pytest.mark.parametrize(
    "text",
    [
        "# A\n\nMail [us](mailto:help@example.com), see [b](b.md#more) and [here](#down).\n\n## "
        "Down\n\nText.",
        "# A\n\n## Parent\n\n### Child\n\nText.",
        "# A\n\n## Picture\n\n![The sign-in page with its link](i.png)",
        "---\ndraft: true\n---\n# A\n\n[x](gone.md)",
        "---\nproduct: Shop\nversions: [1.0, 2.0]\n---\n# A\n\nText.",
    ],
)
def test_correct_pages_have_no_issues(tmp_path: Path, root: Path, text: str) -> None:
    (root / "b.md").write_text("# B\n\nText.\n\n## More\n\nOther text.")
    (root / "i.png").write_bytes(PNG)
    (root / "c.md").write_text(text)
    catalogue = (
        '[[products]]\nkey = "Shop"\nversions = [{ name = "1.0", support_ends = '
        '2020-01-01 }, { name = "2.0" }]\n'
    )
    assert _check(tmp_path, root, catalogue) == []


def test_near_duplicates_are_reported_once(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text(f"# Reset a password\n\n{_LONG}")
    (root / "b.md").write_text(f"# Change a password\n\n{_LONG} Then sign in.")
    (root / "c.md").write_text(
        "# Invoices\n\n" + "Find every invoice below billing, by month and by order number. " * 5
    )
    (issue,) = _check(tmp_path, root)
    assert (issue.rule, issue.line) == ("duplicate", 1)
    assert "Reset a password" in issue.sentence


@given(st.dictionaries(st.text("ab", max_size=3), st.text("abc \n", max_size=400), max_size=6))
def test_cosines_are_between_nothing_and_one(texts: dict[str, str]) -> None:
    for one, other, cosine in duplicates.near_duplicates(texts, 0.5):
        assert one < other
        assert 0.5 <= cosine <= 1.0


def _run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(check, words, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.stdout


def test_the_command_checks_the_content_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('name = "Acme"\n')
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# A\n\n[x](gone.md)")
    code, text = _run("--site", str(tmp_path))
    assert code == 1
    assert "a.md:3: " in text


def test_the_command_prints_text_json_and_github_annotations(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (root / "a.md").write_text("# A\n\n[x](gone.md)")
    code, text = _run("content")
    assert code == 1
    assert re.fullmatch(r"content/a\.md:3: .*gone\.md.*\. .+\. \[link\]\n", text)
    code, text = _run("content", "--format", "json")
    assert json.loads(text)[0]["rule"] == "link"
    code, text = _run("doc=content/a.md", "--format", "github")
    assert text.startswith("::warning file=content/a.md,line=3,title=link::")
    assert "gone.md" in text
    (root / "a.md").write_text("# A\n\nText.")
    assert _run("content") == (0, "")
    assert not (tmp_path / "data").exists()


def test_a_content_folder_is_checked_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("docs", "faq"):
        (tmp_path / "centre" / name).mkdir(parents=True)
    (tmp_path / "centre" / "docs" / "a.md").write_text("# A\n\n[q](../faq/q.md#why)")
    (tmp_path / "centre" / "faq" / "q.md").write_text("# FAQ\n\n## Why?\n\nSo.\n\n## How?\n\nThus.")
    monkeypatch.setenv("KB_CONTENT", str(tmp_path / "centre"))
    assert _run("centre") == (0, "")
    assert _run() == (0, "")


def test_a_part_of_the_content_is_not_asked_the_queries_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("docs", "faq"):
        (tmp_path / "centre" / name).mkdir(parents=True)
    (tmp_path / "centre" / "docs" / "a.md").write_text("# A\n\nText.")
    (tmp_path / "centre" / "faq" / "q.md").write_text(
        "# FAQ\n\n## Cellar?\n\nBelow.\n\n## Attic?\n\nAbove."
    )
    golden = '[[queries]]\nquery = "cellar"\nexpect = "faq/q/{}"\n'
    (tmp_path / "centre" / "golden.toml").write_text(golden.format("cellar"))
    monkeypatch.setenv("KB_CONTENT", str(tmp_path / "centre"))
    assert _run("centre/docs") == (0, "")
    assert _run("centre") == (0, "")
    (tmp_path / "centre" / "golden.toml").write_text(golden.format("gone"))
    code, text = _run("centre")
    assert (code, "[golden]" in text) == (1, True)


def test_the_help_centre_has_no_issues() -> None:
    content = Path(__file__).parents[3] / "content"
    words = [f"doc={content}/docs", f"faq={content}/faq", f"forum={content}/forum"]
    order = IndexOptions(walk.parse_sources(words, content=content), content / "none", TODAY)
    with reading_process() as pool:
        issues = checks.check(order, catalogue=content / "catalogue.toml", pool=pool)
    assert [str(issue) for issue in issues] == []


def test_mail_addresses_in_links_and_encodings_are_checked(tmp_path: Path, root: Path) -> None:
    text = "# A\n\n[write](help@example.com)\n\n[mail us](http://help@example.com)\n"
    (root / "a.md").write_text(text)
    (root / "latin.md").write_bytes("# Café\n\nDéjà vu.\n".encode("latin-1"))
    issues = _check(tmp_path, root)
    assert [(issue.line, issue.rule) for issue in issues] == [
        (3, "mail"),
        (5, "mail"),
        (0, "encoding"),
    ]


def test_a_link_to_a_page_that_readers_cannot_see_is_told(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nSee [the runbook](b.md) and [the offer](c.md).")
    (root / "b.md").write_text("---\naudience: staff\n---\n# B\n\nText.")
    (root / "c.md").write_text("---\naudience: customers\n---\n# C\n\nOther words.")
    ((source, line, rule),) = {
        (Path(issue.source).name, issue.line, issue.rule) for issue in _check(tmp_path, root)
    }
    assert (source, line, rule) == ("a.md", 3, "link")


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Please review the Support Process article.", True),
        ("For more, see Support Process.", True),
        ("Our support process is short.", False),
        ("Support Process improvements are planned.", False),
        ("See [Support Process](b.md). The Support Process article is long.", False),
    ],
)
def test_an_article_that_is_named_without_a_link_is_an_issue(
    tmp_path: Path, root: Path, sentence: str, named: bool
) -> None:
    (root / "a.md").write_text(f"# A\n\n{sentence}\n")
    (root / "b.md").write_text("# Support Process\n\nFirst we read your ticket.\n")
    issues = [(issue.rule, issue.line) for issue in _check(tmp_path, root)]
    assert issues == ([("mention", 3)] if named else [])

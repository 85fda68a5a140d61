import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.readers import frontmatter
from indexer.readers.frontmatter import FrontMatterError
from tests.indexer.conftest import Read


def test_values_stay_the_text_that_was_written() -> None:
    values, body, line = frontmatter.split_front_matter(
        "---\nuid: 0123\nversion: 1.10\ndraft: no\ntime: 12:30:45\n---\nText"
    )
    assert values == {"uid": "0123", "version": "1.10", "draft": "no", "time": "12:30:45"}
    assert (body, line) == ("Text", 7)


def test_it_may_stand_below_blank_lines_and_comments() -> None:
    text = "\ufeff\n\n<!-- markdownlint-disable -->\n---\ntitle: Reset\n---\n# Reset"
    assert frontmatter.split_front_matter(text)[:2] == ({"title": "Reset"}, "# Reset")


def test_toml_is_read_too() -> None:
    values, body, _ = frontmatter.split_front_matter(
        '+++\ntitle = "Reset"\ndate = 2024-01-02\ndraft = true\n+++\nText'
    )
    assert values == {"title": "Reset", "date": "2024-01-02", "draft": "true"}
    assert body == "Text"


@pytest.mark.parametrize(
    "text",
    ["No front matter", "---\n\nA rule, then prose\n\n---\nmore", "# Title\n\n---\na: b\n---"],
)
def test_prose_between_rules_is_not_front_matter(text: str) -> None:
    assert frontmatter.split_front_matter(text) == ({}, text, 1)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("title: a\nsummary: @home", 3),
        ("title: [1, 2", 3),
        ("title: a\nbase: &x 1\nother: *x", 3),
        ("title: !!python/object:os.system x", 2),
        ("a: " + "[" * 3000, 3),
        ("a: " + "x" * 20_000, 2),
    ],
)
def test_what_is_broken_names_its_line_and_keeps_the_body(raw: str, line: int) -> None:
    with pytest.raises(FrontMatterError) as caught:
        frontmatter.split_front_matter(f"---\n{raw}\n---\nBody")
    assert caught.value.body == "Body"
    assert 2 <= caught.value.line <= line
    assert caught.value.reason.endswith(".")


def test_front_matter_that_never_ends_is_broken() -> None:
    with pytest.raises(FrontMatterError, match="not closed"):
        frontmatter.split_front_matter("---\ntitle: a\n\n# Body")


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-02-29", (2024, 2, 29)),
        ("06/09/2017", (2017, 6, 9)),
        ("2024-01-02T10:00:00Z", (2024, 1, 2)),
        ("24.12.2025", (2025, 12, 24)),
    ],
)
def test_dates_are_read_as_people_write_them(written: str, day: tuple[int, int, int]) -> None:
    assert frontmatter.parse_date(written) == dt.date(*day)


@pytest.mark.parametrize("written", ["2024-13-45", "2023-02-29", "tomorrow", "1/2"])
def test_days_that_do_not_exist_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        frontmatter.parse_date(written)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["---\n", "+++\n", "\ufeff---\n", "<!-- -->\n---\n"]))
def test_any_text_is_read_or_broken(text: str, opening: str) -> None:
    try:
        _, body, line = frontmatter.split_front_matter(f"{opening}{text}\n{opening[-4:]}end")
    except FrontMatterError as broken:
        body, line = broken.body, broken.line
    assert line >= 1
    assert body == "" or body in f"{opening}{text}\n{opening[-4:]}end"


def test_yaml_may_end_in_dots() -> None:
    values, body, line = frontmatter.split_front_matter("---\naudience: staff\n...\n\nText.\n")
    assert (values, body.strip(), line) == ({"audience": "staff"}, "Text.", 4)


def test_a_thematic_break_is_not_front_matter(read: Read) -> None:
    ((document,), findings) = read("doc", "a.md", "---\n\nJust prose.\n\n---\n\nMore prose.\n")
    assert "Just prose" in document.text()
    assert findings == []


def test_a_header_without_a_fence_is_front_matter() -> None:
    text = (
        "Title: Shift plan\nDate: 2026-01-31\nAudience: staff\nSummary: Who works\n  when.\n\nBody"
    )
    values, body, line = frontmatter.split_front_matter(text)
    assert values == {
        "title": "Shift plan",
        "date": "2026-01-31",
        "audience": "staff",
        "summary": "Who works when.",
    }
    assert (body, line) == ("\nBody", 6)


@pytest.mark.parametrize(
    "text",
    [
        "Note: mind the step.\nIt is high.\n",
        "Note: mind the step.\nHint: it is high.\n\nText.",
        "Title: one line of prose only.\n\nText.",
        "Title: a\nTitle: b\n\nText.",
        "# Heading\nTitle: a\nAudience: b\n",
    ],
)
def test_prose_with_colons_is_no_header(text: str) -> None:
    assert frontmatter.split_front_matter(text) == ({}, text, 1)

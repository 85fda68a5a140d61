from hypothesis import given
from hypothesis import strategies as st

from indexer.html import plaintext, tree
from kb.search.documents import Section


def _sections(markup: str) -> list[Section]:
    return list(plaintext.to_sections(tree.parse_html(markup)))


def _regions(section: Section) -> list[tuple[str, str]]:
    return [(region.kind, section.text[region.start : region.end]) for region in section.regions]


def test_lists_code_and_tables_are_told_beside_the_text() -> None:
    (section,) = _sections(
        "<p>Before.</p><ol><li>First</li><li>Second<pre>run\n\n  it</pre></li></ol><p>Between.</p>"
        "<table><tr><td>a</td><td>b</td></tr></table><p>After.</p>"
    )
    assert section.text.startswith("Before.\n\nFirst")
    assert _regions(section) == [
        ("list", "First\n\nSecond\n\nrun\n\n  it"),
        ("code", "run\n\n  it"),
        ("table", "a\n\nb"),
    ]


def test_text_that_is_struck_through_is_no_text() -> None:
    (section,) = _sections(
        "<p>For a week. <del>It <b>costs</b> 2 euros.</del> <s>Or 3.</s> Free.</p>"
    )
    assert section.text == "For a week. Free."


def test_a_heading_within_a_list_divides_the_list() -> None:
    first, second = _sections("<ul><li>one<h2>Part</h2>two</li></ul><p>end</p>")
    assert _regions(first) == [("list", "one")]
    assert _regions(second) == [("list", "two")]


def test_a_list_without_text_is_no_region() -> None:
    (section,) = _sections("<p>Text</p><ul><li></li></ul>")
    assert section.regions == ()


_TAGS = st.sampled_from(("p", "ol", "ul", "li", "pre", "table", "td", "h2", "b"))
_MARKUP = st.recursive(
    st.sampled_from(("word", "two words", " ", "a\n\nb", "")),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", _TAGS, st.lists(inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_MARKUP)
def test_a_region_is_made_of_whole_paragraphs(markup: str) -> None:
    for section in _sections(markup):
        for region in section.regions:
            assert 0 <= region.start < region.end <= len(section.text)
            assert region.start == 0 or section.text[: region.start].endswith("\n\n")
            assert region.end == len(section.text) or section.text[region.end :].startswith("\n\n")

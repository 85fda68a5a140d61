"""Sections: the guides of an audience as readers walk them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kb.search.display.sections import ArticleLocation, GuideSection, Listed, Sections
from kb.search.documents import Document, DocumentKind, Place
from kb.search.results import Hit, Passage


def page(path: str, title: str = "", /, **extra: str) -> Document:
    """A guide in the file at ``path``."""
    name = path.rpartition(".")[0]
    return Document(
        f"doc/{name}", DocumentKind.DOC, title or name, (), source=f"docs/{path}", extra=extra
    )


def sections_of(*documents: Document) -> Sections:
    def hits(numbers: Sequence[int]) -> tuple[Hit, ...]:
        chosen = [documents[number] for number in numbers]
        return tuple(
            Hit(each.id, each.kind, each.title, each.url, 0.0, Passage(""), summary=each.summary)
            for each in chosen
        )

    listed = [
        Listed(number, each.title, each.place, each.updated.toordinal() if each.updated else 0)
        for number, each in enumerate(documents)
    ]
    return Sections(listed, hits)


def titles(sections: Sections, path: str = "") -> tuple[list[str], list[str]]:
    contents = sections.contents(path, count=100)
    return [each.title for each in contents.sections], [each.title for each in contents.articles]


def test_folders_become_sections_and_count_what_is_below_them() -> None:
    sections = sections_of(
        page("about.md"), page("install/mac/brew.md"), page("install/mac/dmg.md")
    )
    assert sections.section("install") == GuideSection("install", "Install", "", 2)
    assert sections.trail("install/mac") == (GuideSection("install", "Install", "", 2),)
    assert titles(sections) == (["Install"], ["about"])
    assert sections.section("install/linux") is None
    assert sections.count == 3


def test_an_index_page_names_its_section_and_is_no_article_in_it() -> None:
    sections = sections_of(
        page("in_stall/_index.md", "Install it", order="3"), page("in_stall/a.md", "A")
    )
    section = sections.section("in_stall")
    assert section is not None
    assert (section.title, section.index, section.total) == ("Install it", "doc/in_stall/_index", 1)
    assert titles(sections, "in_stall") == ([], ["A"])


def test_what_the_index_page_lists_comes_first_then_numbers_then_titles() -> None:
    sections = sections_of(
        page("index.md", contents="zoo\nlast.md\nmac/"),
        page("last.md", "Last"),
        page("zoo.md", "Zoo"),
        page("10-ten.md", "Ten"),
        page("9-nine.md", "Nine"),
        page("b.md", "Über"),
        page("c.md", "Zone"),
        page("a.md", "Usual", order="9.5"),
        page("mac/x.md"),
        page("2-linux/x.md"),
        page("also/x.md"),
    )
    assert titles(sections) == (
        ["Mac", "Linux", "Also"],
        ["Zoo", "Last", "Nine", "Usual", "Ten", "Über", "Zone"],
    )


def test_a_title_may_be_a_number_of_any_length() -> None:
    sections = sections_of(page("a.md", "9" * 5000), page("b.md", "10"), page("c.md", "009"))
    assert titles(sections)[1] == ["009", "10", "9" * 5000]


def test_a_version_is_no_number_to_sort_by() -> None:
    sections = sections_of(page("1.0/a.md"), page("2.0/a.md"))
    assert titles(sections)[0] == ["1.0", "2.0"]


def test_a_section_without_articles_does_not_exist() -> None:
    sections = sections_of(page("post/index.md", "A post"), page("about.md", "About"))
    assert sections.section("post") is None
    assert titles(sections) == ([], ["A post", "About"])


def test_an_article_stands_between_those_beside_it() -> None:
    documents = [page(f"in/{name}.md", name.title(), order=str(n)) for n, name in enumerate("bca")]
    sections = sections_of(page("in/readme.md", "Inside"), *documents)
    location = sections.location(documents[1])
    assert [each.path for each in location.trail] == ["in"]
    beside = [each.title if each else "" for each in (location.previous, location.next)]
    assert beside == ["B", "A"]
    assert sections.location(documents[0]).previous is None
    assert sections.location(documents[2]).next is None


def test_an_index_page_stands_in_its_section() -> None:
    index = page("in/index.md", "Inside")
    sections = sections_of(index, page("in/a.md"))
    assert sections.location(index).is_index
    assert not sections.location(page("in/a.md")).is_index


def test_what_is_no_guide_stands_nowhere() -> None:
    sections = sections_of(page("accounts.md"), page("b.md"))
    entry = Document("faq/accounts", DocumentKind.FAQ, "?", (), source="faq/accounts.md")
    assert sections.location(entry) == ArticleLocation()


def test_an_index_that_stored_no_places_is_one_flat_list() -> None:
    listed = [Listed(number, title, Place()) for number, title in enumerate("ba")]
    documents = [page("in/b.md", "b"), page("in/a.md", "a")]
    sections = Sections(listed, sections_of(*documents)._hits)
    assert titles(sections) == ([], ["a", "b"])
    assert sections.location(documents[0]) == ArticleLocation()


@pytest.mark.parametrize("path", ["/".join(["a"] * 3000) + "/x.md", "…/x.md", "a//b/x.md"])
def test_strange_paths_are_sections_too(path: str) -> None:
    document = page(path)
    sections = sections_of(document)
    assert sections.count == 1
    assert sections.location(document).trail[0].total == 1

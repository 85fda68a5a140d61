"""The built-in help centre is complete, and every command, setting and link in it exists."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest

from indexer.readers.context import image_suffix
from kb import ids
from kb.cli import kb
from kb.search.documents import AUDIENCES, DocumentKind
from kb.settings import SETTINGS
from kb.sla import policy_file
from kb.tickets.catalogue import load_catalogue
from tests.content.conftest import Centre
from tests.content.pages import CONTENT, ROOT, Page, everything, pages
from webapp.editor.overview import SCORE_PARTS

ALL = everything()
DOCS = pages("docs")


def _named(page: Page) -> str:
    return page.name


def each(holds: Callable[[Page], object]) -> pytest.MarkDecorator:
    """Run a test for each page that contains what is tested."""
    chosen = [page for page in ALL if holds(page)]
    assert chosen, "nothing is tested"
    return pytest.mark.parametrize("page", chosen, ids=_named)


def _json(page: Page) -> list[str]:
    return [text for language, text in page.fences if language == "json"]


def _curl_paths(page: Page) -> set[str]:
    """The paths of the portal that the page requests with curl."""
    return set(re.findall(r"^curl .*?http://127\.0\.0\.1:8000(/[\w/-]+)", page.body, re.MULTILINE))


def _internal_links(page: Page) -> list[str]:
    """The links to other pages and to headings of this page."""
    return [
        target
        for is_image, _, target in page.links
        if not is_image and not target.startswith("https://")
    ]


def _images(page: Page) -> list[tuple[str, str]]:
    return [(text, target) for is_image, text, target in page.links if is_image]


def test_there_is_enough_to_read(centre: Centre) -> None:
    kinds = [document.kind for document in centre.documents.values()]
    assert kinds.count(DocumentKind.DOC) >= 28
    assert kinds.count(DocumentKind.FAQ) >= 42
    assert kinds.count(DocumentKind.FORUM) >= 16


def test_most_threads_are_solved_and_some_are_not(centre: Centre) -> None:
    threads = [
        document for document in centre.documents.values() if document.kind == DocumentKind.FORUM
    ]
    solved = [thread for thread in threads if thread.solved]
    assert len(solved) >= 13
    assert 2 <= len(threads) - len(solved) <= 3
    assert all(thread.answer is not None for thread in solved)


def test_the_indexer_skips_nothing_and_reports_no_issue(centre: Centre) -> None:
    assert [str(finding) for finding in centre.report.findings] == []


@pytest.mark.parametrize("page", DOCS, ids=_named)
def test_front_matter_is_complete(page: Page) -> None:
    assert set(page.facts) - {"order", "contents", "featured", "aliases"} == {
        "uid",
        "title",
        "summary",
        "product",
        "versions",
        "audience",
        "tags",
        "updated",
    }
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", page.facts["uid"])
    assert page.facts["audience"] in AUDIENCES
    assert page.facts["updated"] == dt.date(2026, 11, 23)
    assert page.facts["tags"]
    assert page.facts["summary"].endswith(".")


@pytest.mark.parametrize("page", pages("faq"), ids=_named)
def test_front_matter_of_faq_files_is_complete(page: Page) -> None:
    assert set(page.facts) == {"title", "product", "audience", "tags"}


@pytest.mark.parametrize("page", pages("forum"), ids=_named)
def test_front_matter_of_threads_is_complete(page: Page) -> None:
    assert set(page.facts) == {"title", "product", "audience", "author", "date", "tags"}
    assert page.facts["date"] <= dt.date(2026, 11, 23)


def test_uids_are_unique() -> None:
    uids = [page.facts["uid"] for page in DOCS]
    assert sorted(set(uids)) == sorted(uids)


def test_every_article_is_found_under_its_uid(centre: Centre) -> None:
    assert {f"doc/{page.facts['uid']}" for page in DOCS} <= set(centre.documents)


def test_some_pages_are_for_customers_and_some_for_staff_only() -> None:
    audiences = [page.facts["audience"] for page in DOCS]
    assert audiences.count("staff") >= 2
    assert audiences.count("customers") >= 1


def test_products_and_versions_are_in_the_catalogue() -> None:
    products = {
        product.key: product for product in load_catalogue(CONTENT / "catalogue.toml").products
    }
    for page in ALL:
        names = {version.name for version in products[page.facts["product"]].versions}
        assert set(page.facts.get("versions", ())) <= names, page.name


@pytest.mark.parametrize("page", DOCS, ids=_named)
def test_an_article_opens_with_its_title_and_one_answer(page: Page) -> None:
    assert page.headings[0] == page.facts["title"]
    first = page.body.strip().split("\n\n")[1]
    assert first[0].isalnum() or first[0] in "*`/", first
    assert len(first) <= 400, "the first paragraph answers the question; it is no introduction"


@each(_internal_links)
def test_links_lead_to_pages_and_headings_that_exist(page: Page) -> None:
    for target in _internal_links(page):
        path, _, anchor = target.partition("#")
        other = (page.path.parent / path).resolve() if path else page.path
        assert other.suffix == ".md", target
        assert other.is_file(), target
        if anchor:
            [linked] = [candidate for candidate in ALL if candidate.path == other]
            assert anchor in {ids.slug(heading) for heading in linked.headings}, target


@each(_images)
def test_images_exist_and_are_described(page: Page) -> None:
    for text, target in _images(page):
        data = (page.path.parent / target).read_bytes()
        assert image_suffix(data) in ("png", "svg")
        assert len(data) < 200_000
        assert len(text.split()) >= 5, f"say what {target} shows"


def test_every_setting_is_in_the_reference() -> None:
    [reference] = [page for page in DOCS if page.facts["uid"] == "settings"]
    rows = re.findall(
        r"^\| `(KB_\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", reference.body, re.MULTILINE
    )
    assert rows == [
        (
            f"KB_{row.name.upper()}",
            f"`{row.default}`" if row.default else "(empty)",
            row.form,
            row.help,
        )
        for row in SETTINGS
    ]


#: The example of a setting that is refused.
_MADE_UP = {"KB_COLOUR"}


@each(lambda page: page.settings)
def test_no_unknown_setting_is_named(page: Page) -> None:
    names = {f"KB_{row.name.upper()}" for row in SETTINGS}
    assert {name.removesuffix("_FILE") for name in page.settings} <= names | _MADE_UP


@each(lambda page: list(page.commands()))
def test_commands_exist_with_the_options_shown(page: Page) -> None:
    for words in page.commands():
        if words[0] == "make":
            assert re.search(
                rf"^{words[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE
            ), words
        else:
            _accepted(kb, words[1:], words)


def _accepted(command: click.Command, rest: list[str], words: list[str]) -> None:
    """Parse the words with click, including types and required options, without running them."""
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        chosen = command.get_command(click.Context(command), rest[0])
        assert chosen is not None, words
        _accepted(chosen, rest[1:], words)
    elif isinstance(command, click.Group):
        options = {
            name for option in command.get_params(click.Context(command)) for name in option.opts
        }
        assert set(rest) <= options, words
    elif len(rest) > 0:
        with command.make_context(words[0], list(rest)) as context:
            assert not context.args, words


@each(_json)
def test_json_shown_is_json(page: Page) -> None:
    for text in _json(page):
        assert isinstance(json.loads(text), dict)


def test_policies_shown_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "policies.toml"
    example, calendar = _toml("policies-file"), _toml("calendars")
    file.write_text(calendar + example, "utf-8")
    policy = policy_file.load_policy(file, today=dt.date(2026, 11, 23))
    assert set(policy.calendars) == {"office", "business-days"}
    assert policy.choose({"category": "commercial"}).level.key == "commercial"
    assert policy.choose({}).level.key == "free"


def test_the_catalogue_shown_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text(_toml("catalogue-file"), "utf-8")
    assert [product.key for product in load_catalogue(file).products] == ["shop", "app"]


def _toml(uid: str) -> str:
    [page] = [page for page in DOCS if page.facts["uid"] == uid]
    return next(text for language, text in page.fences if language == "toml")


@each(_curl_paths)
def test_addresses_requested_with_curl_exist(page: Page) -> None:
    published = json.loads((ROOT / "webapp" / "api" / "openapi.json").read_text("utf-8"))["paths"]
    patterns = [re.compile(re.sub(r"\{\w+\}", "[^?]+", path)) for path in published]
    for path in _curl_paths(page):
        assert any(pattern.fullmatch(path) for pattern in patterns), path


def test_every_command_is_documented() -> None:
    shown = {
        words[1]
        for page in DOCS
        for words in page.commands()
        if words[0] == "kb" and len(words) > 1
    }
    assert {entry.name for entry in entry_points(group="kb.commands")} <= shown


def test_every_part_of_a_score_is_explained_to_editors() -> None:
    page = (CONTENT / "docs" / "editors" / "why-is-this-first.md").read_text("utf-8")
    table = page.split("## What the parts mean")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z]+)`", table)) == set(SCORE_PARTS)

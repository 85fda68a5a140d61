"""The example sites are complete: each is served, checked and searched from its folder alone."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from indexer.lint import checks
from indexer.lint.checks import Issue
from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb.cli import kb
from kb.people.demo import load_demo_cast
from kb.people.person import Role
from kb.search.query.golden_file import read_golden_queries
from kb.site.site_file import load_site
from kb.sla.policy_file import load_policy
from kb.tickets.catalogue import load_catalogue
from tests.content.pages import CONTENT
from tests.indexing import reading_process

VENDORS = sorted(path.parent for path in (CONTENT / "examples").glob("*/site.toml"))
TODAY = dt.date(2026, 11, 23)

every_vendor = pytest.mark.parametrize("folder", VENDORS, ids=lambda folder: folder.name)


def _texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for pattern in ("*.toml", "docs/**/*.md", "faq/*.md", "forum/*.md", "replies/*.md")
        for path in folder.glob(pattern)
    }


def _issues(folder: Path, data: Path) -> list[Issue]:
    """What `kb check` finds in the whole folder, its golden queries included."""
    folders = {"doc": "docs", "faq": "faq", "forum": "forum"}
    words = [f"{kind}={folder / name}" for kind, name in folders.items()]
    options = IndexOptions(
        walk.parse_sources(words, content=folder),
        data,
        TODAY,
        golden=folder / "golden.toml",
        curations=folder / "curations.toml",
        front_matter=load_site(folder).front_matter,
        meaning=True,
        false_suggestions=10,
    )
    with reading_process() as pool:
        return checks.check(options, catalogue=folder / "catalogue.toml", pool=pool)


def test_there_are_three_vendors() -> None:
    assert [folder.name for folder in VENDORS] == [
        "data-warehouse",
        "process-automation",
        "site-manager",
    ]


@every_vendor
def test_check_finds_no_issue_and_every_golden_query_its_page(folder: Path, tmp_path: Path) -> None:
    golden = read_golden_queries(folder / "golden.toml")
    assert len(golden) >= 20
    assert sum(not query.expect for query in golden) >= 2
    assert [str(issue) for issue in _issues(folder, tmp_path)] == []


@every_vendor
def test_the_policies_are_clean(folder: Path) -> None:
    result = CliRunner().invoke(kb, ["sla", "check", str(folder / "policies.toml")])
    assert result.exit_code == 0, result.output


@every_vendor
def test_the_articles_are_about_the_vendors_products(folder: Path) -> None:
    texts = _texts(folder)
    count = Counter(name.partition("/")[0] for name in texts)
    assert count["docs"] >= 15
    assert count["faq"] >= 2
    assert count["forum"] >= 4
    assert count["replies"] >= 3
    assert [name for name, text in texts.items() if "askfirst" in text.lower()] == []


@every_vendor
def test_products_of_articles_are_in_the_catalogue(folder: Path) -> None:
    catalogue = load_catalogue(folder / "catalogue.toml")
    keys = {product.key for product in catalogue.products}
    own_key = next(iter(load_site(folder).front_matter.get("product", ())), "product")
    for name, text in _texts(folder).items():
        for line in text.split("\n---\n")[0].splitlines():
            if line.startswith((f"{own_key}: ", "product: ")):
                assert line.partition(": ")[2] in keys, name


@every_vendor
def test_articles_that_the_form_offers_exist(folder: Path) -> None:
    policy = load_policy(folder / "policies.toml", today=TODAY)
    uids = {
        f"doc/{line.removeprefix('uid: ')}"
        for text in _texts(folder).values()
        for line in text.splitlines()
        if line.startswith("uid: ")
    }
    assert policy.offers
    assert {offer.article for offer in policy.offers} <= uids


@every_vendor
def test_a_demo_has_customers_of_two_companies_and_each_role(folder: Path) -> None:
    cast = load_demo_cast(folder)
    assert {account.role for account in cast.accounts} == set(Role)
    companies = {account.organisation for account in cast.accounts} - {""}
    assert companies == {organisation.name for organisation in cast.organisations}
    assert len(companies) >= 2


@every_vendor
def test_every_picture_of_the_folder_is_shown(folder: Path) -> None:
    texts = "\n".join(_texts(folder).values())
    pictures = [path.name for path in (folder / "images").iterdir()]
    assert pictures
    assert [name for name in pictures if f"images/{name}" not in texts] == []


def test_the_regulation_has_the_clauses_that_the_policies_name() -> None:
    folder = CONTENT / "examples" / "site-manager"
    policies = tomllib.loads((folder / "policies.toml").read_text("utf-8"))
    regulation = (folder / "docs" / "support" / "sla.md").read_text("utf-8")
    named = [rule["why"].rpartition("(")[2].rstrip(").") for rule in policies["entitlements"]]
    numbers = [number for number in named if number[:1].isdigit()]
    assert numbers
    assert [number for number in numbers if f"# {number} " not in regulation] == []

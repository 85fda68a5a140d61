"""Articles that the form offers, and files that a site accepts, as the policy file has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.sla.form_fields import ArticleOffer
from tests.sla.policy_files import check_mistake, policy_with


def test_an_offer_names_its_article_and_its_tickets(tmp_path: Path) -> None:
    policy = policy_with(
        tmp_path,
        '[[offers]]\narticle = "doc/a"\ntext = "Why."\nwhen = { type = ["Problem"] }\n'
        '[form]\nxml_files = ["orrml"]',
    )
    assert policy.offers == (ArticleOffer("doc/a", "Why.", {"type": frozenset({"problem"})}),)
    assert policy.xml_files == {"orrml"}


@pytest.mark.parametrize(
    ("added", "named"),
    [
        ('[[offers]]\ntext = "Why."', "article"),
        ('[[offers]]\narticle = "a.md"', "a.md"),
        ('[[offers]]\narticle = "doc/a"\nwhen = { type = ["no-such"] }', "no-such"),
        ('[[offers]]\narticle = "doc/a"\nwhat = "x"', "what"),
        ('[form]\nxml_files = ["svg"]', "svg"),
        ('[form]\nxml_files = [".xml"]', ".xml"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, added: str, named: str) -> None:
    check_mistake(tmp_path, added, named)

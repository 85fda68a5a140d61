"""Articles that the form offers, and files that a site accepts, as the policy file has them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.sla.form_fields import ArticleOffer
from kb.sla.policy import SlaPolicy
from kb.sla.policy_file import load_policy

_POLICIES = Path(__file__).parents[1] / "policies.toml"


def _policy(tmp_path: Path, added: str) -> SlaPolicy:
    path = tmp_path / "policies.toml"
    path.write_text(f"{_POLICIES.read_text('utf-8')}\n{added}\n")
    return load_policy(path, today=dt.date(2026, 11, 23))


def test_an_offer_names_its_article_and_its_tickets(tmp_path: Path) -> None:
    policy = _policy(
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
    with pytest.raises(Misconfigured) as refused:
        _policy(tmp_path, added)
    (line,) = str(refused.value).splitlines()
    assert named in line
    assert line.split(":")[1].isdigit()

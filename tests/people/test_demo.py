"""The demo people of a site, from its demo.toml."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.people.demo import DEMO_ACCOUNTS, add_demo_accounts, load_demo_cast
from kb.people.person import OPERATOR
from tests.world import World

NOW = dt.datetime(2026, 6, 1, 9, tzinfo=dt.UTC)
CAST = """\
[[organisations]]
name = "Acme"
category = "subscription"
licence_addresses = ["dana@example.com"]
contract_until = 2027-12-31

[[people]]
name = "Dana Dow"
what = "a customer"
organisation = "Acme"

[[people]]
name = "Ben Bode"
email = "ben@acme.example"
role = "agent"
what = "an agent"
"""


def test_the_people_of_the_file_are_added_once(tmp_path: Path, world: World) -> None:
    (tmp_path / "demo.toml").write_text(CAST, "utf-8")
    cast, accounts = load_demo_cast(tmp_path), world.accounts
    sign_ins = add_demo_accounts(accounts, NOW, cast)
    assert [sign_in.email for sign_in in sign_ins] == ["dana@example.com", "ben@acme.example"]
    dana = accounts.by_email("dana@example.com")
    assert dana is not None
    assert accounts.category(dana, NOW) == "subscription"
    acme = accounts.contacts.named(OPERATOR, "Acme")
    assert acme.contract_until == dt.datetime(2028, 1, 1, tzinfo=dt.UTC)
    assert add_demo_accounts(accounts, NOW, cast) == sign_ins


def test_a_site_without_the_file_has_the_built_in_people(tmp_path: Path) -> None:
    assert tuple(load_demo_cast(tmp_path).accounts) == DEMO_ACCOUNTS


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[[people]]\nname = "A"', 1),
        ('[[people]]\nname = "A"\nwhat = "x"\nrole = "boss"', 4),
        ('[[people]]\nname = "A"\nwhat = "x"\nzone = "Mars/Base"', 4),
        ('[[people]]\nname = "A"\nwhat = "x"\ncontact_roles = ["king"]', 4),
        ('[[people]]\nname = "A"\nwhat = "x"\ncoupon_uses = 0', 4),
        ('[[people]]\nname = "A B"\nwhat = "x"\n[[people]]\nname = "A C"\nwhat = "y"', 4),
        ('[[organisations]]\nname = "A"\ncontract_until = "2027"', 3),
        ('[people]\nname = "A"', 1),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "demo.toml").write_text(text, "utf-8")
    with pytest.raises(Misconfigured) as refused:
        load_demo_cast(tmp_path)
    (sentence,) = refused.value.sentence.splitlines()
    assert sentence.startswith(f"{tmp_path / 'demo.toml'}:{line}: ")

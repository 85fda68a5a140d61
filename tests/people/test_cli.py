"""What is sold to whom, on the command line: organisations, contacts, coupons, passwords."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from click.testing import CliRunner, Result

from kb.errors import Conflict, Invalid, KbError, NotFound
from kb.worker.cli import accounts
from tests.world import POLICIES, World

TODAY = dt.datetime.now(dt.UTC)


@pytest.fixture
def site(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("KB_POLICIES", str(POLICIES))
    return world


def run(world: World, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(
        accounts, [words[0], "--data", str(world.data), *words[1:]], input=typed
    )


def done(world: World, *words: str, typed: str = "") -> Result:
    result = run(world, *words, typed=typed)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def test_an_organisation_is_shown_and_changed(site: World) -> None:
    assert "each contact sees their own tickets" in done(site, "organisation", "ACME").stdout
    contract = ("--contract-from", "2026-01-01", "--contract-until", "2026-12-31")
    licence = ("--licence", "alice@example.com", "--licence", "Boss@example.com")
    shown = done(
        site, "organisation", "acme", "--shared-view", *contract, *licence, "--phone", "+49 1"
    ).stdout
    assert "all contacts see all tickets" in shown
    assert "from 2026-01-01 until 2026-12-31" in shown
    assert "alice@example.com, boss@example.com" in shown
    found = json.loads(done(site, "organisation", "Acme", "--json").stdout)
    assert found["contract_until"] == "2027-01-01T00:00:00+00:00", "the last day counts as a whole"
    assert "alice@example.com" in [one["email"] for one in found["contacts"]]


def test_a_contact_becomes_the_administrator_and_is_deactivated_and_back(site: World) -> None:
    done(site, "contact", "alice@example.com", "--role", "administrator", "--role", "billing")
    alice = site.accounts.by_email("alice@example.com")
    assert alice
    assert alice.contact_roles == ("administrator", "billing")
    assert "inactive" in done(site, "contact", "alice@example.com", "--deactivate").output
    assert site.accounts.by_email("alice@example.com") is None
    done(site, "contact", "alice@example.com", "--reactivate")
    assert site.accounts.by_email("alice@example.com") == alice


def test_coupons_are_as_many_as_the_policies_give_the_category(site: World) -> None:
    done(site, "coupon", "vera@example.com", "VERA-NEXT")
    vera = site.accounts.by_email("vera@example.com")
    assert vera
    promise = site.desk.promise(
        type="problem",
        severity="question",
        coupon="VERA-NEXT",
        customer=vera,
        now=TODAY + dt.timedelta(days=300),
    )
    assert promise.coupons_left == 5
    assert "3 times" in done(site, "coupon", "alice@example.com", "ALICE", "--uses", "3").output


def test_a_password_is_set_and_every_sign_in_ends(site: World) -> None:
    token = site.accounts.sign_in("alice@example.com", "alice-demo", address="::1", now=TODAY)
    done(site, "password", "alice@example.com", "--password-stdin", typed="correct horse\n")
    assert site.accounts.person(token, now=TODAY) is None
    assert site.accounts.sign_in("alice@example.com", "correct horse", address="::1", now=TODAY)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("organisation", "Nobody Inc"), NotFound),
        (("contact", "nobody@example.com", "--role", "billing"), NotFound),
        (("coupon", "nobody@example.com", "X-1"), NotFound),
        (("coupon", "alice@example.com", "X-1"), Invalid),
        (("coupon", "alice@example.com", "X 1", "--uses", "3"), Invalid),
        (("coupon", "alice@example.com", "VERA-5", "--uses", "3"), Conflict),
        (("coupon", "vera@example.com", "X-1", "--rule", "gold"), Invalid),
        (("organisation", "Acme", "--licence", "nobody"), Invalid),
        (("password", "alice@example.com", "--password-stdin"), Invalid),
        (("password", "nobody@example.com", "--password-stdin"), NotFound),
    ],
)
def test_a_mistake_is_a_sentence_and_changes_nothing(
    site: World, words: tuple[str, ...], error: type[KbError]
) -> None:
    assert isinstance(run(site, *words, typed="short\n").exception, error)


def test_a_contact_with_nothing_to_change_is_told_what_to_give(site: World) -> None:
    result = run(site, "contact", "alice@example.com")
    assert result.exit_code == 2
    assert "--role" in result.output

"""`kb accounts` on a real data folder."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kb.errors import Conflict, Invalid, KbError, NotFound
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.operations.audit import AuditLog
from kb.people.cli import accounts
from kb.people.demo import DEMO_ACCOUNTS
from kb.people.person import Person
from kb.people.second_factor.steps import FactorRule
from kb.people.second_factor.totp import code_at, step_at
from kb.people.second_factors import HeldFactors, SecondFactors
from kb.tickets import actions
from tests.world import FRIDAY, POLICIES, World, draft

TODAY = dt.datetime.now(dt.UTC)


@pytest.fixture
def site(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("KB_POLICIES", str(POLICIES))
    return world


def run(data: Path, command: str, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(accounts, [command, "--data", str(data), *arguments], input=stdin)


def succeed(data: Path, command: str, *arguments: str, stdin: str = "") -> Result:
    result = run(data, command, *arguments, stdin=stdin)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


def organisation(world: World, *arguments: str) -> dict[str, Any]:
    shown = succeed(world.data, "organisation", "acme", "--json", *arguments)
    fields: dict[str, Any] = json.loads(shown.stdout)
    return fields


def test_an_added_account_is_listed_and_its_password_is_not_printed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    dora = ("Dora@example.com", "--name", "Dora", "--organisation", "Acme")
    prompted = succeed(data, "add", *dora, stdin="a secret\na secret\n")
    ben = ("ben@example.com", "--name", "Ben", "--role", "agent", "--password-stdin")
    piped = succeed(data, "add", *ben, stdin="a secret\n")

    people = json.loads(succeed(data, "list", "--json").stdout)
    assert [(person["email"], person["audience"]) for person in people] == [
        ("ben@example.com", "staff"),
        ("dora@example.com", "customers"),
    ]
    lines = succeed(data, "list").stdout.splitlines()
    assert lines == ["ben@example.com  agent  Ben", "dora@example.com  customer  Dora  Acme"]
    assert "a secret" not in prompted.output + piped.output


def test_the_demo_prints_the_same_sign_ins_each_time(tmp_path: Path) -> None:
    first, second = succeed(tmp_path, "demo"), succeed(tmp_path, "demo", "--json")
    assert len(first.stdout.splitlines()) == len(DEMO_ACCOUNTS)
    assert "alice@example.com  alice-demo" in first.stdout
    names = [sign_in["name"] for sign_in in json.loads(second.stdout)]
    assert names == [demo.name for demo in DEMO_ACCOUNTS]


def test_a_removed_account_is_gone_and_its_address_is_free(site: World) -> None:
    token = site.accounts.sign_in("anton@example.com", "anton-demo", address="::1", now=TODAY)
    succeed(site.data, "remove", "anton@example.com")
    assert site.accounts.person(token, now=TODAY) is None
    with pytest.raises(NotFound):
        site.accounts.administration.account("anton@example.com")
    options = ("anton@example.com", "--name", "Another", "--password-stdin")
    succeed(site.data, "add", *options, stdin="correct horse\n")


def test_the_operator_is_told_when_nobody_can_administer_the_portal(site: World) -> None:
    for address in ("zoe@example.com", "yan@example.com"):
        options = (address, "--name", "Zoe", "--role", "admin", "--password-stdin")
        succeed(site.data, "add", *options, stdin="correct horse\n")
    assert "--role admin" not in succeed(site.data, "role", "yan@example.com", "agent").output
    assert "--role admin" in succeed(site.data, "role", "zoe@example.com", "agent").output
    succeed(site.data, "role", "yan@example.com", "admin")
    assert "--role admin" in succeed(site.data, "remove", "yan@example.com").output
    assert "--role admin" not in succeed(site.data, "remove", "zoe@example.com").output


def test_nobody_gets_the_number_of_a_removed_person(site: World) -> None:
    added = site.accounts.guest("gina@example.com", "Gina", "UTC", now=TODAY)
    options = ("zoe@example.com", "--name", "Zoe", "--password-stdin")
    succeed(site.data, "add", *options, stdin="correct horse\n")
    succeed(site.data, "remove", "zoe@example.com")
    later = site.accounts.guest("hal@example.com", "Hal", "UTC", now=TODAY)
    assert later.id == added.id + 2


def test_tickets_keep_the_name_of_a_removed_person_but_mail_no_address(site: World) -> None:
    number = site.desk.filing.file(draft(), site.alice, key="k", now=FRIDAY)
    succeed(site.data, "remove", "alice@example.com")
    assert site.accounts.by_email("alice@example.com") is None
    ticket = site.desk.ticket(number, site.bob, now=FRIDAY)
    assert ticket.row.customer == "Alice Archer"
    Outbox(site.database).claim(MAIL_QUEUE, FRIDAY)
    site.desk.act(number, site.bob, actions.reply("Try again."), key="r", now=FRIDAY)
    claimed = Outbox(site.database).claim(MAIL_QUEUE, FRIDAY)
    assert [notice.recipient for batch in claimed for notice in batch] == []


def test_all_demo_accounts_are_removed_at_once_and_no_other(site: World) -> None:
    options = ("zoe@example.com", "--name", "Zoe", "--password-stdin")
    succeed(site.data, "add", *options, stdin="correct horse\n")
    succeed(site.data, "remove", "--demo")
    left = [person.email for person in site.accounts.all()]
    assert left == ["anton@example.com", "zoe@example.com"]
    succeed(site.data, "remove", "--demo")
    assert len(json.loads(succeed(site.data, "demo", "--json").stdout)) == len(DEMO_ACCOUNTS)
    assert site.accounts.sign_in("ada@example.com", "ada-demo", address="::1", now=TODAY)


def test_an_account_gets_another_name_address_and_role(site: World) -> None:
    secret = site.accounts.links.issue("reset", "anton@example.com", {}, now=TODAY)
    succeed(
        site.data, "rename", "anton@example.com", "--name", "Toni", "--address", "Toni@example.org"
    )
    toni = site.accounts.by_email("toni@example.org")
    assert toni
    assert (toni.name, toni.organisation, toni.id) == ("Toni", "Acme", site.anton.id)
    with pytest.raises(NotFound):
        site.accounts.links.get(secret, now=TODAY)

    succeed(site.data, "role", "toni@example.org", "agent")
    changed = site.accounts.by_email("toni@example.org")
    assert changed
    assert (changed.role, changed.audience) == ("agent", "staff")
    succeed(site.data, "role", "toni@example.org", "customer")
    changed = site.accounts.by_email("toni@example.org")
    assert changed
    assert (changed.role, changed.audience) == ("customer", "customers")


def test_an_organisation_is_shown_and_changed(site: World) -> None:
    assert organisation(site)["shared_view"] is False
    contract = ("--contract-from", "2026-01-01", "--contract-until", "2026-12-31")
    licence = ("--licence", "alice@example.com", "--licence", "Boss@example.com")
    changed = organisation(site, "--shared-view", *contract, *licence, "--phone", "+49 1")
    assert changed["shared_view"] is True
    assert changed["contract_from"] == "2026-01-01T00:00:00+00:00"
    assert changed["contract_until"] == "2027-01-01T00:00:00+00:00", "the last day counts as well"
    assert changed["licence_addresses"] == ["alice@example.com", "boss@example.com"]
    assert changed["phone"] == "+49 1"
    assert "alice@example.com" in [contact["email"] for contact in changed["contacts"]]

    text = succeed(site.data, "organisation", "ACME").stdout
    assert "2026-01-01" in text
    assert "2026-12-31" in text
    assert "alice@example.com, boss@example.com" in text


def test_a_contact_becomes_the_administrator_and_is_deactivated_and_reactivated(
    site: World,
) -> None:
    succeed(
        site.data, "contact", "alice@example.com", "--role", "administrator", "--role", "billing"
    )
    alice = site.accounts.by_email("alice@example.com")
    assert alice
    assert alice.contact_roles == ("administrator", "billing")

    succeed(site.data, "contact", "alice@example.com", "--deactivate")
    assert site.accounts.by_email("alice@example.com") is None
    succeed(site.data, "contact", "alice@example.com", "--reactivate")
    assert site.accounts.by_email("alice@example.com") == alice


@pytest.mark.parametrize(
    ("email", "options", "uses"),
    [("vera@example.com", (), 5), ("vera@example.com", ("--uses", "3"), 3)],
)
def test_a_coupon_has_the_uses_of_the_option_or_of_the_policies(
    site: World, email: str, options: tuple[str, ...], uses: int
) -> None:
    succeed(site.data, "coupon", email, "CODE-1", *options)
    promise = site.desk.filing.promise(
        type="problem",
        severity="question",
        coupon="CODE-1",
        customer=site.accounts.by_email(email),
        now=TODAY + dt.timedelta(days=300),
    )
    assert promise.coupons_left == uses


def test_a_new_password_ends_every_session(site: World) -> None:
    token = site.accounts.sign_in("alice@example.com", "alice-demo", address="::1", now=TODAY)
    options = ("alice@example.com", "--password-stdin")
    succeed(site.data, "password", *options, stdin="correct horse\n")
    assert site.accounts.person(token, now=TODAY) is None
    assert site.accounts.sign_in("alice@example.com", "correct horse", address="::1", now=TODAY)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("add", "dora", "--name", "Dora", "--password-stdin"), Invalid),
        (("add", "zoe@example.com", "--name", "Zoe", "--password-stdin"), Invalid),
        (("organisation", "Nobody Inc"), NotFound),
        (("organisation", "Acme", "--licence", "nobody"), Invalid),
        (("contact", "nobody@example.com", "--role", "billing"), NotFound),
        (("coupon", "nobody@example.com", "X-1"), NotFound),
        (("coupon", "alice@example.com", "X-1"), Invalid),
        (("coupon", "alice@example.com", "X 1", "--uses", "3"), Invalid),
        (("coupon", "alice@example.com", "VERA-5", "--uses", "3"), Conflict),
        (("coupon", "vera@example.com", "X-1", "--rule", "gold"), Invalid),
        (("password", "alice@example.com", "--password-stdin"), Invalid),
        (("password", "nobody@example.com", "--password-stdin"), NotFound),
        (("remove", "nobody@example.com"), NotFound),
        (("reset-factor", "nobody@example.com"), NotFound),
        (("rename", "nobody@example.com", "--name", "X"), NotFound),
        (("rename", "anton@example.com", "--address", "alice@example.com"), Conflict),
        (("rename", "anton@example.com", "--address", "nobody"), Invalid),
        (("role", "nobody@example.com", "agent"), NotFound),
    ],
)
def test_a_mistake_raises_its_error(
    site: World, arguments: tuple[str, ...], error: type[KbError]
) -> None:
    assert isinstance(run(site.data, *arguments, stdin="short\n").exception, error)


def test_an_address_that_has_an_account_cannot_be_added(site: World) -> None:
    options = ("alice@example.com", "--name", "Alice", "--password-stdin")
    result = run(site.data, "add", *options, stdin="long enough\n")
    assert isinstance(result.exception, Conflict)


def test_a_contact_without_a_change_is_a_usage_error_that_names_the_options(site: World) -> None:
    result = run(site.data, "contact", "alice@example.com")
    assert result.exit_code == 2
    assert "--role" in result.output


@pytest.mark.parametrize(
    "arguments",
    [("remove",), ("remove", "a@example.com", "--demo"), ("rename", "alice@example.com")],
)
def test_a_command_that_does_not_say_what_to_do_is_a_usage_error(
    site: World, arguments: tuple[str, ...]
) -> None:
    assert run(site.data, *arguments).exit_code == 2


@pytest.mark.parametrize("name", accounts.commands)
def test_every_command_has_help(name: str) -> None:
    assert accounts.commands[name].help
    assert CliRunner().invoke(accounts, [name, "--help"]).exit_code == 0


def set_up_factor(site: World, factors: SecondFactors, person: Person) -> str:
    """The token of a session that has passed its second step."""
    password = f"{person.email.partition('@')[0]}-demo"
    token = site.accounts.sign_in(person.email, password, address="192.0.2.1", now=TODAY)
    sealed = factors.begin_app(person)
    code = code_at(factors.app_secret(person, sealed), step_at(TODAY))
    return factors.add_app(person, sealed, code, token=token, now=TODAY).token


@pytest.fixture
def factors(site: World) -> SecondFactors:
    return SecondFactors(site.database, FactorRule.OPTIONAL, None, lambda: ["k" * 40])


def test_the_second_factor_of_somebody_who_lost_it_is_reset(
    site: World, factors: SecondFactors
) -> None:
    token = set_up_factor(site, factors, site.bob)
    assert (factors.of(site.bob).count, factors.of(site.bob).recovery_codes) == (1, 10)

    succeed(site.data, "reset-factor", "Bob@example.com")
    assert factors.of(site.bob) == HeldFactors()
    assert site.accounts.session(token, now=TODAY) is None
    (entry,) = AuditLog(site.database).page(limit=1)
    assert (entry.action, entry.target) == ("second-factor-reset", f"person:{site.bob.id}")


def test_a_removed_account_whose_name_stays_has_no_second_factor(
    site: World, factors: SecondFactors
) -> None:
    set_up_factor(site, factors, site.alice)
    site.desk.filing.file(draft(), site.alice, key="k", now=FRIDAY)
    succeed(site.data, "remove", "alice@example.com")
    assert factors.of(site.alice) == HeldFactors()

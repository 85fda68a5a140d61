"""API keys: what is stored, what opens, what ends, and `kb token`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.database import DATABASE_FILE
from kb.errors import Invalid, KbError, NotFound, Unauthorized
from kb.operations.audit import Action, AuditLog
from kb.people.person import OPERATOR
from kb.programs.api_keys import ApiKeys
from kb.programs.cli import token
from kb.programs.scopes import SCOPES, Scope
from tests.world import DAY, FRIDAY, HOUR, World


@pytest.fixture
def keys(world: World) -> ApiKeys:
    return ApiKeys(world.database, demo=True)


def test_a_key_opens_as_its_person_and_is_stored_as_a_hash(world: World, keys: ApiKeys) -> None:
    key, secret = keys.create("CRM", ["tickets:read"], world.alice, now=FRIDAY)
    assert keys.open(secret, now=FRIDAY).person == world.alice
    assert key.scopes == {Scope.TICKETS_READ}
    assert secret.endswith(key.hint)
    with sqlite3.connect(world.data / DATABASE_FILE) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert secret not in dump
    assert secret.removeprefix("askfirst_") not in dump


def test_what_is_no_longer_good_opens_nothing(world: World, keys: ApiKeys) -> None:
    key, secret = keys.create("CRM", ["tickets:read"], world.alice, days=2, now=FRIDAY)
    with pytest.raises(Unauthorized):
        keys.open(secret + "x", now=FRIDAY)
    with pytest.raises(Unauthorized):
        keys.open(secret, now=FRIDAY + 2 * DAY)
    keys.revoke(key.id, now=FRIDAY)
    with pytest.raises(Unauthorized):
        keys.open(secret, now=FRIDAY)
    with pytest.raises(NotFound):
        keys.revoke(key.id, now=FRIDAY)


def test_a_key_ends_with_the_account_of_its_person(world: World, keys: ApiKeys) -> None:
    _, secret = keys.create("CRM", ["tickets:read"], world.anton, now=FRIDAY)
    world.accounts.contacts.deactivate(OPERATOR, world.anton.id, now=FRIDAY)
    with pytest.raises(Unauthorized):
        keys.open(secret, now=FRIDAY)


def test_a_key_of_a_demo_person_opens_demo_portals_only(world: World, keys: ApiKeys) -> None:
    _, secret = keys.create("CRM", ["tickets:read"], world.alice, now=FRIDAY)
    with pytest.raises(Unauthorized):
        ApiKeys(world.database).open(secret, now=FRIDAY)


def test_the_last_use_is_shown_to_the_minute(keys: ApiKeys) -> None:
    _, secret = keys.create("Crawler", ["content:read"], now=FRIDAY)
    assert keys.all()[0].used_at is None
    for later in (0 * HOUR, HOUR / 120, HOUR):
        keys.open(secret, now=FRIDAY + later)
    assert keys.all()[0].used_at == FRIDAY + HOUR


@pytest.mark.parametrize(
    ("scopes", "fields"),
    [
        ([], {"scope"}),
        (["everything"], {"scope"}),
        (["tickets:read"], {"person"}),
        (["content:read", "index:write"], {"person"}),
    ],
)
def test_a_key_without_a_person_stands_in_for_nobody_who_writes(
    keys: ApiKeys, scopes: list[str], fields: set[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        keys.create("CRM", scopes, now=FRIDAY)
    assert set(refused.value.fields) == fields


def test_a_scope_widens_no_person(world: World, keys: ApiKeys) -> None:
    with pytest.raises(Invalid):
        keys.create("CRM", ["content:staff"], world.alice, now=FRIDAY)


@pytest.mark.parametrize(("name", "days"), [("", 1), (" \u200b", 1), ("x" * 81, 1), ("x", 0)])
def test_a_name_and_an_end_are_needed(keys: ApiKeys, name: str, days: int) -> None:
    with pytest.raises(Invalid):
        keys.create(name, ["content:read"], days=days, now=FRIDAY)


def test_every_scope_says_what_it_opens() -> None:
    assert set(SCOPES) == set(Scope)
    assert all(row.opens for row in SCOPES.values())


# --- kb token


def run(data: Path, command: str, *arguments: str) -> str:
    answer = CliRunner().invoke(token, [command, "--data", str(data), *arguments])
    if isinstance(answer.exception, KbError):
        raise answer.exception
    assert answer.exit_code == 0, (answer.output, answer.exception)
    return answer.stdout


def test_the_command_makes_lists_and_revokes_keys(world: World, keys: ApiKeys) -> None:
    owner = ("--scope", "tickets:read", "--scope", "tickets:write", "--person", world.alice.email)
    made = json.loads(run(world.data, "create", "CRM", *owner, "--json"))
    assert made["person"] == world.alice.email
    assert made["scopes"] == ["tickets:read", "tickets:write"]

    listed = json.loads(run(world.data, "list", "--json"))
    assert [entry["name"] for entry in listed] == ["CRM"]
    assert "key" not in listed[0]
    assert made["key"] not in run(world.data, "list")

    run(world.data, "revoke", str(made["id"]))
    assert json.loads(run(world.data, "list", "--json"))[0]["revoked_at"]
    actions = [entry.action for entry in AuditLog(world.database).page()]
    assert actions[:2] == [Action.API_KEY_REVOKED, Action.API_KEY_ADDED]
    with pytest.raises(NotFound):
        run(world.data, "revoke", str(made["id"]))


def test_the_command_refuses_an_address_without_an_account(world: World) -> None:
    with pytest.raises(Invalid):
        run(world.data, "create", "CRM", "--scope", "tickets:read", "--person", "no@example.com")

"""Two accounts of one person become one, and an export or erasure finds both."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.errors import Conflict, NotFound
from kb.operations.audit import Action, AuditLog
from kb.privacy.cli import accounts
from kb.tickets import actions
from tests.privacy.test_erasure import entry, personal_data
from tests.world import FRIDAY, World, draft


def test_everything_of_the_first_account_is_the_second_ones(world: World) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="a", now=FRIDAY)
    world.desk.act(number, world.alice, actions.comment("My words"), now=FRIDAY)
    own = world.desk.filing.file(draft("Another"), world.vera, key="v", now=FRIDAY)
    personal_data(world).merge("alice@example.com", "vera@example.com", entry(world))
    total, rows = world.desk.mine(world.vera, now=FRIDAY)
    assert (total, {row.number for row in rows}) == (2, {number, own})
    with pytest.raises(NotFound):
        world.desk.ticket(number, world.charlie, now=FRIDAY)
    assert world.accounts.by_email("alice@example.com") is None
    assert [row.action for row in AuditLog(world.database).page(before=0, limit=1)] == [
        Action.ACCOUNT_MERGED
    ]


def test_an_erasure_of_the_second_erases_what_the_first_wrote(world: World) -> None:
    number = world.desk.filing.file(draft(), world.anton, key="a", now=FRIDAY)
    world.desk.act(number, world.anton, actions.comment("xylophone words"), now=FRIDAY)
    data = personal_data(world)
    data.merge("anton@example.com", "alice@example.com", entry(world))
    data.erase("alice@example.com", entry(world))
    assert "xylophone" not in repr(world.desk.ticket(number, world.bob, now=FRIDAY))
    assert "Anton" not in repr(world.desk.ticket(number, world.bob, now=FRIDAY).events)


def test_accounts_that_cannot_be_one_stay_two(world: World) -> None:
    data = personal_data(world)
    for email, into, error in (
        ("alice@example.com", "alice@example.com", Conflict),
        ("alice@example.com", "bob@example.com", Conflict),
        ("alice@example.com", "nobody@example.com", NotFound),
    ):
        with pytest.raises(error):
            data.merge(email, into, entry(world))
    assert world.accounts.by_email("alice@example.com") == world.alice


def run(data: Path, *arguments: str) -> int:
    result = CliRunner().invoke(accounts, [*arguments, "--data", str(data)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


def test_the_commands_merge_move_and_erase(world: World) -> None:
    assert run(world.data, "move", "charlie@example.com", "Acme") == 0
    assert run(world.data, "deactivate", "charlie@example.com") == 0
    assert world.accounts.by_email("charlie@example.com") is None
    assert run(world.data, "reactivate", "charlie@example.com") == 0
    charlie = world.accounts.by_email("charlie@example.com")
    assert charlie is not None
    assert charlie.organisation == "Acme"
    assert run(world.data, "licence", "acme", "L-1", "--order", "O-1", "--until", "2027-12-31") == 0
    assert run(world.data, "licence", "acme", "L-1", "--remove") == 0
    assert run(world.data, "merge", "charlie@example.com", "anton@example.com") == 0
    assert world.accounts.by_email("charlie@example.com") is None
    assert run(world.data, "erase", "anton@example.com", "--yes") == 0
    assert world.accounts.by_email("anton@example.com") is None

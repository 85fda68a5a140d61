"""`kb worker` on a real data folder."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.worker.cli import worker
from tests.world import FRIDAY, POLICIES, World, draft


@pytest.fixture
def site(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("KB_POLICIES", str(POLICIES))
    world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    return world


def run(world: World, *options: str) -> Result:
    return CliRunner().invoke(worker, ["--data", str(world.data), *options])


def test_a_single_round_without_a_mail_server_sends_nothing_and_succeeds(site: World) -> None:
    result = run(site, "--once")
    assert result.exit_code == 0, result.output
    assert "KB_SMTP_HOST" in result.stderr
    assert Outbox(site.database).pending()["mail"] >= 1


def test_failures_are_listed_and_the_exit_code_tells_of_them(site: World) -> None:
    assert run(site, "--failures").exit_code == 0
    outbox = Outbox(site.database)
    batch, _to_agent = outbox.claim(MAIL_QUEUE, FRIDAY)
    outbox.mark_failed(MAIL_QUEUE, batch, "550 no such user", FRIDAY, permanent=True)
    listed = run(site, "--failures")
    assert listed.exit_code == 1
    assert "alice@example.com  550 no such user" in listed.stdout

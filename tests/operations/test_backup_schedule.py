"""The worker takes backups on time, keeps the newest, and touches no file of anybody else."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.operations import backup
from kb.operations.backup_schedule import BackupSchedule, backups_in
from kb.settings import load_settings
from kb.worker.assembly import build_backup_schedule
from kb.worker.cli import worker
from tests.world import FRIDAY, POLICIES, World

HOUR = dt.timedelta(hours=1)


def schedule(world: World, folder: Path, **more: str) -> BackupSchedule:
    told = {"data": str(world.data), "backup_folder": str(folder), "backup_hours": "2", **more}
    built = build_backup_schedule(load_settings({}, **told))
    assert built
    return built


def taken(folder: Path) -> list[dt.datetime]:
    return [at for at, _ in backups_in(folder)]


def test_a_backup_is_taken_when_the_last_one_is_old_enough_also_after_a_restart(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "deep" / "backups"
    for hours in (0, 1, 2, 3, 5):
        running = schedule(world, folder)  # another worker each time
        running.start_if_due(FRIDAY + hours * HOUR)
        running.wait()
    assert taken(folder) == [FRIDAY + 5 * HOUR, FRIDAY + 2 * HOUR, FRIDAY]
    for _, file in backups_in(folder):
        backup.restore_backup(
            file, tmp_path / file.stem, passphrase="", with_secrets=False, now=FRIDAY
        )


def test_the_newest_are_kept_and_other_files_stay(world: World, tmp_path: Path) -> None:
    names = ("mine.backup", "askfirst-now.backup", "askfirst-20261332T000000Z.backup")
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".askfirst-20261127T000000Z.backup.1.partial").write_text("of a killed worker")

    running = schedule(world, tmp_path, backup_keep="2")
    for hours in (0, 2, 4):
        running.take_if_due(FRIDAY + hours * HOUR)
    assert taken(tmp_path) == [FRIDAY + 4 * HOUR, FRIDAY + 2 * HOUR]
    assert [name for name in names if (tmp_path / name).read_text() == "mine"] == [*names]
    assert not list(tmp_path.glob("*.partial"))


def test_a_failure_is_logged_and_tried_again_later(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "backups"
    folder.write_text("in the way")
    running = schedule(world, folder)
    for minutes in (0, 1, 14):
        running.start_if_due(FRIDAY + dt.timedelta(minutes=minutes))
        running.wait()
    assert len(caplog.records) == 1

    folder.unlink()
    running.start_if_due(FRIDAY + dt.timedelta(minutes=15))
    running.wait()
    assert len(taken(folder)) == 1


def test_workers_take_one_backup_together(world: World, tmp_path: Path) -> None:
    many = [schedule(world, tmp_path) for _ in range(4)]
    for running in many:
        running.start_if_due(FRIDAY)
    for running in many:
        running.wait()
    assert taken(tmp_path) == [FRIDAY]


def test_what_a_killed_backup_left_in_the_data_folder_is_removed(
    world: World, tmp_path: Path
) -> None:
    now = dt.datetime.now(dt.UTC)
    for name, hours in ((".backup.dead", 25), (".backup.alive", 1)):
        (world.data / name).mkdir()
        (world.data / name / "tickets.db").write_text("a copy")
        at = (now - hours * HOUR).timestamp()
        os.utime(world.data / name, (at, at))
    schedule(world, tmp_path).take_if_due(now)
    assert [path.name for path in world.data.glob(".backup.*")] == [".backup.alive"]


def test_the_worker_takes_backups(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_POLICIES", str(POLICIES))
    monkeypatch.setenv("KB_BACKUP_FOLDER", str(tmp_path / "backups"))
    result = CliRunner().invoke(worker, ["--once", "--data", str(world.data)])
    assert result.exit_code == 0, result.output
    assert len(taken(tmp_path / "backups")) == 1

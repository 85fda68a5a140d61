"""Backups are complete, private and verified; a restored house gives no number twice."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kb.errors import Conflict, Invalid, Misconfigured, NotFound, Unavailable
from kb.operations import backup
from tests.world import FRIDAY, World, build, draft

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse battery staple"


def back_up(world: World, file: Path, *, passphrase: str = "") -> backup.BackupReport:
    return backup.write_backup(
        world.data,
        file,
        settings={"portal_name": "Acme"},
        secrets={"smtp_password": "hunter2-hunter2"},
        passphrase=passphrase,
        now=FRIDAY,
    )


def restore(file: Path, data: Path, *, passphrase: str = "") -> backup.BackupReport:
    now = FRIDAY + dt.timedelta(days=3)
    return backup.restore_backup(file, data, passphrase=passphrase, with_secrets=True, now=now)


def file_ticket(world: World, title: str) -> str:
    number: str = world.desk.filing.file(draft(title), world.alice, key=title, now=FRIDAY)
    return number


def test_a_backup_below_a_file_is_refused_in_a_sentence(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("Not a folder.")
    with pytest.raises(Unavailable, match="not a folder"):
        back_up(world, tmp_path / "file" / "house.backup")


def test_a_restored_house_has_the_tickets_and_goes_on_with_higher_numbers(
    world: World, tmp_path: Path
) -> None:
    numbers = [file_ticket(world, f"Ticket {i}") for i in range(3)]
    back_up(world, tmp_path / "house.backup")
    lost = file_ticket(world, "After the backup")

    restore(tmp_path / "house.backup", tmp_path / "restored")
    restored = build(tmp_path / "restored")
    try:
        for number in numbers:
            assert restored.desk.ticket(number, restored.alice, now=FRIDAY).number == number
        given = file_ticket(restored, "The first one after the restoration")
        assert int(given.removeprefix("KB-")) > int(lost.removeprefix("KB-"))
    finally:
        restored.database.close()


def test_attachments_and_pictures_come_back_byte_by_byte(world: World, tmp_path: Path) -> None:
    for name, content in (("attachments/ab/abc", b"\x00log"), ("media/f00.png", b"\x89PNG")):
        path = world.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (world.data / "attachments/ab/.abc.partial").write_bytes(b"being written")

    back_up(world, tmp_path / "house.backup")
    restore(tmp_path / "house.backup", tmp_path / "restored")

    assert (tmp_path / "restored/attachments/ab/abc").read_bytes() == b"\x00log"
    assert (tmp_path / "restored/media/f00.png").read_bytes() == b"\x89PNG"
    assert not (tmp_path / "restored/attachments/ab/.abc.partial").exists()


def test_an_archive_and_what_is_restored_are_readable_by_their_owner_only(
    world: World, tmp_path: Path
) -> None:
    before = os.umask(0o000)
    try:
        back_up(world, tmp_path / "house.backup")
        restore(tmp_path / "house.backup", tmp_path / "restored")
    finally:
        os.umask(before)

    paths = [tmp_path / "house.backup", *(tmp_path / "restored").rglob("*"), tmp_path / "restored"]
    assert not [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_secrets_are_in_it_only_under_a_passphrase(world: World, tmp_path: Path) -> None:
    (world.data / "secret.key").write_text("k" * 48, "ascii")
    assert not back_up(world, tmp_path / "plain.backup").secrets
    assert back_up(world, tmp_path / "full.backup", passphrase=PASSPHRASE).secrets

    for file in ("plain.backup", "full.backup"):
        with tarfile.open(tmp_path / file) as archive:
            content = b"".join(
                member.read() for entry in archive if (member := archive.extractfile(entry))
            )
        assert b"hunter2" not in content
        assert b"k" * 48 not in content

    with pytest.raises(Misconfigured):
        restore(tmp_path / "full.backup", tmp_path / "restored")
    with pytest.raises(Invalid):
        restore(tmp_path / "full.backup", tmp_path / "restored", passphrase="wrong")
    assert not (tmp_path / "restored").exists()

    restore(tmp_path / "full.backup", tmp_path / "restored", passphrase=PASSPHRASE)
    assert (tmp_path / "restored/secret.key").read_text("ascii") == "k" * 48


def test_a_damaged_archive_is_refused_as_a_whole(world: World, tmp_path: Path) -> None:
    file_ticket(world, "One")
    back_up(world, tmp_path / "house.backup")
    content = (tmp_path / "house.backup").read_bytes()
    damages = {
        "cut": content[: len(content) // 2],
        "flipped": content[:400] + bytes([content[400] ^ 1]) + content[401:],
        "empty": b"",
        "other": b"not an archive at all",
    }
    for name, damaged in damages.items():
        (tmp_path / name).write_bytes(damaged)
        with pytest.raises(Invalid):
            restore(tmp_path / name, tmp_path / "restored")
        assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "attachments/../../evil", "link"])
def test_a_hostile_archive_writes_nothing(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "hostile", "w:gz") as archive:
        entry = tarfile.TarInfo(name)
        if name == "link":
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)

    with pytest.raises(Invalid):
        restore(tmp_path / "hostile", tmp_path / "restored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile"]


def test_nothing_is_overwritten(world: World, tmp_path: Path) -> None:
    back_up(world, tmp_path / "house.backup")
    with pytest.raises(Conflict):
        back_up(world, tmp_path / "house.backup")
    with pytest.raises(Conflict):
        restore(tmp_path / "house.backup", world.data)
    with pytest.raises(NotFound):
        restore(tmp_path / "missing.backup", tmp_path / "restored")


def test_nothing_acknowledged_before_a_backup_under_load_is_lost(
    world: World, tmp_path: Path
) -> None:
    """Two processes file without pause; what they were told before the backup began is in it."""
    command = [sys.executable, "-m", "tests.filing", str(world.data)]
    writers = [
        subprocess.Popen([*command, name, "400"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in ("left", "right")
    ]
    acknowledged = []
    try:
        for writer in writers:
            assert writer.stdout is not None
            acknowledged += [writer.stdout.readline().strip() for _ in range(20)]
        back_up(world, tmp_path / "house.backup")
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()

    restore(tmp_path / "house.backup", tmp_path / "restored")
    restored = build(tmp_path / "restored")
    try:
        for number in acknowledged:
            assert restored.desk.ticket(number, restored.alice, now=FRIDAY).number == number
    finally:
        restored.database.close()


def test_the_commands_back_up_and_restore(world: World, tmp_path: Path) -> None:
    file_ticket(world, "One")
    environment = {
        "PATH": os.environ["PATH"],
        "KB_DATA": str(world.data),
        "KB_BACKUP_PASSPHRASE": PASSPHRASE,
    }

    def kb(*arguments: str) -> dict[str, object]:
        run = subprocess.run(
            [sys.executable, "-m", "kb", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        report: dict[str, object] = json.loads(run.stdout)
        return report

    file, folder = tmp_path / "house.backup", tmp_path / "restored"
    assert kb("backup", str(file), "--json")["secrets"] is True
    assert kb("restore", str(file), "--data", str(folder), "--json")["file"] == str(file)
    assert (folder / "tickets.db").exists()

"""An export has everything that a person wrote and nothing that only others may read."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kb.errors import NotFound
from kb.privacy.cli import person
from kb.privacy.personal_data import PersonalData
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from tests.privacy.planting import ADDRESS, PASSWORD, found_in, plant
from tests.world import FRIDAY, World, draft

#: What others wrote for others, hashes, and what has no name beside it.
NOT_HERS = {
    "note",
    "agent's file",  # attached to the note
    "name of agent's file",
    "key",
    "key of a verb",
    "key of a guest",
    "part",  # what the agent called a part of her ticket is its title
    "search",
    "abandoned form",
    "invited as",
}


def held(world: World, address: str = ADDRESS) -> dict[str, Any]:
    data = PersonalData(world.database, Attachments(world.data / "attachments"), ("k" * 48,))
    return data.held(address, now=FRIDAY)


def run(world: World, *arguments: str, stdin: str = "") -> Result:
    command, *rest = arguments
    options = [command, "--data", str(world.data), *rest]
    return CliRunner().invoke(person, options, input=stdin)


def test_every_word_of_hers_and_no_internal_note_is_exported(world: World) -> None:
    planted = plant(world, 5)
    document = json.dumps(held(world), ensure_ascii=False)
    missing = {place for word, place in planted.seeds.places.items() if word not in document}
    in_zip = {"attachment", "file of a comment", "file elsewhere"}
    assert missing - NOT_HERS == in_zip
    assert "note" in missing
    assert PASSWORD not in document


def test_what_only_agents_may_read_is_left_out(world: World) -> None:
    number = world.desk.filing.file(draft(), world.alice, key="k", now=FRIDAY)
    world.desk.act(number, world.bob, actions.note("difficult customer"), now=FRIDAY)
    world.desk.act(number, world.bob, actions.reply("Dear Alice"), now=FRIDAY)
    (ticket,) = held(world, "alice@example.com")["tickets"]
    assert [message["text"] for message in ticket["messages"]] == [
        "It does not print.",
        "Dear Alice",
    ]
    assert [message["own"] for message in ticket["messages"]] == [True, False]


def test_charlie_is_in_no_export_of_alice(world: World) -> None:
    world.desk.filing.file(draft("Mulberries"), world.charlie, key="k", now=FRIDAY)
    document = json.dumps(held(world, "alice@example.com"))
    assert "Mulberries" not in document
    assert "charlie" not in document.lower()


def test_a_file_of_a_note_is_not_hers(world: World) -> None:
    planted = plant(world, 6)
    names = {row["name"] for row in held(world)["attachments"]}
    of_note = next(
        word for word, place in planted.seeds.places.items() if place == "name of agent's file"
    )
    assert not [name for name in names if of_note in name]


def test_the_zip_has_the_document_and_every_file(world: World) -> None:
    planted = plant(world, 8)
    document = held(world)
    stream = io.BytesIO()
    data = PersonalData(world.database, Attachments(world.data / "attachments"), ("k" * 48,))
    data.write_zip(document, stream)
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("person.json")) == document
        content = b"".join(map(archive.read, names))
    files = [word for word, place in planted.seeds.places.items() if place == "file of a comment"]
    assert files[0].encode() in content
    assert len(names) == len(set(names)) == 1 + len(document["attachments"])


def test_nothing_is_held_about_a_stranger(world: World) -> None:
    plant(world, 9)
    with pytest.raises(NotFound):
        held(world, "stranger@example.com")
    with pytest.raises(NotFound):
        held(world, "planter@example.com")  # a part of another address


def test_the_command_prints_one_document_and_counts_without_options(
    world: World, tmp_path: Path
) -> None:
    plant(world, 10)
    result = run(world, "export", ADDRESS, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["format"], document["address"]) == (1, ADDRESS)
    assert len(document["tickets"]) == 4

    counted = run(world, "export", ADDRESS)
    assert "tickets" in counted.output
    file = tmp_path / "paula.zip"
    assert run(world, "export", ADDRESS, "--zip", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o077 == 0
    assert run(world, "export", ADDRESS, "--zip", str(file)).exit_code == 1
    assert run(world, "export", "stranger@example.com", "--json").exit_code == 1


def test_the_command_erases_after_a_yes_and_tells_which_backups_are_left(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(world, 11)
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "askfirst-20260605T130000Z.backup").touch()
    (folder / "askfirst-20260604T130000Z.backup").touch()
    monkeypatch.setenv("KB_BACKUP_FOLDER", str(folder))
    monkeypatch.setenv("KB_BACKUP_KEEP", "3")

    assert run(world, "erase", ADDRESS, stdin="n\n").exit_code != 0
    assert found_in(world.data, [ADDRESS])
    result = run(world, "erase", ADDRESS, "--yes", "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert (answer["tickets"], len(answer["people"])) == (4, 2)
    assert [backup["removed_by"][:10] for backup in answer["backups"]] == [
        "2026-06-08",
        "2026-06-07",
    ]
    assert found_in(world.data, [ADDRESS]) == {}
    assert run(world, "erase", ADDRESS, "--yes").exit_code == 1


def test_the_command_erases_when_the_backups_cannot_be_listed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(world, 11)
    no_folder = tmp_path / "backups"
    no_folder.touch()
    monkeypatch.setenv("KB_BACKUP_FOLDER", str(no_folder))
    result = run(world, "erase", ADDRESS, "--yes", "--json")
    assert (result.exit_code, json.loads(result.stdout)["backups"]) == (0, None)
    assert str(no_folder) in result.stderr

"""Administrators find, export and erase a person; everybody else is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from kb.operations.audit import Action, AuditLog
from tests.privacy.planting import found_in
from tests.webapp.world import Browser, Portal, build, data_values, guest, number_of, settings_of

PAGE = "/personal-data"
GINA = {"email": "gina@example.org"}


@pytest.fixture
def ada(portal: Portal) -> Browser:
    return portal.browser("ada")


@pytest.fixture
def ginas(anyone: Browser) -> str:
    form = guest(title="Elderberries", description="Gooseberries")
    return number_of(
        anyone.upload("/tickets", {**form, "attachments": (io.BytesIO(b"mulberries"), "log.txt")})
    )


@pytest.mark.parametrize("name", ["", "alice", "bob", "erin"])
def test_only_administrators_get_there(portal: Portal, name: str, ginas: str) -> None:
    browser = portal.browser(name)
    assert browser.get(PAGE).status_code in (303, 403)
    for path in ("", "/export", "/erase"):
        answer = browser.post(f"{PAGE}{path}", {**GINA, "again": GINA["email"]})
        assert answer.status_code in (303, 403)
        assert "gina" not in answer.get_data(as_text=True).lower()
    with portal.centre.database.read() as connection:
        titles = connection.exec_driver_sql("SELECT title FROM tickets").scalars().all()
    assert titles == ["Elderberries"]
    assert ginas


def test_what_is_held_is_counted_and_downloaded(ada: Browser, ginas: str) -> None:
    page = ada.post(PAGE, GINA).get_data(as_text=True)
    assert {"accounts", "tickets", "attachments"} <= set(data_values(page, "held"))
    answer = ada.post(f"{PAGE}/export", GINA)
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    assert "no-store" in answer.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as archive:
        document = json.loads(archive.read("person.json"))
        (file,) = (row["file"] for row in document["attachments"])
        assert archive.read(file) == b"mulberries"
    answer.close()
    assert [ticket["number"] for ticket in document["tickets"]] == [ginas]


def test_a_person_is_erased_after_the_address_was_typed_twice(
    portal: Portal, ada: Browser, bob: Browser, ginas: str
) -> None:
    mistyped = ada.post(f"{PAGE}/erase", {**GINA, "again": "gina@example.com"})
    assert mistyped.status_code == 422
    assert data_values(mistyped.get_data(as_text=True), "held")

    erased = ada.post(f"{PAGE}/erase", {**GINA, "again": " Gina@Example.org "})
    assert erased.status_code == 303
    assert data_values(ada.page(erased.headers["Location"]), "erased") == ["1"]
    words = ["gina@example.org", "elderberries", "gooseberries", "mulberries"]
    assert found_in(portal.centre.settings.data, words) == {}
    page = bob.page(f"/desk/{ginas}")
    assert "erased" in data_values(page, "fact")
    assert "Erased person" in page
    assert "Gina" not in page

    again = ada.post(PAGE, GINA)
    assert again.status_code == 404
    assert ada.post(PAGE, {"email": "no address"}).status_code == 422


def test_a_search_that_is_not_counted_yet_is_not_counted_after_the_erasure(
    portal: Portal, ada: Browser, anyone: Browser, ginas: str
) -> None:
    assert ginas
    anyone.page("/search?q=gooseberries")
    ada.post(f"{PAGE}/erase", {**GINA, "again": GINA["email"]})
    portal.browser("erin").page("/editor")  # shows the most frequent searches, so it saves them
    assert found_in(portal.centre.settings.data, ["gooseberries"]) == {}


def test_both_are_in_the_audit_log_with_who_did_it(
    portal: Portal, ada: Browser, ginas: str
) -> None:
    assert ginas
    ada.post(f"{PAGE}/export", GINA).close()
    ada.post(f"{PAGE}/erase", {**GINA, "again": GINA["email"]})
    administrator = portal.centre.accounts.by_email("ada@example.com")
    assert administrator
    entries = AuditLog(portal.centre.database).page(limit=2)
    assert [entry.action for entry in entries] == [Action.PERSON_ERASED, Action.PERSON_EXPORTED]
    assert {entry.actor_id for entry in entries} == {administrator.id}
    assert all(entry.address and entry.request_id for entry in entries)
    assert "gina" not in str(entries)


def test_backups_are_listed_with_the_day_on_which_they_are_gone(
    folder: Path, tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    (backups / "askfirst-20261122T020000Z.backup").touch()
    settings = settings_of(folder, backup_folder=str(backups), backup_keep="7")
    page = build(settings).browser("ada").page(PAGE)
    assert data_values(page, "backup") == ["askfirst-20261122T020000Z.backup"]
    assert "29 Nov" in page


def test_backups_that_cannot_be_listed_are_not_taken_for_none(folder: Path, tmp_path: Path) -> None:
    no_folder = tmp_path / "backups"
    no_folder.touch()
    page = build(settings_of(folder, backup_folder=str(no_folder))).browser("ada").page(PAGE)
    assert str(no_folder) in page
    assert 'role="alert"' in page

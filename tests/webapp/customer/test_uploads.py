"""Large files by the link of a ticket: in pieces, as tus 1.0.0 has them, and by a plain form."""

from __future__ import annotations

import base64
import datetime as dt
import io
import os
import re
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from kb.tickets.lifecycle import UPLOAD_LINK_LIFETIME
from kb.tickets.tables import UPLOADS
from kb.worker.assembly import build_worker
from tests.webapp.world import Browser, Portal, build, data_values, guest, number_of, ticket
from tests.webapp.world import settings_of as all_settings

HALF = 1_000_000
DUMP = b"line\n" * 400_000  # two megabytes: more than can be attached


@pytest.fixture
def portal(folder: Path) -> Portal:
    return build(all_settings(folder, attachment_megabytes="1", upload_megabytes="3"))


@pytest.fixture
def alice(portal: Portal) -> Browser:
    return portal.browser("alice")


@pytest.fixture
def number(alice: Browser) -> str:
    return number_of(alice.post("/tickets", ticket()))


@pytest.fixture
def asked(portal: Portal, number: str) -> str:
    """A ticket whose requester was asked for files."""
    form = {"body": "Send us the dump of your database.", "key": "ask"}
    response = portal.browser("bob").post(f"/desk/{number}/ask-for-files", form)
    assert response.status_code == 303
    return number


def tus(
    browser: Browser, method: str, path: str, body: bytes = b"", **headers: str
) -> TestResponse:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    common = {"Tus-Resumable": "1.0.0", "X-CSRFToken": browser.form_token()}
    common["Accept"] = "application/json"
    return browser.client.open(path, method=method, data=body, headers=common | given)


def begin(browser: Browser, number: str, name: str, size: int) -> TestResponse:
    encoded = base64.b64encode(name.encode()).decode()
    return tus(
        browser,
        "POST",
        f"/tickets/{number}/files",
        Upload_Length=str(size),
        Upload_Metadata=f"filename {encoded},filetype dGV4dA==",
    )


def piece(browser: Browser, url: str, offset: int, body: bytes) -> TestResponse:
    kind = "application/offset+octet-stream"
    return tus(browser, "PATCH", url, body, Upload_Offset=str(offset), Content_Type=kind)


def arrived(browser: Browser, url: str) -> str:
    response = tus(browser, "HEAD", url)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Tus-Resumable"] == "1.0.0"
    return response.headers["Upload-Offset"]


def test_an_agent_asks_and_the_customer_sends_a_file_in_pieces(
    portal: Portal, alice: Browser, asked: str
) -> None:
    page = alice.page(f"/tickets/{asked}")
    assert "Send us the dump" in page
    assert f'href="/tickets/{asked}/upload"' in page
    assert data_values(alice.page(f"/tickets/{asked}/upload"), "uploads")

    created = begin(alice, asked, "dump.sql.txt", len(DUMP))
    assert created.status_code == 201
    url = created.headers["Location"]
    assert piece(alice, url, 0, DUMP[:HALF]).headers["Upload-Offset"] == str(HALF)

    # The connection was lost: the client asks where to go on, and sends nothing twice.
    assert arrived(alice, url) == str(HALF)
    again = piece(alice, url, 0, DUMP[:HALF])
    assert (again.status_code, arrived(alice, url)) == (409, str(HALF))
    last = piece(alice, url, HALF, DUMP[HALF:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(DUMP)))

    # The answer to the last piece may be lost, too.
    assert arrived(alice, url) == str(len(DUMP))
    assert piece(alice, url, len(DUMP), b"").status_code == 204
    page = alice.page(f"/tickets/{asked}")
    assert data_values(page, "verb").count("uploaded") == 1
    links = re.findall(r'href="(/attachments/[^"]+)"', page)
    assert len(links) == 1
    assert portal.browser("bob").get(links[0]).data == DUMP
    assert portal.browser("charlie").get(links[0]).status_code == 404


def test_a_file_that_is_too_large_is_offered_the_link(portal: Portal, alice: Browser) -> None:
    form = ticket(attachments=(io.BytesIO(b"x" * 1_100_000), "big.log"))
    response = alice.upload("/tickets", form)
    assert response.status_code == 422
    assert "big.log" in response.get_data(as_text=True)
    number = number_of(alice.post("/tickets", ticket()))
    page = alice.page(f"/tickets/{number}")
    assert f'href="/tickets/{number}/upload"' in page
    assert alice.post(f"/tickets/{number}/upload/open").status_code == 303
    assert data_values(alice.page(f"/tickets/{number}/upload"), "uploads")


def test_without_a_script_the_form_sends_whole_files(alice: Browser, asked: str) -> None:
    response = alice.upload(
        f"/tickets/{asked}/upload", {"attachments": (io.BytesIO(DUMP), "dump.log")}
    )
    assert response.status_code == 303
    assert "dump.log" in alice.page(f"/tickets/{asked}")
    refused = alice.upload(
        f"/tickets/{asked}/upload", {"attachments": (io.BytesIO(b"<html>"), "page.html")}
    )
    assert refused.status_code == 422
    assert "page.html" in refused.get_data(as_text=True)


@pytest.mark.parametrize(
    ("name", "data", "refused_at"),
    [
        ("page.html", b"<html><script>" + b" " * HALF, 0),
        ("program.exe", b"MZ\x00\x01" + b"\0" * HALF, 0),
        ("late.txt", b"a" * 1_500_000 + b"\0", 1000),
        ("broken.zip", b"PK\x03\x04" + b"x" * HALF, 1000),
    ],
)
def test_the_rules_of_attachments_hold(
    portal: Portal, alice: Browser, asked: str, name: str, data: bytes, refused_at: int
) -> None:
    """As soon as the bytes show it, so that nobody waits for a gigabyte that is refused."""
    url = begin(alice, asked, name, len(data)).headers["Location"]
    response = piece(alice, url, 0, data[:1000])
    if refused_at:
        assert response.status_code == 204
        response = piece(alice, url, refused_at, data[refused_at:])
    assert response.status_code == 422
    assert response.get_json()["fields"]["attachments"]
    assert tus(alice, "HEAD", url).status_code == 404
    assert "uploaded" not in data_values(alice.page(f"/tickets/{asked}"), "verb")
    assert list((portal.centre.settings.data / "uploads").iterdir()) == []


def test_an_archive_and_a_wide_text_are_taken(alice: Browser, asked: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("site.bak", DUMP)
    for name, data in (
        ("site.zip", packed.getvalue()),
        ("wide.log", "line ä\n".encode("utf-16") * 1),
        ("old.log", b"caf\xe9\n" * 300_000),
    ):
        url = begin(alice, asked, name, len(data)).headers["Location"]
        assert piece(alice, url, 0, data).status_code == 204, name
    assert data_values(alice.page(f"/tickets/{asked}"), "verb").count("uploaded") == 3


def test_sizes_numbers_and_versions_are_checked(alice: Browser, asked: str) -> None:
    assert begin(alice, asked, "big.log", 4 * 1024 * 1024).status_code == 413
    assert begin(alice, asked, "none.log", 0).status_code == 422
    assert tus(alice, "POST", f"/tickets/{asked}/files").status_code == 422
    url = begin(alice, asked, "a.log", 10).headers["Location"]
    assert piece(alice, url, 0, b"x" * 11).status_code == 413
    assert piece(alice, url, 5, b"x" * 5).status_code == 409
    assert tus(alice, "PATCH", url, b"x", Upload_Offset="0").status_code == 415
    old = tus(alice, "HEAD", url, Tus_Resumable="0.2.2")
    assert (old.status_code, old.headers["Tus-Version"]) == (412, "1.0.0")
    options = alice.client.options(f"/tickets/{asked}/files")
    assert options.headers["Tus-Max-Size"] == str(3 * 1024 * 1024)
    assert "creation" in options.headers["Tus-Extension"]

    # Clients whose surroundings know neither PATCH nor DELETE.
    kind = "application/offset+octet-stream"
    by_post = {"X_HTTP_Method_Override": "PATCH", "Content_Type": kind, "Upload_Offset": "0"}
    assert tus(alice, "POST", url, b"x" * 4, **by_post).headers["Upload-Offset"] == "4"
    assert tus(alice, "DELETE", url).status_code == 204
    assert tus(alice, "HEAD", url).status_code == 404


def test_only_participants_send_files_and_only_while_the_link_is_open(
    portal: Portal, alice: Browser, asked: str
) -> None:
    url = begin(alice, asked, "a.log", 10).headers["Location"]
    charlie, anyone = portal.browser("charlie"), portal.browser()
    for path in (f"/tickets/{asked}/upload", url):
        assert charlie.get(path).status_code == 404
    assert begin(charlie, asked, "a.log", 10).status_code == 404
    assert piece(charlie, url, 0, b"x").status_code == 404
    assert charlie.post(f"/tickets/{asked}/upload/open").status_code == 404
    assert charlie.post(f"/tickets/{asked}/upload/close").status_code == 404
    assert begin(anyone, asked, "a.log", 10).status_code == 403
    assert anyone.get(f"/tickets/{asked}/upload").status_code == 303

    assert portal.browser("bob").post(f"/tickets/{asked}/upload/close").status_code == 303
    assert tus(alice, "HEAD", url).status_code == 404
    assert begin(alice, asked, "a.log", 10).status_code == 403
    assert not data_values(alice.page(f"/tickets/{asked}/upload"), "uploads")


def test_a_guest_sends_files_only_when_asked(portal: Portal) -> None:
    gina, bob = portal.browser(), portal.browser("bob")
    number = number_of(gina.post("/tickets", guest()))
    assert gina.post(f"/tickets/{number}/upload/open").status_code == 403
    bob.post(f"/desk/{number}/ask-for-files", {"body": "The log, please.", "key": "ask"})
    assert begin(gina, number, "a.log", 10).status_code == 201


def test_a_closed_ticket_takes_no_files(portal: Portal, alice: Browser, asked: str) -> None:
    url = begin(alice, asked, "a.log", 10).headers["Location"]
    alice.post(f"/tickets/{asked}/solve", {"key": "s"})
    assert piece(alice, url, 0, b"x" * 10).status_code == 409


def test_where_there_are_no_links_nobody_is_offered_one(folder: Path) -> None:
    portal = build(all_settings(folder, upload_megabytes="0"))
    alice = portal.browser("alice")
    number = number_of(alice.post("/tickets", ticket()))
    assert f"/tickets/{number}/upload" not in alice.page(f"/tickets/{number}")
    assert "ask-for-files" not in data_values(
        portal.browser("bob").page(f"/desk/{number}"), "action"
    )
    assert alice.get(f"/tickets/{number}/upload").status_code == 404


def test_the_worker_removes_what_was_not_finished(
    portal: Portal, alice: Browser, asked: str
) -> None:
    url = begin(alice, asked, "a.log", 10).headers["Location"]
    piece(alice, url, 0, b"xxxx")
    incoming = portal.centre.settings.data / "uploads"
    assert [path.read_bytes() for path in incoming.iterdir()] == [b"xxxx"]

    for path in incoming.iterdir():  # written at this time, as the portal's clock has it
        os.utime(path, (portal.clock.now.timestamp(),) * 2)
    build_worker(portal.centre).round(portal.clock.now)
    assert len(list(incoming.iterdir())) == 1
    portal.clock.now += UPLOAD_LINK_LIFETIME + dt.timedelta(hours=2)
    build_worker(portal.centre).round(portal.clock.now)
    assert list(incoming.iterdir()) == []
    with portal.centre.database.read() as connection:
        assert connection.execute(select(UPLOADS.c.ref)).all() == []
    assert begin(alice, asked, "a.log", 10).status_code == 403


def test_a_file_that_a_crash_kept_from_its_ticket_is_attached_when_somebody_asks(
    portal: Portal, alice: Browser, asked: str
) -> None:
    url = begin(alice, asked, "a.log", 4).headers["Location"]
    (path,) = (portal.centre.settings.data / "uploads").iterdir()
    path.write_bytes(b"xxxx")  # all of it arrived, and then the process was killed
    assert arrived(alice, url) == "4"
    assert arrived(alice, url) == "4"
    assert data_values(alice.page(f"/tickets/{asked}"), "verb").count("uploaded") == 1

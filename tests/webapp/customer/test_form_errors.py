"""What goes on while a part is broken, and what is given back when something is refused."""

from __future__ import annotations

import datetime as dt
import io
import json
import stat
from pathlib import Path

import pytest

from kb.database import DATABASE_FILE
from kb.database.sqlite.engine import SqliteDatabase
from kb.database.sqlite.file_lock import file_lock
from kb.errors import Misconfigured
from kb.operations.signing_key import kept_key
from tests.webapp.world import (
    Browser,
    Portal,
    build,
    data_values,
    guest,
    number_of,
    settings_of,
    ticket,
)
from webapp.security.guard import FILES_PER_TICKET, trusted_hosts


def modes(data: Path) -> dict[str, int]:
    found = [*data.glob("tickets.db*"), *(data / "attachments").rglob("*"), data / "attachments"]
    return {str(path.relative_to(data)): stat.S_IMODE(path.stat().st_mode) for path in found}


def test_tickets_and_attachments_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)  # somebody else came first
    portal = build(settings_of(tmp_path))
    form = ticket(attachments=(io.BytesIO(b"line one\n"), "log.txt"))
    number_of(portal.browser("alice").upload("/tickets", form))
    found = modes(tmp_path / "data")
    assert len(found) >= 4
    assert all(mode & 0o077 == 0 for mode in found.values()), found
    portal.centre.close()


def spoil(portal: Portal, folder: Path) -> None:
    """The ticket store is no database any more."""
    portal.centre.close()
    for path in (folder / "data").glob(f"{DATABASE_FILE}*"):
        path.unlink()
    (folder / "data" / DATABASE_FILE).write_bytes(b"no database at all" * 1000)


def test_while_the_ticket_store_is_unreadable_reading_goes_on_and_the_form_keeps_its_text(
    portal: Portal, folder: Path, alice: Browser
) -> None:
    token = alice.form_token()
    spoil(portal, folder)
    for path in ("/", "/search?q=jam", "/help/doc/jam", "/tickets/new", "/api/v1/suggest?q=jam"):
        assert alice.get(path).status_code == 200, path
    answer = alice.client.post("/tickets", data={"csrf_token": token, **ticket()})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 503
    assert "Since Monday it eats every second sheet." in page
    assert 'id="refusal" role="alert" tabindex="-1" autofocus' in " ".join(page.split())
    # Painted as far as the button: what has not arrived cannot be scrolled to.
    assert '<link rel="expect" href="#file-ticket" blocking="render">' in page
    assert 'id="file-ticket"' in page
    assert str(folder) not in page
    assert str(folder) not in alice.get("/tickets").get_data(as_text=True)


def test_a_ticket_file_that_was_removed_while_served_is_told_and_no_fault(
    portal: Portal, folder: Path, alice: Browser
) -> None:
    portal.centre.close()
    for path in (folder / "data").glob(f"{DATABASE_FILE}*"):
        path.unlink()
    assert alice.get("/").status_code == 200
    assert alice.get("/tickets").status_code == 503


def test_visitors_are_told_no_command_when_there_is_no_index(folder: Path) -> None:
    (folder / "data" / "index" / "CURRENT").unlink()
    portal = build(settings_of(folder))
    for path in ("/", "/search?q=jam", "/api/v1/suggest?q=jam"):
        page = portal.browser().get(path).get_data(as_text=True)
        assert "kb index" not in page, path
        assert str(folder) not in page, path
    portal.centre.close()


def test_a_reply_to_a_ticket_that_was_closed_meanwhile_comes_back(
    alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert alice.post(f"/tickets/{number}/solve").status_code == 303
    for verb in ("replies", "wait"):
        answer = bob.post(f"/desk/{number}/{verb}", {"body": "Oil the <roller>.", "key": "r"})
        assert answer.status_code == 409
        assert ">Oil the &lt;roller&gt;.</textarea>" in answer.get_data(as_text=True)


def test_words_come_back_when_the_session_or_the_token_ended(folder: Path) -> None:
    portal = build(settings_of(folder, session_hours="12"))
    alice, bob = portal.browser("alice"), portal.browser("bob")
    number = number_of(alice.post("/tickets", ticket()))
    untold = alice.client.post(f"/tickets/{number}/comments", data={"body": "It is <worse>."})
    assert untold.status_code == 400
    assert ">It is &lt;worse&gt;.</textarea>" in untold.get_data(as_text=True)
    portal.clock.now += dt.timedelta(hours=13)
    for browser, path in ((bob, f"/desk/{number}/replies"), (alice, f"/tickets/{number}/comments")):
        answer = browser.post(path, {"body": "A long answer.", "key": "r"})
        assert answer.status_code == 403
        assert "readonly>A long answer.</textarea>" in answer.get_data(as_text=True)
    portal.centre.close()


def test_half_a_letter_in_json_is_no_fault(alice: Browser) -> None:
    trail = json.dumps([{"id": "\ud800", "outcome": "opened"}])
    assert number_of(alice.post("/tickets", ticket(consulted=trail)))
    assert (
        alice.client.post(
            "/api/v1/feedback", json={"document": "\ud800", "helpful": True}
        ).status_code
        == 422
    )


@pytest.mark.parametrize(
    "name", ["title", "description", "name", "email", "zone", "key", "episode", "coupon", "copy_to"]
)
def test_half_a_letter_in_any_field_is_refused_or_left_out(anyone: Browser, name: str) -> None:
    answer = anyone.client.post("/api/v1/tickets", json={**guest(), name: "\ud800"})
    assert answer.status_code in (201, 422), answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "path",
    [
        "/tickets?since=0001-01-01&zone=Europe/Berlin",
        "/tickets?until=9999-12-31",
        "/tickets?page=00000001" + "0" * 5000,
        "/docs?page=00000001" + "0" * 5000,
        "/api/v1/suggest?q=jam&limit=0001" + "0" * 6000,
    ],
)
def test_days_and_numbers_beyond_all_bounds_are_refused(alice: Browser, path: str) -> None:
    assert alice.get(path).status_code == 422


def test_a_number_that_no_view_can_have_is_no_view(bob: Browser) -> None:
    assert bob.post(f"/desk/views/{10**20}/drop").status_code == 404


def test_a_look_by_head_counts_as_a_look(folder: Path) -> None:
    browser = build(settings_of(folder, suggest_per_minute="2")).browser()
    codes = [browser.client.head("/api/v1/suggest?q=jam").status_code for _ in range(3)]
    assert codes == [200, 200, 429]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "http://"),
        ("base_url", "http://[::bad"),
        ("base_url", "http://shop.example:99999"),
        ("base_url", "http://shop example"),
        ("embed_origins", "*"),
        ("embed_origins", "https://shop.example/path"),
        ("embed_origins", "shop.example"),
    ],
)
def test_an_address_that_is_none_is_refused_at_the_start(
    folder: Path, name: str, value: str
) -> None:
    with pytest.raises(Misconfigured, match=name.upper()):
        settings_of(folder, **{name: value})


def test_a_portal_at_an_ipv6_address_answers_to_it(folder: Path) -> None:
    settings = settings_of(folder, base_url="http://[2001:db8::7]:8000")
    assert "[2001:db8::7]" in trusted_hosts(settings)
    client = build(settings).app.test_client()
    for host, status in (
        ("[2001:db8::7]:8000", 200),
        ("[::1]:8000", 200),
        ("[2001:db8::8]", 400),
        ("evil", 400),
    ):
        assert client.get("/healthz", headers={"Host": host}).status_code == status, host


@pytest.mark.parametrize("kept", ["", "short"])
def test_a_signing_key_that_is_too_short_is_told_at_the_start(tmp_path: Path, kept: str) -> None:
    (tmp_path / "secret.key").write_text(kept)
    with pytest.raises(Misconfigured, match="KB_SECRET_KEY"):
        kept_key(tmp_path)


@pytest.mark.parametrize("unseen", ["\u200b\u200d\u2060", "\ufeff", "\u3164", "\u00ad \u0301"])
def test_a_title_or_name_that_nobody_can_see_is_refused(anyone: Browser, unseen: str) -> None:
    for name in ("title", "description", "name"):
        answer = anyone.client.post("/api/v1/tickets", json={**guest(), name: unseen})
        assert answer.status_code == 422
        assert answer.json
        assert set(answer.json["fields"]) == {name}


def test_too_many_files_are_counted_before_they_are_read(alice: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    boundary = "xxxx"
    part = (
        '--xxxx\r\nContent-Disposition: form-data; name="attachments"; '
        'filename="a.txt"\r\n\r\nword\r\n'
    )
    words = '--xxxx\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = words.format("csrf_token", alice.form_token()) + words.format("body", "See the files.")
    body = fields + part * (FILES_PER_TICKET + 1) + "--xxxx--\r\n"
    path, kind = f"/tickets/{number}/comments", f"multipart/form-data; boundary={boundary}"
    answer = alice.client.post(path, data=body.encode(), content_type=kind)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'role="alert"' in page
    assert str(FILES_PER_TICKET) in page
    assert "See the files." in page


def test_a_form_that_cannot_be_taken_leads_back_to_its_page(portal: Portal) -> None:
    number = number_of(portal.browser("alice").post("/tickets", ticket()))
    signed_out = portal.browser()
    for came_from, back in (
        (f"http://localhost/tickets/{number}?key=x", f"/tickets/{number}?key=x"),
        ("http://localhost//evil.example/x", "/evil.example/x"),
        ("http://evil.example/x", ""),
    ):
        headers = {"Referer": came_from}
        answer = signed_out.client.post(
            f"/tickets/{number}/comments", data={"body": "Blue", "csrf_token": "-"}, headers=headers
        )
        page = answer.get_data(as_text=True)
        assert answer.status_code == 400
        assert "Blue</textarea>" in page
        assert data_values(page, "back") == ([""] if back else [])
        assert (f'href="{back}" data-back' in page) == bool(back)


def test_a_form_with_endless_text_is_told_what_is_too_long(alice: Browser) -> None:
    answer = alice.upload("/tickets", ticket(description="x" * 600_000))
    assert answer.status_code == 413
    assert data_values(answer.get_data(as_text=True), "problem") == ["too-large"]


def test_tickets_are_read_at_the_desk_while_nothing_is_written(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    database = portal.centre.database
    assert isinstance(database, SqliteDatabase)
    database._deadline = 0.05
    with file_lock(database.path.with_suffix(".turn"), 1):
        for path in (f"/desk/{number}", f"/desk/{number}/live", "/desk", "/desk/board"):
            assert bob.get(path).status_code == 200, path
        refused = bob.post(f"/desk/{number}/replies", {"body": "Plug it in.", "key": "r"})
    assert refused.status_code == 503
    assert "Plug it in." in refused.get_data(as_text=True)

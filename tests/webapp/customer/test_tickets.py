"""Filing a ticket, with and without help, and following it."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from kb.people.person import OPERATOR
from kb.search.documents import DocumentKind
from tests.webapp.world import (
    Browser,
    Portal,
    build,
    data_values,
    document,
    guest,
    number_of,
    publish,
    same_for,
    settings_of,
    ticket,
)

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def count(portal: Portal) -> int:
    bob = portal.centre.accounts.by_email("bob@example.com")
    assert bob
    return portal.centre.desk.queue.tickets(bob, status="all", now=portal.clock.now)[0]


def test_the_form_shows_each_severity_with_its_definition_and_what_it_asks_for(
    alice: Browser,
) -> None:
    page = alice.page("/tickets/new")
    for words in ("Nobody can work.", "Late unless solved before a date.", "Nothing is broken."):
        assert words in page
    assert 'type="date"' in page
    assert 'name="severity_detail_down"' in page
    assert 'name="severity_detail_question"' not in page


def test_products_modules_and_versions_are_all_there_without_a_script(alice: Browser) -> None:
    page = alice.page("/tickets/new")
    assert '<optgroup label="Press" data-product="press">' in page
    assert '<option value="fold">' in page
    assert "2.0 (supported until 31 December 2027)" in page


def test_a_filed_ticket_shows_number_level_and_due_time_in_the_customers_zone(
    portal: Portal, alice: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    page = alice.page(f"/tickets/{number}?filed=1")
    assert data_values(page, "filed") == [""]
    assert data_values(page, "ticket") == [number]
    assert "Commercial" in page
    assert "Tue 24 Nov 11:00 CET" in page
    assert "Your organisation has a commercial licence." in page
    assert 'class="ledger"' in page
    assert "The press eats paper" in page


@pytest.mark.parametrize("times", [2, 3])
def test_the_same_key_files_one_ticket(portal: Portal, alice: Browser, times: int) -> None:
    numbers = {number_of(alice.post("/tickets", ticket())) for _ in range(times)}
    assert len(numbers) == 1
    assert count(portal) == 1


def test_every_field_at_fault_is_told_and_everything_typed_comes_back(
    portal: Portal, alice: Browser
) -> None:
    wrong = ticket(
        title="", severity="", description="", product="rocket", copy_to="nobody", coupon="C-1"
    )
    response = alice.post("/tickets", wrong)
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert count(portal) == 0
    for name in ("title", "severity", "description", "product", "copy_to"):
        assert re.search(rf'id="{name}-fault" data-fault="{name}">[^<]', page), name
    assert 'value="nobody"' in page
    assert 'value="C-1"' in page
    assert 'value="key-1"' in page


def test_a_title_of_ten_thousand_characters_is_one_sentence_and_not_lost(alice: Browser) -> None:
    response = alice.post("/tickets", ticket(title="x" * 10_000))
    page = response.get_data(as_text=True)
    assert response.status_code == 422
    assert re.search(r'data-fault="title">[^<]', page)
    assert "x" * 10_000 in page


def test_a_severity_with_a_date_takes_it_from_its_own_input(alice: Browser) -> None:
    form = ticket(
        severity="delays", severity_detail_delays="2026-12-24", severity_detail_down="left over"
    )
    number = number_of(alice.post("/tickets", form))
    assert "2026-12-24" in alice.page(f"/tickets/{number}")
    refused = alice.post(
        "/tickets", ticket(severity="delays", severity_detail_delays="soon", key="k2")
    )
    assert refused.status_code == 422
    assert 'value="soon"' in refused.get_data(as_text=True)


def test_a_guest_gets_a_link_that_only_its_holder_can_use(portal: Portal, anyone: Browser) -> None:
    number = number_of(anyone.post("/tickets", guest()))
    page = anyone.page(f"/tickets/{number}?filed=1")
    found = re.search(r'href="http://localhost(/tickets/KB-\d+\?key=[\w-]+)"', page)
    assert (found and "Tue 24 Nov" in page) or "Wed 25 Nov" in page
    elsewhere = portal.browser()
    assert elsewhere.get(f"/tickets/{number}").headers["Location"].startswith("/sign-in?next=")
    assert elsewhere.get(f"/tickets/{number}?key=guessed").status_code == 404
    assert found
    clean = elsewhere.get(found[1])
    assert clean.status_code == 303
    assert "key" not in clean.headers["Location"]
    assert "The press eats paper" in elsewhere.page(f"/tickets/{number}")


def test_a_guest_writes_on_the_ticket_and_on_no_other(
    portal: Portal, anyone: Browser, alice: Browser
) -> None:
    hers = number_of(alice.post("/tickets", ticket()))
    number = number_of(anyone.post("/tickets", guest(key="g")))
    assert (
        anyone.post(f"/tickets/{number}/comments", {"body": "More", "key": "c"}).status_code == 303
    )
    assert "More" in anyone.page(f"/tickets/{number}")
    assert (
        anyone.post(f"/tickets/{hers}/comments", {"body": "Not mine", "key": "c"}).status_code
        == 403
    )


def test_a_guest_without_name_or_address_is_told_with_everything_else(anyone: Browser) -> None:
    page = anyone.post("/tickets", ticket(title="")).get_data(as_text=True)
    for name in ("title", "name", "email"):
        assert re.search(rf'data-fault="{name}">[^<]', page), name


def test_the_review_step_shows_what_may_answer_it_and_files_nothing(
    portal: Portal, alice: Browser
) -> None:
    response = alice.post("/tickets/review", ticket(title="Paper jam in the press"))
    page = response.get_data(as_text=True)
    assert response.status_code == 200
    assert count(portal) == 0
    assert "Clear a paper jam" in page
    assert 'action="/tickets"' in page
    hidden = dict(
        re.findall(
            r'<input type="hidden" name="(\w+)" value="([^"]*)">',
            page.split('action="/tickets"')[1],
        )
    )
    hidden = {name: value.replace("&#34;", '"') for name, value in hidden.items()}
    number = number_of(alice.post("/tickets", hidden))
    shown = alice.page(f"/tickets/{number}")
    assert set(data_values(shown, "outcome")) == {"shown"}
    assert "Clear a paper jam" in shown
    assert "Since Monday it eats every second sheet." in shown


def test_the_review_step_tells_the_promise_before_anything_is_filed(alice: Browser) -> None:
    page = alice.post("/tickets/review", ticket(title="Paper jam in the press")).get_data(
        as_text=True
    )
    assert "Commercial" in page
    assert "Tue 24 Nov 11:00 CET</time>" in page


def test_the_review_step_goes_back_to_the_form_with_everything(alice: Browser) -> None:
    page = alice.post("/tickets/edit", ticket(title="Paper jam")).get_data(as_text=True)
    assert 'value="Paper jam"' in page
    assert "Since Monday it eats every second sheet." in page


def test_a_ticket_with_files_skips_the_review_because_files_cannot_wait(
    portal: Portal, alice: Browser
) -> None:
    form = ticket(title="Paper jam in the press", attachments=(io.BytesIO(PNG), "jam.png"))
    number = number_of(alice.upload("/tickets/review", form))
    assert "jam.png" in alice.page(f"/tickets/{number}")
    assert count(portal) == 1


def test_solved_on_the_review_step_files_nothing_and_is_counted(
    portal: Portal, alice: Browser
) -> None:
    response = alice.post("/tickets/solved", {"episode": "e1", "document": "doc/jam"})
    assert response.status_code == 303
    assert count(portal) == 0
    assert alice.page("/tickets/solved")


@pytest.mark.parametrize("door", ["/tickets", "/tickets/review"])
def test_without_an_index_a_ticket_is_filed(folder: Path, door: str) -> None:
    shutil.rmtree(folder / "data" / "index")
    portal = build(settings_of(folder))
    alice = portal.browser("alice")
    trail = json.dumps([{"id": "doc/jam", "outcome": "opened"}])
    assert number_of(alice.post(door, ticket(consulted=trail))).startswith("KB-")
    assert count(portal) == 1


def test_the_trail_is_told_with_the_titles_of_the_index(alice: Browser, bob: Browser) -> None:
    trail = [
        {"id": "doc/jam", "title": "<b>Send me money</b>", "outcome": "rejected"},
        {"id": "doc/secret", "outcome": "opened"},
        {"id": 7, "outcome": "opened"},
        {"id": "doc/ink", "outcome": "eaten"},
        "doc/ink",
    ]
    number = number_of(alice.post("/tickets", ticket(consulted=json.dumps(trail))))
    page = bob.page(f"/desk/{number}")
    assert "Clear a paper jam" in page
    assert data_values(page.split('id="trail-title"')[1], "outcome") == ["rejected"]
    assert "money" not in page
    assert "zephyrion" not in page
    assert "Change the ink" not in page
    assert number_of(alice.post("/tickets", ticket(consulted="[[[", key="k2")))


def test_words_of_a_customer_are_shown_as_text_everywhere(alice: Browser, bob: Browser) -> None:
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    form = ticket(
        title=f"T {bad}",
        description=f"D {bad} javascript:alert(1) https://example.org/?a=1&b=<i>",
        copy_to="",
    )
    form["attachments"] = (io.BytesIO(PNG), '"><img src=x onerror=alert(1)>.png')
    number = number_of(alice.upload("/tickets", form))
    for page in (
        alice.page(f"/tickets/{number}"),
        alice.page("/tickets"),
        bob.page("/desk"),
        bob.page(f"/desk/{number}"),
    ):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert 'href="javascript' not in page
    assert 'href="https://example.org/?a=1&amp;b="' in alice.page(f"/tickets/{number}")
    again = alice.post("/tickets", ticket(title=f"T {bad}", severity="")).get_data(as_text=True)
    assert "<script>alert" not in again


def test_a_file_is_always_downloaded_and_only_by_who_may_see_the_ticket(
    alice: Browser, charlie: Browser, bob: Browser, anyone: Browser
) -> None:
    form = ticket(attachments=(io.BytesIO(b"line one\n"), "log.txt"))
    number = number_of(alice.upload("/tickets", form))
    found = re.search(r'href="(/attachments/[^"]+)"', alice.page(f"/tickets/{number}"))
    assert found
    for browser in (alice, bob):
        response = browser.get(found[1])
        assert response.status_code == 200
        assert response.data == b"line one\n"
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
    for browser in (charlie, anyone):
        assert browser.get(found[1]).status_code == 404


def test_a_forbidden_or_too_large_file_is_one_sentence_and_the_text_stays(folder: Path) -> None:
    portal = build(settings_of(folder, attachment_megabytes="1"))
    alice = portal.browser("alice")
    for name, data in (("page.html", b"<html><script>"), ("big.png", PNG + b"\0" * 1_100_000)):
        form = ticket(attachments=(io.BytesIO(data), name))
        response = alice.upload("/tickets", form)
        page = response.get_data(as_text=True)
        assert response.status_code == 422
        assert name in page
        assert "Since Monday it eats" in page
        assert data_values(page, "files-lost") == [""]
    assert count(portal) == 0


def test_an_expired_form_comes_back_with_everything_typed(portal: Portal, alice: Browser) -> None:
    response = alice.client.post("/tickets", data=ticket())
    page = response.get_data(as_text=True)
    assert response.status_code == 400
    assert "The press eats paper" in page
    assert count(portal) == 0
    assert 'role="alert"' in page


def test_a_script_gets_json_and_a_form_a_page(alice: Browser) -> None:
    accept = {"Accept": "application/json"}
    response = alice.post("/tickets", ticket(), headers=accept)
    assert response.status_code == 201
    assert response.json
    assert response.json["url"] == f"/tickets/{response.json['number']}?filed=1"
    refused = alice.post("/tickets", ticket(title=""), headers=accept)
    assert refused.mimetype == "application/problem+json"
    assert refused.json
    assert set(refused.json["fields"]) == {"title"}
    assert (
        alice.client.post("/tickets", data=ticket(), headers=accept).mimetype
        == "application/problem+json"
    )


def test_my_tickets_are_mine_and_can_be_narrowed(
    portal: Portal, alice: Browser, charlie: Browser
) -> None:
    number_of(alice.post("/tickets", ticket()))
    portal.clock.now += dt.timedelta(days=3)
    number_of(alice.post("/tickets", ticket(title="Ink is green", key="k2")))
    number_of(charlie.post("/tickets", ticket(title="Secret of Globex")))
    page = alice.page("/tickets")
    assert "eats paper" in page
    assert "Ink is green" in page
    assert "Globex" not in page
    assert "eats paper" not in alice.page("/tickets?words=green")
    assert "eats paper" not in alice.page("/tickets?since=2026-11-25")
    assert "Ink is green" not in alice.page("/tickets?until=2026-11-23")
    assert "eats paper" in alice.page("/tickets?until=2026-11-23")
    assert data_values(alice.page("/tickets?status=solved"), "empty") == [""]
    assert alice.get("/tickets?since=yesterday").status_code == 422
    assert alice.get("/tickets?status=eaten").status_code == 422


def test_a_strangers_ticket_is_answered_like_one_that_does_not_exist(
    alice: Browser, charlie: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    theirs, none = charlie.get(f"/tickets/{number}"), charlie.get("/tickets/KB-999999")
    assert theirs.status_code == none.status_code == 404
    assert same_for(theirs, number) == same_for(none, "KB-999999")
    for verb in ("comments", "solve", "cancel", "reopen"):
        assert (
            charlie.post(
                f"/tickets/{number}/{verb}", {"body": "x", "reason": "x", "key": "k"}
            ).status_code
            == 404
        )
    assert charlie.get("/tickets/no-number").status_code == 404


def test_a_ticket_is_commented_solved_and_reopened(alice: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for _ in range(2):
        assert (
            alice.post(
                f"/tickets/{number}/comments", {"body": "It is worse", "key": "same"}
            ).status_code
            == 303
        )
    assert alice.page(f"/tickets/{number}").count("It is worse") == 1
    assert alice.post(f"/tickets/{number}/solve").status_code == 303
    assert "reopen" in data_values(alice.page(f"/tickets/{number}"), "action")
    refused = alice.post(f"/tickets/{number}/comments", {"body": "Too late", "key": "k3"})
    assert refused.status_code == 409
    assert "Too late" in refused.get_data(as_text=True)
    assert alice.post(f"/tickets/{number}/reopen", {"body": ""}).status_code == 422
    assert alice.post(f"/tickets/{number}/reopen", {"body": "It came back"}).status_code == 303
    assert "It came back" in alice.page(f"/tickets/{number}")
    assert alice.post(f"/tickets/{number}/cancel").status_code == 303
    assert data_values(alice.page(f"/tickets/{number}"), "status") == ["cancelled"]


def test_an_empty_comment_is_refused_and_the_page_stays(alice: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    response = alice.post(f"/tickets/{number}/comments", {"body": "  ", "key": "k"})
    assert response.status_code == 422
    assert 'role="alert"' in response.get_data(as_text=True)


def test_suggestions_on_the_review_step_are_what_the_asker_may_see(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "index")
    publish(
        folder / "data",
        (
            document(
                "s",
                "Zephyrion outage",
                ("", "", "Restart."),
                audience="staff",
                kind=DocumentKind.DOC,
            ),
        ),
    )
    alice = build(settings_of(folder)).browser("alice")
    assert number_of(alice.post("/tickets/review", ticket(title="Zephyrion outage")))


def test_who_knows_address_and_key_but_not_the_text_gets_no_link_to_a_guests_ticket(
    portal: Portal,
) -> None:
    key = {"Idempotency-Key": "order-77"}
    filed = portal.browser().client.post("/api/v1/tickets", json=guest(), headers=key)
    assert filed.status_code == 201
    stranger = portal.browser()
    refused = stranger.client.post(
        "/api/v1/tickets", json=guest(description="Show me."), headers=key
    )
    assert refused.status_code == 409
    assert filed.json
    assert refused.json
    assert (refused.json["code"], set(refused.json["fields"])) == ("conflict", {"key"})
    assert (
        stranger.get(f"/tickets/{filed.json['number']}").headers["Location"].startswith("/sign-in")
    )
    again = portal.browser().client.post("/api/v1/tickets", json=guest(), headers=key)
    assert again.json
    assert again.json["number"] == filed.json["number"]
    assert "key=" in again.json["url"]
    assert count(portal) == 1


def test_another_text_from_the_same_form_is_told_and_filed_at_the_next_try(
    portal: Portal, alice: Browser
) -> None:
    first = number_of(alice.post("/tickets", ticket()))
    again = alice.post("/tickets", ticket(description="It burns."))
    page = again.get_data(as_text=True)
    assert again.status_code == 409
    assert 'role="alert"' in page
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    assert "It burns." in page
    assert number_of(alice.post("/tickets", ticket(description="It burns.", key=found[1]))) != first


@pytest.mark.parametrize("key", ["k" * 101, "\x01\x02 "])
def test_a_key_that_cannot_be_used_is_refused_and_not_cut(alice: Browser, key: str) -> None:
    refused = alice.client.post("/api/v1/tickets", json=ticket(key=key))
    assert refused.status_code == 422
    assert refused.json
    assert set(refused.json["fields"]) == {"key"}


def test_open_and_recently_closed_tickets_are_one_list(portal: Portal, alice: Browser) -> None:
    closed = number_of(alice.post("/tickets", ticket(key="closed", title="It folds twice")))
    alice.post(f"/tickets/{closed}/solve")
    number_of(alice.post("/tickets", ticket(key="open")))
    assert "It folds twice" not in alice.page("/tickets?status=active")
    both = alice.page("/tickets?status=recent")
    assert "It folds twice" in both
    assert "The press eats paper" in both
    portal.clock.now += dt.timedelta(days=31)
    alice.sign_in("alice")
    assert "It folds twice" not in alice.page("/tickets?status=recent")


def test_colleagues_see_each_others_tickets_only_where_their_organisation_says_so(
    portal: Portal, alice: Browser, charlie: Browser
) -> None:
    accounts = portal.centre.accounts
    accounts.add(
        "carol@example.com",
        "Carol",
        "carol-demo",
        role="customer",
        organisation="Acme",
        now=portal.clock.now,
    )
    carol = portal.browser("carol")
    number = number_of(alice.post("/tickets", ticket()))
    assert 'name="whose"' not in carol.page("/tickets")
    assert carol.get("/tickets?whose=company").status_code == 403
    assert carol.get(f"/tickets/{number}").status_code == 404
    acme = accounts.contacts.named(OPERATOR, "acme")
    accounts.contacts.set_organisation(OPERATOR, acme.id, shared_view=True)
    page = carol.page("/tickets?whose=company")
    assert number in page
    assert "Alice Archer" in page
    assert number not in carol.page("/tickets"), "her own are still the default"
    assert data_values(carol.page(f"/tickets/{number}"), "action") == ["comment"]
    assert charlie.get("/tickets?whose=company").status_code == 403
    assert charlie.get(f"/tickets/{number}").status_code == 404


def test_every_promise_tells_how_its_time_comes_about(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    bob.post(f"/desk/{number}/replies", {"body": "Which sheet?", "key": "r"})
    alice.post(f"/tickets/{number}/comments", {"body": "The second.", "key": "c"})
    for page in (alice.page(f"/tickets/{number}"), bob.page(f"/desk/{number}")):
        assert page.count('class="ledger"') == 2
        assert data_values(page, "support-ends") == ["2027-12-31"]


def test_an_expired_link_is_not_found_and_asks_no_guest_to_sign_in(
    portal: Portal, anyone: Browser
) -> None:
    number = number_of(anyone.post("/tickets", guest()))
    assert anyone.get(f"/tickets/{number}").status_code == 200
    portal.clock.now += dt.timedelta(days=91)
    for response in (
        anyone.get(f"/tickets/{number}"),
        anyone.get(f"/tickets/{number}?key=cut-off"),
        anyone.get("/tickets/KB-9999?key=cut-off"),
        anyone.post(f"/tickets/{number}/comments", {"body": "Still there?", "key": "late"}),
    ):
        assert response.status_code == 404
        page = response.get_data(as_text=True)
        assert data_values(page, "problem") == ["not-found"]
        assert 'type="password"' not in page


def test_closing_or_reopening_twice_is_done_once(alice: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for path, form in (
        ("solve", {"key": "s"}),
        ("reopen", {"key": "o", "reason": "It still eats."}),
    ):
        assert [alice.post(f"/tickets/{number}/{path}", form).status_code for _ in range(2)] == [
            303,
            303,
        ]
    assert alice.page(f"/tickets/{number}").count("It still eats.") == 1


def test_who_gets_copies_is_changed_by_either_side(
    alice: Browser, bob: Browser, charlie: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    assert (
        alice.post(
            f"/tickets/{number}/copies", {"copy_to": "a@example.org, b@example.org"}
        ).status_code
        == 303
    )
    assert "a@example.org, b@example.org" in alice.page(f"/tickets/{number}")
    refused = alice.post(f"/tickets/{number}/copies", {"copy_to": "a@example.org nobody"})
    assert refused.status_code == 422
    assert "nobody" in refused.get_data(as_text=True)
    assert bob.post(f"/desk/{number}/copies", {"copy_to": "b@example.org"}).status_code == 303
    assert "a@example.org" not in alice.page(f"/tickets/{number}")
    assert charlie.post(f"/tickets/{number}/copies", {"copy_to": ""}).status_code == 404


@pytest.mark.parametrize(
    ("path", "fields", "typed"),
    [
        ("solve", {}, ""),
        ("cancel", {}, ""),
        ("comments", {"body": "A long comment"}, ">A long comment</textarea>"),
        ("copies", {"copy_to": "new@example.com"}, 'value="new@example.com"'),
        ("escalate", {"body": "A long complaint"}, ">A long complaint</textarea>"),
    ],
)
def test_every_verb_that_mails_has_a_rate_and_what_was_typed_comes_back(
    folder: Path, path: str, fields: dict[str, str], typed: str
) -> None:
    alice = build(settings_of(folder, tickets_per_hour="3")).browser("alice")
    number = number_of(alice.post("/tickets", ticket()))
    for _ in range(2):
        alice.post(f"/tickets/{number}/comments", {"body": "More."})
    refused = alice.post(f"/tickets/{number}/{path}", fields)
    page = refused.get_data(as_text=True)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert page.count('role="alert"') == 1
    assert typed in page
    assert data_values(alice.page(f"/tickets/{number}"), "status")[0] == "open"


def test_a_form_that_is_gone_when_it_is_sent_loses_no_text(alice: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    alice.post(f"/tickets/{number}/solve")
    page = alice.post(f"/tickets/{number}/comments", {"body": "Still broken"})
    assert page.status_code == 409
    assert ">Still broken</textarea>" in page.get_data(as_text=True)


def test_a_guest_revokes_the_links_and_goes_on_in_this_browser(
    portal: Portal, anyone: Browser
) -> None:
    number = number_of(anyone.post("/tickets", guest()))
    page = anyone.page(f"/tickets/{number}")
    (old,) = set(re.findall(rf"/tickets/{number}\?key=[\w-]+", page))
    assert anyone.post(f"/tickets/{number}/revoke-links").status_code == 303
    (new,) = set(re.findall(rf"/tickets/{number}\?key=[\w-]+", anyone.page(f"/tickets/{number}")))
    assert old != new
    assert portal.browser().get(old).status_code == 404
    assert portal.browser().get(new).status_code == 303


def test_an_agent_revokes_a_guests_links(portal: Portal, anyone: Browser, bob: Browser) -> None:
    number = number_of(anyone.post("/tickets", guest()))
    assert data_values(bob.page(f"/desk/{number}"), "guest-links") == ["1"]
    assert bob.post(f"/desk/{number}/revoke-links").status_code == 303
    assert data_values(bob.page(f"/desk/{number}"), "guest-links") == []
    assert anyone.get(f"/tickets/{number}").status_code == 404


def test_a_screenshot_is_shown_to_both_sides_and_to_nobody_else(
    portal: Portal, alice: Browser, bob: Browser, charlie: Browser
) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(stream, "PNG")
    files = ticket(attachments=(io.BytesIO(stream.getvalue() + b"<script>"), "screen.png"))
    number = number_of(alice.upload("/tickets", files))
    for page in (alice.page(f"/tickets/{number}"), bob.page(f"/desk/{number}")):
        [address] = re.findall(r'<img src="(/pictures/[^"]+)" alt="screen.png"', page)
    for browser in (alice, bob):
        shown = browser.get(address)
        assert (shown.status_code, shown.mimetype) == (200, "image/png")
        assert b"<script>" not in shown.data
        assert "sandbox" in shown.headers["Content-Security-Policy"]
    assert charlie.get(address).status_code == 404
    assert portal.browser().get(address).status_code == 404


def test_the_form_of_a_ticket_that_expired_comes_back_with_its_words(
    portal: Portal, alice: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    portal.app.config["WTF_CSRF_ENABLED"] = True
    sent = {"csrf_token": "old", "body": "My long comment"}
    refused = alice.client.post(f"/tickets/{number}/comments", data=sent)
    assert refused.status_code == 400
    assert "My long comment</textarea>" in refused.get_data(as_text=True)
    assert 'data-action="comment"' in refused.get_data(as_text=True)


def test_both_sides_see_that_a_mail_could_not_be_delivered(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    pages = (alice, f"/tickets/{number}"), (bob, f"/desk/{number}")
    assert all(data_values(browser.page(path), "undelivered") == [] for browser, path in pages)
    with portal.centre.database.write() as connection:
        connection.exec_driver_sql("UPDATE notices SET state = 'failed' WHERE kind = 'opened'")
    assert all(data_values(browser.page(path), "undelivered") == [""] for browser, path in pages)
    bob.post(f"/desk/{number}/replies", {"body": "Hello"})
    assert all(data_values(browser.page(path), "undelivered") == [] for browser, path in pages)

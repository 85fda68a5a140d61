"""A case by mail, as its people see it: mail in, answered in the portal, answered by mail, solved
by the button. Portal, worker, the command of the mail server, and the SMTP server are real.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, Page, expect

from kb.centre import HelpCentre
from kb.mail.envelope import Became, Envelope
from kb.timezones import utc_now
from tests.browser.conftest import Door
from tests.browser.keyboard import tab_to
from tests.browser.test_pages import AXE, LOOKS, check
from tests.notifications.servers import Mailbox, html_of, smtp_server, text_of
from tests.webapp.test_cli import PATIENCE, command, environment, free_port, wait_for
from tests.webapp.world import open_centre, publish, settings_of

pytestmark = pytest.mark.browser

AUTHORITY = "mx.example.com"
ALICE, BOB = "alice@example.com", "bob@example.com"


@dataclass
class MailSite:
    """A portal with a mailbox, and what people find in their own."""

    address: str
    told: dict[str, str]
    post: Mailbox
    server: subprocess.Popen[str]
    centre: HelpCentre

    def receive(self, text: str, *, to: str, subject: str, **headers: str) -> dict[str, object]:
        """What `kb mail receive` prints about a mail of Alice's that her domain vouches for."""
        mail = EmailMessage()
        mail["Authentication-Results"] = f"{AUTHORITY}; dmarc=pass header.from=example.com"
        mail["From"], mail["To"], mail["Subject"] = f"Alice Archer <{ALICE}>", to, subject
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        run = subprocess.run(
            [
                *(sys.executable, "-c", "from kb.cli import main; main()"),
                *("mail", "receive", "--json", "--mailbox", to),
            ],
            input=mail.as_bytes(),
            env=self.told,
            capture_output=True,
            check=True,
        )
        return dict(json.loads(run.stdout))

    def mail(self, to: str, is_wanted: Callable[[EmailMessage], bool]) -> EmailMessage:
        """The first mail of that kind, once the worker has sent it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for mail in self.post.to(to):
                if is_wanted(mail):
                    return mail
            assert self.server.poll() is None, "the portal ended"
            time.sleep(0.1)
        raise AssertionError([text_of(mail) for mail in self.post.to(to)])


@pytest.fixture(scope="module")
def mail_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailSite]:
    folder = tmp_path_factory.mktemp("mailed")
    settings = settings_of(folder)
    publish(settings.data)
    with settings.policies_file.open("a", encoding="utf-8") as policies:
        policies.write('\n[mailboxes."support@example.com"]\nproduct = "press"\n')
    port = free_port()
    address = f"http://localhost:{port}"
    with smtp_server() as (post, smtp):
        told = {
            **environment(folder),
            "KB_BASE_URL": address,
            "KB_MAIL_AUTHORITY": AUTHORITY,
            "KB_SMTP_HOST": smtp.host,
            "KB_SMTP_PORT": str(smtp.port),
            "KB_SMTP_TLS": "no",
        }
        log = (folder / "log").open("w")
        server = subprocess.Popen(
            command("--demo", "--port", str(port)), env=told, stdout=log, stderr=log, text=True
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", server).close()
            with contextlib.closing(open_centre(settings)) as centre:
                yield MailSite(address, told, post, server, centre)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=PATIENCE)
            log.close()
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture
def visit(mail_site: MailSite, chromium: Browser) -> Iterator[Door]:
    door = Door(mail_site.address, chromium)
    yield door
    door.close()


def test_a_case_by_mail_is_answered_in_the_portal_and_solved_by_the_button(
    mail_site: MailSite, visit: Door
) -> None:
    filed = mail_site.receive(
        "Every second sheet gets stuck.",
        to="support@example.com",
        subject="How do I clear a paper jam?",
        Message_ID="<first@alice.example.com>",
    )
    assert filed["outcome"] == "ticket"
    number = str(filed["ticket"])

    receipt = mail_site.mail(ALICE, lambda mail: number in str(mail["Subject"]))
    assert "<first@alice.example.com>" in str(receipt["References"])
    solved = re.search(r"http://localhost:\d+(/mail/solved/\S+)", text_of(receipt))
    assert solved
    notice = mail_site.mail(BOB, lambda mail: "clear a paper jam?" in str(mail["Subject"]))

    bob = visit()
    bob.sign_in("bob")
    desk = bob.go("/desk/notifications")
    desk.get_by_role("link", name=number).click()
    desk.fill("#reply-body", "Did you open the **front cover**?")
    desk.locator("form[action$='/replies'] button[type=submit]").click()
    expect(desk.locator("strong", has_text="front cover").first).to_be_visible()
    check(desk, "a ticket that came by mail")

    answer = mail_site.mail(ALICE, lambda mail: "front cover" in text_of(mail))
    assert "<strong>front cover</strong>" in html_of(answer)
    assert answer["Subject"] == receipt["Subject"]
    for mail in (receipt, notice, answer):
        for width in (320, 800):
            for dark in (False, True):
                fits(visit(width=width, dark=dark).page, html_of(mail), dark=dark)
    comment = mail_site.receive(
        "Yes, and the article helped.",
        to=answer["Reply-To"].addresses[0].addr_spec,
        subject=f"Re: {answer['Subject']}",
        In_Reply_To=str(answer["Message-ID"]),
    )
    assert (comment["outcome"], comment["ticket"]) == ("comment", number)
    expect(bob.go(f"/desk/{number}").get_by_text("Yes, and the article helped.")).to_be_visible()

    alice = visit()  # not signed in: the link is enough
    page = alice.go(solved[1])
    check(page, "did an article solve it")
    page.get_by_label("Clear a paper jam").check()
    page.get_by_role("button", name="This solved it").click()
    expect(page.locator("[data-solved=done]")).to_be_visible()
    expect(bob.go(f"/desk/{number}").locator(".status", has_text="Resolved").first).to_be_visible()


def fits(page: Page, html: str, *, dark: bool) -> None:
    """A mail, as a mail program shows it: axe finds nothing, and nothing sticks out."""
    page.set_content(html)
    page.evaluate(AXE)
    options = {
        "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"],
        # axe takes the paper for white where a mail leaves its colour to the program.
        "rules": {"color-contrast": {"enabled": not dark}},
    }
    found = page.evaluate("axe.run(OPTIONS)".replace("OPTIONS", json.dumps(options)))
    assert [violation["id"] for violation in found["violations"]] == []
    inks = [
        "getComputedStyle(document.body).color",
        "matchMedia('(prefers-color-scheme: dark)').matches",
    ]
    colour, is_dark = page.evaluate(f"[{', '.join(inks)}]")
    assert is_dark is dark
    assert colour == ("rgb(255, 255, 255)" if dark else "rgb(0, 0, 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def quarantine(mail_site: MailSite, subject: str) -> None:
    """A mail of a mailing list, about which an agent has to decide."""
    raw = (
        f"From: Alice Archer <{ALICE}>\nTo: support@example.com\nSubject: {subject}\n"
        f"List-Id: <news.example.org>\n\nNews of {subject}\nhttps://example.org/{'a' * 200}\n"
    )
    outcome = mail_site.centre.inbox.receive(raw.encode(), Envelope(), now=utc_now())
    assert outcome.outcome is Became.QUARANTINED


@LOOKS
def test_the_pages_of_quarantined_mails_fit_every_window(
    mail_site: MailSite, visit: Door, width: int, dark: bool
) -> None:
    for subject in ("W" * 120, f"Weekly news {width}"):
        quarantine(mail_site, f"{subject} {width}")
    bob = visit(width=width, dark=dark)
    bob.sign_in("bob")
    listing = bob.go("/desk/mail")
    check(listing, "e-mails to check")
    listing.get_by_role("link", name=f"Weekly news {width}").click()
    expect(listing.get_by_role("button", name="Dismiss")).to_be_visible()
    check(listing, "a quarantined e-mail")
    listing.get_by_role("button", name="Dismiss").click()
    ignored = bob.go("/desk/mail?ignored=1")
    expect(ignored.locator("[data-settled='Bob Baker']").first).to_be_visible()
    check(ignored, "e-mails that were not added")


def test_the_quarantine_is_worked_off_with_the_keyboard_alone(
    mail_site: MailSite, visit: Door
) -> None:
    quarantine(mail_site, "Offer of the week")
    bob = visit()
    bob.sign_in("bob")
    page = bob.go("/desk")
    for name in ("E-mails to check", "Offer of the week", "File a ticket"):
        tab_to(page, f":is(a, button):has-text('{name}')")
        with page.expect_navigation():
            page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/desk/KB-\d+"))
    expect(page.locator("[data-settled='Bob Baker']")).to_be_visible()


def test_hours_for_e_mails_are_chosen_with_the_keyboard_alone(visit: Door) -> None:
    bob = visit()
    bob.sign_in("bob")
    page = bob.go("/desk/notifications/choices")
    tab_to(page, "[value=level]")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#hours-from")
    page.keyboard.type("0730")
    tab_to(page, "button:text-is('Save')")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("saved=1"))
    expect(page.locator("[data-hours=own]")).to_be_visible()
    assert page.locator("#hours-from").input_value().startswith("07")


@LOOKS
def test_the_pages_of_notifications_fit_every_window(visit: Door, width: int, dark: bool) -> None:
    bob = visit(width=width, dark=dark)
    bob.sign_in("bob")
    check(bob.go("/desk/notifications"), "notifications")
    check(bob.go("/desk/notifications/choices"), "what an agent is told of")

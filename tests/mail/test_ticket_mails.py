"""Mails about tickets: what they say, to whom, and where an answer to them goes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import pytest

from kb.mail.reply_addresses import NO_PERSON, ReplyToken
from kb.mail.ticket_mails import answering_mailbox
from kb.notifications.channels.mail import MailServer
from kb.notifications.mail_texts import MAIL_PHRASES, MailLanguages, MailTexts
from kb.notifications.message_ids import reply_tokens_in, serials_in
from kb.privacy.personal_data import PersonalData
from kb.site.mail_file import BUILT_IN_MAIL_TEXTS
from kb.sla.policy import Mailbox as TicketMailbox
from kb.sla.policy import Updates
from kb.tickets import actions
from kb.tickets.attachments.files import Attachments
from kb.tickets.ticket import Upload
from tests.notifications.servers import Mailbox, html_of, smtp_server, text_of
from tests.worker.test_worker import ADDRESSES, mail_worker
from tests.world import FRIDAY, HOUR, World, draft

SUPPORT = TicketMailbox("support@example.com")
GINA = "gina@example.net"


class Post:
    """A worker with its SMTP server; each ``sent`` is one round."""

    def __init__(self, world: World, mailbox: Mailbox, server: MailServer) -> None:
        self.world, self.mailbox, self.server = world, mailbox, server
        self.mailboxes: dict[str, TicketMailbox] = {}
        self.languages = MailLanguages(BUILT_IN_MAIL_TEXTS)

    def send(self, now: dt.datetime = FRIDAY) -> None:
        policy = replace(self.world.policy, mailboxes=self.mailboxes)
        mail_worker(self.world, self.server, policy, self.languages).round(now)

    def answered_by(self, *mailboxes: TicketMailbox) -> None:
        self.mailboxes = {mailbox.address: mailbox for mailbox in mailboxes}


@pytest.fixture
def post(world: World) -> Iterator[Post]:
    with smtp_server() as (mailbox, server):
        yield Post(world, mailbox, server)


def file(world: World, title: str = "Cannot print", **about: object) -> str:
    return world.desk.filing.file(draft(title, **about), world.alice, key="k", now=FRIDAY)


def reply(world: World, number: str, body: str, *files: Upload) -> None:
    world.desk.act(number, world.bob, actions.reply(body, files), key="r", now=FRIDAY)


def test_the_answer_is_in_the_mail_as_text_and_as_html(world: World, post: Post) -> None:
    number = file(world, title="Cannot print <b>")
    reply(
        world,
        number,
        "Restart the **spooler**:\n\n```\nnet stop <spooler>\n```",
        Upload("log.txt", b"x"),
    )
    post.send()

    mail = post.mailbox.to("alice@example.com")[-1]
    assert mail["Subject"] == f"[#{number}] Cannot print <b>"
    text, html = text_of(mail), html_of(mail)
    for part in (text, html):
        assert world.bob.name in part
        assert "[log.txt]" in part
        assert f"https://help.example.com/tickets/{number}" in part
    assert "Restart the **spooler**:" in text
    assert "<strong>spooler</strong>" in html
    assert "net stop &lt;spooler&gt;" in html
    assert "Cannot print &lt;b&gt;" in html


def test_html_loads_nothing_and_styles_inline_only(world: World, post: Post) -> None:
    number = file(world)
    reply(world, number, '<img src="http://evil.example/x.png"><script>alert(1)</script>')
    post.send()

    html = html_of(post.mailbox.to("alice@example.com")[-1])
    for tag in ("<img", "<script", "<style", "<link", "url(", "@import", "src="):
        assert tag not in html.replace("&lt;img src=", "")


def test_an_answer_and_a_receipt_are_one_thread(world: World, post: Post) -> None:
    number = file(world)
    reply(world, number, "Restart it.")
    post.send()

    mails = post.mailbox.to("alice@example.com")
    assert [mail["Date"].datetime for mail in mails] == [FRIDAY, FRIDAY]
    assert len({str(mail["Subject"]) for mail in mails}) == 1
    assert len({str(mail["References"]) for mail in mails}) == 1
    assert {serials_in(str(mail["Message-ID"]), "help.example.com") for mail in mails} == {
        (int(number.removeprefix("KB-")),)
    }


def test_nobody_is_the_return_path_of_what_nobody_wrote(world: World, post: Post) -> None:
    post.answered_by(SUPPORT)
    number = file(world)
    reply(world, number, "Restart it.")
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    post.send()

    returns = [
        bounces_to for bounces_to, mail in post.mailbox.mails if mail["To"] == "alice@example.com"
    ]
    receipt, answer, resolved = returns
    assert {receipt, resolved} <= {"", None, "<>"}
    assert ADDRESSES.verify(answer, now=FRIDAY) == ReplyToken(1001, world.alice.id)


def test_a_reply_goes_to_the_mailbox_with_a_token_for_ticket_and_person(
    world: World, post: Post
) -> None:
    post.answered_by(SUPPORT)
    number = file(world, copy_to=("boss@example.com",))
    reply(world, number, "Restart it.")
    post.send()

    for address, person in (("alice@example.com", world.alice.id), ("boss@example.com", NO_PERSON)):
        mail = post.mailbox.to(address)[-1]
        to = mail["Reply-To"].addresses[0].addr_spec
        assert ADDRESSES.verify(to, now=FRIDAY) == ReplyToken(1001, person)
        assert mail["From"].addresses[0].addr_spec == "support@example.com"


def test_a_mailbox_without_room_for_a_token_has_it_in_the_message_id(
    world: World, post: Post
) -> None:
    mailbox = "s" * 64 + "@example.com"
    post.answered_by(TicketMailbox(mailbox))
    file(world)
    post.send()

    (receipt,) = post.mailbox.to("alice@example.com")
    assert receipt["Reply-To"].addresses[0].addr_spec == mailbox
    (token,) = reply_tokens_in(str(receipt["Message-ID"]), "help.example.com")
    assert ADDRESSES.read(token, now=FRIDAY) == ReplyToken(1001, world.alice.id)


@pytest.mark.parametrize("mailboxes", [(), (replace(SUPPORT, updates=Updates.SITE),)])
def test_where_answers_are_read_on_the_site_only_the_mail_says_so(
    world: World, post: Post, mailboxes: tuple[TicketMailbox, ...]
) -> None:
    post.answered_by(*mailboxes)
    reply(world, file(world), "Restart it.")
    post.send()

    mail = post.mailbox.to("alice@example.com")[-1]
    assert mail["Reply-To"] is None
    assert mail["From"].addresses[0].addr_spec == "noreply@help.example.com"
    assert "not monitored" in text_of(mail)
    assert "Restart it." in text_of(mail)


def test_where_the_mail_is_the_conversation_its_page_steps_back(world: World, post: Post) -> None:
    post.answered_by(replace(SUPPORT, updates=Updates.MAIL))
    reply(world, file(world), "Restart it.")
    post.send()

    html = html_of(post.mailbox.to("alice@example.com")[-1])
    assert "background-color" not in html, "a link instead of a button"


def test_the_mailbox_for_answers_is_the_one_it_came_to_or_that_of_the_product() -> None:
    press = TicketMailbox("press@example.com", product="press")
    mailboxes = {mailbox.address: mailbox for mailbox in (press, SUPPORT)}

    assert answering_mailbox(mailboxes, "support@example.com", "press") is SUPPORT
    assert answering_mailbox(mailboxes, "", "press") is press
    assert answering_mailbox(mailboxes, "gone@example.com", "still") is SUPPORT
    assert answering_mailbox({press.address: press}, "", "still") is None
    assert answering_mailbox({}, "", "press") is None


def test_words_of_a_guest_are_mailed_to_nobody_before_an_agent_has_answered(
    world: World, post: Post
) -> None:
    guest = world.accounts.guest(GINA, "Buy pills", "UTC", now=FRIDAY)
    spam = draft("Cheap pills", description="http://evil.example")
    number = world.desk.filing.file(spam, guest, key="k", now=FRIDAY)
    post.send()
    (receipt,) = post.mailbox.to(GINA)
    assert "pills" not in receipt.as_string()
    assert "evil" not in receipt.as_string()

    reply(world, number, "We do not sell any.")
    post.send()
    answer = post.mailbox.to(GINA)[-1]
    assert "Cheap pills" in answer["Subject"]
    assert "We do not sell any." in text_of(answer)
    assert "evil" not in answer.as_string()


def test_a_colleague_is_sent_what_was_written_and_a_copy_of_another_company_is_not(
    world: World, post: Post
) -> None:
    number = file(world, title="Secret plan", copy_to=("anton@example.com", "charlie@example.com"))
    world.desk.act(number, world.alice, actions.solve(), now=FRIDAY)
    world.desk.act(number, world.alice, actions.reopen("Canary still there."), now=FRIDAY)
    post.send()

    to_anton = "\n".join(mail.as_string() for mail in post.mailbox.to("anton@example.com"))
    to_charlie = "\n".join(mail.as_string() for mail in post.mailbox.to("charlie@example.com"))
    assert "Secret plan" in to_anton
    assert "Canary" in to_anton
    assert to_charlie
    assert "Secret plan" not in to_charlie
    assert "Canary" not in to_charlie


def test_a_note_reaches_agents_only(world: World, post: Post) -> None:
    number = file(world)
    world.desk.queue.watch(number, world.bob)
    ada = world.accounts.by_email("ada@example.com")
    assert ada is not None
    world.desk.act(number, ada, actions.note("Canary of the note."), key="n", now=FRIDAY)
    post.send(FRIDAY + HOUR)

    (to_bob,) = post.mailbox.to("bob@example.com")
    assert "Canary of the note." in text_of(to_bob)
    assert all("Canary" not in mail.as_string() for mail in post.mailbox.to("alice@example.com"))


def test_what_was_erased_before_the_mail_left_is_not_in_it(world: World, post: Post) -> None:
    number = file(world)
    reply(world, number, "Canary of the answer.")
    attachments = Attachments(world.data / "attachments")
    PersonalData(world.database, attachments, ("k" * 48,)).erase_texts([1001], FRIDAY)
    post.send()

    assert all("Canary" not in mail.as_string() for _, mail in post.mailbox.mails)


def test_a_mail_is_in_the_language_of_its_mailbox(world: World, post: Post) -> None:
    german = MailTexts(
        {**BUILT_IN_MAIL_TEXTS.notices, "replied": ("Neu", "Der Support hat geantwortet.")},
        {**MAIL_PHRASES, "wrote": "{author} schrieb:"},
        "de",
    )
    post.languages = MailLanguages(BUILT_IN_MAIL_TEXTS, {"de": german})
    post.answered_by(replace(SUPPORT, language="de"))
    reply(world, file(world), "Neu starten.")
    post.send()

    mail = post.mailbox.to("alice@example.com")[-1]
    for part in (text_of(mail), html_of(mail)):
        assert "Der Support hat geantwortet." in part
        assert "Bob Baker schrieb:" in part
    assert '<html lang="de"' in html_of(mail)


def test_one_mailbox_gets_one_mail_however_its_address_is_spelt(world: World, post: Post) -> None:
    copies = ("boss@example.com", "boss+tickets@example.com", "alice+me@example.com")
    number = file(world, copy_to=copies)
    reply(world, number, "Restart it.")
    post.send()

    mails = [mail for _, mail in post.mailbox.mails if "bob@" not in str(mail["To"])]
    assert sorted(str(mail["To"]) for mail in mails) == [
        "alice@example.com",
        "alice@example.com",
        "boss@example.com",
        "boss@example.com",
    ]

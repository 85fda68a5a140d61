"""What becomes of a mail: a ticket, a message on one, or something that an agent decides about."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from kb.mail.envelope import Became, Envelope
from kb.mail.reply_addresses import ReplyAddresses, ReplyToken
from kb.notifications.message_ids import message_id
from kb.notifications.tables import NOTICES
from kb.sla.policy import ClosedReply, Updates
from kb.tickets import actions
from kb.tickets.lifecycle import Status, Verb
from kb.tickets.ticket import Ticket
from tests.mail.mails import DOMAIN, KEYS, SUPPORT, inbox, mail, mailbox, receive, reply_address
from tests.world import FRIDAY, HOUR, World


def ticket(world: World, number: str) -> Ticket:
    return world.desk.ticket(number, world.bob, now=FRIDAY)


def recipients(world: World) -> list[str]:
    with world.database.read() as connection:
        return list(connection.execute(select(NOTICES.c.recipient)).scalars())


@pytest.fixture
def number(world: World) -> str:
    """A ticket of Alice's that came by mail, from a proven address."""
    outcome = receive(inbox(world), mail(proven=True, headers={"Message-ID": "<first@alice>"}))
    assert outcome.outcome is Became.TICKET
    return outcome.ticket


def test_a_mail_from_a_proven_address_is_a_ticket_of_the_account(world: World, number: str) -> None:
    filed = ticket(world, number)
    assert filed.ownership.customer_id == world.alice.id
    assert filed.row.title == "Cannot print"
    assert filed.events[0].body == "It does not print."
    assert world.desk.ticket(number, world.alice, now=FRIDAY).number == number


def test_nothing_proves_a_sender_without_the_word_of_our_mail_server(world: World) -> None:
    raw = mail(headers={"Authentication-Results": "mx.evil.example; dmarc=pass"})
    outcome = receive(inbox(world), raw)
    assert outcome.outcome is Became.TICKET
    filed = ticket(world, outcome.ticket)
    assert filed.ownership.customer_id != world.alice.id
    lowest = world.policy.choose({"severity": "question", "type": "problem", "channel": "mail"})
    assert filed.level_key == lowest.level.key
    total, _ = world.desk.mine(world.alice, now=FRIDAY)
    assert total == 0


def test_a_forged_sender_gets_no_higher_level_than_a_guest(world: World) -> None:
    box = inbox(world)
    forged = receive(box, mail(sender="vera@example.com"))
    proven = receive(box, mail(sender="vera@example.com", proven=True, subject="Another"))
    assert forged.level != proven.level


def test_a_reply_to_what_came_to_us_is_a_comment(world: World, number: str) -> None:
    raw = mail("It does now.", proven=True, headers={"In-Reply-To": "<first@alice>"})
    outcome = receive(inbox(world), raw)
    assert (outcome.outcome, outcome.ticket) == (Became.COMMENT, number)
    assert ticket(world, number).events[-1].verb is Verb.COMMENT


def test_a_reply_to_what_we_sent_is_a_comment(world: World, number: str) -> None:
    raw = mail("More.", proven=True, headers={"References": f"<{number}@{DOMAIN}>"})
    assert receive(inbox(world), raw).outcome is Became.COMMENT


@pytest.mark.parametrize(
    ("sender", "became"),
    [("alice@example.com", Became.COMMENT), ("charlie@example.com", Became.TICKET)],
)
def test_a_token_in_the_message_id_stands_in_for_proof_as_in_an_address(
    world: World, number: str, sender: str, became: Became
) -> None:
    token = ReplyAddresses(KEYS).text(ReplyToken(1001, world.alice.id), now=FRIDAY)
    ours = message_id("receipt", number, DOMAIN, token=token)
    answer = mail("Still.", sender=sender, headers={"In-Reply-To": ours})
    assert receive(inbox(world), answer).outcome is became


def test_a_number_in_the_subject_is_enough_for_a_proven_participant(
    world: World, number: str
) -> None:
    raw = mail("More.", subject=f"VS: [#{number}] Cannot print", proven=True)
    assert receive(inbox(world), raw).ticket == number


def test_a_reply_address_stands_in_for_proof(world: World, number: str) -> None:
    serial = int(number.removeprefix("KB-"))
    raw = mail("More.", subject="Other", to=reply_address(serial, world.alice.id))
    outcome = receive(inbox(world), raw)
    assert (outcome.outcome, outcome.ticket) == (Became.COMMENT, number)
    assert ticket(world, number).events[-1].actor == world.alice.name


@pytest.mark.parametrize("proven", [True, False])
def test_a_stranger_never_writes_into_a_ticket(world: World, number: str, proven: bool) -> None:
    serial = int(number.removeprefix("KB-"))
    raw = mail(
        "Close it.",
        sender="charlie@example.com",
        subject=f"Re: [#{number}] Cannot print",
        to=reply_address(serial, world.alice.id),
        headers={"References": f"<first@alice> <{number}@{DOMAIN}>"},
        proven=proven,
    )
    outcome = receive(inbox(world), raw)
    assert outcome.outcome is Became.TICKET
    assert outcome.ticket != number
    assert number in outcome.why
    assert len(ticket(world, number).events) == 1


def test_an_unproven_participant_without_a_reply_address_gets_a_ticket_of_its_own(
    world: World, number: str
) -> None:
    outcome = receive(inbox(world), mail("More.", subject=f"[#{number}] Cannot print"))
    assert outcome.outcome is Became.TICKET
    assert outcome.ticket != number


def test_a_domain_that_disowns_the_mail_outweighs_the_reply_address(
    world: World, number: str
) -> None:
    serial = int(number.removeprefix("KB-"))
    failed = {"Authentication-Results": "mx.vendor.example; dmarc=fail header.from=example.com"}
    raw = mail("More.", to=reply_address(serial, world.alice.id), headers=failed)
    outcome = receive(inbox(world), raw)
    assert outcome.ticket != number


def test_an_expired_or_damaged_reply_address_leads_nowhere(world: World, number: str) -> None:
    serial = int(number.removeprefix("KB-"))
    long_ago = FRIDAY - 400 * 24 * HOUR
    for address in (
        reply_address(serial, world.alice.id, now=long_ago),
        reply_address(serial, world.alice.id).replace("@", "a@"),
    ):
        outcome = receive(inbox(world), mail(f"To {address}", to=address))
        assert outcome.outcome is Became.TICKET
        assert outcome.ticket != number


def test_the_reply_address_goes_before_the_number_of_another_ticket(
    world: World, number: str
) -> None:
    box = inbox(world)
    other = receive(box, mail(proven=True, subject="Cannot fold")).ticket
    serial = int(number.removeprefix("KB-"))
    raw = mail("More.", subject=f"[#{other}]", to=reply_address(serial, world.alice.id))
    assert receive(box, raw).ticket == number


def test_the_same_mail_has_one_effect_however_often_it_comes(world: World) -> None:
    box = inbox(world)
    raw = mail(headers={"Message-ID": "<once@alice>"})
    outcomes = [receive(box, raw) for _ in range(3)]
    assert [each.outcome for each in outcomes] == [Became.TICKET, *2 * [Became.DUPLICATE]]
    assert len({each.ticket for each in outcomes}) == 1
    relayed = b"Received: from elsewhere\r\n" + raw
    assert receive(box, relayed).outcome is Became.DUPLICATE


def test_another_mail_with_the_same_message_id_is_kept_for_agents(world: World) -> None:
    box = inbox(world)
    receive(box, mail(headers={"Message-ID": "<once@alice>"}))
    other = mail("Else.", subject="Else", headers={"Message-ID": "<once@alice>"})
    assert receive(box, other).outcome is Became.QUARANTINED


@pytest.mark.parametrize("start", ["", "From: alice@example.com\nSubject: Help\n"])
def test_mails_whose_headers_never_end_are_not_taken_for_each_other(
    world: World, start: str
) -> None:
    box = inbox(world)
    outcomes = [receive(box, f"{start}{text}\n".encode()).outcome for text in ("One", "Two", "One")]
    assert outcomes[1:] == [outcomes[0], Became.DUPLICATE]
    assert outcomes[0] is not Became.DUPLICATE


def test_a_mail_that_a_crash_left_behind_is_read_once(world: World) -> None:
    box = inbox(world)
    box.keep(mail(), Envelope())
    assert box.read_waiting(now=FRIDAY) == 1
    assert box.read_waiting(now=FRIDAY) == 0
    assert receive(box, mail()).outcome is Became.DUPLICATE


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied"},
        {"X-Autoreply": "yes"},
        {"Precedence": "auto_reply"},
    ],
)
def test_an_automatic_reply_is_kept_and_changes_nothing(
    world: World, number: str, headers: dict[str, str]
) -> None:
    before = recipients(world)
    raw = mail("I am away.", subject=f"Re: [#{number}]", proven=True, headers=headers)
    outcome = receive(inbox(world), raw)
    assert (outcome.outcome, outcome.ticket) == (Became.IGNORED, number)
    assert len(ticket(world, number).events) == 1
    assert recipients(world) == before


def test_mail_of_programs_and_lists_waits_for_an_agent(world: World) -> None:
    box = inbox(world)
    for headers in ({"Auto-Submitted": "auto-generated"}, {"List-Id": "<news.example.com>"}):
        assert receive(box, mail(str(headers), headers=headers)).outcome is Became.QUARANTINED
    assert len(box.mails.quarantine()) == 2
    assert recipients(world) == []


def test_a_mailbox_that_is_a_mailing_list_takes_what_comes_by_it(world: World) -> None:
    box = inbox(world, mailbox(lists=frozenset({"help.vendor.example"})))
    raw = mail(headers={"List-Id": "Help <help.vendor.example>"})
    assert receive(box, raw).outcome is Became.TICKET


def test_mail_from_ourselves_is_ignored(world: World) -> None:
    assert receive(inbox(world), mail(sender=SUPPORT)).outcome is Became.IGNORED


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: No sender\n\nText\n",
        b"From: a@example.com, b@example.com\nSubject: Two\n\nText\n",
        b"From: a@example.com\nFrom: b@example.com\nSubject: Two\n\nText\n",
        b"",
        b"\x00\xff" * 1000,
        b"X: " + b"a" * 300_000 + b"\n\nText",
    ],
)
def test_a_mail_without_one_sender_waits_for_an_agent(world: World, raw: bytes) -> None:
    box = inbox(world)
    assert receive(box, raw).outcome is Became.QUARANTINED
    (kept,) = box.mails.quarantine()
    assert box.spool.get(kept.file)[0] == raw


def test_an_empty_reply_waits_for_an_agent(world: World, number: str) -> None:
    raw = mail(
        "\n\nOn 5 June 2026, Support <support@vendor.example> wrote:\n> Hello\n",
        proven=True,
        headers={"In-Reply-To": "<first@alice>"},
    )
    outcome = receive(inbox(world), raw)
    assert (outcome.outcome, outcome.ticket) == (Became.QUARANTINED, number)


def test_a_reply_to_a_closed_ticket_reopens_it_or_files_another(world: World, number: str) -> None:
    world.desk.act(number, world.bob, actions.solve(), now=FRIDAY)
    again = {"In-Reply-To": "<first@alice>"}
    files = mailbox(closed=ClosedReply.FILE)
    outcome = receive(inbox(world, files), mail("Other.", proven=True, headers=again))
    assert outcome.outcome is Became.TICKET
    assert outcome.ticket != number
    outcome = receive(inbox(world), mail("Not yet.", proven=True, headers=again))
    assert outcome.ticket == number
    assert ticket(world, number).row.status is Status.OPEN


def test_a_mailbox_of_a_site_only_portal_reads_no_answers(world: World, number: str) -> None:
    box = inbox(world, mailbox(updates=Updates.SITE))
    outcome = receive(box, mail("More.", proven=True, headers={"In-Reply-To": "<first@alice>"}))
    assert (outcome.outcome, outcome.ticket) == (Became.IGNORED, number)


def test_an_agent_answers_by_mail_and_meets_the_target(world: World, number: str) -> None:
    serial = int(number.removeprefix("KB-"))
    to = reply_address(serial, world.bob.id)
    raw = mail("Turn it on.", sender="bob@example.com", to=to, proven=True)
    outcome = receive(inbox(world), raw)
    assert outcome.outcome is Became.COMMENT
    answered = ticket(world, number)
    assert answered.events[-1].verb is Verb.REPLY
    assert answered.row.status is Status.PENDING


def test_an_agent_writes_a_note_by_its_first_line(world: World, number: str) -> None:
    to = reply_address(int(number.removeprefix("KB-")), world.bob.id)
    raw = mail("#note\nAsk Dora.", sender="bob@example.com", to=to, proven=True)
    receive(inbox(world), raw)
    event = ticket(world, number).events[-1]
    assert (event.verb, event.body, event.public) == (Verb.NOTE, "Ask Dora.", False)


@pytest.mark.parametrize("how", ["unproven", "without the reply address"])
def test_nobody_answers_as_an_agent_without_both(world: World, number: str, how: str) -> None:
    serial = int(number.removeprefix("KB-"))
    proven = how != "unproven"
    to = SUPPORT if proven else reply_address(serial, world.bob.id)
    headers = {"In-Reply-To": f"<{number}@{DOMAIN}>"}
    raw = mail("Paid in full.", sender="bob@example.com", to=to, proven=proven, headers=headers)
    assert receive(inbox(world), raw).outcome is Became.QUARANTINED
    assert len(ticket(world, number).events) == 1


def test_an_organisation_s_mailbox_gives_its_level_to_its_people_only(world: World) -> None:
    box = inbox(world, mailbox(organisation="Globex"))
    outcome = receive(box, mail(sender="vera@example.com", proven=True))
    elsewhere = receive(inbox(world), mail("x", sender="vera@example.com", proven=True))
    assert outcome.level != elsewhere.level


def test_copies_are_taken_from_proven_mail_only(world: World) -> None:
    box = inbox(world)
    copied = {"Cc": f"dora@example.com, {SUPPORT}"}
    outcome = receive(box, mail(proven=True, headers=copied))
    assert ticket(world, outcome.ticket).copy_to == ("dora@example.com",)
    outcome = receive(box, mail("Else.", sender="eve@example.net", headers=copied))
    assert ticket(world, outcome.ticket).copy_to == ()


def test_somebody_who_is_copied_may_answer(world: World) -> None:
    box = inbox(world)
    headers = {"Cc": "dora@example.com", "Message-ID": "<copied@alice>"}
    number = receive(box, mail(proven=True, headers=headers)).ticket
    raw = mail(
        "Me too.",
        sender="Dora <dora@example.com>",
        proven=True,
        headers={"References": "<copied@alice>"},
    )
    assert receive(box, raw).ticket == number
    assert ticket(world, number).events[-1].actor == "Dora"


def test_a_loop_goes_quiet_after_the_second_round(world: World) -> None:
    box = inbox(world)
    for number in range(30):
        receive(box, mail(f"Round {number}", sender="robot@example.net", subject=f"Re {number}"))
    receipts = [each for each in recipients(world) if each == "robot@example.net"]
    assert len(receipts) == 2
    assert len(box.mails.quarantine()) == 20


def test_the_same_words_are_heard_twice(world: World, number: str) -> None:
    box = inbox(world)
    replies = [
        mail("I am away.", proven=True, headers={"In-Reply-To": "<first@alice>", "X-N": str(n)})
        for n in range(3)
    ]
    replies = [
        raw.replace(b"Subject: ", f"Date: {n}\nSubject: ".encode()) for n, raw in enumerate(replies)
    ]
    outcomes = [receive(box, raw).outcome for raw in replies]
    assert outcomes == [Became.COMMENT, Became.COMMENT, Became.IGNORED]


def test_files_are_attached_by_the_rules_of_the_form(world: World) -> None:
    files = {
        "shot.png": b"\x89PNG\r\n\x1a\n" + b"0" * 100,
        "page.html": b"<html><script>alert(1)</script>",
        "big.log": b"x" * (11 * 1024 * 1024),
    }
    box = inbox(world)
    outcome = receive(box, mail(files=files))
    names = [file.name for file in ticket(world, outcome.ticket).events[0].attachments]
    assert names == ["shot.png", "page.html.zip"]
    (kept,) = box.mails.of_ticket(int(outcome.ticket.removeprefix("KB-")))
    assert len(kept.notes) == 1


def test_a_long_subject_and_a_long_text_become_a_ticket(world: World) -> None:
    outcome = receive(inbox(world), mail("word " * 10_000, subject="S" * 20_000))
    filed = ticket(world, outcome.ticket)
    assert len(filed.row.title) <= 200
    assert [file.name for file in filed.events[0].attachments] == ["message.txt"]


def test_a_clock_from_1970_does_not_date_the_ticket(world: World) -> None:
    raw = mail(headers={"Date": "Thu, 1 Jan 1970 00:00:00 +0000"})
    assert ticket(world, receive(inbox(world), raw).ticket).row.created == FRIDAY


def test_the_outcome_is_one_json_object(world: World) -> None:
    outcome = receive(inbox(world), mail())
    document = json.loads(json.dumps(outcome.as_json()))
    assert set(document) == {"outcome", "ticket", "level", "evidence", "why"}


def test_a_bounce_marks_the_address_and_what_was_sent(world: World, number: str) -> None:
    serial = int(number.removeprefix("KB-"))
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    with world.database.write() as connection:
        connection.execute(
            NOTICES.update()
            .where(NOTICES.c.ticket_id == serial)
            .values(state="sent", sent_at=FRIDAY)
        )
    raw = (
        b"From: MAILER-DAEMON@mx.example.com\nSubject: Undelivered Mail Returned to Sender\n"
        b"To: " + reply_address(serial, world.alice.id).encode() + b"\n"
        b"MIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        b"--b\nContent-Type: text/plain\n\nSorry.\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n\n"
        b"Final-Recipient: rfc822; alice@example.com\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    )
    box = inbox(world)
    outcome = receive(box, raw, sender="")
    assert (outcome.outcome, outcome.ticket) == (Became.IGNORED, number)
    assert ticket(world, number).undelivered
    assert box.mails.unreachable("alice@example.com")
    assert "bob@example.com" in recipients(world)

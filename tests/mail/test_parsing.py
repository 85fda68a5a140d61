"""What a mail says: the words of its sender apart from what is quoted, whatever client wrote it."""

# ruff: noqa: E501 - what clients write stands in one line

from __future__ import annotations

from email.message import EmailMessage

import pytest

from kb.mail.parsing.guarded import read_message
from kb.mail.parsing.html_text import html_text
from kb.mail.parsing.message import Unreadable, looks_costly, parse_message
from kb.mail.parsing.reply_text import split_reply

#: What clients put between an answer and what it quotes, in our own words.
QUOTATIONS = {
    "gmail": "On Tue, 3 Mar 2026 at 09:12, Support <help@vendor.example> wrote:\n\n> Is it on?\n",
    "gmail, wrapped": (
        "On Tue, Mar 3, 2026 at 9:12 AM Support Team <\nhelp@vendor.example> wrote:\n> Is it on?"
    ),
    "yahoo": "--- On Tue, 3/3/26, Support <help@vendor.example> wrote:\n\nFrom: Support\nSubject: Hi\n",
    "apple": "On 3. Mar 2026, at 09:12, Support <help@vendor.example> wrote:\n>\n> Is it on?",
    "thunderbird": "On 03/03/2026 09:12, Support wrote:\n> Is it on?",
    "outlook": (
        "________________________________\nFrom: Support <help@vendor.example>\n"
        "Sent: Tuesday, March 3, 2026 9:12 AM\nTo: Alice\nSubject: RE: Printer\n\nIs it on?"
    ),
    "outlook, older": "-----Original Message-----\nFrom: Support\nSent: Tuesday\n\nIs it on?",
    "german": "Am 03.03.2026 um 09:12 schrieb Support <help@vendor.example>:\n> Ist er an?",
    "german, Gmail": "Am Di., 3. März 2026 um 09:12 Uhr schrieb Support <\nhelp@vendor.example>:\n\n> An?",
    "german, Outlook": (
        "Von: Support <help@vendor.example>\nGesendet: Dienstag, 3. März 2026 09:12\n"
        "An: Alice\nBetreff: AW: Drucker\n\nIst er an?"
    ),
    "french": "Le mar. 3 mars 2026 à 09:12, Support <help@vendor.example> a écrit :\n\n> Allumée ?",
    "french, Outlook": (
        "De : Support <help@vendor.example>\nEnvoyé : mardi 3 mars 2026 09:12\nÀ : Alice\n"
        "Objet : RE: Imprimante\n\nAllumée ?"
    ),
    "spanish": "El mar, 3 mar 2026 a las 9:12, Support (<help@vendor.example>) escribió:\n\n> ¿Sí?",
    "italian": "Il giorno mar 3 mar 2026 alle ore 09:12 Support <help@vendor.example> ha scritto:\n> È?",
    "portuguese": "Em ter., 3 de mar. de 2026 às 09:12, Support <help@vendor.example> escreveu:\n> Sim?",
    "dutch": "Op di 3 mrt 2026 om 09:12 schreef Support <help@vendor.example>:\n\n> Staat hij aan?",
    "swedish": "Den tis 3 mars 2026 kl 09:12 skrev Support <help@vendor.example>:\n\n> Är den på?",
    "polish": "wt., 3 mar 2026 o 09:12 Support <help@vendor.example> napisał(a):\n\n> Włączona?",
    "russian": "вт, 3 мар. 2026 г. в 09:12, Support <help@vendor.example>:\n\n> Включён?",
    "chinese": "在 2026年3月3日星期二，Support <help@vendor.example> 写道：\n\n> 开了吗？",
    "chinese, Outlook": "发件人: Support\n发送时间: 2026年3月3日 9:12\n收件人: Alice\n主题: 答复\n\n开了吗？",
    "japanese": "2026年3月3日(火) 9:12 Support <help@vendor.example>:\n\n> 電源は？",
    "mobile": "Sent from my iPhone\n\nOn 3 Mar 2026, at 09:12, Support <help@vendor.example> wrote:\n> On?",
}


@pytest.mark.parametrize("client", QUOTATIONS)
def test_a_quotation_is_told_from_the_answer(client: str) -> None:
    parts = split_reply(f"It is on.\n\nAlice\n\n{QUOTATIONS[client]}")
    assert parts.text == "It is on.\n\nAlice"
    assert parts.quoted


@pytest.mark.parametrize(
    "text",
    [
        "On Thursday, it printed.\n\nOn Friday it did not.",
        "I saw this:\n\n> error 5\n\nand then\n\n> error 6\n\nWhat now?",
        "From: here\nit works.",
        "-- not a signature\n-- but a list",
        "On 3 May I wrote the following:\n\nIt does not print.",
        "Am 3. Mai schrieb ich:\n\nEr druckt nicht.",
        "```\nx = '--'\n```\nThat is my code.",
        "Dates: 2026-01-15 14:30, 15.01.2026 14:30:",
        "> Just a quotation\n> without an answer",
    ],
)
def test_what_a_person_wrote_stays_whole(text: str) -> None:
    assert split_reply(text).text in (text, "")
    assert "".join(split_reply(text).text.split()) == "".join(text.split()) or text[0] == ">"


def test_answers_below_and_between_the_lines_are_kept() -> None:
    below = split_reply("On 3 Mar 2026, Support <a@b.example> wrote:\n> Is it on?\n\nYes.\n")
    assert below.text == "Yes."
    assert "Is it on?" in below.quoted
    undated = split_reply("Professor Bob wrote:\n> Is it on?\n\nYes.\n")
    assert undated.text == "Yes."
    bars = split_reply("On 3 May 2026 at 10:00, Bob wrote:\n| Is it on?\n\nYes.\n")
    assert bars.text == "Yes."
    passed_on = "-----Original Message-----\nFrom: Bob\nSent: today\nSubject: Help\n\nIt burns."
    assert split_reply(passed_on).text == passed_on
    between = split_reply(
        "On 3 Mar 2026, Support <a@b.example> wrote:\n> Is it on?\nYes.\n> Is it plugged in?\nNo."
    )
    assert "Yes." in between.text
    assert "No." in between.text


@pytest.mark.parametrize(
    "signature",
    ["-- \nAlice\nAcme", "--\nAlice", "Sent from my iPhone", "Von meinem iPhone gesendet"],
)
def test_a_signature_is_folded_away(signature: str) -> None:
    parts = split_reply(f"It is on.\n\n{signature}")
    assert parts.text == "It is on."
    assert parts.signature


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 200_000,
        "On x\n" * 40_000,
        "> " * 100_000,
        "--\n" * 49_000,
        "From: a\nTo: b\n\n" * 15_000,
        "On 1 Jan wrote\n" * 49_000,
        "a" * 1_000_000,
    ],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    """Each takes milliseconds; a quadratic stripper takes minutes, and the test with it."""
    split_reply(text)


def test_html_becomes_text_without_markup() -> None:
    own, quoted = html_text(
        "<style>p{}</style><p>It <b>is</b> on.<br>Alice</p><ul><li>one</li></ul>"
        '<script>alert(1)</script><div class="gmail_quote">On Tuesday: <blockquote>On?</blockquote></div>'
    )
    assert own == "It is on.\nAlice\n\n- one"
    assert "On?" in quoted
    assert "alert" not in own + quoted


@pytest.mark.parametrize("html", ["<p" * 5_000, "<a b='" * 5_000, "<!--" * 5_000, "<div>" * 5_000])
def test_hostile_html_ends(html: str) -> None:
    html_text(html)


def test_a_mail_whose_charset_is_a_lie_is_read_nevertheless() -> None:
    raw = b"From: a@example.com\nContent-Type: text/plain; charset=us-ascii\n\nGr\xfc\xdfe"
    assert parse_message(raw).reply.text == "Grüße"
    raw = b"From: a@example.com\nContent-Type: text/plain; charset=no-such\n\nGr\xc3\xbc\xc3\x9fe"
    assert parse_message(raw).reply.text == "Grüße"


def test_attached_mails_invitations_and_winmail_are_files() -> None:
    message = EmailMessage()
    message["From"] = "a@example.com"
    message.set_content("See below.")
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("Hello")
    message.add_attachment(inner)
    message.add_attachment("BEGIN:VCALENDAR", subtype="calendar")
    message.add_attachment(b"\x78\x9f\x3e\x22", "application", "ms-tnef", filename="winmail.dat")
    names = [file.name for file in parse_message(message.as_bytes()).files]
    assert names == ["Inner.eml", "invitation.ics", "winmail.dat"]


def nested(depth: int) -> bytes:
    heads = [
        f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n'.encode() for n in range(depth)
    ]
    return b"From: a@example.com\n" + b"".join(heads) + b"Content-Type: text/plain\n\nDeep\n"


@pytest.mark.parametrize(
    "raw",
    [
        nested(50),
        nested(900),
        b'From: a@example.com\nContent-Type: multipart/mixed; boundary="b"\n\n'
        + b"--b\n\nx\n" * 300,
        b"From: a@example.com\n" + b"X: y\n" * 5_000 + b"\nText",
    ],
)
def test_a_mail_beyond_the_caps_is_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read_message(raw)
    assert refused.value.why


def test_a_large_mail_is_read_in_a_process_of_its_own() -> None:
    message = EmailMessage()
    message["From"] = "a@example.com"
    message.set_content("Hello")
    message.add_attachment(b"x" * 20_000_000, "application", "octet-stream", filename="big.bin")
    raw = message.as_bytes()
    assert looks_costly(raw)
    read = read_message(raw)
    assert read.reply.text == "Hello"
    assert len(read.files[0].data) == 20_000_000


def test_five_senders_are_none() -> None:
    raw = b"From: a@x.example, b@x.example, c@x.example, d@x.example, e@x.example\n\nText"
    message = parse_message(raw)
    assert message.sender is None
    assert len(message.senders) == 5

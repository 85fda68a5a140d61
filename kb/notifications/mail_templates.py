"""Mail templates: the mail that a notice, or several for one person, becomes.

Pure: the facts of notices in, an ``EmailMessage`` out, with a text and an HTML part from one letter
and the headers that keep robots from answering robots (RFC 3834). All mails about a ticket have one
subject, since mail programs that group by subject would tear the thread apart otherwise.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from kb.notifications.caps import QUESTION
from kb.notifications.letter import (
    Block,
    Divider,
    Heading,
    Letter,
    Lines,
    PageLink,
    Paragraph,
    TypedMessage,
    letter_html,
    letter_text,
)
from kb.notifications.mail_texts import MailTexts
from kb.notifications.message_ids import message_id, thread_id
from kb.notifications.outbox import ClaimedMessage
from kb.notifications.ticket_content import NO_CONTENT, TicketContent
from kb.timezones import time_zone_or_utc

#: The longest line that RFC 5322 allows: nothing is folded, since some clients unfold badly.
_MAIL_POLICY = SMTP.clone(max_line_length=998)
_MAX_SUBJECT_TITLE = 120  # characters


@dataclass(frozen=True, slots=True)
class Sender:
    """The portal as the sender: its name, its public URL, its mail address and its colour."""

    name: str
    base_url: str
    address: str
    accent: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def mail_sender(name: str, base_url: str, address: str, *, accent: str = "") -> Sender:
    """An empty ``address`` stands for noreply at the host of the portal."""
    host = urlsplit(base_url).hostname or "localhost"
    return Sender(name, base_url, address or f"noreply@{host}", accent)


#: The kind of the weekly mail for managers, whose figures come with the notice.
INSIGHTS_MAIL = "insights"
_RECEIPT = "opened"
_OTHER_EVENT = ("Ticket updated", "There is a new event on a ticket.")
_ACCOUNT_LINKS = ("register", "invite", "join", "reset", "address")


def notice_mail(
    notice: ClaimedMessage,
    sender: Sender,
    texts: MailTexts,
    *,
    content: TicketContent = NO_CONTENT,
    secret: str = "",
) -> EmailMessage:
    """One notice as a mail.

    ``secret`` opens the ticket for a guest, is the single-use link of an account, or is that with
    which a copy confirms or stops.
    """
    letter = _Writer(sender, texts)
    number = notice.facts.get("number", "")
    if notice.kind == INSIGHTS_MAIL:
        subject, text = "Insights of the week", notice.facts["text"]
        letter.add(Paragraph(text), letter.link(notice, secret))
    elif number and notice.kind != QUESTION:
        subject = letter.subject(number, content)
        letter.add(Heading(content.title or letter.phrase("ticket", number=number)))
        letter.add_news(notice, content)
        letter.add_end(notice, content, secret)
    else:
        subject, text = letter.texts.notices.get(notice.kind, _OTHER_EVENT)
        subject = letter.subject(number, NO_CONTENT, subject)
        letter.add(Paragraph(text), letter.link(notice, secret))
        if notice.kind in _ACCOUNT_LINKS:
            letter.add(Paragraph(letter.phrase("once"), small=True))
        letter.add(Paragraph(letter.phrase("no-reply"), small=True))

    stop = letter.stop_page(notice, content, secret)
    if stop and notice.kind != QUESTION:
        letter.add(PageLink(letter.phrase("stop"), stop, quiet=True))
    mail = letter.mail(notice.recipient, subject, notice.key, number, content)
    mail["Auto-Submitted"] = "auto-replied" if notice.kind == _RECEIPT else "auto-generated"
    if stop:
        _add_unsubscribe(mail, stop)
    return mail


def news_mail(
    notices: Sequence[ClaimedMessage],
    sender: Sender,
    texts: MailTexts,
    *,
    content_of: Callable[[ClaimedMessage], TicketContent],
    secret_of: Callable[[ClaimedMessage], str],
) -> EmailMessage:
    """What waited for one person in one mail: for each ticket what happened, and its page."""
    letter = _Writer(sender, texts)
    if notices[0].kind == QUESTION:
        return _questions_mail(notices, letter, secret_of)

    tickets: dict[str, list[ClaimedMessage]] = {}
    for notice in sorted(notices, key=lambda notice: notice.id):
        tickets.setdefault(notice.facts.get("number", ""), []).append(notice)
    stop, content = "", NO_CONTENT
    for number, of_ticket in tickets.items():
        contents = [content_of(notice) for notice in of_ticket]
        last, content, secret = of_ticket[-1], contents[-1], secret_of(of_ticket[-1])
        title = next((each.title for each in contents if each.title), "")
        letter.add(Heading(f"{number}  {title}".strip()))
        letter.add_events(of_ticket, contents)
        if len(tickets) == 1:
            letter.add_end(last, content, secret)
        else:
            letter.add_next(content)
            letter.add(letter.link(last, secret))
        stop = letter.stop_page(last, content, secret) or stop
        if stop and last.facts.get("copy"):  # each ticket has a link of its own
            letter.add(PageLink(letter.phrase("stop"), stop, quiet=True))
        if len(tickets) > 1:
            letter.add(Divider())

    number, is_one = next(iter(tickets)), len(tickets) == 1
    subject = letter.phrase("updates", count=len(tickets))
    if is_one:
        subject = letter.subject(number, content)
    else:
        content = NO_CONTENT  # an answer would have to say which ticket it is about
        letter.add(Paragraph(letter.phrase("no-reply"), small=True))
    if stop and not notices[-1].facts.get("copy"):
        letter.add(PageLink(letter.phrase("stop"), stop, quiet=True))
    key = "+".join(notice.key for notice in notices)
    mail = letter.mail(notices[0].recipient, subject, key, number if is_one else "", content)
    mail["Auto-Submitted"] = "auto-generated"
    if stop:
        _add_unsubscribe(mail, stop)
    return mail


def digest_mail(
    notices: Sequence[ClaimedMessage],
    sender: Sender,
    texts: MailTexts,
    zone: str,
    *,
    content_of: Callable[[ClaimedMessage], TicketContent] = lambda _notice: NO_CONTENT,
) -> EmailMessage:
    """All SLA warnings and breaches for one person in one mail, in the order of their times."""
    notices = sorted(notices, key=lambda notice: (notice.facts["at"], notice.id))
    breaches = sum(notice.kind == "breached" for notice in notices)
    warnings = len(notices) - breaches
    counts = []
    if breaches:
        counts.append(f"{breaches} SLA {'target' if breaches == 1 else 'targets'} breached")
    if warnings:
        counts.append(f"{warnings} at risk")

    letter = _Writer(sender, texts)
    rows = [(_alarm_line(notice, zone, content_of(notice).title), notice) for notice in notices]
    letter.add(
        Lines(
            tuple(
                (line, f"{sender.base_url}/desk/{notice.facts['number']}") for line, notice in rows
            )
        ),
        PageLink("Open the queue", f"{sender.base_url}/desk"),
    )
    stop = letter.stop_page(notices[-1], content_of(notices[-1]), "")
    if stop:
        letter.add(PageLink(letter.phrase("stop"), stop, quiet=True))
    letter.add(Paragraph(letter.phrase("no-reply"), small=True))
    key = "+".join(notice.key for notice in notices)
    mail = letter.mail(notices[0].recipient, ", ".join(counts), key, "", NO_CONTENT)
    mail["Auto-Submitted"] = "auto-generated"
    if stop:
        _add_unsubscribe(mail, stop)
    return mail


def _questions_mail(
    notices: Sequence[ClaimedMessage], letter: _Writer, secret_of: Callable[[ClaimedMessage], str]
) -> EmailMessage:
    subject, text = letter.texts.notices.get(QUESTION, _OTHER_EVENT)
    letter.add(Paragraph(text))
    letter.add(*(letter.link(notice, secret_of(notice)) for notice in notices))
    letter.add(Paragraph(letter.phrase("no-reply"), small=True))
    key = "+".join(notice.key for notice in notices)
    mail = letter.mail(notices[0].recipient, subject, key, "", NO_CONTENT)
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def _add_unsubscribe(mail: EmailMessage, page: str) -> None:
    """RFC 8058: one click in the mail program."""
    mail["List-Unsubscribe"] = f"<{page}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"


class _Writer:
    """Collects the blocks of one mail, and makes the mail of them."""

    def __init__(self, sender: Sender, texts: MailTexts) -> None:
        self.texts = texts
        self._sender = sender
        self._blocks: list[Block] = []

    def add(self, *blocks: Block) -> None:
        self._blocks += blocks

    def phrase(self, name: str, **facts: object) -> str:
        return self.texts.phrases[name].format(**facts)

    def subject(self, number: str, content: TicketContent, otherwise: str = "") -> str:
        title = content.title
        if len(title) > _MAX_SUBJECT_TITLE:
            title = f"{title[:_MAX_SUBJECT_TITLE]}…"
        text = title or otherwise or self.phrase("untitled")
        return f"[#{number}] {text}" if number else text

    # --- the parts of a mail about a ticket

    def add_news(self, notice: ClaimedMessage, content: TicketContent) -> None:
        """What happened, what somebody wrote, and what happens next."""
        self.add(Paragraph(self._event(notice)[1]))
        self._add_message(content)
        if content.confirm_path:
            confirm = f"{self._sender.base_url}{content.confirm_path}"
            self.add(Paragraph(self.phrase("unproven")), PageLink(self.phrase("confirm"), confirm))
        if content.suggestions:
            self.add(Paragraph(self.phrase("suggested")), *content.suggestions)
        if content.solved_path:
            solved = f"{self._sender.base_url}{content.solved_path}"
            self.add(PageLink(self.phrase("solved"), solved))
        if notice.kind != _RECEIPT:  # which has said by when there is a reply
            self.add_next(content)

    def add_events(
        self, notices: Sequence[ClaimedMessage], contents: Sequence[TicketContent]
    ) -> None:
        """As ``add_news`` for what happened to one ticket while its mails waited."""
        events = Counter(self._event(notice) for notice in notices)
        self.add(
            Lines(
                tuple(
                    (self.phrase("times", event=event[0], count=n) if n > 1 else event[0], "")
                    for event, n in events.items()
                )
            )
        )
        if notices[0].kind == _RECEIPT:
            self.add(Paragraph(self._event(notices[0])[1]))
        for content in contents:
            self._add_message(content)

    def add_next(self, content: TicketContent) -> None:
        if content.next_step:
            due = _local_time(content.due, content.zone, self.texts.language)
            self.add(Paragraph(self.phrase(content.next_step, due=due, target=content.target)))

    def add_end(self, notice: ClaimedMessage, content: TicketContent, secret: str) -> None:
        """The page of the ticket, and what a reply to the mail does."""
        page = self.link(notice, secret)
        self.add(PageLink(page.label, page.url, quiet=content.updates == "mail"))
        reply = "no-reply"
        if content.reply_to:
            reply = "staff-reply" if notice.facts.get("staff") else "reply"
        self.add(Paragraph(self.phrase(reply), small=True))
        if notice.kind == _RECEIPT:
            address = content.mailbox or self._sender.address
            self.add(Paragraph(self.phrase("allow-list", address=address), small=True))
        if notice.facts.get("copy"):
            self.add(Paragraph(self.phrase("copy"), small=True))

    def _event(self, notice: ClaimedMessage) -> tuple[str, str]:
        subject, text = self.texts.notices.get(notice.kind, _OTHER_EVENT)
        facts = {"number": notice.facts.get("number", ""), "level": notice.facts.get("level", "")}
        if notice.kind != _RECEIPT:
            return subject, text.format(**facts)
        due = _local_time(
            _instant(notice.facts.get("due", "")),
            notice.facts.get("zone", "UTC"),
            self.texts.language,
        )
        promise = self.phrase("due-first" if due else "no-first", due=due)
        return subject, f"{text.format(**facts)}\n{promise}"

    def _add_message(self, content: TicketContent) -> None:
        if content.body or content.files:
            heading = self.phrase("wrote", author=content.author or self._sender.name)
            self.add(TypedMessage(heading, content.body, content.files))
        self.add(*content.articles)

    # --- links

    def link(self, notice: ClaimedMessage, secret: str) -> PageLink:
        base, facts, kind = self._sender.base_url, notice.facts, notice.kind
        number, label = facts.get("number", ""), self.phrase("open-page")
        if kind in _ACCOUNT_LINKS:
            return PageLink(label, f"{base}/account/{kind}/{secret}")
        if "path" in facts:
            return PageLink(label, f"{base}{facts['path']}")
        if not number:
            return PageLink(self.phrase("sign-in"), f"{base}/sign-in")
        if kind == QUESTION:
            return PageLink(label, self._copy_page(secret))
        return PageLink(self.phrase("open-ticket"), f"{base}{_ticket_path(facts, secret)}")

    def stop_page(self, notice: ClaimedMessage, content: TicketContent, secret: str) -> str:
        """Where the recipient stops mails like this one; "" for mails that cannot be stopped."""
        if notice.facts.get("copy"):
            return self._copy_page(secret)
        stop = notice.facts.get("stop", "") or content.stop_path
        return f"{self._sender.base_url}{stop}" if stop else ""

    def _copy_page(self, token: str) -> str:
        return f"{self._sender.base_url}/copies/{token}"

    # --- the mail

    def mail(
        self, recipient: str, subject: str, key: str, number: str, content: TicketContent
    ) -> EmailMessage:
        sender = self._sender
        mail = EmailMessage(policy=_MAIL_POLICY)
        mail["From"] = Address(sender.name, addr_spec=content.mailbox or sender.address)
        mail["To"] = Address(addr_spec=recipient)
        if content.reply_to:
            mail["Reply-To"] = Address(sender.name, addr_spec=content.reply_to)
        mail["Subject"] = subject
        mail["Message-ID"] = message_id(key, number, sender.domain, token=content.reply_token)
        if number:
            thread = thread_id(number, sender.domain)
            mail["In-Reply-To"] = content.references[-1] if content.references else thread
            mail["References"] = " ".join((thread, *content.references))
        mail["Precedence"] = "bulk"
        # The author of an answer learns if it cannot be delivered, and nothing else.
        suppressed = "OOF, AutoReply" if content.by_person else "All"
        mail["X-Auto-Response-Suppress"] = suppressed
        letter = Letter(
            subject, tuple(self._blocks), sender.name, self.texts.language, sender.accent
        )
        mail.set_content(letter_text(letter), charset="utf-8")
        mail.add_alternative(letter_html(letter), subtype="html", charset="utf-8")
        return mail


def _ticket_path(facts: Mapping[str, str], secret: str) -> str:
    number = facts["number"]
    if facts.get("copy"):
        return f"/tickets/{number}"
    if facts.get("staff"):
        return f"/desk/{number}"
    if facts.get("guest") and not secret:  # no link opens the ticket any longer
        return ""
    return f"/tickets/{facts.get('into', number)}" + (f"?key={secret}" if secret else "")


def _alarm_line(notice: ClaimedMessage, zone: str, title: str) -> str:
    facts = notice.facts
    state = "breached, was due"
    if notice.kind == "warned":
        state = f"at risk ({facts['threshold']}), due"
    delay = " (recorded late)" if facts.get("late") else ""
    due = _local_time(_instant(facts["due"]), zone)
    line = f"{facts['number']}  {facts['target']} {state} {due}, {facts['level']}{delay}"
    return f"{line}: {title}" if title else line


def _instant(iso: str) -> dt.datetime | None:
    return dt.datetime.fromisoformat(iso) if iso else None


def _local_time(instant: dt.datetime | None, zone: str, language: str = "en") -> str:
    """In numbers only, where we do not have the language's names of days and months."""
    if instant is None:
        return ""
    local = instant.astimezone(ZoneInfo(time_zone_or_utc(zone)))
    if language.partition("-")[0] != "en":
        return f"{local:%Y-%m-%d %H:%M} ({local.tzname()})"
    return f"{local:%a} {local.day} {local:%b %Y %H:%M} ({local.tzname()})"

"""What one mail about a ticket may tell its recipient, as the ticket is when the mail is written.

A notice in the outbox holds no words of anybody: they are read when it leaves, so that what was
erased meanwhile is not sent. Who may be told what is decided by whoever makes this value.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from kb.notifications.letter import ArticleLink


@dataclass(frozen=True, slots=True)
class TicketContent:
    """Empty parts are left out of the mail.

    ``solved_path``, ``confirm_path`` and ``stop_path`` are pages of the portal: "This solved it",
    "I sent this", "Stop these e-mails".

    ``next_step`` is a phrase of ``mail_texts``, ``due`` the instant in it. ``mailbox`` sends the
    mail and reads answers to it; its conversation goes on where ``updates`` says (site, mail, both;
    see ``kb.sla.policy``). ``references`` are ids of earlier mails of the thread, oldest first.
    ``by_person``: somebody wrote it, and wants to know when it does not arrive.
    """

    title: str = ""
    author: str = ""
    body: str = ""
    files: tuple[str, ...] = ()
    articles: tuple[ArticleLink, ...] = ()
    suggestions: tuple[ArticleLink, ...] = ()
    solved_path: str = ""
    confirm_path: str = ""
    stop_path: str = ""
    next_step: str = ""
    due: dt.datetime | None = None
    target: str = ""
    zone: str = "UTC"
    language: str = ""
    updates: str = "site"
    mailbox: str = ""
    reply_to: str = ""
    reply_token: str = ""  # where ``reply_to`` has no room for one
    references: tuple[str, ...] = ()
    by_person: bool = False


NO_CONTENT = TicketContent()

"""The mail channel: notices to people, through the operator's SMTP server.

What a mail says is in ``kb.notifications.mail_templates``.
"""

from __future__ import annotations

import datetime as dt
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

from kb.notifications.channels import DELIVERY_TIMEOUT, DeliveryFailed
from kb.notifications.mail_templates import Sender, digest_mail, news_mail, notice_mail
from kb.notifications.mail_texts import MailLanguages
from kb.notifications.outbox import MAIL_QUEUE, ClaimedMessage
from kb.notifications.ticket_content import TicketContent

#: A notice that could not be sent for so long is no longer news to anybody.
_STALE_AFTER = dt.timedelta(days=3)


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server. ``tls`` is starttls, tls or no."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    tls: str = "starttls"

    def send(self, message: EmailMessage, *, bounces_to: str) -> None:
        """An empty ``bounces_to`` discards bounces: nobody answers robots (RFC 3834).

        Raises DeliveryFailed.
        """
        recipient = str(message["To"])
        try:
            with self._connect() as server:
                server.send_message(message, from_addr=bounces_to or "<>", to_addrs=[recipient])
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = next(iter(error.recipients.values()), (550, b""))
            raise DeliveryFailed(
                f"{recipient} was refused: {code} {_reply_text(reply)}", permanent=code >= 500
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            # Not permanent: the operator will correct the setting.
            raise DeliveryFailed(
                f"{self.host} rejected the user name or password: {error.smtp_code}",
                permanent=False,
            ) from None
        except smtplib.SMTPResponseException as error:
            raise DeliveryFailed(
                f"{self.host}: {error.smtp_code} {_reply_text(error.smtp_error)}",
                permanent=error.smtp_code >= 500,
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(
                f"{self.host}:{self.port} cannot be reached: {error}", permanent=False
            ) from None

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=DELIVERY_TIMEOUT, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=DELIVERY_TIMEOUT)
        try:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server


class MailChannel:
    """Sends notices as mails, with the texts of ``languages``.

    ``link_secret`` issues the secret for the link in a mail, when there is one to issue,
    ``ticket_content`` reads what a mail about a ticket may say, and ``time_zone`` names the zone of
    a recipient.
    """

    queue = MAIL_QUEUE

    def __init__(
        self,
        server: MailServer,
        sender: Sender,
        languages: MailLanguages,
        *,
        link_secret: Callable[[ClaimedMessage, dt.datetime], str],
        ticket_content: Callable[[ClaimedMessage, dt.datetime], TicketContent],
        time_zone: Callable[[str], str],
    ) -> None:
        self._server = server
        self._sender = sender
        self._languages = languages
        self._link_secret = link_secret
        self._ticket_content = ticket_content
        self._time_zone = time_zone

    def deliver(self, batch: Sequence[ClaimedMessage], now: dt.datetime) -> None:
        first = batch[0]
        if now - max(notice.created_at for notice in batch) > _STALE_AFTER:
            days = _STALE_AFTER.days
            raise DeliveryFailed(f"Not sent within {days} days; outdated by now.", permanent=True)

        contents = {notice.id: self._ticket_content(notice, now) for notice in batch}
        texts = self._languages.of(contents[first.id].language)
        if first.kind in self.queue.combined_kinds:
            mail = digest_mail(
                batch,
                self._sender,
                texts,
                self._time_zone(first.recipient),
                content_of=lambda notice: contents[notice.id],
            )
        elif len(batch) > 1:
            mail = news_mail(
                batch,
                self._sender,
                texts,
                content_of=lambda notice: contents[notice.id],
                secret_of=lambda notice: self._link_secret(notice, now),
            )
        else:
            mail = notice_mail(
                first,
                self._sender,
                texts,
                content=contents[first.id],
                secret=self._link_secret(first, now),
            )
        # What nobody wrote has no one to return to (RFC 3834, section 3.3). An answer of a person
        # has, at the address for replies, which says whose it was.
        written = [content for content in contents.values() if content.by_person]
        bounces_to = (written[-1].reply_to or self._sender.address) if written else ""
        mail["Date"] = format_datetime(now)
        self._server.send(mail, bounces_to=bounces_to)


def _reply_text(reply: bytes | str) -> str:
    return (reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply)[:200]

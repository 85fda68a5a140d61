"""Assembly of the worker: its channels, as the settings configure them, and its other parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from kb import ids
from kb.centre import HelpCentre
from kb.database import Database
from kb.gaps.effects import EffectComparison
from kb.gaps.finder import GapFinder
from kb.gaps.waiting_proposals import WaitingProposals
from kb.insights.ledger import DeflectionLedger
from kb.insights.ticket_sums import TicketSums
from kb.insights.weekly_mail import queue_weekly_mail
from kb.mail.reply_addresses import ReplyAddresses
from kb.mail.ticket_mails import TicketMails
from kb.notifications.caps import MailCaps
from kb.notifications.channels import Channel
from kb.notifications.channels.mail import MailChannel, MailServer
from kb.notifications.channels.webhook import WebhookChannel
from kb.notifications.mail_templates import mail_sender
from kb.notifications.outbox import ClaimedMessage, Outbox
from kb.operations.backup import write_configured
from kb.operations.backup_schedule import BackupSchedule
from kb.operations.retention import Retention
from kb.operations.signing_key import signing_keys
from kb.people.account_links import LINK_LIFETIMES, AccountLinks
from kb.people.person import account_key
from kb.search.documents import PUBLIC
from kb.settings import Settings
from kb.tickets.attachments.configured import configured_attachments
from kb.tickets.attachments.files import Attachments
from kb.tickets.attachments.unfinished import UnfinishedFiles
from kb.tickets.copies import Copies
from kb.tickets.guest_links import GuestLinks
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.sweeper import Sweeper
from kb.webhooks.feed import WebhookFeed
from kb.worker.article_news import ArticleNews
from kb.worker.followers import Followers
from kb.worker.publication_dates import PublicationDates
from kb.worker.suggested_articles import SuggestedArticles
from kb.worker.worker import Worker


def build_worker(centre: HelpCentre) -> Worker:
    settings, database = centre.settings, centre.database
    tickets = TicketRepository(database)
    attachments = configured_attachments(settings)
    feed = WebhookFeed(database, settings.webhook_urls)

    followers = Followers(centre.searcher, centre.subscriptions, partial(_audience_of, tickets))
    comparison = EffectComparison(settings, database, centre.searcher)

    retention = Retention(
        database,
        settings,
        remove_orphans=partial(_remove_files, centre, attachments, tickets),
        sweep_uploads=UnfinishedFiles(database, attachments.pieces).sweep,
        erase_tickets=centre.personal_data.erase_texts,
    )
    return Worker(
        Sweeper(database, centre.policy, centre.versions),
        Outbox(database, _caps(settings)),
        tuple(_channels(centre, tickets)),
        enqueue_events=feed.enqueue_new,
        hourly=(partial(look_for_gaps, centre), retention.enforce),
        prepare=(
            lambda now: centre.problems.settle(centre.desk, now=now),
            followers.tell,
            ArticleNews(centre.index, feed).tell,
            PublicationDates(centre.index, database).note,
            lambda now: centre.inbox.read_waiting(now=now),
            partial(WaitingProposals(database).compare_next, comparison),
        ),
        count_insights=partial(count_insights, database, settings.insights_mail),
    )


def look_for_gaps(centre: HelpCentre, now: dt.datetime) -> None:
    """What was asked without success, for editors; nothing without an index."""
    if centre.searcher.ready():
        GapFinder(centre.database, centre.searcher).find(now)


def count_insights(database: Database, recipients: Sequence[str], now: dt.datetime) -> int:
    """Brings the sums of visits and tickets up to date, and queues the mail of the week. Returns
    how much was counted.
    """
    counted = DeflectionLedger(database).settle(now) + TicketSums(database).count()
    if recipients:
        queue_weekly_mail(database, recipients, now)
    return counted


def _audience_of(tickets: TicketRepository, address: str) -> str:
    """What the account of an address may see today; the public's, if it has none."""
    person = tickets.people.by_email(address)
    return person.audience if person else PUBLIC


def _caps(settings: Settings) -> MailCaps:
    return MailCaps(
        per_recipient=settings.mails_per_recipient,
        per_sender=settings.mails_per_sender,
        per_hour=settings.mails_per_hour,
        mailbox=account_key,
    )


def build_backup_schedule(settings: Settings) -> BackupSchedule | None:
    """The backups that the settings ask for, None without a folder for them."""
    if not settings.backup_folder:
        return None
    return BackupSchedule(
        Path(settings.backup_folder),
        every=dt.timedelta(hours=settings.backup_hours),
        keep=settings.backup_keep,
        write=partial(write_configured, settings),
    )


def remove_orphans(
    attachments: Attachments, tickets: TicketRepository, age: dt.timedelta, now: dt.datetime
) -> int:
    """Removes files that are older than ``age`` and have no ticket; returns how many.

    Files are saved before their ticket: an old one belongs to a ticket that never was.
    """
    return attachments.sweep(tickets.attachment_keys, before=now - age)


def _remove_files(
    centre: HelpCentre,
    attachments: Attachments,
    tickets: TicketRepository,
    age: dt.timedelta,
    now: dt.datetime,
) -> int:
    """Removes also received mails of which nothing is known any longer."""
    mails = centre.inbox.spool.sweep(centre.inbox.mails.files, before=now - age)
    return mails + remove_orphans(attachments, tickets, age, now)


def _channels(centre: HelpCentre, tickets: TicketRepository) -> Iterator[Channel]:
    settings = centre.settings
    if settings.smtp_host:
        secrets = LinkSecrets(centre.accounts.links, tickets)
        server = MailServer(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_user,
            settings.smtp_password,
            settings.smtp_tls,
        )
        sender = mail_sender(
            centre.site.name, settings.base_url, settings.mail_from, accent=centre.site.accent
        )
        addresses = ReplyAddresses(signing_keys(settings))
        articles = SuggestedArticles(centre.searcher, centre.deflection, settings.base_url)
        mails = TicketMails(
            tickets, centre.policy, addresses, centre.mail_links, settings.base_url, articles.of
        )
        yield MailChannel(
            server,
            sender,
            centre.mail_languages,
            link_secret=secrets.issue,
            ticket_content=mails.content,
            time_zone=secrets.time_zone,
        )
    webhooks = centre.webhooks
    yield WebhookChannel(
        settings.webhook_secret,
        secrets_of=webhooks.secrets_of,
        complete=lambda body, now: webhooks.message_body(body, now=now),
        allow_private=settings.webhook_private,
    )


class LinkSecrets:
    """Issues the secrets of links when the mail is written, and stores only their hashes.

    A mail that waits in the outbox therefore opens nothing. The links of copies open nothing
    either.
    """

    def __init__(self, links: AccountLinks, tickets: TicketRepository) -> None:
        self._links = links
        self._tickets = tickets

    def issue(self, notice: ClaimedMessage, now: dt.datetime) -> str:
        """The secret that a notice's link needs; "" for links that need a sign-in instead."""
        if notice.kind in LINK_LIFETIMES:
            return self._links.issue(notice.kind, notice.recipient, notice.facts, now=now)
        if notice.facts.get("copy") and notice.ticket_id is not None:
            return Copies(self._tickets).token(notice.ticket_id, notice.recipient, now=now)

        if not notice.facts.get("guest") or notice.ticket_id is None:
            return ""
        guest = self._tickets.people.by_email(notice.recipient, guest=True)
        if guest is None:
            return ""
        serial = ids.ticket_serial(notice.facts.get("into", "")) or notice.ticket_id
        return GuestLinks(self._tickets).create(serial, guest.id, now=now)

    def time_zone(self, email: str) -> str:
        person = self._tickets.people.by_email(email)
        return person.zone if person else "UTC"

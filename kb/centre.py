"""The help centre: all parts of the product, put together from the settings.

This is the only place where parts are joined. No rules live here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from kb.analytics.deflection import Deflection
from kb.analytics.query_log import FrequentQuery, QueryLog
from kb.database import Database, DatabaseLocation, open_database
from kb.errors import Misconfigured, Unavailable
from kb.experiments.experiments import Experiments
from kb.insights.lessons import Lessons, read_lessons
from kb.jobs.index_runs import IndexRuns
from kb.mail.dkim_check import check_signatures
from kb.mail.inbox import Inbox, MailSite, SenderTrust
from kb.mail.mail_links import MailLinks
from kb.mail.repository import MailRepository
from kb.mail.spool import Spool
from kb.notifications.mail_templates import mail_sender
from kb.notifications.mail_texts import MailLanguages
from kb.operations.audit import Action, AuditEntry, add_entry
from kb.operations.signing_key import signing_keys
from kb.people.accounts import Accounts
from kb.people.demo import DemoCast, load_demo_cast
from kb.people.second_factor.passkeys import relying_party
from kb.people.second_factor.steps import FactorRule
from kb.privacy.personal_data import PersonalData
from kb.problems.problems import Problems
from kb.programs.api_keys import ApiKeys
from kb.search.generations.generation import Generations
from kb.search.installation import search_engine
from kb.search.searcher import Searcher
from kb.settings import Settings
from kb.site.mail_file import load_mail_languages
from kb.site.site_file import Site, load_site
from kb.sla import policy_file
from kb.sla.clock import PolicyVersion
from kb.sla.policy import SlaPolicy
from kb.sla.policy_reload import PolicyWatch
from kb.subscriptions.subscriptions import Subscriptions
from kb.tickets.attachments.configured import configured_attachments
from kb.tickets.attachments.validation import AttachmentLimits
from kb.tickets.catalogue import Catalogue, load_catalogue
from kb.tickets.desk import Desk
from kb.tickets.drafts import FormLimits
from kb.tickets.repository.policy_versions import record_policy
from kb.tickets.repository.repository import TicketRepository
from kb.webhooks.endpoints import Webhooks

LOG = logging.getLogger(__name__)
_CACHED_SUGGESTIONS = 2_000  # per server process, two kilobytes each


@dataclass(frozen=True, slots=True)
class HelpCentre:
    """Everything the portal and the commands work with."""

    settings: Settings
    site: Site
    cast: DemoCast
    searcher: Searcher
    index: Generations
    policy: SlaPolicy
    versions: Sequence[PolicyVersion]  # all policies that were ever in force, the present one last
    watch: PolicyWatch
    catalogue: Catalogue
    accounts: Accounts
    desk: Desk
    deflection: Deflection
    query_log: QueryLog
    index_runs: IndexRuns
    personal_data: PersonalData
    subscriptions: Subscriptions
    problems: Problems
    experiments: Experiments
    mail_links: MailLinks
    mail_languages: MailLanguages
    api_keys: ApiKeys
    webhooks: Webhooks
    inbox: Inbox
    database: Database

    @classmethod
    def open(cls, settings: Settings, *, now: dt.datetime | None = None) -> Self:
        """Opens every part. Migrates the database, and records a new policy as in force from
        ``now``.

        Raises Misconfigured for a broken site, policy, catalogue or text of a mail, Unavailable
        when the data folder cannot be used. A missing index is not an error: tickets can be filed
        without one.
        """
        site = load_site(settings.content, name=settings.portal_name)
        policy = policy_file.load_policy(settings.policies_file)
        products = load_catalogue(settings.content / "catalogue.toml")
        database = open_database(settings.database_location)
        engine = search_engine(settings.data, settings.search_cluster)
        subscriptions = Subscriptions(database)
        accounts = Accounts(
            database,
            session_hours=settings.session_hours,
            remember_days=settings.remember_days,
            demo=settings.allows_demo,
            second_factor=FactorRule(settings.second_factor),
            party=relying_party(site.name, settings.base_url),
            signing_keys=partial(signing_keys, settings),
        )
        now = now or dt.datetime.now(dt.UTC)
        versions = record_policy(
            database, policy, settings.policies_file, now, on_change=_audit_policy(policy, now)
        )
        desk = _desk(settings, database, policy, versions, products)
        return cls(
            settings=settings,
            site=site,
            cast=load_demo_cast(settings.content),
            searcher=Searcher(
                settings.data,
                engine=engine,
                budget_ms=settings.suggest_budget_ms,
                remember=_CACHED_SUGGESTIONS,
            ),
            index=engine.generations,
            policy=policy,
            versions=versions,
            watch=PolicyWatch(settings.policies_file, policy),
            catalogue=products,
            accounts=accounts,
            desk=desk,
            deflection=Deflection(database, holdout=settings.holdout),
            query_log=QueryLog(database),
            index_runs=IndexRuns(database),
            personal_data=PersonalData(
                database,
                configured_attachments(settings),
                signing_keys(settings),
                Spool(settings.data / "mail"),
            ),
            subscriptions=subscriptions,
            problems=Problems(database, subscriptions),
            experiments=Experiments(database),
            mail_links=MailLinks(signing_keys(settings)),
            mail_languages=load_mail_languages(settings.content),
            api_keys=ApiKeys(database, demo=settings.allows_demo),
            webhooks=Webhooks(
                database,
                partial(signing_keys, settings),
                settings.base_url,
                allow_plain=settings.webhook_private,
            ),
            inbox=_inbox(settings, site, policy, products, desk, accounts, database),
            database=database,
        )

    def renewed(self, now: dt.datetime) -> Self:
        """This centre, or one with the policy file as it is now, which then replaces this one.

        A broken file changes nothing: the mistake is logged once, and ``watch.problem`` has it.
        """
        try:
            policy = self.watch.changed(now)
        except Misconfigured as error:
            LOG.warning("The policies were not reloaded: %s", error.sentence)
            return self
        if policy is None:
            return self
        try:
            versions = record_policy(
                self.database,
                policy,
                self.settings.policies_file,
                now,
                loaded=self.versions,
                on_change=_audit_policy(policy, now),
            )
        except Unavailable as error:
            LOG.warning("The policies were not reloaded yet: %s", error.sentence)
            self.watch.again()
            return self
        LOG.info("Reloaded the policies in %s.", self.settings.policies_file)
        desk = _desk(self.settings, self.database, policy, versions, self.catalogue)
        inbox = _inbox(
            self.settings,
            self.site,
            policy,
            self.catalogue,
            desk,
            self.accounts,
            self.database,
        )
        return replace(self, policy=policy, versions=versions, desk=desk, inbox=inbox)

    def close(self) -> None:
        """Returns the connections of the database."""
        self.database.close()


def _audit_policy(policy: SlaPolicy, now: dt.datetime) -> partial[None]:
    """Adds the entry for a changed policy to the audit log, with the connection that it gets."""
    entry = AuditEntry(now, Action.POLICY_CHANGED, target=f"policy:{policy.version}")
    return partial(add_entry, entry=entry)


def _desk(
    settings: Settings,
    database: Database,
    policy: SlaPolicy,
    versions: Sequence[PolicyVersion],
    products: Catalogue,
) -> Desk:
    attachments = configured_attachments(settings)
    return Desk(
        TicketRepository(database),
        policy,
        attachments,
        products,
        limits=_limits(settings),
        versions=versions,
        field_keys=settings.field_key,
    )


def _limits(settings: Settings) -> FormLimits:
    return FormLimits(
        files=AttachmentLimits(
            file_bytes=settings.attachment_megabytes * 1024 * 1024,
            upload_bytes=settings.upload_megabytes * 1024 * 1024,
        )
    )


def _inbox(
    settings: Settings,
    site: Site,
    policy: SlaPolicy,
    products: Catalogue,
    desk: Desk,
    accounts: Accounts,
    database: Database,
) -> Inbox:
    sender = mail_sender(site.name, settings.base_url, settings.mail_from)
    return Inbox(
        Spool(settings.data / "mail"),
        MailRepository(database),
        desk,
        accounts,
        configured_attachments(settings),
        signing_keys=partial(signing_keys, settings),
        site=MailSite(
            policy,
            products,
            _limits(settings),
            sender.domain,
            frozenset({sender.address.lower(), *policy.mailboxes}),
        ),
        believed=SenderTrust(
            settings.mail_authority,
            settings.mail_sealers,
            partial(check_signatures, name_server=settings.mail_dns) if settings.mail_dns else None,
        ),
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What people say about the content: what search learns, and the most frequent queries."""

    lessons: Lessons
    queries: tuple[FrequentQuery, ...]


def read_usage(location: DatabaseLocation, now: dt.datetime, *, max_queries: int) -> Usage:
    """For the indexer, which opens no help centre. Raises Unavailable."""
    with contextlib.closing(open_database(location)) as database:
        queries = QueryLog(database).frequent(now=now, limit=max_queries)
        return Usage(read_lessons(database), queries)

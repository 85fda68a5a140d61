"""Which parts make one help centre?

The only place where they are put together: settings in, a ``HelpCentre`` out. No rules live here.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Self

from kb.search.searcher import Searcher
from kb.settings import Settings
from kb.sla import policy_file
from kb.sla.policy import SlaPolicy
from kb.tickets import book, catalogue, uploads
from kb.tickets.accounts import Accounts
from kb.tickets.asked import Asked
from kb.tickets.attachments import Attachments
from kb.tickets.catalogue import Catalogue
from kb.tickets.database import Database, open_database
from kb.tickets.deflection import Deflection
from kb.tickets.desk import Desk
from kb.tickets.drafts import FormLimits
from kb.tickets.runs import Runs
from kb.tickets.store import TicketStore


@dataclass(frozen=True, slots=True)
class HelpCentre:
    """Everything the portal and the commands work with."""

    settings: Settings
    searcher: Searcher
    policy: SlaPolicy
    catalogue: Catalogue
    accounts: Accounts
    desk: Desk
    deflection: Deflection
    asked: Asked
    runs: Runs
    database: Database

    @classmethod
    def open(cls, settings: Settings, *, now: dt.datetime | None = None) -> Self:
        """Put the parts together; migrates the ticket store, and notes since when (``now``) a new policy holds.

        Raises Misconfigured for a broken policy or catalogue, Unavailable when the data folder cannot be used. A
        missing index is not an error: tickets can be filed without one.
        """
        policy = policy_file.load(settings.policies_file)
        products = catalogue.load(settings.content / "catalogue.toml")
        database = open_database(settings.data)
        versions = book.record(database, policy, settings.policies_file, now or dt.datetime.now(dt.UTC))
        attachments = Attachments(settings.data / "attachments")
        limits = FormLimits(files=uploads.Limits(file_bytes=settings.attachment_megabytes * 1024 * 1024))
        return cls(
            settings=settings,
            searcher=Searcher(settings.data, budget_ms=settings.suggest_budget_ms),
            policy=policy,
            catalogue=products,
            accounts=Accounts(database, session_hours=settings.session_hours),
            desk=Desk(TicketStore(database), policy, attachments, products, limits=limits, versions=versions),
            deflection=Deflection(database),
            asked=Asked(database),
            runs=Runs(database),
            database=database,
        )

    def close(self) -> None:
        """Give the database's connections back."""
        self.database.close()

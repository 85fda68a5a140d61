"""What differs between the shipped sites, as far as the stories need it: one row for each site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is chosen on the ticket form: radio buttons and lists by name."""

    radios: Mapping[str, str]
    lists: Mapping[str, str]

    def make(self, page: Page) -> None:
        for name, value in self.lists.items():
            page.select_option(f"#{name}", value)
        for name, value in self.radios.items():
            # By the keyboard: a panel of suggestions may lie over the buttons.
            page.locator(f'input[name="{name}"][value="{value}"]').press("Space")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A ticket of the site's customer, with the fields that only this site asks for."""

    choices: Choices
    texts: Mapping[str, str]
    #: A field that is hidden until the choices are made: what it refuses, accepts and shows.
    field: str
    wrong: str
    right: str
    shown: str
    #: The title of the level that is promised.
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFacts:
    """One site; the people are those of its demo, where Bob, Ada and Charlie are everywhere."""

    folder: str
    #: A customer who manages the contacts of an organisation.
    customer: str
    organisation: str
    #: The address to write to if the site itself fails.
    fallback: str
    #: What somebody types into the search box, and where the first suggestion leads.
    query: str
    path: str
    #: A search of which articles and the forum have results.
    search: str
    results: tuple[str, ...]
    #: What somebody types as the title of a ticket, and the title of the article that answers it.
    title: str
    answer: str
    #: An article that the form offers once these choices are made.
    offer: str
    offered_for: Choices
    ticket: Ticket
    #: Choices that lead to another level than those of the ticket, and that level.
    other: Choices
    other_level: str
    #: A version whose support has ended.
    ended: str
    #: A reason for which a ticket is on hold, and a canned reply.
    pause: str
    reply: str

    def __str__(self) -> str:
        return self.folder


SITE_ROWS = (
    SiteFacts(
        folder="process-automation",
        customer="alice",
        organisation="Acme Bank",
        fallback="account.manager@haldersby.example",
        query="503 service unavailable",
        path="/help/doc/production-down#s-check-first",
        search="timer weekend",
        results=("/help/doc/timers", "/help/forum/timer-weekend"),
        title="portal is down",
        answer="Production is down",
        offer="doc/report",
        offered_for=Choices(radios={"type": "incident"}, lists={}),
        ticket=Ticket(
            choices=Choices(
                lists={
                    "product": "Haldersby Engine",
                    "version": "9.1",
                    "environment": "Production",
                    "architecture": "64 bit",
                },
                radios={"type": "incident", "severity": "production-down"},
            ),
            texts={
                "project": "Mortgages",
                "severity_detail_production-down": "Nobody can approve a mortgage.",
            },
            field="exact-version",
            wrong="latest",
            right="9.1.4.2",
            shown="9.1.4.2",
            level="Critical",
        ),
        other=Choices(radios={"severity": "question"}, lists={"topic": "platform"}),
        other_level="Normal",
        ended="8.4",
        pause="remote-session",
        reply="remote-session",
    ),
    SiteFacts(
        folder="data-warehouse",
        customer="alice",
        organisation="Acme Retail",
        fallback="support@orrendale.example",
        query="ODW-310",
        path="/help/doc/kb-odw-310#s-issue",
        search="rejected umlauts",
        results=("/help/doc/failed-load", "/help/forum/rejected-umlauts"),
        title="load failed",
        answer="A load has failed",
        offer="doc/assisting-support",
        offered_for=Choices(radios={"type": "problem"}, lists={"product": "studio"}),
        ticket=Ticket(
            choices=Choices(
                lists={"product": "studio", "topic": "metadata", "target": "PostgreSQL"},
                radios={"type": "problem", "severity": "high"},
            ),
            texts={"rows": "1,5"},
            field="build",
            wrong="newest",
            right="2026.3.118",
            shown="2026.3.118",
            level="Subscription",
        ),
        other=Choices(
            radios={"severity": "high"}, lists={"product": "free-edition", "topic": "licences"}
        ),
        other_level="No guaranteed support",
        ended="2025.2",
        pause="patch",
        reply="waits-for-patch",
    ),
    SiteFacts(
        folder="site-manager",
        customer="vera",
        organisation="Vantage",
        fallback="helpdesk@quillstead.example",
        query="2.5.2",
        path="/help/doc/sla#s-2-5-2",
        search="spam from form",
        results=("/help/doc/forms", "/help/faq/", "/help/forum/form-spam"),
        title="site is down",
        answer="Recover a broken or hacked site",
        offer="doc/recovery",
        offered_for=Choices(radios={"severity": "site-recovery"}, lists={}),
        ticket=Ticket(
            choices=Choices(
                lists={"topic": "errors", "product": "Site Manager", "edition": "Ultimate"},
                radios={"type": "problem", "severity": "error"},
            ),
            texts={"browser": "Firefox 140"},
            field="site-url",
            wrong="",
            right="www.vantage.example/shop",
            shown="https://www.vantage.example/shop",
            level="VIP",
        ),
        other=Choices(radios={"severity": "usage"}, lists={"topic": "non-product"}),
        other_level="Non-product questions",
        ended="23.2",
        pause="hosting",
        reply="known-question",
    ),
)

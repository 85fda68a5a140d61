"""The inventory: every table, which of its rows are about a person, and what becomes of them.

One row for each table of the database. A test compares them with the tables, so that a new table
is considered here before it is used. ``export`` shows the columns that a row names, ``erasure``
does with the rows what the last column says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, Text, cast, literal, or_, select

from kb.analytics.tables import (
    ARTICLE_ARMS,
    ARTICLE_PUBLICATIONS,
    ARTICLE_WEEKS,
    DEFLECTION_DAYS,
    DEFLECTION_PEOPLE,
    DEFLECTION_WEEKS,
    DURATION_WEEKS,
    EPISODE_EVENTS,
    EPISODES,
    FEEDBACK,
    QUERY_COUNTS,
    QUERY_WEEKS,
    TARGET_DAYS,
    TICKET_DAYS,
)
from kb.database.metadata import COUNTERS, USAGE
from kb.experiments.tables import EXPERIMENT_CREDITS, EXPERIMENTS
from kb.gaps.tables import ARTICLE_FLAGS, GAP_PROPOSALS, GAPS
from kb.jobs.tables import INDEX_RUNS
from kb.mail.tables import RECEIVED_MAILS, UNREACHABLE_ADDRESSES
from kb.notifications.tables import NOTICES, WEBHOOK_JOBS
from kb.operations.tables import AUDIT_LOG, HEARTBEATS
from kb.people.credentials import digest
from kb.people.person import account_key
from kb.people.tables import (
    AUTHENTICATOR_APPS,
    CONTACT_ROLES,
    COUPONS,
    INVITATIONS,
    LICENCES,
    ORGANISATIONS,
    PASSKEYS,
    PEOPLE,
    RECOVERY_CODES,
    SESSIONS,
    SIGN_IN_ATTEMPTS,
    TOKENS,
)
from kb.problems.tables import (
    PROBLEM_REPORTS,
    PROBLEM_TICKETS,
    PROBLEM_UPDATES,
    PROBLEMS,
)
from kb.programs.tables import API_KEYS
from kb.subscriptions.tables import SUBSCRIPTIONS
from kb.tickets.tables import (
    ALARMS,
    ANSWER_LINKS,
    ATTACHMENTS,
    CONSULTED,
    COPIES,
    COUPON_USES,
    EVENTS,
    GUEST_LINKS,
    IDEMPOTENCY_KEYS,
    POLICIES,
    PRESENCE,
    PROPOSALS,
    RATINGS,
    RELEASES,
    REPLY_DRAFTS,
    SAVED_VIEWS,
    SECRETS,
    STAFF_CHOICES,
    STAFF_NEWS,
    TARGETS,
    TICKET_LINKS,
    TICKETS,
    UPLOAD_LINKS,
    UPLOADS,
    WATCHERS,
)
from kb.webhooks.tables import WEBHOOK_ENDPOINTS

ERASED_TITLE = "Erased ticket"


@dataclass(frozen=True, slots=True)
class DataSubject:
    """The person behind an address: its account, and the guest of that address.

    ``people`` are their ids; there are none for an address that was only copied or invited.
    ``serials`` are tickets whose texts are meant, whoever filed them.
    """

    address: str
    people: tuple[int, ...] = ()
    serials: tuple[int, ...] = ()


class OnErasure(StrEnum):
    DELETE = "delete"
    CHANGE = "change"  # to the values of the row
    KEEP = "keep"  # it says nothing about the person once the rest is erased
    CODE = "code"  # ``erasure`` has a function for it


@dataclass(frozen=True, slots=True)
class Holding:
    """One table. ``about`` is the condition of the rows about a person, None if there are none.

    ``section`` is the name in the export, with the columns that it ``shows``: of the rows that are
    ``readable`` to the person, if not of all.
    """

    table: Table
    about: Callable[[DataSubject], ColumnElement[bool]] | None
    on_erasure: OnErasure
    section: str = ""
    shows: tuple[str, ...] = ()
    values: Mapping[str, Any] | None = None  # of CHANGE
    readable: Callable[[DataSubject], ColumnElement[bool]] | None = None


def _of_person(column: Column[int]) -> Callable[[DataSubject], ColumnElement[bool]]:
    return lambda subject: column.in_(subject.people)


def _of_ticket(column: Column[int]) -> Callable[[DataSubject], ColumnElement[bool]]:
    return lambda subject: column.in_(own_tickets(subject))


def _either(
    *conditions: Callable[[DataSubject], ColumnElement[bool]],
) -> Callable[[DataSubject], ColumnElement[bool]]:
    return lambda subject: or_(*(condition(subject) for condition in conditions))


def own_tickets(subject: DataSubject) -> Any:
    """The serials of the tickets that the person filed."""
    return select(TICKETS.c.id).where(_is_own_ticket(subject))


def _is_own_ticket(subject: DataSubject) -> ColumnElement[bool]:
    return TICKETS.c.customer_id.in_(subject.people) | TICKETS.c.id.in_(subject.serials)


def own_events(subject: DataSubject) -> ColumnElement[bool]:
    """What the person wrote as a customer: what staff write is their employer's."""
    return EVENTS.c.actor_id.in_(subject.people) & EVENTS.c.by_agent.is_(False)


def own_attachments(subject: DataSubject) -> ColumnElement[bool]:
    """Those of the person's tickets, and what the person attached elsewhere."""
    events = select(EVENTS.c.id).where(own_events(subject))
    return ATTACHMENTS.c.ticket_id.in_(own_tickets(subject)) | ATTACHMENTS.c.event_id.in_(events)


def _readable_attachments(subject: DataSubject) -> ColumnElement[bool]:
    """Not those of internal notes."""
    events = select(EVENTS.c.id).where(EVENTS.c.public | own_events(subject))
    return own_attachments(subject) & ATTACHMENTS.c.event_id.in_(events)


def own_uploads(subject: DataSubject) -> ColumnElement[bool]:
    of_tickets = UPLOADS.c.ticket_id.in_(own_tickets(subject))
    return UPLOADS.c.person_id.in_(subject.people) | of_tickets


def _copies(subject: DataSubject) -> ColumnElement[bool]:
    """Also other people's on the person's tickets, unless they refused copies altogether."""
    own = (COPIES.c.address == subject.address) | (COPIES.c.mailbox == subject.address)
    others = COPIES.c.ticket_id.in_(own_tickets(subject)) & (COPIES.c.choice != "refused")
    return own | others


def _notices(subject: DataSubject) -> ColumnElement[bool]:
    of_tickets = NOTICES.c.ticket_id.in_(own_tickets(subject))
    return (NOTICES.c.recipient == subject.address) | of_tickets


def _mails(subject: DataSubject) -> ColumnElement[bool]:
    return NOTICES.c.recipient == subject.address


def own_received_mails(subject: DataSubject) -> ColumnElement[bool]:
    """What the person sent, and everything that came about the person's tickets."""
    of_tickets = RECEIVED_MAILS.c.ticket_id.in_(own_tickets(subject))
    return (RECEIVED_MAILS.c.sender == subject.address) | of_tickets


def _sent_mails(subject: DataSubject) -> ColumnElement[bool]:
    return RECEIVED_MAILS.c.sender == subject.address


def _episodes(subject: DataSubject) -> ColumnElement[bool]:
    ended_in = select(TICKETS.c.episode).where(_is_own_ticket(subject), TICKETS.c.episode != "")
    return EPISODES.c.person_id.in_(subject.people) | EPISODES.c.id.in_(ended_in)


def own_episode_events(subject: DataSubject) -> ColumnElement[bool]:
    """What the person looked for and read."""
    return EPISODE_EVENTS.c.episode_id.in_(select(EPISODES.c.id).where(_episodes(subject)))


def _votes(subject: DataSubject) -> ColumnElement[bool]:
    return FEEDBACK.c.voter.in_([f"person:{person_id}" for person_id in subject.people])


def _reports(subject: DataSubject) -> ColumnElement[bool]:
    return PROBLEM_REPORTS.c.reporter.in_([f"person:{person_id}" for person_id in subject.people])


def _credits(subject: DataSubject) -> ColumnElement[bool]:
    """Also of visits that the person ended with a ticket, or began to be known in."""
    people = [f"person:{person_id}" for person_id in subject.people]
    visits = select(literal("visit:") + EPISODES.c.id).where(_episodes(subject))
    return EXPERIMENT_CREDITS.c.who.in_(people) | EXPERIMENT_CREDITS.c.who.in_(visits)


def _attempts(subject: DataSubject) -> ColumnElement[bool]:
    accounts = [digest(account_key(subject.address))]
    kinds = ("own password", "app code", "recovery code")
    accounts += [digest(f"{kind} {person}") for kind in kinds for person in subject.people]
    return SIGN_IN_ATTEMPTS.c.account.in_(accounts)


def _usage(subject: DataSubject) -> ColumnElement[bool]:
    return USAGE.c.key.in_([digest(subject.address), digest(account_key(subject.address))])


def _audited(subject: DataSubject) -> ColumnElement[bool]:
    targets = [f"person:{person_id}" for person_id in subject.people]
    return AUDIT_LOG.c.actor_id.in_(subject.people) | AUDIT_LOG.c.target.in_(targets)


_DELETE, _CHANGE, _KEEP, _CODE = OnErasure

#: In the order in which they are erased: what refers to a row before the row.
INVENTORY: tuple[Holding, ...] = (
    # --- tickets
    Holding(
        ATTACHMENTS,
        own_attachments,
        _DELETE,
        "attachments",
        ("ticket_id", "name", "media_type", "size", "key"),
        readable=_readable_attachments,
    ),
    Holding(
        UPLOADS,
        own_uploads,
        _DELETE,
        "uploads",
        ("ticket_id", "name", "size", "begun_at", "attached_at"),
        readable=_of_person(UPLOADS.c.person_id),
    ),
    Holding(
        IDEMPOTENCY_KEYS,
        _either(_of_person(IDEMPOTENCY_KEYS.c.person_id), _of_ticket(IDEMPOTENCY_KEYS.c.ticket_id)),
        _DELETE,
    ),
    Holding(
        GUEST_LINKS,
        _either(_of_person(GUEST_LINKS.c.person_id), _of_ticket(GUEST_LINKS.c.ticket_id)),
        _DELETE,
        "private_links",
        ("ticket_id", "created_at", "expires_at", "opened_at"),
    ),
    Holding(COPIES, _copies, _DELETE, "copies", ("ticket_id", "address", "choice", "at")),
    Holding(
        CONSULTED,
        _of_ticket(CONSULTED.c.ticket_id),
        _DELETE,
        "articles_seen_before_filing",
        ("ticket_id", "document_id", "title", "outcome"),
    ),
    Holding(ANSWER_LINKS, _of_ticket(ANSWER_LINKS.c.ticket_id), _DELETE),
    Holding(
        RATINGS,
        _either(_of_person(RATINGS.c.person_id), _of_ticket(RATINGS.c.ticket_id)),
        _CHANGE,
        "ratings",
        ("ticket_id", "score", "words", "at"),
        values={"words": ""},
    ),
    Holding(
        PROPOSALS,
        _of_ticket(PROPOSALS.c.ticket_id),
        _CHANGE,
        values={"detail": "", "why": ""},
    ),
    Holding(WATCHERS, _of_person(WATCHERS.c.person_id), _DELETE),
    Holding(
        REPLY_DRAFTS,
        _either(_of_person(REPLY_DRAFTS.c.person_id), _of_ticket(REPLY_DRAFTS.c.ticket_id)),
        _DELETE,
        "unsent_replies",
        ("ticket_id", "form", "body", "at"),
        readable=_of_person(REPLY_DRAFTS.c.person_id),
    ),
    Holding(
        STAFF_CHOICES,
        _of_person(STAFF_CHOICES.c.person_id),
        _DELETE,
        "notification_choices",
        ("choices", "products"),
    ),
    Holding(
        STAFF_NEWS,
        _of_person(STAFF_NEWS.c.person_id),
        _DELETE,
        "notifications",
        ("ticket_id", "kind", "at", "seen_at"),
    ),
    Holding(PRESENCE, _of_person(PRESENCE.c.person_id), _DELETE),
    Holding(
        SAVED_VIEWS,
        _of_person(SAVED_VIEWS.c.person_id),
        _DELETE,
        "saved_views",
        ("name", "narrowed", "shared"),
    ),
    Holding(
        NOTICES,
        _notices,
        _DELETE,
        "mails",
        ("kind", "ticket_id", "made_at", "sent_at", "error"),
        readable=_mails,
    ),
    Holding(
        RECEIVED_MAILS,
        own_received_mails,
        _DELETE,
        "received_mails",
        ("subject", "mailbox", "received_at", "outcome", "ticket_id", "folded"),
        readable=_sent_mails,
    ),
    Holding(
        UNREACHABLE_ADDRESSES,
        lambda subject: UNREACHABLE_ADDRESSES.c.address == subject.address,
        _DELETE,
        "undelivered_mails",
        ("status", "why", "at"),
    ),
    Holding(EVENTS, own_events, _CODE),  # exported with their ticket
    # --- searching and reading
    Holding(
        EXPERIMENT_CREDITS,
        _credits,
        _DELETE,
        "preferences_between_rankings",
        ("experiment_id", "present", "candidate", "at"),
    ),
    Holding(
        EPISODE_EVENTS,
        own_episode_events,
        _DELETE,
        "search_events",
        ("episode_id", "kind", "at", "facts"),
    ),
    Holding(
        EPISODES,
        _episodes,
        _DELETE,
        "search_episodes",
        ("id", "started_at", "last_at", "ticket_id", "portal", "form", "product", "arm", "title"),
    ),
    Holding(
        DEFLECTION_PEOPLE,
        _of_person(DEFLECTION_PEOPLE.c.person_id),
        _DELETE,
        "visits_compared",
        ("arm", "needs", "filed", "need_at"),
    ),
    Holding(FEEDBACK, _votes, _DELETE, "votes", ("document_id", "helpful", "reason", "at")),
    Holding(QUERY_COUNTS, None, _CODE),
    Holding(GAP_PROPOSALS, None, _CODE),  # the effect quotes frequent searches
    Holding(EXPERIMENTS, None, _KEEP),
    Holding(PROBLEM_TICKETS, _of_ticket(PROBLEM_TICKETS.c.ticket_id), _DELETE),
    Holding(PROBLEM_REPORTS, _reports, _DELETE, "problems_reported", ("problem_id", "at")),
    Holding(
        SUBSCRIPTIONS,
        lambda subject: SUBSCRIPTIONS.c.address == subject.address,
        _DELETE,
        "subscriptions",
        ("topic", "address", "choice", "at"),
    ),
    # --- the person
    Holding(
        SESSIONS,
        _of_person(SESSIONS.c.person_id),
        _DELETE,
        "sessions",
        ("created_at", "expires_at", "client"),
    ),
    Holding(
        AUTHENTICATOR_APPS,
        _of_person(AUTHENTICATOR_APPS.c.person_id),
        _DELETE,
        "authenticator_apps",
        ("created_at",),
    ),
    Holding(
        PASSKEYS,
        _of_person(PASSKEYS.c.person_id),
        _DELETE,
        "passkeys",
        ("name", "created_at", "used_at"),
    ),
    Holding(
        API_KEYS,
        _of_person(API_KEYS.c.person_id),
        _DELETE,
        "api_keys",
        ("name", "scopes", "created_at", "expires_at", "revoked_at", "used_at"),
    ),
    Holding(RECOVERY_CODES, _of_person(RECOVERY_CODES.c.person_id), _DELETE),
    Holding(SIGN_IN_ATTEMPTS, _attempts, _DELETE, "failed_sign_ins", ("at",)),
    Holding(
        CONTACT_ROLES, _of_person(CONTACT_ROLES.c.person_id), _DELETE, "contact_roles", ("role",)
    ),
    Holding(
        INVITATIONS,
        lambda subject: INVITATIONS.c.email == subject.address,
        _DELETE,
        "invitations",
        ("name", "roles", "location", "phone", "expires_at"),
    ),
    Holding(
        TOKENS,
        lambda subject: TOKENS.c.email == subject.address,
        _DELETE,
        "account_links",
        ("purpose", "facts", "created_at", "expires_at", "used_at"),
    ),
    Holding(
        COUPONS,
        _of_person(COUPONS.c.person_id),
        _CHANGE,
        "priority_requests",
        ("code", "rule", "granted", "valid_from", "valid_until"),
        values={"code": literal("erased-") + cast(COUPONS.c.id, Text)},
    ),
    Holding(USAGE, _usage, _DELETE),
    Holding(SECRETS, _of_ticket(SECRETS.c.ticket_id), _DELETE, "secrets", ("field", "given_at")),
    # --- what the tickets leave behind, without a word
    Holding(
        TICKETS,
        _is_own_ticket,
        _CHANGE,
        values={
            "title": ERASED_TITLE,
            "severity_detail": "",
            "severity_explanation": "",
            "fields": {},
            "field_words": "",
            "level_why": "",
            "coupon": "",
            "episode": "",
            "copy_to": [],
        },
    ),
    Holding(
        PEOPLE,
        _of_person(PEOPLE.c.id),
        _CODE,
        "accounts",
        (
            "id",
            "email",
            "guest",
            "name",
            "role",
            "category",
            "audience",
            "zone",
            "location",
            "phone",
            "active",
            "created_at",
        ),
    ),
    Holding(
        AUDIT_LOG,
        _audited,
        _KEEP,
        "audit_log",
        ("at", "action", "actor_id", "target", "address", "facts"),
    ),
    # --- nothing about a person, or only a number that means nothing afterwards
    Holding(ARTICLE_FLAGS, None, _KEEP),  # what staff wrote about an article
    Holding(GAPS, None, _KEEP),  # only wordings of more than one person
    Holding(PROBLEMS, None, _KEEP),  # published by staff
    Holding(PROBLEM_UPDATES, None, _KEEP),
    Holding(ORGANISATIONS, None, _KEEP),
    Holding(LICENCES, None, _KEEP),
    Holding(INDEX_RUNS, None, _KEEP),
    Holding(RELEASES, None, _KEEP),
    Holding(TARGETS, None, _KEEP),
    Holding(UPLOAD_LINKS, None, _KEEP),
    Holding(ALARMS, None, _KEEP),
    Holding(TICKET_LINKS, None, _KEEP),
    Holding(COUPON_USES, None, _KEEP),
    Holding(POLICIES, None, _KEEP),
    Holding(WEBHOOK_JOBS, None, _KEEP),
    Holding(WEBHOOK_ENDPOINTS, None, _KEEP),
    Holding(COUNTERS, None, _KEEP),
    Holding(HEARTBEATS, None, _KEEP),
    Holding(DEFLECTION_DAYS, None, _KEEP),
    Holding(DEFLECTION_WEEKS, None, _KEEP),
    Holding(QUERY_WEEKS, None, _KEEP),
    Holding(ARTICLE_ARMS, None, _KEEP),
    Holding(ARTICLE_PUBLICATIONS, None, _KEEP),
    Holding(ARTICLE_WEEKS, None, _KEEP),
    Holding(TICKET_DAYS, None, _KEEP),
    Holding(DURATION_WEEKS, None, _KEEP),
    Holding(TARGET_DAYS, None, _KEEP),
)

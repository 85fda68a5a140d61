"""Tables of what visitors do: episodes of the suggestion box, votes, weekly query counts, and sums.

Everything that a visitor typed is scrubbed before it is stored here. Sums hold numbers only, and
stay when the rows behind them are deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from kb.database.metadata import (
    METADATA,
    Instant,
    flag_column,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)


def _count_column(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _sum_column(name: str) -> Column[float]:
    return Column(name, Float, nullable=False, server_default=text("0"))


EPISODES = Table(
    "episodes",
    METADATA,
    Column("id", Text, primary_key=True),
    instant_column("started_at"),
    Column("last_at", Instant, nullable=False, index=True),
    reference_column("person_id", "people.id", optional=True),
    reference_column("ticket_id", "tickets.id", optional=True),
    _count_column("events"),
    text_column("portal"),  # the host of the website on which the form stands
    text_column("form"),
    text_column("product"),
    reference_column("organisation_id", "organisations.id", optional=True),
    text_column("arm"),  # treatment, holdout, or empty while there is no experiment
    _count_column("share"),  # of the holdout, in percent, when the arm was chosen
    flag_column("apart"),  # agents and bots
    text_column("title"),  # the last one that was meant
    flag_column("would_show"),  # there were suggestions, whether or not the arm hid them
    flag_column("counted"),  # in the sums
    partial_index("ix_episodes_uncounted", "started_at", where="counted = false"),
    partial_index("ix_episodes_person", "person_id", "started_at", where="person_id IS NOT NULL"),
)

EPISODE_EVENTS = Table(
    "episode_events",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column(
        "episode_id",
        Text,
        ForeignKey("episodes.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("kind", Text, nullable=False),
    instant_column("at"),
    Column("facts", JSON, nullable=False),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("document_id", Text, nullable=False),
    Column("voter", Text, nullable=False),
    Column("helpful", Boolean, nullable=False),
    instant_column("at"),
    text_column("reason"),
    PrimaryKeyConstraint("document_id", "voter"),
    Index(None, "at"),
    Index("ix_feedback_document", "document_id", "at", "helpful"),
)

#: Scrubbed and folded; nobody's name, address or session stands beside it.
QUERY_COUNTS = Table(
    "asked",
    METADATA,
    Column("query", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("week", Instant, nullable=False, index=True),  # its Monday
    Column("times", Integer, nullable=False),
    _count_column("empty"),  # of these times, how often there was nothing to show
    PrimaryKeyConstraint("query", "audience", "week"),
    partial_index(
        "ix_asked_empty", "week", "query", "audience", "times", "empty", where="empty > 0"
    ),
)

#: The same for all queries of a week. These sums stay when the queries are deleted.
QUERY_WEEKS = Table(
    "asked_weeks",
    METADATA,
    Column("week", Instant, primary_key=True),
    _count_column("times"),
    _count_column("empty"),
)

_OUTCOME_COUNTS = (
    "episodes",
    "apart",
    "intent",
    "eligible",
    "compared",
    "filed_read",
    "filed_shown",
    "filed_hidden",
    "filed_nothing",
    "confirmed",
    "assumed",
    "unknown",
    "confirmed_clawed_back",
    "assumed_clawed_back",
    "shown_visits",
    "opened_visits",
)


def _deflection_sums(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("day", Instant, nullable=False),
        Column("portal", Text, nullable=False),
        Column("form", Text, nullable=False),
        Column("product", Text, nullable=False),
        Column("share", Integer, nullable=False),
        *(_count_column(name) for name in _OUTCOME_COUNTS),
        _count_column("treatment_people"),
        _sum_column("treatment_filed"),
        _sum_column("treatment_squares"),
        _count_column("holdout_people"),
        _sum_column("holdout_filed"),
        _sum_column("holdout_squares"),
        PrimaryKeyConstraint("day", "portal", "form", "product", "share"),
    )


#: What became of the visits of a day, as ``kb.analytics.deflection_report`` counts them. The sums
#: of an arm belong to people whose first visit was on that day.
DEFLECTION_DAYS = _deflection_sums("deflection_days")
#: The same for whole weeks, by their Mondays: a year is read from these.
DEFLECTION_WEEKS = _deflection_sums("deflection_weeks")

#: The same for the visits in which an article was read, with how often it was shown and rejected.
ARTICLE_WEEKS = Table(
    "article_weeks",
    METADATA,
    Column("week", Instant, nullable=False),  # its Monday
    Column("portal", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    _count_column("shown"),
    _count_column("rejected"),
    *(_count_column(name) for name in _OUTCOME_COUNTS),
    PrimaryKeyConstraint("week", "portal", "document_id"),
    # Most tickets first needs nothing else of a year's rows.
    partial_index(
        "ix_article_weeks_filed",
        "document_id",
        "week",
        "portal",
        "filed_read",
        where="filed_read > 0",
    ),
    Index(None, "document_id", "week"),
)

#: People in the experiment for whom an article would be among the first suggestions, with the list
#: shown or hidden: how many, and how many of them filed a ticket. Each person counts once, with the
#: first need.
ARTICLE_ARMS = Table(
    "article_arms",
    METADATA,
    Column("week", Instant, nullable=False),
    Column("portal", Text, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("share", Integer, nullable=False),
    _count_column("treatment_people"),
    _count_column("treatment_filed"),
    _count_column("holdout_people"),
    _count_column("holdout_filed"),
    PrimaryKeyConstraint("week", "portal", "document_id", "share"),
    Index(None, "document_id", "week"),
)

#: When an article was first published; empty for articles that are older than these records.
ARTICLE_PUBLICATIONS = Table(
    "article_publications",
    METADATA,
    Column("document_id", Text, primary_key=True),
    instant_column("published_at", optional=True),
)

#: How far each person in the comparison is counted, so that all visits of one person are one
#: observation. ``day`` to ``share`` say in which row of DEFLECTION_DAYS.
DEFLECTION_PEOPLE = Table(
    "deflection_people",
    METADATA,
    Column("person_id", Integer, ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("day", Instant, nullable=False),
    Column("portal", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("share", Integer, nullable=False),
    Column("arm", Text, nullable=False),
    Column("needs", Integer, nullable=False),
    Column("filed", Integer, nullable=False),
    Column("need_at", Instant, nullable=False, index=True),  # when the latest need arose
)

_TICKET_COUNTS = (
    "filed",
    "ended",
    "resolved",
    "reopened",
    "replies",
    "ratings",
    "scores",  # their sum
    "known",  # of those resolved, how many were answered with a link to an article
)

#: What happened to tickets on a day, for all of them and for each product, level and agent; for
#: each organisation in a week, since there are many.
TICKET_DAYS = Table(
    "ticket_days",
    METADATA,
    Column("dimension", Text, nullable=False),
    Column("day", Instant, nullable=False),
    Column("value", Text, nullable=False),
    *(_count_column(name) for name in _TICKET_COUNTS),
    PrimaryKeyConstraint("dimension", "day", "value"),
    # A year is added up in this order, without sorting.
    Index("ix_ticket_days_value", "dimension", "value", "day", *_TICKET_COUNTS),
)

#: How many tickets took about so long until the first response or the resolution. A median cannot
#: be computed from sums, but from counts of such buckets.
DURATION_WEEKS = Table(
    "duration_weeks",
    METADATA,
    Column("dimension", Text, nullable=False),
    Column("week", Instant, nullable=False),
    Column("value", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("bucket", Integer, nullable=False),
    _count_column("tickets"),
    PrimaryKeyConstraint("dimension", "week", "value", "kind", "bucket"),
    Index("ix_duration_weeks_value", "dimension", "value", "kind", "bucket", "week", "tickets"),
)

#: SLA targets that have ended, by the day on which they were due.
TARGET_DAYS = Table(
    "target_days",
    METADATA,
    Column("day", Instant, nullable=False),
    Column("level", Text, nullable=False),
    _count_column("met"),
    _count_column("breached"),
    PrimaryKeyConstraint("day", "level"),
)

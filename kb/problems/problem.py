"""The known problem: its statuses, its texts and what they must be. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kb.errors import Invalid
from kb.text import clean_text, has_visible_text, single_line

MAX_TITLE, MAX_TEXT = 160, 4_000  # characters


class ProblemStatus(StrEnum):
    """The values are stored."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


PROBLEM_STATUS_TITLES: Mapping[ProblemStatus, str] = MappingProxyType(
    {
        ProblemStatus.INVESTIGATING: "Investigating",
        ProblemStatus.IDENTIFIED: "Identified",
        ProblemStatus.MONITORING: "Monitoring the fix",
        ProblemStatus.RESOLVED: "Resolved",
    }
)


@dataclass(frozen=True, slots=True)
class ProblemDraft:
    """The public texts of a problem, checked. ``audience`` names who sees it."""

    title: str
    status: ProblemStatus
    symptoms: str
    workaround: str
    product: str
    versions: str
    audience: str


@dataclass(frozen=True, slots=True)
class ProblemUpdate:
    at: dt.datetime
    status: ProblemStatus
    body: str


@dataclass(frozen=True, slots=True)
class KnownProblem:
    """A published problem; ``updates`` are newest first."""

    id: int
    title: str
    status: ProblemStatus
    symptoms: str
    workaround: str
    product: str
    versions: str
    audience: str
    created: dt.datetime
    updated: dt.datetime
    resolved: dt.datetime | None
    updates: tuple[ProblemUpdate, ...] = ()

    @property
    def is_open(self) -> bool:
        return self.resolved is None

    @property
    def status_title(self) -> str:
        return PROBLEM_STATUS_TITLES[self.status]

    @property
    def path(self) -> str:
        return f"/problems/{self.id}"


def check_problem(
    form: Mapping[str, str], *, products: Mapping[str, str], audiences: tuple[str, ...]
) -> ProblemDraft:
    """The draft of a problem from a form. Raises Invalid with a sentence for each field at fault.

    ``products`` are titles by key. A person must have confirmed that the texts are public: nothing
    of a ticket becomes public by itself.
    """
    fields: dict[str, str] = {}
    title = single_line(form.get("title", ""))
    if not has_visible_text(title) or len(title) > MAX_TITLE:
        fields["title"] = f"Enter a title of 1 to {MAX_TITLE} characters."
    texts = {}
    for name in ("symptoms", "workaround"):
        texts[name] = clean_text(form.get(name, "")).strip()
        if len(texts[name]) > MAX_TEXT:
            fields[name] = f"Enter at most {MAX_TEXT} characters."
    product = form.get("product", "")
    if product and product not in products:
        fields["product"] = f"Choose one of the products: {', '.join(products.values())}."
    versions = single_line(form.get("versions", ""))
    if len(versions) > MAX_TITLE:
        fields["versions"] = f"Enter at most {MAX_TITLE} characters."
    audience = form.get("audience", "")
    if audience not in audiences:
        fields["audience"] = f"Choose who sees the problem: {', '.join(audiences)}."
    status = _checked_status(form.get("status", ""), fields)
    if form.get("confirmed") != "yes":
        fields["confirmed"] = "Confirm that these texts may be public."
    if fields:
        raise Invalid(" ".join(fields.values()), fields=fields)
    return ProblemDraft(
        title, status, texts["symptoms"], texts["workaround"], product, versions, audience
    )


def check_update(form: Mapping[str, str]) -> tuple[ProblemStatus, str]:
    """Status and text of an update. Raises Invalid."""
    fields: dict[str, str] = {}
    status = _checked_status(form.get("status", ""), fields)
    body = clean_text(form.get("body", "")).strip()
    if not has_visible_text(body) or len(body) > MAX_TEXT:
        fields["body"] = f"Enter what is new, in at most {MAX_TEXT} characters."
    if form.get("confirmed") != "yes":
        fields["confirmed"] = "Confirm that this text may be public."
    if fields:
        raise Invalid(" ".join(fields.values()), fields=fields)
    return status, body


def _checked_status(value: str, fields: dict[str, str]) -> ProblemStatus:
    if value in tuple(ProblemStatus):
        return ProblemStatus(value)
    fields["status"] = f"Choose a status: {', '.join(PROBLEM_STATUS_TITLES.values())}."
    return ProblemStatus.INVESTIGATING

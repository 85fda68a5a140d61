"""Articles in the mail that confirms a ticket: what the form would suggest for its title.

The same engine, audience and threshold as in the form, and counted as a visit of its own in the
ledger of deflection, which begins after the ticket: its outcome is what the requester says.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from urllib.parse import urlsplit

from kb.analytics.deflection import MAIL_FORM, Deflection, Visit, mail_episode
from kb.analytics.episode import Arm
from kb.errors import KbError
from kb.mail.mailed_tickets import MailedTicket
from kb.notifications.letter import ArticleLink
from kb.search.documents import PUBLIC
from kb.search.results import Hit
from kb.search.searcher import Searcher
from kb.search.standpoint import Standpoint

SUGGESTED_BY_MAIL = 3
#: A ticket that the visit itself led to would be no deflection.
_AFTER_THE_TICKET = dt.timedelta(seconds=1)


class SuggestedArticles:
    """``base_url`` is that of the portal."""

    def __init__(self, searcher: Searcher, deflection: Deflection, base_url: str) -> None:
        self._searcher = searcher
        self._deflection = deflection
        self._base_url = base_url

    def of(
        self, mailed: MailedTicket, language: str, *, counts: bool, now: dt.datetime
    ) -> tuple[ArticleLink, ...]:
        """None if nothing is likely to answer, or if the experiment shows this person nothing.

        ``counts`` is false for a mail that is tried again.
        """
        hits = self._hits(mailed, language)
        person_id = mailed.recipient.id if mailed.recipient.account else None
        episode = mail_episode(mailed.serial)
        if counts:
            with contextlib.suppress(KbError):  # the mail leaves whether or not it is counted
                self._count(mailed, hits, person_id, now)
        arm = self._deflection.arm(mailed.episode or episode, person_id)
        if arm is Arm.HOLDOUT:
            return ()
        return tuple(
            ArticleLink(hit.title, f"{self._base_url}{hit.url}", hit.passage.text) for hit in hits
        )

    def _hits(self, mailed: MailedTicket, language: str) -> tuple[Hit, ...]:
        audience = mailed.recipient.audience if mailed.recipient.account else PUBLIC
        # What was read before filing did not help.
        limit = SUGGESTED_BY_MAIL + min(len(mailed.read), 10)
        try:
            suggestions = self._searcher.suggest(
                mailed.title, audience=audience, limit=limit, standpoint=Standpoint(language)
            )
        except KbError:
            return ()
        unread = [hit for hit in suggestions.hits if hit.id not in mailed.read]
        return tuple(unread[:SUGGESTED_BY_MAIL])

    def _count(
        self,
        mailed: MailedTicket,
        hits: tuple[Hit, ...],
        person_id: int | None,
        now: dt.datetime,
    ) -> None:
        visit = Visit(
            portal=urlsplit(self._base_url).hostname or "",
            form=MAIL_FORM,
            product=mailed.product,
            person_id=person_id,
            organisation_id=mailed.organisation_id,
        )
        instant = max(now, mailed.created + _AFTER_THE_TICKET)
        query = {"q": mailed.title[:300], "found": len(hits)}
        episode = mail_episode(mailed.serial)
        self._deflection.record(episode, "query", query, visit, now=instant)
        if hits:
            shown = {"ids": [hit.id for hit in hits]}
            self._deflection.record(episode, "shown", shown, visit, now=instant)

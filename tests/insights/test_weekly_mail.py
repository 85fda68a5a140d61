"""The weekly mail: once a week to each address, with numbers and nothing that somebody typed."""

from __future__ import annotations

from sqlalchemy import select

from kb.insights.ticket_sums import TicketSums
from kb.insights.weekly_mail import queue_weekly_mail
from kb.notifications.mail_templates import INSIGHTS_MAIL, mail_sender, notice_mail
from kb.notifications.outbox import ClaimedMessage
from kb.notifications.tables import NOTICES
from kb.site.mail_file import BUILT_IN_MAIL_TEXTS as TEXTS
from tests.notifications.servers import text_of
from tests.world import DAY, FRIDAY, World, draft

MONDAY = FRIDAY + 3 * DAY
BOSS, OTHER = "boss@example.com", "other@example.com"


def sent_to(world: World) -> list[str]:
    query = select(NOTICES.c.recipient).where(NOTICES.c.kind == INSIGHTS_MAIL)
    with world.database.read() as connection:
        return list(connection.execute(query.order_by(NOTICES.c.id)).scalars())


def test_everybody_gets_it_once_a_week(world: World) -> None:
    assert queue_weekly_mail(world.database, [BOSS], MONDAY) == 1
    assert queue_weekly_mail(world.database, [BOSS], MONDAY + DAY) == 0
    assert queue_weekly_mail(world.database, [BOSS, OTHER], MONDAY + 2 * DAY) == 1
    assert queue_weekly_mail(world.database, [BOSS, OTHER], MONDAY + 7 * DAY) == 2
    assert sent_to(world) == [BOSS, OTHER, BOSS, OTHER]


def test_it_has_the_figures_of_last_week(world: World) -> None:
    world.desk.filing.file(draft(title="Secret wish"), world.alice, key="", now=FRIDAY)
    TicketSums(world.database).count()
    queue_weekly_mail(world.database, [BOSS], MONDAY)
    with world.database.read() as connection:
        row = connection.execute(select(NOTICES).where(NOTICES.c.recipient == BOSS)).one()
    notice = ClaimedMessage(
        row.id, row.key, row.kind, row.recipient, row.facts, None, 0, row.made_at
    )
    mail = notice_mail(notice, mail_sender("Portal", "https://help.example.com", ""), TEXTS)
    text = text_of(mail)
    assert "1 filed" in text
    assert "Secret wish" not in text
    assert "https://help.example.com/desk/insights?from=2026-06-01&to=2026-06-07" in text

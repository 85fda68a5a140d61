"""Mails that cannot be read at once: which are read again, for how long, and what ends that."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

from kb.mail.envelope import Became, Envelope
from kb.mail.inbox import Inbox
from kb.mail.parsing.guarded import ReaderEnded
from kb.mail.rules.evidence import Signatures
from kb.mail.rules.retries import MOST_TRIES, RetryState
from tests.mail.mails import inbox, mail, receive
from tests.world import DAY, FRIDAY, HOUR, World, build

_POISON = b"It is poison."


def broken(raw: bytes) -> Signatures:
    """Stands for anything of ours that fails, such as the encoder."""
    raise ReaderEnded("broken")


def breaks_on_poison(raw: bytes) -> Signatures:
    if _POISON in raw:
        raise ZeroDivisionError
    return Signatures()


def ends_the_process(raw: bytes) -> Signatures:
    os.kill(os.getpid(), signal.SIGKILL)
    return Signatures()


def without_keys(raw: bytes) -> Signatures:
    """As if the name server did not answer."""
    return Signatures(unchecked=frozenset({"example.com"}))


def with_keys(raw: bytes) -> Signatures:
    return Signatures(valid=frozenset({"example.com"}))


def read_every_hour(box: Inbox, hours: int) -> int:
    return sum(box.read_waiting(now=FRIDAY + hour * HOUR) for hour in range(1, hours + 1))


def test_what_nobody_expected_delays_a_mail_and_does_not_set_it_aside(world: World) -> None:
    outcome = receive(inbox(world, authority="", signed_by=broken), mail())
    assert outcome.outcome is Became.WAITING
    mended = inbox(world)
    assert mended.mails.quarantined() == 0
    assert mended.read_waiting(now=FRIDAY) == 0  # not yet
    assert mended.read_waiting(now=FRIDAY + HOUR) == 1
    assert receive(mended, mail()).outcome is Became.DUPLICATE
    assert mended.spool.delayed() == 0
    assert len(mended.mails.of_ticket(1001)) == 1


def test_a_mail_that_always_fails_is_set_aside_after_the_last_try(world: World) -> None:
    box = inbox(world, authority="", signed_by=breaks_on_poison)
    box.keep(mail(_POISON.decode()), Envelope())
    for hour in range(1, MOST_TRIES):
        assert box.read_waiting(now=FRIDAY + hour * HOUR) == 0
        assert box.mails.quarantined() == 0
        # The others are not kept waiting.
        other = mail(f"The roof leaks, {hour}.", sender=f"c{hour}@example.org")
        assert receive(box, other).outcome is Became.TICKET
    assert box.read_waiting(now=FRIDAY + MOST_TRIES * HOUR) == 1
    assert box.mails.quarantined() == 1
    assert box.spool.waiting() == []


def test_a_sender_who_cannot_be_verified_yet_keeps_the_level(world: World) -> None:
    outcome = receive(inbox(world, authority="", signed_by=without_keys), mail())
    assert outcome.outcome is Became.WAITING
    mended = inbox(world, authority="", signed_by=with_keys)
    assert mended.read_waiting(now=FRIDAY + HOUR) == 1
    (row,) = mended.mails.of_ticket(1001)
    assert row.evidence["verdict"] == "pass"
    assert mended.mails.level_title("KB-1001") == "Commercial"


def test_a_sender_whom_nobody_can_verify_gets_a_ticket_within_half_an_hour(world: World) -> None:
    box = inbox(world, authority="", signed_by=without_keys)
    receive(box, mail())
    minutes = [box.read_waiting(now=FRIDAY + minute * HOUR / 60) for minute in range(30)]
    assert sum(minutes) == 1
    (row,) = box.mails.of_ticket(1001)
    assert row.evidence == {"verdict": "none", "domain": "example.com", "results": "dkim=temperror"}
    assert box.mails.level_title("KB-1001") != "Commercial"


def test_a_key_of_somebody_else_delays_nothing(world: World) -> None:
    box = inbox(world, authority="", signed_by=without_keys)
    outcome = receive(box, mail(sender="Dora <dora@example.org>"))
    assert outcome.outcome is Became.TICKET


def test_a_cause_outside_the_mail_never_counts(world: World) -> None:
    folder = world.data / "attachments"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("in the way")
    box = inbox(world)
    raw = mail(files={"log.txt": b"It failed."})
    assert receive(box, raw).outcome is Became.WAITING
    assert read_every_hour(box, 3 * MOST_TRIES) == 0
    folder.unlink()
    assert box.read_waiting(now=FRIDAY + DAY) == 1
    assert len(box.mails.of_ticket(1001)) == 1


def _read_in_vain(data: Path, now: dt.datetime) -> None:
    box = inbox(build(data), authority="", signed_by=ends_the_process)
    box.read_waiting(now=now)


def kill_while_reading(world: World, hour: int) -> None:
    """A further process reads what waits, and is killed in the middle."""
    folder = world.sqlite.path.parent
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_read_in_vain, args=(folder, FRIDAY + hour * HOUR))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def test_a_mail_is_read_by_the_next_process_when_one_was_killed(world: World) -> None:
    box = inbox(world)
    box.keep(mail(), Envelope())
    kill_while_reading(world, 1)
    assert box.read_waiting(now=FRIDAY + 2 * HOUR) == 1
    assert len(box.mails.of_ticket(1001)) == 1
    assert box.mails.quarantined() == 0


def test_a_mail_that_ends_each_process_is_set_aside(world: World) -> None:
    box = inbox(world, authority="", signed_by=ends_the_process)
    box.keep(mail(), Envelope())
    for hour in range(MOST_TRIES):
        kill_while_reading(world, hour)
    assert box.read_waiting(now=FRIDAY + DAY) == 1
    assert box.mails.quarantined() == 1


def test_a_mail_whose_effect_was_saved_is_not_set_aside(world: World) -> None:
    box = inbox(world)
    receive(box, mail())
    (row,) = box.mails.of_ticket(1001)
    kept, new = (world.data / "mail" / name / row.file[:2] / row.file for name in ("kept", "new"))
    kept.rename(new)  # as if each process had been killed before this
    box.spool.save_tries(row.file, RetryState(MOST_TRIES))
    assert box.read_waiting(now=FRIDAY) == 1
    assert box.mails.quarantined() == 0
    assert len(box.mails.of_ticket(1001)) == 1


def test_a_mail_that_somebody_else_reads_is_left_alone(world: World) -> None:
    box = inbox(world)
    name = box.keep(mail(), Envelope())
    with box.spool.claim(name) as is_ours:
        assert is_ours
        assert box.read(name, now=FRIDAY) is None
    assert box.read(name, now=FRIDAY) is not None
    assert box.read(name, now=FRIDAY) is None


def test_what_a_crash_left_half_written_is_removed(world: World) -> None:
    box = inbox(world)
    name = box.keep(mail(), Envelope())
    half = world.data / "mail" / "new" / name[:2] / f".{name}.0a1b2c3d"
    half.write_bytes(b"From: al")
    box.spool.save_tries(name, RetryState(1))
    tomorrow = dt.datetime.now(dt.UTC) + DAY
    assert box.spool.sweep(frozenset, before=tomorrow) == 1
    assert not half.exists()
    assert box.spool.tries(name).count == 1

"""The mailboxes of a policy file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kb.errors import Misconfigured
from kb.sla.policy import ClosedReply, Mailbox, Updates
from kb.sla.policy_file import read_policy
from kb.sla.unread_keys import unread_keys
from tests.sla.policy_files import POLICIES, check_mistake, policy_with


def test_a_site_without_mailboxes_has_none(tmp_path: Path) -> None:
    assert not policy_with(tmp_path, "").mailboxes


def test_a_mailbox_says_what_a_mail_becomes(tmp_path: Path) -> None:
    policy = policy_with(
        tmp_path,
        '[mailboxes."Support@example.com"]\nproduct = "press"\ntype = "problem"\n'
        'language = "de"\nupdates = "site"\nclosed = "file"\nlists = ["Help.example.com"]\n'
        'organisation = "Acme"\nseverity = "question"',
    )
    assert policy.mailboxes["support@example.com"] == Mailbox(
        "support@example.com",
        product="press",
        type="problem",
        severity="question",
        language="de",
        organisation="Acme",
        updates=Updates.SITE,
        closed=ClosedReply.FILE,
        lists=frozenset({"help.example.com"}),
    )


def test_a_mail_gets_a_type_and_a_calm_severity_by_itself(tmp_path: Path) -> None:
    policy = policy_with(tmp_path, '[mailboxes."support@example.com"]')
    mailbox = policy.mailboxes["support@example.com"]
    assert mailbox.type in policy.types
    assert not policy.severities[mailbox.severity].urgent
    assert mailbox.updates is Updates.BOTH


@pytest.mark.parametrize(
    ("added", "named"),
    [
        ('[mailboxes."support"]', "support"),
        ('[mailboxes."support+sales@example.com"]', "support+sales"),
        ('[mailboxes."support@example.com"]\ntype = "no-such"', "no-such"),
        ('[mailboxes."support@example.com"]\ntopic = "no-such"', "no-such"),
        ('[mailboxes."support@example.com"]\nseverity = "no-such"', "no-such"),
        ('[mailboxes."support@example.com"]\nupdates = "post"', "post"),
        ('[mailboxes."support@example.com"]\nclosed = "post"', "post"),
        ('[mailboxes."support@example.com"]\nlanguage = "English"', "English"),
        ('[mailboxes."support@example.com"]\nlists = ["a b"]', "a b"),
        ('[mailboxes."support@example.com"]\nlabel = "x"', "label"),
        ('[mailboxes."a@example.com"]\n[mailboxes."A@example.com"]', "a@example.com"),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, added: str, named: str) -> None:
    check_mistake(tmp_path, added, named)


def test_a_severity_that_asks_for_more_does_not_suit_a_mail(tmp_path: Path) -> None:
    dated = '[severities.dated]\ntitle = "Dated"\ndefinition = "By a day."\nparameter = "date"\n'
    with pytest.raises(Misconfigured):
        policy_with(tmp_path, f'{dated}[mailboxes."support@example.com"]\nseverity = "dated"')


def test_a_product_that_is_not_in_the_catalogue_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "policies.toml"
    added = '[mailboxes."support@example.com"]\nproduct = "pres"'
    path.write_text(f"{POLICIES.read_text('utf-8')}\n{added}\n")
    policy, page = read_policy(path, today=dt.date(2026, 11, 23))
    assert not unread_keys(page, policy, products=None)
    (line,) = unread_keys(page, policy, products=("press",))
    assert "press" in line

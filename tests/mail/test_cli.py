"""`kb mail`: what mail servers and operators see of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kb.mail.cli import mail as command
from kb.site.data_folder import claim_data_folder
from tests.mail.mails import SUPPORT, mail
from tests.webapp.test_cli import PATIENCE
from tests.world import POLICIES


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "content"
    folder.mkdir()
    policies = POLICIES.read_text("utf-8")
    (folder / "catalogue.toml").write_text('[[products]]\nkey = "press"\ntitle = "Press"\n')
    (folder / "policies.toml").write_text(f'{policies}\n[mailboxes."{SUPPORT}"]\n')
    monkeypatch.setenv("KB_CONTENT", str(folder))
    monkeypatch.setenv("KB_DATA", str(tmp_path / "data"))
    return folder


def run(*options: str, raw: bytes = b"") -> Result:
    return CliRunner().invoke(command, [*options], input=raw)


def test_a_mail_from_a_pipe_prints_what_it_became(content: Path) -> None:
    first = run("receive", "--mailbox", SUPPORT, "--json", raw=mail())
    again = run("receive", "--mailbox", SUPPORT, "--json", raw=mail())
    assert (first.exit_code, again.exit_code) == (0, 0)
    outcomes = [json.loads(result.stdout)["outcome"] for result in (first, again)]
    assert outcomes == ["ticket", "duplicate"]


def test_a_mail_is_judged_by_the_policies_of_the_site_whose_data_it_goes_to(
    content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server's pipe knows ``--data``, and has none of the portal's environment."""
    monkeypatch.delenv("KB_CONTENT")
    monkeypatch.delenv("KB_DATA")
    data = tmp_path / "data"
    claim_data_folder(data, content)
    result = run("receive", "--data", str(data), "--mailbox", SUPPORT, "--json", raw=mail())
    assert json.loads(result.stdout)["outcome"] == "ticket"


def test_a_mail_that_cannot_be_stored_stays_with_the_mail_server(
    content: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mail").write_text("in the way")
    assert run("receive", raw=mail()).exit_code == os.EX_TEMPFAIL


def test_a_broken_policy_file_delays_mail_and_loses_none(content: Path) -> None:
    (content / "policies.toml").write_text("nonsense")
    assert run("receive", raw=mail()).exit_code == os.EX_TEMPFAIL


def test_a_mail_that_is_too_large_is_refused(
    content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_MAIL_MEGABYTES", "1")
    assert run("receive", raw=mail("x" * 1_500_000)).exit_code == os.EX_DATAERR


def test_the_quarantine_is_listed_and_its_exit_code_says_so(content: Path) -> None:
    assert run("quarantine").exit_code == 0
    run("receive", raw=b"Subject: Nobody\n\nText")
    listed = run("quarantine", "--json")
    assert listed.exit_code == 1
    (mail_,) = json.loads(listed.stdout)
    assert mail_["subject"] == "Nobody"
    assert run("quarantine").exit_code == 1


def test_no_fault_of_ours_returns_a_mail_to_its_sender(
    content: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("receive", "--no-such-option", raw=mail()).exit_code == os.EX_TEMPFAIL
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tickets.db").write_bytes(b"no database" * 1_000)
    assert run("receive", raw=mail()).exit_code == os.EX_TEMPFAIL
    monkeypatch.setenv("KB_MAIL_MEGABYTES", "many")
    assert run("receive", raw=mail()).exit_code == os.EX_TEMPFAIL


def test_a_stored_mail_that_cannot_be_read_yet_is_safe(content: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "attachments").write_text("in the way")
    raw = mail(files={"log.txt": b"It failed."})
    result = run("receive", "--json", raw=raw)
    assert (result.exit_code, json.loads(result.stdout)["outcome"]) == (0, "waiting")
    (tmp_path / "data" / "attachments").unlink()
    again = run("receive", "--json", raw=raw)
    assert json.loads(again.stdout)["outcome"] == "ticket"


def test_fetching_ends_at_once_also_while_a_server_is_silent(content: Path) -> None:
    """The timeout of the connection is a minute."""
    words = [sys.executable, "-c", "from kb.cli import main; main()", "mail", "poll"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        told = {"HOST": "127.0.0.1", "PORT": str(silent.getsockname()[1]), "USER": "a"}
        imap = {f"KB_IMAP_{name}": text for name, text in told.items()}
        with subprocess.Popen(words, env={**os.environ, **imap}) as polling:
            connection, _ = silent.accept()
            polling.send_signal(signal.SIGINT)
            assert polling.wait(PATIENCE) == 0
            connection.close()

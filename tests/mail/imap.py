"""A real IMAP server, Dovecot, for the tests where it is installed."""

from __future__ import annotations

import contextlib
import getpass
import imaplib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kb.mail.listeners.imap import ImapMailbox

_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
ssl = no
disable_plaintext_auth = no
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/Maildir
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
_STARTS_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class ImapServer:
    port: int

    def mailbox(self) -> ImapMailbox:
        return ImapMailbox("127.0.0.1", self.port, "a", "secret", "no", "INBOX", 1024 * 1024)

    def deliver(self, raw: bytes) -> None:
        with imaplib.IMAP4("127.0.0.1", self.port) as client:
            client.login("a", "secret")
            client.append("INBOX", "", "", raw)


@pytest.fixture
def imap_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImapServer]:
    program = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("Dovecot is not installed (Debian: dovecot-imapd).")
    folder = tmp_path_factory.mktemp("dovecot")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    _write_config(folder, port)
    process = subprocess.Popen([program, "-F", "-c", str(folder / "dovecot.conf")])
    try:
        _wait(process, port, folder)
        yield ImapServer(port)
    finally:
        process.terminate()
        process.wait()


def _write_config(folder: Path, port: int) -> None:
    """Mail of root is refused: then it is nobody's."""
    uid, gid = os.getuid(), os.getgid()
    mail = folder / "mail"
    mail.mkdir()
    if uid == 0:
        uid, gid = 65534, 65534
        os.chown(mail, uid, gid)
        for parent in (folder, *list(folder.parents)[:3]):
            if parent != Path("/tmp") and str(parent).startswith("/tmp"):
                parent.chmod(0o755)
    user = "nobody" if os.getuid() == 0 else getpass.getuser()
    config = _CONFIG.format(
        folder=folder, port=port, uid=uid, gid=gid, user=user, group=_group(gid)
    )
    (folder / "dovecot.conf").write_text(config)


def _group(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    end = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < end:
        with contextlib.suppress(OSError), imaplib.IMAP4("127.0.0.1", port):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    log = folder / "log"
    pytest.skip(f"Dovecot does not start: {log.read_text() if log.exists() else 'no log'}")

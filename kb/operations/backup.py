"""Backups: one archive of all that ``kb index`` cannot make again, and its restoration.

An archive is a gzip-compressed tar. It holds a consistent snapshot of the database, the attached
files, the pictures of articles, the settings, and the secrets under a passphrase. The manifest is
the last member and names the size and SHA-256 of every other one, so that a torn or altered
archive is refused as a whole.

The database is copied first and the attachments after it: a file is on the disk before the ticket
that names it is committed, so a copy never misses one.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from cryptography.exceptions import InvalidKey
from cryptography.fernet import Fernet, InvalidToken

from kb import __version__
from kb.database import (
    DATABASE_FILE,
    DatabaseLocation,
    database_exists,
    open_database,
    snapshot,
)
from kb.disk import sync
from kb.errors import Conflict, Invalid, Misconfigured, NotFound, Unavailable
from kb.operations.audit import Action, record_command
from kb.operations.signing_key import SIGNING_KEY_FILE
from kb.settings import SETTINGS, Settings, environment_values
from kb.tickets.attachments.configured import configured_attachments
from kb.tickets.attachments.files import Attachments
from kb.tickets.repository import numbers

_FORMAT = 1
_MANIFEST, _SECRETS, _SETTINGS = "manifest.json", "secrets.json", "settings.json"
_FOLDERS = ("attachments", "media")
_WORK_PREFIX, _ABANDONED_AFTER = ".backup.", dt.timedelta(days=1)
_BLOCK = 1024 * 1024
#: A manifest lists every attached file in about 120 bytes.
_LARGEST_MANIFEST = 256 * 1024 * 1024
#: scrypt as RFC 7914 describes it, with the cost that OWASP asks for (64 MiB of memory).
_SCRYPT = {"n": 2**16, "r": 8, "p": 1, "maxmem": 128 * 1024 * 1024, "dklen": 32}


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What an archive holds."""

    file: str
    created: dt.datetime
    version: str
    members: int
    size: int  # bytes of the archive itself
    secrets: bool

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "created": self.created.isoformat()}


def write_backup(
    data: Path,
    file: Path,
    *,
    database: DatabaseLocation | None = None,
    attachments: Attachments | None = None,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
    passphrase: str,
    now: dt.datetime,
) -> BackupReport:
    """Write an archive of ``data`` to ``file`` while the portal runs, verify it, and report on it.

    ``database`` is where the tickets are, if not in ``data``. The archive always contains them as a
    SQLite file, so that it can be restored anywhere. ``attachments`` has the attached files that
    are not in ``data``.
    ``settings`` and ``secrets`` are values by name; secrets go in only with a ``passphrase``.
    Raises NotFound without a database, Conflict if ``file`` exists, Unavailable if the disk does
    not take it or the written archive does not verify.
    """
    database = database or data
    if not database_exists(database):
        raise NotFound(f"{data} contains no tickets yet, so there is nothing to back up.")
    if file.exists():
        raise Conflict(f"{file} already exists; choose another name.")

    if not file.parent.is_dir():
        raise Unavailable(f"The backup {file} cannot be written: {file.parent} is not a folder.")

    _remove_abandoned(data, now)
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            _write_archive(stream, data, database, attachments, settings, secrets, passphrase, now)
            stream.flush()
            os.fsync(stream.fileno())

        report = read_report(partial)
        partial.rename(file)
        sync(file.parent)
    except OSError as error:
        raise Unavailable(
            f"The backup {file} cannot be written: {error.strerror or error}."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return BackupReport(**{**_fields(report), "file": str(file)})


def write_configured(settings: Settings, file: Path, now: dt.datetime) -> BackupReport:
    """``write_backup`` of the data folder in ``settings``, with what the environment sets, and an
    entry in the audit log.
    """
    texts = environment_values()
    secret_names = {setting.name for setting in SETTINGS if setting.secret}
    report = write_backup(
        settings.data,
        file,
        database=settings.database_location,
        attachments=configured_attachments(settings),
        settings={name: text for name, text in texts.items() if name not in secret_names},
        secrets={name: text for name, text in texts.items() if name in secret_names},
        passphrase=settings.backup_passphrase,
        now=now,
    )
    record_command(
        settings.database_location, Action.BACKED_UP, now=now, sha256=archive_sha256(file)
    )
    return report


def archive_sha256(file: Path) -> str:
    """Which archive it is, whatever it is called later."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_report(file: Path) -> BackupReport:
    """Read a whole archive, verify every byte of it, and say what it holds. Raises Invalid."""
    manifest = _verify(file)
    return BackupReport(
        file=str(file),
        created=dt.datetime.fromisoformat(manifest["created"]),
        version=manifest["version"],
        members=len(manifest["members"]),
        size=file.stat().st_size,
        secrets=_SECRETS in manifest["members"],
    )


def restore_backup(
    file: Path, data: Path, *, passphrase: str, with_secrets: bool, now: dt.datetime
) -> BackupReport:
    """Put an archive back into the empty folder ``data``; nothing is there unless all of it is.

    Ticket numbers continue beyond any that can have been given after the backup was taken. Raises
    Conflict if ``data`` holds something, Invalid for a damaged archive or a wrong passphrase.
    """
    if data.exists() and any(data.iterdir()):
        raise Conflict(f"{data} is not empty; restore into an empty folder.")
    report = read_report(file)
    if report.secrets and with_secrets and not passphrase:
        raise Misconfigured(
            "The secrets in this backup are encrypted. Set KB_BACKUP_PASSPHRASE, or restore "
            "without them (--without-secrets); then everybody has to sign in again.",
            field="backup_passphrase",
        )

    data.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=data.parent, prefix=f".{data.name}.") as work:
            folder = Path(work) / "data"
            folder.mkdir(mode=0o700)
            secrets = _extract(file, folder)
            if secrets and with_secrets:
                key = _decrypt(secrets, passphrase).get(SIGNING_KEY_FILE)
                if key:
                    _write_private(folder / SIGNING_KEY_FILE, io.BytesIO(key.encode()))

            with contextlib.closing(open_database(folder)) as database:
                numbers.skip_numbers(database, taken_at=report.created, now=now)
            if data.exists():
                data.rmdir()
            folder.rename(data)
            sync(data.parent)
    except OSError as error:
        raise Unavailable(f"{data} cannot be restored: {error.strerror or error}.") from error
    return report


# --- writing


def _remove_abandoned(data: Path, now: dt.datetime) -> None:
    """Removes the copies of the database that killed backups left; none runs for a day."""
    for folder in data.glob(f"{_WORK_PREFIX}*"):
        with contextlib.suppress(OSError):
            if now.timestamp() - folder.stat().st_mtime > _ABANDONED_AFTER.total_seconds():
                shutil.rmtree(folder)


def _database_copy(database: DatabaseLocation, folder: Path) -> Path:
    """A file of SQLite in ``folder``, without a log beside it."""
    file = folder / DATABASE_FILE
    if isinstance(database, Path):
        snapshot(database, file)
        return file

    # Needs every table's module, for which a backup of SQLite need not wait.
    from kb.operations.database_move import move_database

    moved = folder / "moved"
    move_database(database, moved)
    snapshot(moved, file)
    return file


def _write_archive(
    stream: IO[bytes],
    data: Path,
    database: DatabaseLocation,
    attachments: Attachments | None,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
    passphrase: str,
    now: dt.datetime,
) -> None:
    members: dict[str, Member] = {}
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=6) as archive:
        with tempfile.TemporaryDirectory(dir=data, prefix=_WORK_PREFIX) as work:
            copy = _database_copy(database, Path(work))
            _add_file(archive, members, copy, DATABASE_FILE)

        for folder in _FOLDERS:
            for path in sorted((data / folder).rglob("*")):
                # A name with a dot is a file that is being written.
                if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                    _add_file(archive, members, path, path.relative_to(data).as_posix())

        if attachments is not None:
            _add_shared(archive, members, attachments)

        _add_bytes(archive, members, _SETTINGS, json.dumps(settings, indent=2).encode())
        if passphrase:
            key = data / SIGNING_KEY_FILE
            kept = {SIGNING_KEY_FILE: key.read_text("ascii")} if key.exists() else {}
            _add_bytes(archive, members, _SECRETS, _encrypt({**secrets, **kept}, passphrase))

        manifest = {
            "format": _FORMAT,
            "version": __version__,
            "created": now.isoformat(),
            "members": {name: asdict(member) for name, member in members.items()},
        }
        _add_bytes(archive, {}, _MANIFEST, json.dumps(manifest, indent=1).encode())


def _add_shared(
    archive: tarfile.TarFile, members: dict[str, Member], attachments: Attachments
) -> None:
    """Files of the store, at the place where the folder of a single machine has them."""
    for key in attachments.elsewhere():
        with attachments.held(key) as path:
            if path is not None:  # else erased since the store was listed
                _add_file(archive, members, path, f"attachments/{key[:2]}/{key}")


def _add_file(archive: tarfile.TarFile, members: dict[str, Member], path: Path, name: str) -> None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return  # erased since the folder was listed
    with file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        file.seek(0)
        archive.addfile(_entry(name, size), file)
    members[name] = Member(size, digest)


def _add_bytes(
    archive: tarfile.TarFile, members: dict[str, Member], name: str, content: bytes
) -> None:
    archive.addfile(_entry(name, len(content)), io.BytesIO(content))
    members[name] = Member(len(content), hashlib.sha256(content).hexdigest())


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


# --- reading


def _verify(file: Path) -> dict[str, Any]:
    """The manifest of an archive whose every member is what the manifest says. Raises Invalid."""
    seen: dict[str, Member] = {}
    manifest: dict[str, Any] = {}
    with _opened(file) as entries:
        for entry, content in entries:
            if entry.name == _MANIFEST:
                if entry.size > _LARGEST_MANIFEST:
                    raise Invalid(f"{file}: the manifest is too large.")
                manifest = json.loads(content.read())
                continue
            digest = hashlib.sha256()
            while block := content.read(_BLOCK):
                digest.update(block)
            seen[entry.name] = Member(entry.size, digest.hexdigest())

    if not manifest:
        raise Invalid(f"{file} is not a complete backup: it has no manifest.")
    if manifest["format"] != _FORMAT:
        raise Invalid(f"{file} was written by a newer version of Askfirst ({manifest['version']}).")
    expected = {name: Member(**member) for name, member in manifest["members"].items()}
    if seen != expected:
        wrong = sorted(
            name for name in seen.keys() | expected.keys() if seen.get(name) != expected.get(name)
        )
        raise Invalid(f"{file} is damaged: {wrong[0]} is not what was written.")
    return manifest


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Iterator[tuple[tarfile.TarInfo, IO[bytes]]]]:
    """Every member of an archive with its content, to be read in the block.

    Raises NotFound, or Invalid for a damaged archive or an unsafe member.
    """
    try:
        with tarfile.open(file, mode="r:gz") as archive:
            yield _entries(file, archive)
    except FileNotFoundError as error:
        raise NotFound(f"{file} does not exist.") from error
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise Invalid(f"{file} is not a backup, or it is damaged: {error}.") from error


def _entries(file: Path, archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for entry in archive:
        path = PurePosixPath(entry.name)
        safe = entry.isreg() and not path.is_absolute() and ".." not in path.parts
        known = len(path.parts) == 1 or path.parts[0] in _FOLDERS
        content = archive.extractfile(entry) if safe and known else None
        if content is None:
            raise Invalid(f"{file} is not a backup: it contains {entry.name!r:.80}.")
        yield entry, content


def _extract(file: Path, folder: Path) -> bytes:
    """Write the data files of a verified archive into ``folder``; its encrypted secrets."""
    secrets = b""
    with _opened(file) as entries:
        for entry, content in entries:
            if entry.name == _SECRETS:
                secrets = content.read()
            elif entry.name == DATABASE_FILE or PurePosixPath(entry.name).parts[0] in _FOLDERS:
                _write_private(folder / entry.name, content)
    return secrets


def _write_private(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while block := content.read(_BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


# --- secrets


def _encrypt(secrets: Mapping[str, str], passphrase: str) -> bytes:
    salt = os.urandom(16)
    token = Fernet(_derived_key(passphrase, salt)).encrypt(json.dumps(dict(secrets)).encode())
    return json.dumps({"salt": salt.hex(), "fernet": token.decode()}).encode()


def _decrypt(secrets: bytes, passphrase: str) -> dict[str, str]:
    """Raises Invalid for a wrong passphrase."""
    envelope = json.loads(secrets)
    try:
        key = _derived_key(passphrase, bytes.fromhex(envelope["salt"]))
        content: dict[str, str] = json.loads(Fernet(key).decrypt(envelope["fernet"].encode()))
    except (InvalidToken, InvalidKey) as error:
        raise Invalid(
            "The passphrase does not match this backup.", field="backup_passphrase"
        ) from error
    return content


def _derived_key(passphrase: str, salt: bytes) -> bytes:
    return base64.urlsafe_b64encode(hashlib.scrypt(passphrase.encode(), salt=salt, **_SCRYPT))


def _fields(report: BackupReport) -> dict[str, Any]:
    return {name: getattr(report, name) for name in BackupReport.__slots__}

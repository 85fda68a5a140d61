"""Attached files in a store that machines share, beside those that a machine had before."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from PIL import Image

from kb.blobs import BlobStore
from kb.errors import Conflict, NotFound, Unavailable
from kb.operations.backup import restore_backup, write_backup
from kb.tickets.attachments import pieces
from kb.tickets.attachments.files import Attachments
from kb.tickets.attachments.validation import AttachmentLimits
from kb.tickets.desk import Desk
from kb.tickets.drafts import FormLimits
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import Attachment, Upload
from tests.databases import location_of
from tests.world import CATALOGUE, FRIDAY, World, draft

LOG = Upload("print.log", b"Printer on fire")


def read(attachments: Attachments, attachment: Attachment) -> bytes:
    with attachments.open(attachment) as file:
        return file.read()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_one_machine_stores_another_one_reads(store: BlobStore, tmp_path: Path) -> None:
    one, two = (Attachments(tmp_path / name, store) for name in ("one", "two"))
    [attachment] = one.put([LOG])
    large = tmp_path / "large"
    large.write_bytes(b"x" * 300_000)
    adopted = one.adopt("large.log", large)
    assert read(two, attachment) == LOG.data
    assert read(two, adopted) == large.read_bytes()
    assert not files_in(tmp_path / "one") + files_in(tmp_path / "two"), "nothing stays"


def test_what_is_erased_on_one_machine_is_gone_everywhere(store: BlobStore, tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(stream, "PNG")
    one, two = (Attachments(tmp_path / name, store) for name in ("one", "two"))
    [attachment] = one.put([Upload("a.png", stream.getvalue())])
    with two.picture(attachment)[0] as first, one.picture(attachment)[0] as again:
        assert first.read() == again.read()
    two.erase([attachment.key])
    with pytest.raises(NotFound):
        one.open(attachment)
    with pytest.raises(NotFound):
        one.picture(attachment)
    assert not list(store.names("attachments/"))


def test_a_damaged_file_is_not_given_to_anybody(store: BlobStore, tmp_path: Path) -> None:
    attachments = Attachments(tmp_path / "one", store)
    [attachment] = attachments.put([LOG])
    [(name, _)] = store.names("attachments/")
    store.write(name, b"something else")
    with pytest.raises(Unavailable, match="damaged"):
        attachments.open(attachment)


def test_files_from_before_are_read_and_move_to_the_store(store: BlobStore, tmp_path: Path) -> None:
    before = Attachments(tmp_path / "one")
    [attachment, orphan] = before.put([LOG, Upload("other.log", b"Nobody's")])
    attachments = Attachments(tmp_path / "one", store)
    assert read(attachments, attachment) == LOG.data

    referenced = frozenset({attachment.key})
    year_ago = FRIDAY - dt.timedelta(days=365)
    attachments.sweep(lambda: referenced, before=year_ago)
    assert read(Attachments(tmp_path / "two", store), attachment) == LOG.data
    assert [path.name for path in files_in(tmp_path / "one")] == [orphan.key]


def test_what_no_ticket_names_is_swept_from_the_store(store: BlobStore, tmp_path: Path) -> None:
    attachments = Attachments(tmp_path / "one", store)
    [kept, orphan] = attachments.put([LOG, Upload("other.log", b"Nobody's")])
    referenced = frozenset({kept.key})
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert attachments.sweep(lambda: referenced, before=tomorrow) == 1
    assert read(attachments, kept) == LOG.data
    with pytest.raises(NotFound):
        attachments.open(orphan)


def test_what_a_crash_left_half_written_is_swept(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path / "one")
    [kept] = attachments.put([LOG])
    [content] = files_in(tmp_path / "one")
    draft = content.with_name(f".{content.name}.1a2b3c4d")
    draft.write_bytes(b"half of it")
    tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    assert attachments.sweep(lambda: frozenset({kept.key}), before=tomorrow) == 1
    assert not draft.exists()
    assert read(attachments, kept) == LOG.data


def test_a_picture_whose_file_is_gone_is_missing(tmp_path: Path) -> None:
    attachments = Attachments(tmp_path / "one")
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")
    [kept] = attachments.put([Upload("screen.png", pixel.getvalue())])
    [content] = files_in(tmp_path / "one")
    content.unlink()
    with pytest.raises(NotFound, match="missing"):
        attachments.picture(kept)


def test_a_backup_has_the_files_of_the_store(
    store: BlobStore, world: World, tmp_path: Path
) -> None:
    attachments = Attachments(world.data / "attachments", store)
    [attachment] = attachments.put([LOG])
    write_backup(
        world.data,
        tmp_path / "a.backup",
        database=location_of(world.data),
        attachments=attachments,
        settings={},
        secrets={},
        passphrase="",
        now=FRIDAY,
    )
    restored = tmp_path / "restored"
    restore_backup(tmp_path / "a.backup", restored, passphrase="", with_secrets=False, now=FRIDAY)
    assert read(Attachments(restored / "attachments"), attachment) == LOG.data


class LostConnection(io.BytesIO):
    """Breaks off after its content."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise ConnectionError
        return data


def test_an_upload_that_began_on_one_machine_ends_on_another(
    store: BlobStore, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_BLOB", 1000)
    one, two = (
        Desk(
            TicketRepository(world.database),
            world.policy,
            Attachments(tmp_path / name / "attachments", store),
            CATALOGUE,
            limits=FormLimits(files=AttachmentLimits(upload_bytes=100_000)),
        )
        for name in ("one", "two")
    )
    dump, alice = b"line\n" * 1000, world.alice
    number = one.filing.file(draft(), alice, key="k", now=FRIDAY)
    one.large_files.open(number, alice, now=FRIDAY)
    ref = one.large_files.begin(number, alice, "dump.log", len(dump), now=FRIDAY)
    with pytest.raises(ConnectionError):
        one.large_files.append(number, alice, ref, 0, LostConnection(dump[:2500]), now=FRIDAY)

    assert two.large_files.file(number, alice, ref, now=FRIDAY).offset == 2500
    assert len(list(store.names("uploads/"))) == 3
    store.write(f"uploads/{ref}.2000-2700", dump[2000:2700])  # of a request that was too late
    with pytest.raises(Conflict):
        two.large_files.append(number, alice, ref, 2000, io.BytesIO(dump[2000:]), now=FRIDAY)
    rest = io.BytesIO(dump[2500:])
    assert two.large_files.append(number, alice, ref, 2500, rest, now=FRIDAY) == len(dump)
    assert one.large_files.file(number, alice, ref, now=FRIDAY).attached
    [stored] = store.names("attachments/")
    [key] = TicketRepository(world.database).attachment_keys()
    assert stored[0].endswith(key)
    assert store.read(stored[0]) == dump
    assert not list(store.names("uploads/"))
    assert not files_in(tmp_path / "one") + files_in(tmp_path / "two"), "nothing stays"


def test_parts_of_uploads_are_removed_with_their_rows_on_every_machine(
    store: BlobStore, tmp_path: Path
) -> None:
    attachments = Attachments(tmp_path / "one", store)
    for ref in ("gone", "open", "erased"):
        end = attachments.pieces.append(ref, 9, 0, io.BytesIO(b"four"), lambda *_: True)
        assert end == 4
    attachments.erase((), ["erased"])
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).timestamp()
    assert attachments.pieces.sweep(lambda: frozenset({"open"}), tomorrow) == 1
    assert [name for name, _ in store.names("uploads/")] == ["uploads/open.0-4"]


def test_a_machine_makes_one_copy_of_an_upload_at_a_time_and_only_if_it_fits(
    store: BlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces_of = Attachments(tmp_path / "one", store).pieces
    pieces_of.append("dump", 4, 0, io.BytesIO(b"four"), lambda *_: True)
    with pieces_of.complete("dump", 4) as whole:
        assert whole.read_bytes() == b"four"
        with pytest.raises(Conflict), pieces_of.complete("dump", 4):
            pass
    with pieces_of.complete("dump", 4) as whole:
        assert whole.read_bytes() == b"four"
    monkeypatch.setattr(pieces, "_FREE_SPACE", 2**80)
    with pytest.raises(Unavailable), pieces_of.complete("dump", 4):
        pass
    assert not files_in(tmp_path / "one")

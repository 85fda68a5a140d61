"""What a file is, whatever it calls itself: polyglots, bombs and names."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import NotFound, Unavailable
from kb.tickets.attachments.files import Attachments
from kb.tickets.attachments.validation import (
    AttachmentLimits,
    error_of,
    errors,
    name_and_type,
    safe_name,
)
from kb.tickets.ticket import Attachment, Upload

LIMITS = AttachmentLimits(file_bytes=100_000, zip_entries=10, zip_bytes=1_000_000, zip_ratio=100)
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def packed(*files: tuple[str, bytes], link: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o120777 if link else 0o100644) << 16
            archive.writestr(entry, data)
    return out.getvalue()


def locked_zip() -> bytes:
    data = bytearray(packed(("a.txt", b"a")))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the table of contents
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data", "kept", "media_type"),
    [
        ("a.png", PNG, "a.png", "image/png"),
        ("a.gif", b"GIF89a...", "a.gif", "image/gif"),
        ("A.JPEG", b"\xff\xd8\xff\xe0", "A.JPEG", "image/jpeg"),
        ("a.pdf", b"%PDF-1.7\n", "a.pdf", "application/pdf"),
        ("a.log", b"line\r\n\x1b[31mred\x1b[0m", "a.log", "text/plain"),
        ("a.csv", b"a;b\n1;2", "a.csv", "text/csv"),
        ("a.json", b'{"a": 1}', "a.json", "application/json"),
        ("a.txt", "Größe".encode(), "a.txt", "text/plain"),
        ("a.txt", "Größe".encode("latin-1"), "a.txt", "text/plain"),
        ("a.txt", "Größe".encode("utf-16"), "a.txt", "text/plain"),
        ("a.zip", packed(("shot.bmp", b"BM....")), "a.zip", "application/zip"),
        ("a.rar", b"Rar!\x1a\x07\x01\x00", "a.rar", "application/vnd.rar"),
        ("System.evtx", b"ElfFile\x00", "System.evtx", "application/octet-stream"),
    ],
)
def test_the_allowed_kinds_are_known_by_their_content(
    name: str, data: bytes, kept: str, media_type: str
) -> None:
    upload = Upload(name, data)
    assert error_of(upload, LIMITS) is None
    assert name_and_type(upload.name, io.BytesIO(upload.data)) == (kept, media_type)


SCRIPT = b"<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("name", "data", "kept", "media_type"),
    [
        ("a.html", PNG + SCRIPT, "a.html.png", "image/png"),
        ("a.svg", b"GIF89a" + SCRIPT, "a.svg.gif", "image/gif"),
        ("a.html", b"%PDF-1.4\n<html>" + SCRIPT, "a.html.pdf", "application/pdf"),
        ("a.htm", b"+ADw-script+AD4-alert(1)", "a.htm.txt", "text/plain"),
        ("a.js", b"alert(1)", "a.js.txt", "text/plain"),
        ("a.html", b"see " + SCRIPT, "a.html.txt", "text/plain"),
        ("photo\u202egnp.html", PNG, "photognp.html.png", "image/png"),
        ("a.jpg", PNG, "a.jpg.png", "image/png"),
        ("noending", PNG, "noending.png", "image/png"),
        ("a.docx", packed(("word/document.xml", b"<x/>")), "a.docx.zip", "application/zip"),
    ],
)
def test_a_file_that_lies_is_kept_as_what_it_is(
    name: str, data: bytes, kept: str, media_type: str
) -> None:
    upload = Upload(name, data)
    assert error_of(upload, LIMITS) is None
    assert name_and_type(upload.name, io.BytesIO(upload.data)) == (kept, media_type)


@pytest.mark.parametrize(
    "data",
    [
        b"<html>" + SCRIPT,
        b"  \r\n\t<!DOCTYPE html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\xef\xbb\xbf<?xml version='1.0'?><svg/>",
        "<svg onload=alert(1)>".encode("utf-16"),
        b"<!-- x --><html>",
        SCRIPT,
        b"<a href=x>",
        b"</p><iframe>",
        b"<\x00s\x00v\x00g\x00/\x00>\x00",
        b"From: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n" + SCRIPT,
        b"Content-Type: multipart/related; boundary=x\r\n\r\n--x",
        b"MZ\x90\x00",
        b"\x7fELF\x02",
        b"\x00",
        b"BM\x36\x00\x00\x00",
        b"\xca\xfe\xba\xbe\x00",
        b"PK\x05\x06" + b"\x00" * 18,
    ],
)
@pytest.mark.parametrize("name", ["harmless.png", "harmless.txt"])
def test_what_could_carry_a_script_or_is_unknown_is_refused_under_any_name(
    name: str, data: bytes
) -> None:
    sentence = error_of(Upload(name, data), LIMITS)
    assert sentence
    assert name in sentence
    assert "ZIP" in sentence


@pytest.mark.parametrize(
    ("name", "data", "accepted"),
    [
        ("model.orrml", b"<Dimension Name='City'/>", True),
        ("model.ORRML", b"\xef\xbb\xbf<?xml version='1.0'?><Fact/>", True),
        ("model.xml", b"<Dimension/>", False),
        ("model.orrml", b"<!DOCTYPE html><p>", False),
        ("model.orrml", b"<a><svg onload='x'/></a>", False),
        ("model.orrml", b"<a xmlns:h='http://www.w3.org/1999/xhtml'><h:script/></a>", False),
        ("model.orrml", b"<?xml-stylesheet href='x'?><a/>", False),
        ("model.orrml", b"\xff\xfe\x00\x00<a/>", False),
    ],
)
def test_a_site_accepts_xml_of_its_own_without_pages_in_it(
    name: str, data: bytes, accepted: bool
) -> None:
    limits = replace(LIMITS, xml_endings=frozenset({"orrml"}))
    upload = Upload(name, data)
    assert (error_of(upload, limits) is None) == accepted
    assert error_of(upload, LIMITS) is not None
    if accepted:
        assert name_and_type(upload.name, io.BytesIO(upload.data)) == (name, "text/plain")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (packed(*[(f"{i}.txt", b"x") for i in range(11)]), "11 files"),
        (packed(("zeros", b"\x00" * 900_000)), "too much"),
        (packed(("a", b"\x00" * 600_000), ("b", b"\x00" * 600_000)), "too much"),
        (packed(("../boot.ini", b"x")), "outside"),
        (packed(("a/../../b", b"x")), "outside"),
        (packed(("/etc/passwd", b"x")), "outside"),
        (packed(("C:/boot.ini", b"x")), "outside"),
        (packed(("a\\..\\..\\b", b"x")), "outside"),
        (packed(("link", b"/etc/passwd"), link=True), "outside"),
        (locked_zip(), "password"),
        (b"PK\x03\x04 and no more", "not a readable ZIP"),
        (packed(("a.txt", b"a"))[:-30], "not a readable ZIP"),
    ],
)
def test_a_zip_that_is_dangerous_or_broken_is_refused(data: bytes, words: str) -> None:
    assert words in (error_of(Upload("a.zip", data), LIMITS) or "")


def test_size_and_number_have_limits() -> None:
    assert "empty" in (error_of(Upload("a.txt", b""), LIMITS) or "")
    assert "larger" in (error_of(Upload("a.txt", b"x" * 100_001), LIMITS) or "")
    many = [Upload(f"{i}.txt", b"x") for i in range(21)]
    assert "21 files" in errors(many, LIMITS)[0]
    assert errors(many[:20], LIMITS) == []


@given(st.text(max_size=300))
def test_any_name_becomes_a_safe_one(name: str) -> None:
    kept = safe_name(name)
    assert 0 < len(kept) <= 120
    assert kept.isprintable()
    assert not set(kept) & set('/\\<>:"|?*\u202e')
    assert not kept.startswith(".")
    assert safe_name(kept) == kept


@given(st.text(max_size=40), st.binary(max_size=200))
def test_any_bytes_are_a_known_kind_or_a_sentence(name: str, data: bytes) -> None:
    upload = Upload(name, data)
    sentence = error_of(upload, LIMITS)
    kept, media_type = name_and_type(upload.name, io.BytesIO(upload.data))
    assert sentence is None or sentence.endswith(".")
    assert media_type not in ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml")
    assert not kept.lower().endswith((".html", ".svg", ".htm", ".xml", ".exe", ".js"))


@given(st.binary(max_size=300))
def test_any_end_of_a_zip_is_judged_without_an_error(tail: bytes) -> None:
    sentence = error_of(Upload("a.zip", packed(("a.txt", b"a"))[:40] + tail), LIMITS)
    assert sentence is None or "a.zip" in sentence


def test_the_same_bytes_are_kept_once_under_two_names(tmp_path: Path) -> None:
    store = Attachments(tmp_path / "files")
    one, two = store.put([Upload("a.txt", b"same"), Upload("b.log", b"same")])
    assert (one.key, one.size) == (two.key, 4)
    assert one.ref != two.ref
    with store.open(one) as first, store.open(two) as second:
        assert first.read() == second.read() == b"same"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"a\.txt"):
        Attachments(tmp_path).open(Attachment("r", "a.txt", "text/plain", 1, "00" * 32))


def test_a_disk_that_takes_nothing_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(Unavailable, match=r"a\.txt"):
        Attachments(tmp_path / "files").put([Upload("a.txt", b"a")])
    assert [path.name for path in tmp_path.iterdir()] == ["files"]

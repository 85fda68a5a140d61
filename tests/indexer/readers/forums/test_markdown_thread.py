"""Threads in the help centre's own format."""

from __future__ import annotations

from tests.indexer.conftest import Read


def test_a_thread_may_be_written_in_markdown(read: Read) -> None:
    text = (
        "---\ntitle: Where is the log?\nproduct: portal\nauthor: Alice\ndate: 2026-01-02\ntags: "
        "[log]\n---\n"
        "I cannot find it.\n\n## Reply by Charlie\n\nMe neither.\n\n## Answer by Bob · "
        "accepted\n\nIn **data**.\n\n### Why\n\nSo.\n"
    )
    document = read("forum", "log.md", text)[0][0]
    assert (document.id, document.kind, document.solved, document.answer) == (
        "forum/log",
        "forum",
        True,
        1,
    )
    assert document.authors == ("Alice", "Charlie", "Bob")
    assert [(section.path, section.text) for section in document.sections] == [
        ((), "I cannot find it."),
        (("Accepted answer by Bob",), "In data.\n\nWhy\n\nSo."),
        (("Reply by Charlie",), "Me neither."),
    ]

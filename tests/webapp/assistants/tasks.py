"""Fifty things that a weak assistant does: one call each, and a word that its answer must have.

It makes mistakes: unknown IDs, fields that do not exist, types that nobody offers. Each is answered
by a sentence that says what to do, and none files anything.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Task(NamedTuple):
    tool: str
    arguments: dict[str, Any]
    expected: str
    fails: bool = False


def _proposal(**more: Any) -> dict[str, Any]:
    return {
        "title": "The press eats paper",
        "description": "Since Monday it eats every second sheet.",
        "type": "problem",
        "severity": "question",
        **more,
    }


TASKS = (
    *(
        Task("suggest", {"problem": problem}, expected)
        for problem, expected in (
            ("paper jam", "doc/jam"),
            ("clear a paper jam", "doc/jam"),
            ("clear a papr jam", "doc/jam"),
            ("change the ink", "doc/ink"),
            ("chang the ink", "doc/ink"),
            ("clean the still", "doc/still"),
            ("reset my password", "faq/password"),
            ("how do i reset my pasword", "faq/password"),
            ("the press is noisy when folding", "forum/noisy"),
            ("noisy when folding", "forum/noisy"),
            ("runbook for zephyrion", '"suggestions": []'),
            ("qwertz yxcvb", '"suggestions": []'),
            ("", '"suggestions": []'),
            ('paper "jam" <script>', "doc/jam"),
            ("die papier jam", '"known_problems"'),
        )
    ),
    *(
        Task("search", {"query": query}, expected)
        for query, expected in (
            ("paper", "doc/jam"),
            ("cartridge", "doc/ink"),
            ("oil the cartridge", "forum/noisy"),
            ("warm water", "doc/still"),
            ("link on the page", "faq/password"),
            ('"test page"', "doc/jam"),
            ("paper -jam", '"total"'),
            ("title:ink", "doc/ink"),
            ("zephyrion", '"total": 0'),
        )
    ),
    Task("search", {"query": "cartridge", "kind": "forum"}, "forum/noisy"),
    Task("search", {"query": "cartridge", "page": 2}, '"total"'),
    Task("search", {"query": "ink", "kind": "wiki"}, "kind", fails=True),
    Task("search", {"query": "ink", "page": 0}, "page", fails=True),
    Task("search", {"question": "ink"}, "query", fails=True),
    *(
        Task("article", {"id": document}, expected)
        for document, expected in (
            ("doc/jam", "# Clear a paper jam"),
            ("doc/ink", "# Change the ink"),
            ("doc/paper-jam", "# Clear a paper jam"),
            ("faq/password", "# How do I reset my password?"),
            ("forum/noisy", "Oil the cartridge."),
        )
    ),
    Task("article", {"id": "doc/secret"}, "There is no such article", fails=True),
    Task("article", {"id": "doc/none"}, "There is no such article", fails=True),
    Task("article", {"id": "../../etc/passwd"}, "", fails=True),
    Task("article", {"id": ""}, "", fails=True),
    Task("known_problems", {}, '"problems": []'),
    Task("ticket_form", {}, '"severities"'),
    Task("promise", {"type": "problem", "severity": "question"}, '"due"'),
    Task("promise", {}, "severity", fails=True),
    Task("promise", {"severity": "question", "zone": "Europe/Berlin", "version": "2.0"}, '"due"'),
    Task("propose_ticket", _proposal(), "/tickets/proposed/"),
    Task("propose_ticket", _proposal(product="press", version="2.0"), '"filed": false'),
    Task("propose_ticket", _proposal(name="Gina", email="gina@example.org"), '"filed": false'),
    Task("propose_ticket", _proposal(type="wish"), "type", fails=True),
    Task("propose_ticket", _proposal(severity="hot"), "severity", fails=True),
    Task("propose_ticket", {"title": "Only a title"}, "description", fails=True),
    Task("file_ticket", _proposal(), "file_ticket", fails=True),
)

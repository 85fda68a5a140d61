"""Drafts from tickets, without what is private."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kb.gaps.ticket_draft import draft_of_ticket, private_facts

TEXT = """Hi, Alice Miller from Acme here. The export fails on build7.acme.internal (10.1.2.3:8443).
Mail me at alice@acme.example or call +49 30 1234567. Key: AKIA4EXAMPLE12345678Z9.
See https://intranet.acme.example/wiki?id=7, KB-1042 and C:\\Users\\amiller\\report.txt"""


def test_what_is_private_is_found_with_its_kind() -> None:
    facts = {fact.text: fact.kind for fact in private_facts([TEXT], ["Alice Miller", "Acme"])}
    assert facts["alice@acme.example"] == "address"
    assert facts["10.1.2.3:8443"] == "network address"
    assert facts["build7.acme.internal"] == "host name"
    assert facts["AKIA4EXAMPLE12345678Z9"] == "key"
    assert facts["https://intranet.acme.example/wiki?id=7"] == "link"
    assert facts["KB-1042"] == "ticket"
    assert facts["+49 30 1234567"] == "number"
    assert facts["C:\\Users\\amiller"] == "folder"
    assert facts["Alice Miller"] == facts["Acme"] == "name"


def test_a_draft_has_customers_words_and_nothing_private() -> None:
    draft = draft_of_ticket(
        "Export fails for Acme",
        asked=["export broken", "Export fails for Acme"],
        description=TEXT,
        environment=[("Product", "Press"), ("Version", "2.0"), ("Module", "")],
        replies=["Hello Alice,\nrestart the exporter.", " "],
        names=["Alice Miller", "Acme"],
    )
    masked = draft.without()
    assert masked.title == "Export fails for [name]"
    assert masked.aliases == ("export broken",)
    sections = dict(masked.sections)
    assert sections["Environment"] == "- Product: Press\n- Version: 2.0"
    assert "restart the exporter" in sections["Resolution"]
    whole = str(masked.sections).lower()
    assert not any(word in whole for word in ("alice", "acme", "10.1.2.3", "akia4", "1234567"))
    assert "Acme" in draft.without(["Acme"]).title


@given(st.text(), st.lists(st.text(max_size=12), max_size=4))
def test_any_text_is_accepted_and_no_fact_stays(text: str, names: list[str]) -> None:
    draft = draft_of_ticket(
        "T", asked=[], description=text, environment=[], replies=[text], names=names
    )
    shown = str(dict(draft.without().sections)["Issue"])
    for fact in draft.facts[:20]:
        if fact.kind in ("address", "key", "number"):
            assert fact.text not in shown

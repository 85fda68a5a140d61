from hypothesis import given
from hypothesis import strategies as st

from kb.search.analysis.passages import MAX_PASSAGE_LENGTH, split_passages
from kb.search.documents import Document, DocumentKind, Region, RegionKind, Section


def _document(*sections: Section, summary: str = "") -> Document:
    return Document("doc/a", DocumentKind.DOC, "A", sections, summary=summary)


def test_paragraphs_stay_together_as_long_as_they_fit() -> None:
    short, long = "Short.", "word " * 190
    passages = split_passages(_document(Section("a", ("A",), f"{short}\n\n{long}\n\n{long}")))
    assert [passage.text for passage in passages] == [f"{short}\n\n{long}".strip(), long.strip()]
    assert {(passage.anchor, passage.path) for passage in passages} == {("a", ("A",))}


def test_a_document_without_text_has_one_passage_with_its_summary() -> None:
    (passage,) = split_passages(_document(Section("", (), " \n "), summary="About A. "))
    assert passage.text == "About A."


def test_a_region_that_is_cut_belongs_to_both_passages() -> None:
    code = "\n".join(["line of code"] * 120)
    section = Section("", (), f"Run:\n\n{code}", (Region(RegionKind.CODE, 6, 6 + len(code)),))
    passages = split_passages(_document(section))
    parts = [
        passage.text[region.start : region.end]
        for passage in passages
        for region in passage.regions
    ]
    assert len(parts) > 1
    assert " ".join(parts).split() == code.split()


@given(st.text(alphabet="ab \n\t", max_size=60).map(lambda text: text * 40))
def test_passages_are_slices_that_leave_out_only_white_space(text: str) -> None:
    passages = [passage.text for passage in split_passages(_document(Section("", (), text)))]
    rest = text
    for passage in filter(None, passages):  # no text makes one empty passage
        before, passage_again, rest = rest.partition(passage)
        assert passage_again == passage
        assert not before.strip()
        assert len(passage) <= MAX_PASSAGE_LENGTH
    assert not rest.strip()

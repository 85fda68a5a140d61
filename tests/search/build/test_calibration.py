from __future__ import annotations

from kb.search import weights
from kb.search.build.calibration import kept, measure, out_of_scope_tenth
from tests.search.library import document


def test_a_calibration_is_kept_until_much_changes_or_another_version_judges() -> None:
    documents = [document(f"doc/{n}", f"Clean drum {n}", "Use a cloth.") for n in range(9)]
    measured = measure(lambda _text: 0.0, documents, size=100, wanted=10).json()

    same = kept(measured, changed=1, lost=False, wanted=10)
    assert same is not None
    assert same["changed"] == 1
    assert kept(same, changed=2, lost=False, wanted=10) is None
    assert kept(measured, changed=0, lost=False, wanted=20) is None
    assert (
        kept(measured | {"model": "of another lexicon"}, changed=0, lost=False, wanted=10) is None
    )

    of_earlier_version = {name: value for name, value in measured.items() if name != "model"}
    assert kept(of_earlier_version, changed=0, lost=False, wanted=10) is None


def test_more_documents_need_a_higher_threshold_up_to_a_number() -> None:
    fewest, most = weights.OUT_OF_SCOPE_DOCUMENTS
    sizes = (1, fewest, (fewest + most) // 2, most, 100 * most)
    few, low, middle, high, many = (out_of_scope_tenth([], size) for size in sizes)
    assert few == low < middle < high == many


def test_customers_questions_are_as_near_as_foreign_ones_at_least() -> None:
    assert out_of_scope_tenth([-9.0] * 10, 30) == out_of_scope_tenth([], 30)
    assert out_of_scope_tenth([5.0] * 10, 30) == 5.0


def test_a_site_with_more_documents_is_asked_to_be_surer() -> None:
    documents = [document(f"doc/{n}", f"Clean drum {n}", "Use a cloth.") for n in range(9)]
    small, large = (
        measure(lambda text: 3.0 if "drum" in text else -3.0, documents, size=size, wanted=10)
        for size in (20, 90)
    )
    assert small.threshold < large.threshold

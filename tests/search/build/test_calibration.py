from __future__ import annotations

from kb.search.build.calibration import kept, measure
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

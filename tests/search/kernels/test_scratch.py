"""Scratch arrays: when an array is lent, and when it is returned."""

from __future__ import annotations

from kb.search.kernels.scratch import Scratch


def test_an_array_is_lent_to_one_at_a_time_and_used_again() -> None:
    scratch = Scratch(3)
    first, second = scratch.borrow(), scratch.borrow()
    assert first.array is not second.array
    assert first.array.tolist() == [0, 0, 0]

    array = first.array
    del first
    assert scratch.borrow().array is array

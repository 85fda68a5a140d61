"""Full text: prefixes, scripts without blanks, common words, and no operators."""

from __future__ import annotations

import pytest

from tests.tickets.tickets import seen
from tests.world import FRIDAY, World, draft


def test_words_of_scripts_without_blanks_are_found_in_part(world: World) -> None:
    number = world.desk.filing.file(draft("印刷できません"), world.alice, key="jp", now=FRIDAY)
    for words in ("印刷", "刷", "できません"):
        assert [row.number for row in world.desk.mine(world.alice, words=words, now=FRIDAY)[1]] == [
            number
        ]
    assert world.desk.mine(world.alice, words="刷印", now=FRIDAY) == (0, ())


@pytest.mark.parametrize(
    "words", ['"', '" OR 1', "NEAR(", "title:", "*", "a AND", "^", "-x", "\x00", "“”"]
)
def test_no_word_is_an_operator(world: World, number: str, words: str) -> None:
    assert world.desk.queue.tickets(world.bob, words=words, now=FRIDAY)[1] in (
        (),
        (seen(world, number).row,),
    )


def test_of_a_word_that_everybody_says_the_newest_places_count(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles = ("Printer and scanner", "Printer", "Printers", "Printer", "Printer")
    numbers = [
        world.desk.filing.file(draft(title), world.alice, key=str(i), now=FRIDAY)
        for i, title in enumerate(titles)
    ]

    def found(words: str) -> set[str]:
        return {
            row.number for row in world.desk.queue.tickets(world.bob, words=words, now=FRIDAY)[1]
        }

    assert found("printer") == set(numbers)
    monkeypatch.setattr("kb.tickets.repository.fulltext.MAX_OCCURRENCES", 3)
    assert found("printer") == {numbers[1], numbers[3], numbers[4]}, "the word itself, last said"
    assert found("printers") == {numbers[2]}
    assert found("scanner printer") == {numbers[0]}, "said together, however long ago"
    assert found(f"{numbers[0]} scanner") == {numbers[0]}

"""Tell me when: articles and questions."""

from __future__ import annotations

from tests.webapp.world import Browser, data_values


def test_an_own_address_follows_at_once_and_sees_it_in_the_account(alice: Browser) -> None:
    form = {"article": "doc/ink", "email": "alice@example.com"}
    response = alice.post("/follow", form)
    assert data_values(alice.page(response.headers["Location"]), "followed") == ["following"]
    assert data_values(alice.page("/account"), "follows") == ["article:doc/ink"]


def test_a_strangers_address_is_asked_first(anyone: Browser) -> None:
    form = {"question": "where is the\n zorblax", "email": "gina@example.org"}
    response = anyone.post("/follow", form)
    assert data_values(anyone.page(response.headers["Location"]), "followed") == ["asked"]


def test_what_cannot_be_followed_is_told_with_what_was_typed(anyone: Browser) -> None:
    refused = anyone.post("/follow", {"article": "doc/ink", "email": "gina at home"})
    assert refused.status_code == 422
    assert "gina at home" in refused.get_data(as_text=True)
    assert anyone.post("/follow", {"question": " ", "email": "g@example.org"}).status_code == 422


def test_an_article_of_another_audience_does_not_exist(anyone: Browser) -> None:
    for path in ("/follow?article=doc/secret", "/follow?article=doc/none"):
        assert anyone.get(path).status_code == 404
    form = {"article": "doc/secret", "email": "gina@example.org"}
    assert anyone.post("/follow", form).status_code == 404


def test_without_a_question_the_page_asks_for_one(anyone: Browser) -> None:
    assert '<input id="question" name="question"' in anyone.page("/follow")
    assert 'id="question"' not in anyone.page("/follow?question=where is the zorblax")
    assert 'id="question"' not in anyone.page("/follow?article=doc/ink")

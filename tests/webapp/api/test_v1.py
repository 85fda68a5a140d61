"""The JSON routes, exactly as they are published."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.webapp.world import Browser, Portal, build, guest, settings_of, ticket

HIT = {
    *("id", "title", "url", "kind", "language", "score", "path", "product", "versions", "passage"),
    "also",
}


def test_suggest_answers_in_the_published_shape(anyone: Browser) -> None:
    answer = anyone.get("/api/v1/suggest?q=paper+ja").json
    assert answer
    names = {"query", "generation", "partial", "answer", "looked_for", "suggestions", "problems"}
    assert set(answer) == names
    assert answer["query"] == "paper ja"
    assert answer["generation"] == "000001"
    assert answer["partial"] is False
    first = answer["suggestions"][0]
    assert set(first) == HIT | {"confidence", "tier"}
    assert 0 < first["confidence"] <= 1
    assert first["tier"] in {"strong", "perhaps"}
    assert set(first["passage"]) == {"text", "spans"}
    assert first["id"] == "doc/jam"
    assert first["url"].startswith("/help/doc/jam")


def test_a_log_is_posted_and_its_error_is_looked_for(anyone: Browser) -> None:
    noise = "INFO Downloading part\n" * 2000
    answer = anyone.client.post(
        "/api/v1/suggest?limit=2", json={"q": f"{noise}ERROR: paper jam in the press\n{noise}"}
    )
    assert answer.json
    assert answer.json["looked_for"] == "ERROR: paper jam in the press"
    assert answer.json["suggestions"][0]["id"] == "doc/jam"
    assert len(answer.json["suggestions"]) <= 2


@pytest.mark.parametrize("q", [7, None, ["a"], {}])
def test_a_text_that_is_no_string_is_refused(anyone: Browser, q: object) -> None:
    refused = anyone.client.post("/api/v1/suggest", json={"q": q})
    assert (refused.status_code, refused.json and refused.json["code"]) == (422, "invalid")


def test_search_answers_in_the_published_shape(anyone: Browser) -> None:
    answer = anyone.get("/api/v1/search?q=open&kind=doc&product=press").json
    assert answer
    assert {"query", "generation", "total", "partial", "did_you_mean", "facets", "results"} <= set(
        answer
    )
    assert {hit["id"] for hit in answer["results"]} == {"doc/jam", "doc/ink"}
    assert answer["total"] == 2
    assert set(answer["results"][0]) == HIT


def test_a_search_may_ask_for_signs_as_plain_text(anyone: Browser) -> None:
    path = '/api/v1/search?q="jam" -open'
    with_operators, plain = anyone.get(path).json, anyone.get(f"{path}&operators=0").json
    assert with_operators
    assert plain
    assert with_operators["total"] == 0
    assert "doc/jam" in {hit["id"] for hit in plain["results"]}


def test_an_answer_holds_what_the_asker_may_see(anyone: Browser, bob: Browser) -> None:
    path = "/api/v1/search?q=zephyrion"
    hidden, seen = anyone.get(path).json, bob.get(path).json
    assert hidden
    assert seen
    assert hidden["total"] == 0
    assert seen["total"] == 1


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/suggest?q=x&limit=0", "limit"),
        ("/api/v1/suggest?q=x&limit=many", "limit"),
        ("/api/v1/suggest?q=x&settled=yes", "settled"),
        ("/api/v1/search?q=x&page=0", "page"),
        ("/api/v1/search?q=x&page=5000", "page"),
        ("/api/v1/search?q=x&kind=book", "kind"),
        ("/api/v1/search?q=x&operators=no", "operators"),
        ("/api/v1/promise?severity=none", "severity"),
    ],
)
def test_a_wrong_value_is_told_by_its_field(anyone: Browser, path: str, field: str) -> None:
    response = anyone.get(path)
    problem = json.loads(response.data)
    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert set(problem["fields"]) == {field}
    assert problem["status"] == 422
    assert problem["detail"]


def test_strange_queries_are_answered(anyone: Browser) -> None:
    for query in ("", " ", "%00", "%ff%fe", '"', "-", "a" * 10_000, "*", "%F0%9F%98%80", "title:"):
        assert anyone.get(f"/api/v1/suggest?q={query}").status_code == 200, query
        assert anyone.get(f"/api/v1/search?q={query}").status_code == 200, query


def test_without_an_index_the_answer_says_when_to_try_again(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "index")
    response = build(settings_of(folder)).browser().get("/api/v1/suggest?q=paper")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert json.loads(response.data)["code"] == "unavailable"


def test_the_promise_before_sending_is_the_promise_after_it(alice: Browser) -> None:
    answer = alice.get(
        "/api/v1/promise?severity=question&type=problem&product=press&version=2.0"
    ).json
    assert answer
    assert (answer["level"], answer["due_text"]) == ("Commercial", "Tue 24 Nov 11:00 CET")
    assert answer["level"] in answer["text"]
    assert answer["due_text"] in answer["text"]
    assert answer["due"] == "2026-11-24T10:00:00Z"
    assert answer["support_ends"] == "2027-12-31"
    assert "31 December 2027" in answer["support_text"]
    filed = alice.client.post("/api/v1/tickets", json=ticket()).json
    assert filed
    assert (filed["level"], filed["due"]) == ("Commercial", answer["due"])
    assert "Tue 24 Nov 11:00 CET" in alice.page(f"/tickets/{filed['number']}")


def test_a_promise_for_no_severity_says_which_there_are(anyone: Browser) -> None:
    answer = anyone.get("/api/v1/promise").json
    assert answer
    assert set(answer["fields"]) == {"severity"}
    assert "question" in answer["detail"]


def test_the_promise_is_told_in_the_zone_of_a_guest(anyone: Browser) -> None:
    answer = anyone.get("/api/v1/promise?severity=question&zone=America/New_York").json
    odd = anyone.get("/api/v1/promise?severity=question&zone=../../etc/passwd").json
    assert answer
    assert answer["level"] == "Community"
    assert answer["due_text"] == "Wed 25 Nov 05:00 EST"
    assert odd
    assert odd["due_text"] == "Wed 25 Nov 10:00 UTC"


def test_a_version_whose_support_has_ended_is_told(anyone: Browser) -> None:
    answer = anyone.get("/api/v1/promise?severity=question&product=press&version=1.0").json
    assert answer
    assert answer["support_ends"] == "2025-12-31"
    assert "31 December 2025" in answer["support_text"]


def test_a_program_files_once_for_each_idempotency_key(anyone: Browser) -> None:
    headers = {"Idempotency-Key": "one"}
    answers = [
        anyone.client.post("/api/v1/tickets", json=guest(key=""), headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    first, second = answers[0].json, answers[1].json
    assert first
    assert second
    assert first["number"] == second["number"]
    path = first["url"].removeprefix("http://localhost")
    assert "?key=" in path
    assert anyone.get(path).status_code == 303


def test_a_filed_ticket_of_somebody_signed_in_has_no_secret_in_its_address(alice: Browser) -> None:
    answer = alice.client.post(
        "/api/v1/tickets", json=ticket(copy_to=["c@example.com", "d@example.com"])
    ).json
    assert answer
    assert "key" not in answer["url"]
    assert "c@example.com, d@example.com" in alice.page(f"/tickets/{answer['number']}")


def test_what_cannot_be_filed_is_told_field_by_field(anyone: Browser) -> None:
    response = anyone.client.post("/api/v1/tickets", json={"title": 7, "description": {"a": 1}})
    problem = json.loads(response.data)
    assert response.status_code == 422
    assert response.mimetype == "application/problem+json"
    assert {"type", "severity", "name", "email"} <= set(problem["fields"])
    # A program does not see the form, so the message names the keys that it can send.
    assert "problem" in problem["fields"]["type"]
    assert "delays" in problem["fields"]["severity"]


@pytest.mark.parametrize("door", ["tickets", "episodes", "feedback"])
def test_only_json_of_our_own_pages_or_of_programs_is_taken(portal: Portal, door: str) -> None:
    client = portal.browser().client
    path = f"/api/v1/{door}"
    assert client.post(path, data={"title": "a form of another site"}).status_code == 415
    assert client.post(path, data="[]", content_type="application/json").status_code == 422
    assert client.post(path, data="{", content_type="application/json").status_code == 422
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        refused = client.post(path, json={}, headers=headers)
        assert refused.status_code == 403
        assert refused.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "text/json", "x" * 300, ""]
)
@pytest.mark.parametrize("door", ["tickets", "episodes", "feedback"])
def test_what_is_not_sent_as_json_is_told_which_format_is_read(
    portal: Portal, door: str, kind: str
) -> None:
    answer = portal.browser().client.post(
        f"/api/v1/{door}", data=b'{"title": "x"}', headers={"Content-Type": kind}
    )
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")
    assert answer.headers["Accept"] == "application/json"
    problem = json.loads(answer.data)
    assert (problem["code"], problem["title"]) == (
        "unsupported-media-type",
        "Unsupported Media Type",
    )
    assert "application/json" in problem["detail"]
    assert kind[:50] in problem["detail"]
    assert len(problem["detail"]) < 200


def test_an_episode_is_kept_and_bounded(anyone: Browser) -> None:
    event = {"episode": "e-1", "kind": "shown", "payload": {"ids": ["doc/jam"]}}
    assert anyone.client.post("/api/v1/episodes", json=event).status_code == 204
    wrongs: list[dict[str, object]] = [
        {"kind": "eaten"},
        {"episode": "../x"},
        {"payload": []},
        {"episode": 7},
    ]
    for wrong in wrongs:
        assert anyone.client.post("/api/v1/episodes", json={**event, **wrong}).status_code == 422
    assert (
        anyone.client.post(
            "/api/v1/episodes", json={**event, "payload": {"q": "x" * 5000}}
        ).status_code
        == 413
    )


def test_a_vote_is_kept(portal: Portal, anyone: Browser) -> None:
    assert (
        anyone.client.post(
            "/api/v1/feedback", json={"document": "doc/jam", "helpful": True}
        ).status_code
        == 204
    )
    assert portal.centre.deflection.votes("doc/jam") == (1, 0)
    assert (
        anyone.client.post(
            "/api/v1/feedback", json={"document": "doc/jam", "helpful": "yes"}
        ).status_code
        == 422
    )
    assert (
        anyone.client.post(
            "/api/v1/feedback", json={"document": "doc/secret", "helpful": True}
        ).status_code
        == 404
    )


def test_every_route_of_the_api_is_described(portal: Portal, anyone: Browser) -> None:
    described = anyone.get("/openapi.json").json
    assert described
    assert described["servers"] == [{"url": "http://localhost"}]
    routes = {
        (re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in portal.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {(path, method) for path, methods in described["paths"].items() for method in methods}
    # Mail providers post there what they describe themselves.
    routes -= {("/api/v1/mail", "post")}
    assert routes == {(path, method) for path, method in told if path.startswith("/api/")}

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.cli import kb, main
from kb.errors import Invalid
from kb.search import evaluation
from tests.search.library import ARTICLES, document, publish


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    corpus = [
        {
            "_id": "d1",
            "title": "Reset a password",
            "text": "Ask for a link.",
            "metadata": {"kind": "faq"},
        },
        {
            "_id": "d2",
            "title": "Install on Linux",
            "text": "Run make serve.",
            "metadata": {"kind": "doc"},
        },
        {
            "_id": "d3",
            "title": "Billing",
            "text": "Invoices are sent monthly.",
            "metadata": {"kind": "faq:money"},
        },
    ]
    queries = [
        {"_id": "q1", "text": "reset my password please"},
        {"_id": "d2", "text": "install on linux"},
    ]
    for name, rows in (
        ("corpus", corpus),
        ("queries", queries),
        ("out-of-scope", [{"_id": "o", "text": "weather in paris"}]),
    ):
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), "utf-8"
        )
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "dev.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nd2\td3\t1\n", "utf-8"
    )
    return tmp_path


def test_a_perfect_answer_scores_one_and_a_querys_own_document_is_left_out(judged: Path) -> None:
    report = evaluation.evaluate_set(evaluation.read_judged_set(judged))
    assert report.run["q1"][0][0] == "d1"
    assert "d2" not in [document for document, _ in report.run["d2"]]
    assert report.metrics["success@5"] == 0.5
    assert report.documents == 3
    assert 0 < report.latency_ms["p50"] <= report.latency_ms["p99"]


def test_pages_in_markdown_have_their_headings(judged: Path) -> None:
    text = "Intro.\n\n## Reset a password {#reset}\nOpen it.\n\n```sh\n# no heading\n```\n\n"
    text += "### On [a phone](/phone)\nTap.\n\n## Log out\n"
    row = {"_id": "d4", "title": "Accounts", "text": text}
    with (judged / "corpus.jsonl").open("a", encoding="utf-8") as corpus:
        corpus.write(json.dumps(row) + "\n")
    sections = evaluation.read_judged_set(judged).documents[-1].sections
    assert [section.path for section in sections] == [
        (),
        ("Reset a password",),
        ("Reset a password", "On a phone"),
        ("Log out",),
    ]
    assert "# no heading" in sections[1].text
    assert len(sections[1].regions) == 1


def test_metrics_are_those_of_trec_eval() -> None:
    run = {"q": [("a", 1.0), ("b", 1.0), ("c", 1.0)]}
    metrics = evaluation.compute_metrics({"q": {"b": 1}}, run)
    assert metrics["MRR@10"] == 0.5
    assert metrics["nDCG@10"] == pytest.approx(0.6309, abs=1e-4)
    assert metrics["R@10"] == metrics["success@5"] == 1.0


def test_typos_are_the_same_every_time_and_leave_short_words_alone() -> None:
    with_typo = evaluation.typos(1)
    text = "forgot my password"
    assert with_typo(text) == with_typo(text) != text
    assert with_typo("a b cd efg") == "a b cd efg"
    assert evaluation.first_characters(9)("forgot my password") == "forgot my"
    assert evaluation.first_words(2)("forgot my password") == "forgot my"


def test_the_command_prints_one_json_document_and_a_run_file(judged: Path, tmp_path: Path) -> None:
    arguments = [
        "eval",
        str(judged),
        "--mode",
        "suggest",
        "--prefix-chars",
        "14",
        "--run",
        str(tmp_path / "run"),
        "--json",
    ]
    result = CliRunner().invoke(kb, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert set(report["metrics"]) == set(evaluation.METRICS)
    assert set(report["latency_ms"]) == {"p50", "p99"}
    assert set(report["abstain"]) == {
        "false_suggestions",
        "silent_in_scope",
        "kept_at_10%",
        "threshold_at_10%",
        "threshold",
    }
    assert report["abstain"]["false_suggestions"] == 0.0
    assert (tmp_path / "run").read_text().startswith("q1 Q0 d1 1 ")


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("corpus.jsonl", "{broken\n", "corpus.jsonl:1"),
        ("queries.jsonl", "[]\n", "queries.jsonl:1"),
    ],
)
def test_a_broken_set_is_named_with_its_line(
    judged: Path, file: str, content: str, line: str
) -> None:
    (judged / file).write_text(content, "utf-8")
    with pytest.raises(Invalid, match=line):
        evaluation.read_judged_set(judged)


def test_an_unknown_split_is_refused(judged: Path) -> None:
    with pytest.raises(Invalid):
        evaluation.read_judged_set(judged, "train")


def test_search_and_suggest_print_the_shape_of_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KB_SUGGEST_BUDGET_MS", "10")  # of a server, which has loaded everything
    publish(tmp_path)
    result = CliRunner().invoke(
        kb, ["suggest", "port already in u", "--data", str(tmp_path), "--json"]
    )
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert set(answer) == {"query", "generation", "partial", "answer", "looked_for", "suggestions"}
    assert {"confidence", "tier", "passage", "also"} <= set(answer["suggestions"][0])
    result = CliRunner().invoke(kb, ["suggest", "port", "--data", str(tmp_path), "--explain"])
    assert "the threshold of" in result.stdout
    assert "[shown]" in result.stdout
    result = CliRunner().invoke(
        kb, ["search", "port", "--data", str(tmp_path), "--json", "--explain"]
    )
    answer = json.loads(result.stdout)
    assert {"query", "generation", "total", "partial", "did_you_mean", "facets", "results"} <= set(
        answer
    )
    assert answer["results"][0]["explain"]


@pytest.mark.parametrize("command", ["search", "suggest"])
def test_an_audience_that_no_document_names_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    publish(tmp_path, [*ARTICLES, document("doc/pilot", "The pilot port", audience="pilot-2027")])

    def run_as(audience: str) -> tuple[object, str]:
        monkeypatch.setattr(
            "sys.argv", ["kb", command, "port", "--data", str(tmp_path), "--as", audience]
        )
        with pytest.raises(SystemExit) as code:
            main()
        return code.value.code, capsys.readouterr().err

    assert run_as("pilot-2027")[0] == run_as("staff")[0] == 0
    code, message = run_as("stuff")
    assert code == 2
    for audience in ("stuff", "public", "customers", "partners", "staff", "pilot-2027"):
        assert audience in message


def test_nothing_found_is_exit_code_one(tmp_path: Path) -> None:
    publish(tmp_path)
    result = CliRunner().invoke(kb, ["search", "zzzzzz", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout == ""

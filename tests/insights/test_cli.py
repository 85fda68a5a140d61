"""`kb insights` as a command."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from kb.analytics.deflection import Deflection
from kb.analytics.tables import EPISODES
from kb.database import open_database
from kb.errors import Invalid
from kb.insights.cli import demo_data, insights
from kb.settings import load_settings
from kb.site.data_folder import claim_data_folder
from kb.tickets.tables import TICKETS
from tests.analytics.test_outcomes import visit
from tests.world import DAY, FRIDAY, World

EXAMPLES = Path(__file__).parents[2] / "content" / "examples"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        visit(
            number,
            person=f"person {number}",
            portal="=cmd()" if number % 2 else "portal",
            at=FRIDAY + number % 50 * DAY,
            arm="holdout" if number % 4 < 2 else "treatment",
            filed_at=FRIDAY + number % 50 * DAY if number % 8 < 3 else None,
        )
        for number in range(800)
    ]
    path = tmp_path / "episodes.jsonl"
    path.write_text("\n".join(json.dumps(row, default=dt.datetime.isoformat) for row in rows))
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(insights, [str(part) for part in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_replay_prints_the_contract(file: Path) -> None:
    document = json.loads(run("--replay", file, "--json", "--by", "portal"))
    assert document["episodes"] == document["eligible"] == 800
    assert set(document["causal"]) >= {"effect", "low", "high", "verdict", "needed"}
    assert document["causal"]["verdict"] == "works"
    assert document["outcomes"]["submitted"] == 300
    assert [group["portal"] for group in document["by"]] == ["=cmd()", "portal"]
    assert sum(group["episodes"] for group in document["by"]) == 800
    assert set(document["by"][0]) == set(document) - {"by"} | {"portal"}


def test_dates_and_portal_narrow_it(file: Path) -> None:
    whole = json.loads(run("--replay", file, "--json"))
    narrowed = run("--replay", file, "--json", "--from", "2026-06-06", "--to", "2026-06-10")
    assert json.loads(narrowed)["episodes"] == 5 * 16
    assert "by" not in whole
    assert json.loads(run("--replay", file, "--json", "--portal", "portal"))["episodes"] == 400


def test_no_cell_of_the_csv_is_a_formula(file: Path) -> None:
    text = run("--replay", file, "--csv", "--by", "portal")
    header, *rows = csv.reader(io.StringIO(text))
    assert [row[0] for row in rows] == ["all", "'=cmd()", "portal"]
    assert len({len(row) for row in (header, *rows)}) == 1


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        run("--replay", tmp_path / "missing", "--json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid):
        run("--replay", tmp_path / "binary", "--json")


def test_an_empty_file_knows_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    document = json.loads(run("--replay", tmp_path / "empty", "--json"))
    assert document["explicit_rate"] is None
    assert document["causal"]["verdict"] == "not known yet"
    assert "not known yet" in run("--replay", tmp_path / "empty")


def test_the_portals_own_ledger_is_printed_with_the_same_keys(world: World, file: Path) -> None:
    deflection = Deflection(world.database)
    for kind, payload in (("query", {"q": "The printer jams"}), ("shown", {"ids": ["doc/a"]})):
        deflection.record("e1", kind, payload, now=FRIDAY)
    document = json.loads(run("--data", world.data, "--json", "--by", "week"))
    replayed = json.loads(run("--replay", file, "--json", "--by", "week"))
    assert set(replayed) <= set(document)
    assert (document["intent"], document["by"][0]["week"]) == (1, "2026-06-01")
    assert json.loads(run("--data", world.data, "--json", "--from", "2026-06-06"))["intent"] == 0


def test_a_demo_is_about_the_site_of_its_data_folder(tmp_path: Path) -> None:
    """Without being told: `kb index --site` and `kb serve --site` have noted whose data it is."""
    site = EXAMPLES / "site-manager"
    claim_data_folder(tmp_path / "data", site)
    written = CliRunner().invoke(
        demo_data, ["--history", "--data", str(tmp_path / "data")], catch_exceptions=False
    )
    assert written.exit_code == 0, written.output
    titles = {
        line.removeprefix("title:").strip().strip("\"'").casefold().partition(":")[0]
        for path in (site / "docs").rglob("*.md")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith("title:")
    }
    location = load_settings(data=str(tmp_path / "data"), site=str(site)).database_location
    with contextlib.closing(open_database(location)) as database, database.read() as connection:
        asked = set(connection.execute(select(EPISODES.c.title).distinct()).scalars())
        products = set(connection.execute(select(TICKETS.c.product).distinct()).scalars())
    assert len(titles & {title.casefold() for title in asked}) == 5
    assert not {product for product in products if "Askfirst" in product}

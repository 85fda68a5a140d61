"""The size calculator: more needs more, and every coefficient is there."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench import growth_chart
from indexer.html.drawings import is_drawing
from kb.operations import sizing
from kb.operations.cli import size
from kb.operations.sizing import Arrangement, Size, Workload, required_cluster
from kb.search.meaning.model_file import model_path

ROOT = Path(__file__).parents[2]
SMALL = Workload(documents=200, tickets=1_000, agents=2)
required_size = partial(sizing.required_size, encoder=True)
COUNTS = st.integers(0, 10**9)


def amounts(required: Size) -> tuple[float, ...]:
    return (
        required.machines * required.cores,
        required.machines * required.memory,
        required.index_disk,
        required.database_disk,
        required.build_minutes,
        required.reading_hours,
        required.suggestion_ms,
    )


def test_a_small_help_centre_needs_a_small_machine() -> None:
    required = required_size(SMALL)
    assert required.arrangement == Arrangement.ONE_MACHINE
    assert (required.machines, required.cores) == (1, 2)
    assert required.memory <= 2_000_000_000
    assert not required.extrapolated


def test_the_encoder_needs_memory_and_time_of_its_own() -> None:
    """Memory is rounded up to what can be bought, so that not every size shows it."""
    loads = [Workload(documents, 10**8, 50) for documents in range(1_000, 200_000, 1_000)]
    with_encoder, without = (
        [sizing.required_size(load, encoder=encoder) for load in loads] for encoder in (True, False)
    )
    pairs = list(zip(with_encoder, without, strict=True))
    assert all(more.memory >= less.memory and more.cores >= less.cores for more, less in pairs)
    assert any(more.memory > less.memory for more, less in pairs)
    assert with_encoder[-1].reading_hours > without[-1].reading_hours == 0


@given(
    st.builds(Workload, COUNTS, COUNTS, st.integers(0, 100_000)),
    st.sampled_from(list(Workload.__slots__)),
)
def test_more_never_needs_less(load: Workload, name: str) -> None:
    more = replace(load, **{name: 2 * getattr(load, name) + 1})
    assert all(
        after >= before
        for before, after in zip(
            amounts(required_size(load))[2:], amounts(required_size(more))[2:], strict=True
        )
    )


def test_a_large_house_gets_postgresql_then_machines_and_is_told_what_is_not_measured() -> None:
    assert (
        required_size(replace(SMALL, agents=80)).arrangement == Arrangement.ONE_MACHINE_POSTGRESQL
    )
    assert required_size(replace(SMALL, tickets=10**7)).arrangement != Arrangement.ONE_MACHINE
    two_thousand_agents = required_size(replace(SMALL, agents=2_000))
    assert two_thousand_agents.arrangement == Arrangement.REPLICAS
    assert two_thousand_agents.machines > 1
    most = sizing.measured_sizes()[-1]
    assert not required_size(replace(SMALL, documents=most)).extrapolated
    assert required_size(replace(SMALL, documents=most + 1)).extrapolated


def test_the_command_prints_what_it_has_calculated() -> None:
    arguments = ["--documents", "1e6", "--tickets", "1e7", "--agents", "50"]
    printed = json.loads(CliRunner().invoke(size, [*arguments, "--json"]).stdout)
    load, installed = Workload(10**6, 10**7, 50), model_path() is not None
    assert printed == sizing.required_size(load, encoder=installed).json()
    shown = CliRunner().invoke(size, arguments)
    assert shown.exit_code == 0
    assert printed["arrangement"] in shown.stdout
    assert printed["measured_on"] in shown.stdout


def test_the_command_says_for_which_counts_it_calculates() -> None:
    """Also those that nobody has given."""
    shown = CliRunner().invoke(size, ["--documents", "1e6", "--agents", "7"]).stdout
    assert {"1,000,000", "100,000", "7"} <= set(shown.splitlines()[0].split())


def test_a_cluster_is_counted_beside_the_portal_machines() -> None:
    arguments = ["--documents", "1e6", "--opensearch"]
    printed = json.loads(CliRunner().invoke(size, [*arguments, "--json"]).stdout)
    cluster = required_cluster(Workload(10**6, 10**5, 5))
    assert printed["cluster"] == asdict(cluster)
    assert cluster.suggestion_ms > required_size(Workload(10**6, 10**5, 5)).suggestion_ms
    shown = CliRunner().invoke(size, arguments).stdout
    assert f"{cluster.suggestion_ms} ms" in shown


@pytest.mark.parametrize("wrong", ["many", "-1", "1e20", "nan"])
def test_what_is_no_count_is_refused(wrong: str) -> None:
    assert CliRunner().invoke(size, ["--documents", wrong]).exit_code == 2


@pytest.mark.parametrize("documents", [10**3, 10**4, 10**5, 10**6, 10**7])
def test_the_guide_has_the_figures_that_the_command_prints(documents: int) -> None:
    required = required_size(Workload(documents, 10**5, 5))
    guide = (ROOT / "content" / "docs" / "operators" / "size.md").read_text("utf-8")
    assert (
        f"| {documents:,} | {required.memory / 1e9:,.0f} GB | {required.index_disk / 1e9:,.1f} GB "
        f"| {required.build_minutes:,.1f} minutes | {required.suggestion_ms} ms |"
    ) in guide


def test_the_chart_of_the_guide_shows_what_the_command_prints() -> None:
    chart = growth_chart.CHART.read_text("utf-8")
    assert chart == growth_chart.drawn()
    largest = required_size(Workload(10**7, 10**5, 5))
    assert f">{largest.suggestion_ms:.1f} ms</text>" in chart
    assert "calculated</text>" in chart
    assert is_drawing(chart.encode())


def test_what_was_measured_is_what_is_calculated() -> None:
    """Between two points, and at each of them."""
    costs = sizing._coefficients()["documents"]
    for at, documents in enumerate(costs["count"]):
        required = required_size(Workload(documents, 0, 0))
        assert required.index_disk == 4 * costs["index_bytes"][at]
        assert required.suggestion_ms == costs["suggest_cpu_ms_p50"][at]

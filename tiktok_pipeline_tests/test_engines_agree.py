"""The tables of the sample are the same whatever engine computes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiktok_pipeline.orchestration.runs.tags import ENGINE_TAG, ENGINE_UI_TAG
from tiktok_pipeline.sample import write_sample
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline_tests.engines import SPARK_ENGINE, needs_sail, needs_spark
from tiktok_pipeline_tests.homes import run_command_line
from tiktok_pipeline_tests.same_tables import assert_same_rows, count_rows

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
STUDIES = ("--study", "balanced_segments", "--study", "creator_archetypes", "--study", "top_influencers")
"""One of profiles, the one of activity, and one with a classifier; networks would take minutes with each engine."""
ADDRESSES = {"sail": "sc://127.0.0.1:", SPARK_ENGINE: f"{SPARK_ENGINE} local-"}

pytestmark = pytest.mark.slow


def refresh(home: Path, engine: str, *arguments: str | Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOK_PIPELINE_ENGINE", engine)
        patch.setenv("TIKTOK_PIPELINE_PICTURES", "no")
        assert run_command_line(patch, home, "refresh", *arguments) == 0


def refresh_sample(home: Path, engine: str) -> Path:
    refresh(home, engine, SAMPLE, *STUDIES)
    return home


@pytest.fixture(scope="module")
def by_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return refresh_sample(tmp_path_factory.mktemp("duckdb"), "duckdb")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("sail", marks=needs_sail()),
        pytest.param(SPARK_ENGINE, marks=needs_spark(takes_minutes=True)),
    ],
)
def other(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return another engine and the home that it refreshed."""
    return request.param, refresh_sample(tmp_path_factory.mktemp("other"), request.param)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_same_rows(by_duckdb: Path, other: tuple[str, Path], name: str) -> None:
    assert_same_rows(by_duckdb, other[1], TABLES[name].spec)


def test_the_sample_fills_the_tables(other: tuple[str, Path]) -> None:
    """Equal tables without rows would prove nothing."""
    filled = [name for name, table in TABLES.items() if count_rows(other[1], table.spec)]
    assert len(filled) > 0.8 * len(TABLES)
    assert {"validated.profiles", "validated.rejected", "features.profiles", "clusters.assignments"} <= {*filled}
    assert count_rows(other[1], TABLES["validated.profiles"].spec) > 3_000


def test_a_run_names_its_engine_and_leaves_nothing_behind(by_duckdb: Path, other: tuple[str, Path]) -> None:
    assert engines_of_runs(by_duckdb) == {None}
    assert all(address and address.startswith(ADDRESSES[other[0]]) for address in engines_of_runs(other[1]))
    pages = {"http" if pages else None for pages in engines_of_runs(other[1], ENGINE_UI_TAG)}
    assert pages == {None if other[0] == "sail" else "http"}
    assert sorted(path.name for path in (other[1] / "warehouse").iterdir()) == ["tiktok.duckdb"]


@pytest.mark.parametrize("engine", [pytest.param("sail", marks=needs_sail())])
def test_a_home_may_change_its_engine(tmp_path: Path, engine: str) -> None:
    """Each engine continues what the other began: the second snapshot is compared with the first one."""
    write_sample(tmp_path / "scrapes", profiles=300, snapshots=2, random_state=5, activity=0)
    first, second = sorted((tmp_path / "scrapes").glob("profiles_*"))
    homes = tmp_path / "begun by DuckDB", tmp_path / "begun by the other"
    for home, engines in zip(homes, [("duckdb", engine), (engine, "duckdb")], strict=True):
        for used, scrape in zip(engines, (first, second), strict=True):
            refresh(home, used, scrape, "--study", "balanced_segments")
    for table in TABLES.values():
        assert_same_rows(*homes, table.spec)
    assert count_rows(homes[0], TABLES["creators.moves"].spec)


def engines_of_runs(home: Path, tag: str = ENGINE_TAG) -> set[str | None]:
    """Return the engines that the runs of a home name, or another tag; at least one run is there."""
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(home / "dagster")) as instance:
        engines = {run.tags.get(tag) for run in instance.get_runs()}
    assert engines
    return engines

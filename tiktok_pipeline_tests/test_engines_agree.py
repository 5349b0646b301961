"""The tables of the sample are the same whatever engine computes them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.orchestration.runs.tags import ENGINE_TAG
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline_tests.engines import needs_sail
from tiktok_pipeline_tests.homes import run_command_line

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
STUDIES = ("--study", "balanced_segments", "--study", "creator_archetypes", "--study", "top_influencers")
"""One of profiles, the one of activity, and one with a classifier; networks would take minutes twice."""
TOLERANCE = 1e-8
LEFT_OUT = {"raw.files": {"ingested_at"}}

pytestmark = [pytest.mark.slow, needs_sail()]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes with the sample, refreshed once by each engine."""
    made = {engine: tmp_path_factory.mktemp(engine) for engine in ("duckdb", "sail")}
    for engine, home in made.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TIKTOK_PIPELINE_ENGINE", engine)
            assert run_command_line(patch, home, "refresh", SAMPLE, *STUDIES) == 0
    return made


def rows_of(home: Path, spec: TableSpec) -> pd.DataFrame:
    """Return the compared columns of a table, ordered by its key and then by everything that is no float."""
    compared = [column for column in spec.columns if column.name not in LEFT_OUT.get(str(spec), set())]
    key = [*spec.slice_by, *spec.rows_per]
    others = [column.name for column in compared if not _is_float(column) and column.name not in key]
    order = ", ".join(f'"{name}"' for name in dict.fromkeys([*key, *others]))
    names = ", ".join(f'"{column.name}"' for column in compared)
    with duckdb.connect(str(home / "warehouse" / "tiktok.duckdb"), read_only=True) as connection:
        return connection.execute(f"select {names} from {spec} order by {order}").df()


def _is_float(column: Column) -> bool:
    return column.type == "float"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_same_rows(homes: dict[str, Path], name: str) -> None:
    spec = TABLES[name].spec
    by_duckdb, by_sail = (rows_of(homes[engine], spec) for engine in ("duckdb", "sail"))
    floats = [column.name for column in spec.columns if _is_float(column) and column.name in by_duckdb]
    pd.testing.assert_frame_equal(by_duckdb.drop(columns=floats), by_sail.drop(columns=floats))
    for column in floats:
        np.testing.assert_allclose(
            by_sail[column].to_numpy("float64"), by_duckdb[column].to_numpy("float64"), rtol=TOLERANCE, atol=0
        )


def test_the_sample_fills_the_tables(homes: dict[str, Path]) -> None:
    """Equal tables without rows would prove nothing."""
    filled = [name for name, table in TABLES.items() if len(rows_of(homes["sail"], table.spec))]
    assert len(filled) > 0.8 * len(TABLES)
    assert {"validated.profiles", "validated.rejected", "features.profiles", "clusters.assignments"} <= {*filled}
    assert len(rows_of(homes["sail"], TABLES["validated.profiles"].spec)) > 3_000


def test_a_run_names_its_engine_and_leaves_nothing_behind(homes: dict[str, Path]) -> None:
    from dagster import DagsterInstance

    tags = {}
    for engine, home in homes.items():
        with DagsterInstance.from_config(str(home / "dagster")) as instance:
            tags[engine] = [run.tags.get(ENGINE_TAG) for run in instance.get_runs()]
        assert sorted(path.name for path in (home / "warehouse").iterdir()) == ["tiktok.duckdb"]
    assert set(tags["duckdb"]) == {None}
    assert all(address and address.startswith("sc://127.0.0.1:") for address in tags["sail"])

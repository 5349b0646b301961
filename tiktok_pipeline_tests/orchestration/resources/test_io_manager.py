"""Frames go to the slice of their asset, whole or not at all; a small table passes its contract first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dagster import AssetKey, DagsterInstance, build_input_context, build_output_context, materialize, multi_asset

from tiktok_pipeline.clusters.schema import FITS_TABLE
from tiktok_pipeline.home.lock import HomeLockedError, home_lock
from tiktok_pipeline.orchestration.asset_keys import asset_key, slice_of
from tiktok_pipeline.orchestration.metadata import table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS, add_snapshots
from tiktok_pipeline.orchestration.resources.io_manager import ContractError, WarehouseIOManager, io_manager
from tiktok_pipeline.orchestration.resources.warehouse import warehouse_resource
from tiktok_pipeline.personas.schema import RECOMMENDATIONS_TABLE
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.warehouse.base import WarehouseError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import ONE_STUDY
from tiktok_pipeline_tests.warehouse.tables import read_all

NOWHERE = Path("/nowhere")
KEY = asset_key("clusters.fits", "my_study")
SLICE = {"snapshot": "2024-03-01", "study": "my_study"}
GOOD = pd.DataFrame(
    {
        "statistic": ["inertia", "silhouette"],
        "value": [1.5, None],
        "note": pd.Series([None, "one cluster"]),
        "basis": pd.Series([None, "likes"]),
    }
)


@pytest.fixture
def warehouse() -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None) as opened:
        yield opened


def write(warehouse: DuckDBWarehouse, frame: Any, key: AssetKey = KEY) -> dict[str, Any]:
    context = build_output_context(asset_key=key, partition_key="2024-03-01")
    WarehouseIOManager(warehouse, NOWHERE).handle_output(context, frame)
    return {name: shown.value for name, shown in context.consume_logged_metadata().items()}


def stored(warehouse: DuckDBWarehouse) -> list[dict[str, Any]]:
    return sorted(read_all(warehouse, FITS_TABLE), key=lambda row: str(row["statistic"]))


def test_a_frame_is_written_to_its_slice_and_counted(warehouse: DuckDBWarehouse) -> None:
    assert write(warehouse, GOOD) == {"dagster/row_count": 2, "dagster/table_name": "clusters.fits"}
    assert stored(warehouse) == [
        {**SLICE, "statistic": "inertia", "value": 1.5, "note": None, "basis": None},
        {**SLICE, "statistic": "silhouette", "value": None, "note": "one cluster", "basis": "likes"},
    ]


def test_what_was_written_is_read_back_lazily(warehouse: DuckDBWarehouse) -> None:
    write(warehouse, GOOD)
    context = build_input_context(asset_key=KEY, partition_key="2024-03-01")
    frame = WarehouseIOManager(warehouse, NOWHERE).load_input(context)
    assert frame.collect_schema().names() == ["statistic", "value", "note", "basis"]
    assert len(frame.collect("pyarrow")) == 2
    other = build_input_context(asset_key=KEY, partition_key="2024-03-02")
    assert len(WarehouseIOManager(warehouse, NOWHERE).load_input(other).collect("pyarrow")) == 0


@pytest.mark.parametrize(
    "bad",
    [
        GOOD.assign(statistic=np.array([None, "x"], dtype=object)),
        GOOD.assign(value=["many", "few"]),
        GOOD.assign(more=1),
        GOOD.drop(columns="value"),
    ],
    ids=["null in a key", "text for a number", "unknown column", "missing column"],
)
def test_a_bad_small_table_is_refused_before_anything_is_written(
    warehouse: DuckDBWarehouse, bad: pd.DataFrame
) -> None:
    write(warehouse, GOOD)
    before = stored(warehouse)
    with pytest.raises(ContractError, match=r"clusters\.fits: .*breaks its contract, nothing was written"):
        write(warehouse, bad)
    assert stored(warehouse) == before


def test_a_lazy_frame_without_a_column_is_refused(warehouse: DuckDBWarehouse) -> None:
    write(warehouse, GOOD)
    before = stored(warehouse)
    frame = warehouse.read_slice(FITS_TABLE, SLICE).drop("value")
    with pytest.raises(WarehouseError, match="lacks columns"):
        write(warehouse, frame)
    assert stored(warehouse) == before


def test_reordered_columns_land_right(warehouse: DuckDBWarehouse) -> None:
    write(warehouse, GOOD[["basis", "note", "value", "statistic"]])
    assert stored(warehouse) == [
        {**SLICE, "statistic": "inertia", "value": 1.5, "note": None, "basis": None},
        {**SLICE, "statistic": "silhouette", "value": None, "note": "one cluster", "basis": "likes"},
    ]


@pytest.mark.parametrize(
    ("table", "study", "expected"),
    [
        ("raw.profiles", None, {"snapshot": "2024-03-01"}),
        ("clusters.fits", "my_study", SLICE),
        (str(RECOMMENDATIONS_TABLE), "my_study", {"study": "my_study"}),
    ],
)
def test_the_slice_follows_from_key_and_partition(table: str, study: str | None, expected: dict[str, str]) -> None:
    found = TABLES[table]
    assert slice_of(found, asset_key(str(found.spec), study), "2024-03-01") == expected


def run(settings: Settings, opened: list[DuckDBWarehouse], frame: pd.DataFrame) -> bool:
    """Materialize one table in a run with the real resources; whether it went well."""

    def open_one() -> DuckDBWarehouse:
        opened.append(DuckDBWarehouse(settings.warehouse_file))
        return opened[-1]

    @multi_asset(name="fits", outs={"fits": table_out("clusters.fits", study=ONE_STUDY[0])}, partitions_def=SNAPSHOTS)
    def fits() -> pd.DataFrame:
        with pytest.raises(HomeLockedError):
            _take_in_another_process(settings.lock_file)
        return frame

    resources = {"warehouse": warehouse_resource(settings, open_one), "io_manager": io_manager(settings)}
    with DagsterInstance.ephemeral() as instance:
        add_snapshots(instance, ["2024-03-01"])
        return materialize(
            [fits], resources=resources, instance=instance, partition_key="2024-03-01", raise_on_error=False
        ).success


def _take_in_another_process(lock: Path) -> None:
    """Try the lock as another process would: this one's own hold does not count."""
    from tiktok_pipeline.home import lock as room

    mine = room._held.pop(lock.resolve())
    try:
        with home_lock(lock, timeout_seconds=0.1):
            pass
    finally:
        room._held[lock.resolve()] = mine


@pytest.mark.parametrize("frame", [GOOD, GOOD.assign(more=1)], ids=["good", "bad"])
def test_a_run_holds_the_home_and_lets_go_of_everything(tmp_path: Path, frame: pd.DataFrame) -> None:
    settings = Settings(home=tmp_path)
    opened: list[DuckDBWarehouse] = []
    assert run(settings, opened, frame) is ("more" not in frame)
    (one,) = opened
    assert one._open is None
    with home_lock(settings.lock_file, timeout_seconds=0.1):
        pass
